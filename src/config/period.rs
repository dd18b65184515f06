//! A length of time as people write it: `90s`, `15m`, `1h 30m`. Never nothing.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, longer than none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

/// A text that is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPeriod {
    /// It has no unit, or is none of our words.
    #[error("is not a length of time, such as \"90s\", \"15m\" or \"1h 30m\"")]
    Unreadable,
    /// What may take no time can never succeed.
    #[error("must be longer than none")]
    Zero,
}

impl Period {
    /// How long.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// How long, in whole seconds.
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let duration = humantime::parse_duration(text).map_err(|_| NotAPeriod::Unreadable)?;
        if duration.is_zero() { Err(NotAPeriod::Zero) } else { Ok(Self(duration)) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&humantime::format_duration(self.0), f)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_shown_as_people_write_them() {
        for (text, seconds, shown) in
            [("90s", 90, "1m 30s"), ("15m", 900, "15m"), ("1h 30m", 5_400, "1h 30m")]
        {
            let period: Period = text.parse().unwrap();
            assert_eq!((period.seconds(), period.to_string().as_str()), (seconds, shown));
        }
    }

    #[test]
    fn a_number_without_a_unit_and_no_time_at_all_are_refused() {
        for (text, why) in [
            ("90", NotAPeriod::Unreadable),
            ("", NotAPeriod::Unreadable),
            ("-5s", NotAPeriod::Unreadable),
            ("soon", NotAPeriod::Unreadable),
            ("0s", NotAPeriod::Zero),
        ] {
            assert_eq!(text.parse::<Period>(), Err(why), "{text:?}");
        }
    }
}

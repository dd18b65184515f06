//! Which facts are wanted, by their wire names.

use std::{fmt, str::FromStr};

use piperoll_domain::event::Event;

/// Facts of one type, such as `payment.settled.v1`, or of all that begin like `payment.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(String);

/// No fact is called so, nor begins so: whoever asked would wait for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no event is of the type `{0}`; `payment.*` means all that begin so")]
pub struct Nameless(String);

impl Named {
    /// Whether a fact of this name is wanted.
    pub fn holds(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == self.0,
        }
    }
}

impl FromStr for Named {
    type Err = Nameless;

    fn from_str(text: &str) -> Result<Self, Nameless> {
        let named = Self(text.to_owned());
        let is_one = Event::names().any(|name| named.holds(name));
        if is_one { Ok(named) } else { Err(Nameless(named.0)) }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_one_that_there_is_or_the_beginning_of_some() {
        let holds = |text: &str, name| text.parse::<Named>().unwrap().holds(name);
        assert!(holds("lot.minted.v1", "lot.minted.v1"));
        assert!(!holds("lot.minted.v1", "lot.expired.v1"));
        assert!(holds("lot.*", "lot.expired.v1") && holds("*", "tenant.opened.v1"));
        assert!(!holds("lot.*", "tenant.opened.v1"));
        for text in ["lots.*", "lot.minted", "lot.*.v1", "", "LOT.*"] {
            assert_eq!(text.parse::<Named>(), Err(Nameless(text.to_owned())));
        }
    }
}

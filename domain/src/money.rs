//! Money: checked integers of a declared commodity's smallest unit.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::commodity::built_in;

/// A non-negative count of a commodity's smallest unit.
///
/// At most [`Amount::MAX`], so every amount fits a signed 64-bit column.
/// `Add` and `Sub` are left out on purpose; an operator cannot say that it failed.
///
/// MessagePack: an integer. Where people read: text, since half of all readers of JSON lose the last
/// digits of an integer this large; an integer is read too.
///
/// ```
/// use piperoll_domain::money::Amount;
/// let five = Amount::new(5).unwrap();
/// assert_eq!(five.checked_sub(Amount::new(7).unwrap()), None);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most there can be: 2^63 − 1.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    /// A count of smallest units; none above [`Amount::MAX`].
    pub const fn new(units: u64) -> Option<Self> {
        if units <= Self::MAX.0 { Some(Self(units)) } else { None }
    }

    /// The count.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// The count as a signed number; always lossless.
    pub const fn signed(self) -> i64 {
        0_i64.saturating_add_unsigned(self.0)
    }

    /// Whether there is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it is more than there can be.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// The difference, unless it is negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// What is left, at least nothing.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `floor(self × part / whole)`; none when `whole` is zero or the result too large.
    #[must_use]
    pub fn share(self, part: Self, whole: Self) -> Option<Self> {
        let product = u128::from(self.0).checked_mul(u128::from(part.0))?;
        let floor = product.checked_div(u128::from(whole.0))?;
        u64::try_from(floor).ok().and_then(Self::new)
    }
}

/// An amount that is larger than there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount must be at most 9223372036854775807")]
pub struct TooMuch;

impl TryFrom<u64> for Amount {
    type Error = TooMuch;

    fn try_from(units: u64) -> Result<Self, TooMuch> {
        Self::new(units).ok_or(TooMuch)
    }
}

impl From<Amount> for u64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A commodity's code: `[A-Z][A-Z0-9._]{0,15}`, such as `MSAT` or `USD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    len: u8,
    text: [u8; 16],
}

/// Text that is not a commodity code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a commodity must match [A-Z][A-Z0-9._]{{0,15}}")]
pub struct InvalidCode;

impl Code {
    /// Millisatoshi, scale 0.
    pub const MSAT: Self = Self { len: 4, text: *b"MSAT\0\0\0\0\0\0\0\0\0\0\0\0" };
    /// United States dollar in micro, scale 6.
    pub const USD: Self = Self { len: 3, text: *b"USD\0\0\0\0\0\0\0\0\0\0\0\0\0" };

    /// The text.
    pub fn as_str(&self) -> &str {
        match *self {
            // Nearly all of a roll's money, and written several times with each event.
            Self::MSAT => "MSAT",
            Self::USD => "USD",
            _ => self.text(),
        }
    }

    fn text(&self) -> &str {
        self.text.get(..usize::from(self.len)).and_then(|b| str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl FromStr for Code {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let valid = text.starts_with(|c: char| c.is_ascii_uppercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"._".contains(&b));
        let len = u8::try_from(text.len()).map_err(|_| InvalidCode)?;
        let mut padded = [0; 16];
        padded.get_mut(..text.len()).ok_or(InvalidCode)?.copy_from_slice(text.as_bytes());
        if valid { Ok(Self { len, text: padded }) } else { Err(InvalidCode) }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// So much of a commodity. Mixing commodities is a refusal, never a sum.
///
/// On the wire `{"commodity":"USD","amount":"5000000"}`: a string of the integer of smallest
/// units; a JSON integer is read too. A float, a decimal point, a sign or an overflow is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Of what.
    pub commodity: Code,
    /// How many smallest units.
    pub amount: Amount,
}

impl Money {
    /// So many millisatoshi.
    pub const fn msat(amount: Amount) -> Self {
        Self { commodity: Code::MSAT, amount }
    }

    /// The sum; none for a foreign commodity or an overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.commodity != other.commodity {
            return None;
        }
        let amount = self.amount.checked_add(other.amount)?;
        Some(Self { amount, ..self })
    }

    /// The same commodity, another amount.
    #[must_use]
    pub const fn with(self, amount: Amount) -> Self {
        Self { commodity: self.commodity, amount }
    }
}

impl fmt::Display for Money {
    /// For people: with its decimal places where every roll knows them, `0.000460 USD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commodity, amount } = self;
        let Some(scale) = built_in(*commodity) else {
            return write!(f, "{amount} smallest units of {commodity}");
        };
        let digits = format!("{amount:0>width$}", width = usize::from(scale) + 1);
        match digits.split_at_checked(digits.len().saturating_sub(scale.into())) {
            Some((whole, places)) if !places.is_empty() => {
                write!(f, "{whole}.{places} {commodity}")
            }
            _ => write!(f, "{digits} {commodity}"),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(WireAmount)
        } else {
            let units = u64::deserialize(deserializer)?;
            Self::new(units).ok_or_else(|| de::Error::custom(TooMuch))
        }
    }
}

struct WireAmount;

impl de::Visitor<'_> for WireAmount {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of smallest units, at most 9223372036854775807")
    }

    fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
        Amount::new(units).ok_or_else(|| E::custom(TooMuch))
    }

    fn visit_i64<E: de::Error>(self, units: i64) -> Result<Amount, E> {
        let units = u64::try_from(units)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(units), &self))?;
        self.visit_u64(units)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let canonical = digits && (text == "0" || !text.starts_with('0'));
        let units = text.parse().ok().filter(|_| canonical);
        units
            .and_then(Amount::new)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Money, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn money_is_read_from_text_and_from_integers() {
        let five = Money { commodity: Code::USD, amount: Amount::new(5_000_000).unwrap() };
        assert_eq!(read(r#"{"commodity":"USD","amount":"5000000"}"#).unwrap(), five);
        assert_eq!(read(r#"{"commodity":"USD","amount":5000000}"#).unwrap(), five);
        let text = serde_json::to_string(&five).unwrap();
        assert_eq!(text, r#"{"commodity":"USD","amount":"5000000"}"#);
    }

    #[test]
    fn floats_signs_overflow_and_foreign_forms_are_refused() {
        for amount in [
            "1.5",
            "1.0",
            "-1",
            "1e3",
            "9223372036854775808",
            "18446744073709551616",
            r#""1.5""#,
            r#""-1""#,
            r#""+1""#,
            r#""""#,
            r#"" 1""#,
            r#""01""#,
            r#""9223372036854775808""#,
            "null",
            "true",
        ] {
            let json = format!(r#"{{"commodity":"USD","amount":{amount}}}"#);
            assert!(read(&json).is_err(), "{json}");
        }
        for code in ["usd", "", "1USD", "U-D", "TOOLONGACODEFORUS"] {
            let json = format!(r#"{{"commodity":"{code}","amount":"1"}}"#);
            assert!(read(&json).is_err(), "{json}");
        }
        assert!(read(r#"{"commodity":"USD","amount":"1","scale":6}"#).is_err());
    }

    #[test]
    fn money_is_shown_to_people_with_its_decimal_places() {
        let xau = "XAU".parse().unwrap();
        for (commodity, units, text) in [
            (Code::USD, 460, "0.000460 USD"),
            (Code::USD, 0, "0.000000 USD"),
            (Code::USD, 1_250_000, "1.250000 USD"),
            (Code::MSAT, 460, "460 MSAT"),
            (xau, 460, "460 smallest units of XAU"),
        ] {
            let amount = Amount::new(units).unwrap();
            assert_eq!(Money { commodity, amount }.to_string(), text);
        }
    }

    #[test]
    fn stored_money_is_a_map_of_text_and_integer() {
        let money = Money::msat(Amount::new(42).unwrap());
        let bytes = rmp_serde::to_vec_named(&money).unwrap();
        assert_eq!(bytes, b"\x82\xa9commodity\xa4MSAT\xa6amount\x2a");
        assert_eq!(rmp_serde::from_slice::<Money>(&bytes).unwrap(), money);
    }

    #[test]
    fn foreign_commodities_do_not_add_up() {
        let one = Amount::new(1).unwrap();
        let usd = Money { commodity: Code::USD, amount: one };
        assert_eq!(usd.checked_add(Money::msat(one)), None);
        assert_eq!(usd.checked_add(usd.with(Amount::MAX)), None);
    }
}

//! What stands in a cell: an integer or a text.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use piperoll_domain::{
    bytes::Bytes,
    id::{
        AccountId, CampaignId, ConnectionId, EntitlementId, GrantId, Id, LotId, OfferId, PaymentId,
        Pool, ReceiptId, RefundId, ReservationId, Service, TenantId,
    },
    money::{Amount, Code},
    time::Time,
};
use smol_str::SmolStr;

/// A text that is cheap to copy: a word of ours, or a name that the event shares with us.
#[derive(Clone)]
pub enum Text {
    /// A word of ours.
    Word(&'static str),
    /// Anything else.
    Shared(SmolStr),
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Word(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Ord for Text {
    /// Byte by byte, as SQLite's `BINARY` collation does it.
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What stands in a cell that is not empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A number, a time in microseconds, an amount in smallest units.
    Integer(i64),
    /// Everything else; bytes as lower-case hexadecimal.
    Text(Text),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text.as_str()),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Value {
    /// Positions; the roll ends long before they do.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Amount> for Value {
    fn from(amount: Amount) -> Self {
        Self::Integer(amount.signed())
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::Integer(time.micros())
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Text(Text::Word(word))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Text::Shared(text.into()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Text::Shared(text.as_str().into()))
    }
}

impl From<&SmolStr> for Value {
    fn from(text: &SmolStr) -> Self {
        Self::Text(Text::Shared(text.clone()))
    }
}

impl From<Code> for Value {
    fn from(code: Code) -> Self {
        match code {
            Code::MSAT => Self::from("MSAT"),
            Code::USD => Self::from("USD"),
            _ => Self::Text(Text::Shared(code.as_str().into())),
        }
    }
}

impl<const N: usize> From<Bytes<N>> for Value {
    fn from(bytes: Bytes<N>) -> Self {
        Self::from(hex(&bytes.0))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    String::from_utf8(digits).unwrap_or_default()
}

macro_rules! names {
    ($($name:ident),*) => {$(
        impl From<&$name> for Value {
            fn from(name: &$name) -> Self {
                Self::Text(Text::Shared(name.into()))
            }
        }
    )*};
}
names!(
    AccountId,
    CampaignId,
    ConnectionId,
    EntitlementId,
    GrantId,
    Id,
    LotId,
    OfferId,
    PaymentId,
    Pool,
    ReceiptId,
    RefundId,
    ReservationId,
    Service,
    TenantId
);

//! Text that must not be seen: it prints as `***`, compares in constant time, is wiped when dropped.

mod refused;

pub use refused::Refused;
pub(crate) use refused::is_placeholder;

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use piperoll_domain::bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What production asks of a secret that we choose ourselves, in bytes.
pub const LENGTH_LEAST: usize = 32;

/// A key, a token or a signing secret: printable ASCII that was not meant as an example.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// Names a secret without telling it, so that two machines can be compared.
pub type Fingerprint = Bytes<4>;

impl Secret {
    /// Reads a secret; says what is wrong with it without repeating any of it.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        refused::check(text)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Makes one of 32 random bytes, in hexadecimal.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Self(Zeroizing::new(hex::encode(bytes.as_slice()))))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is shorter than production allows.
    pub fn is_short(&self) -> bool {
        self.0.len() < LENGTH_LEAST
    }

    /// Whether a caller offered this very secret. Takes as long for a near miss as for any other.
    pub fn is(&self, offered: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(offered).into()
    }

    /// Whether a caller who knows this secret signed a message, with HMAC-SHA256. Takes as long for a
    /// near miss as for any other.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.derive(message).as_slice().ct_eq(signature).into()
    }

    /// A key for one purpose: HMAC-SHA256 of the label under the secret.
    pub fn derive(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        let text = self.0.as_bytes();
        // The block that HMAC makes of a key of any length; from a block it cannot fail.
        let mut block = Zeroizing::new([0_u8; 64]);
        match block.get_mut(..text.len()) {
            Some(start) => start.copy_from_slice(text),
            None => block[..32].copy_from_slice(&Sha256::digest(text)),
        }
        let mac = Hmac::<Sha256>::new((&*block).into());
        Zeroizing::new(mac.chain_update(label).finalize().into_bytes().into())
    }

    /// The first four bytes of its SHA-256.
    pub fn fingerprint(&self) -> Fingerprint {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(self.0.as_bytes()));
        Bytes([a, b, c, d])
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl FromStr for Secret {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Self::parse(text)
    }
}

/// Shows the fingerprint only: what is in force may be printed.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("*** (sha256 {})", self.fingerprint()))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A secret in force and those on their way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Signs, and verifies.
    pub current: Secret,
    /// Verify only, until nobody uses them any more.
    pub previous: Vec<Secret>,
}

/// Which of several secrets a caller used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// The one in force.
    Current,
    /// One on its way out.
    Previous,
}

impl Used {
    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

impl Secrets {
    /// Which secret was offered, if any. All are compared, whatever the outcome.
    pub fn used(&self, offered: &[u8]) -> Option<Used> {
        self.which(|secret| secret.is(offered))
    }

    /// Which secret a message was signed with, if any. All are tried, whatever the outcome.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> Option<Used> {
        self.which(|secret| secret.signed(message, signature))
    }

    fn which(&self, is_it: impl Fn(&Secret) -> bool) -> Option<Used> {
        let current = is_it(&self.current);
        let previous = self.previous.iter().fold(false, |found, secret| is_it(secret) | found);
        match (current, previous) {
            (true, _) => Some(Used::Current),
            (false, true) => Some(Used::Previous),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests;

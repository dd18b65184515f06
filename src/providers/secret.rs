//! Text that must not be seen: it prints as `***` and is wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A key or a signing secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// Text that cannot be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret must not be empty or hold white space")]
pub struct InvalidSecret;

impl Secret {
    /// From text without white space, which is nearly always a mistake of copying.
    pub fn try_new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidSecret);
        }
        Ok(Self(text))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The signing secrets of a connection: the one in force and those on their way out.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Signs, and verifies.
    pub current: Option<Secret>,
    /// Verify only, until their last sender has changed over.
    pub previous: Vec<Secret>,
}

impl Secrets {
    /// One secret, none on its way out.
    pub const fn only(secret: Secret) -> Self {
        Self { current: Some(secret), previous: Vec::new() }
    }

    /// Whether anything can be verified at all.
    pub const fn is_empty(&self) -> bool {
        self.current.is_none() && self.previous.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secrets = Secrets::only(Secret::try_new("hunter2hunter2").unwrap());
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn empty_or_spaced_text_is_no_secret() {
        for text in ["", " ", "abc ", "a\nb", "a\0b"] {
            assert_eq!(Secret::try_new(text), Err(InvalidSecret), "{text:?}");
        }
    }
}

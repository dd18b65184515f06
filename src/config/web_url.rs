//! An address on the web as it stands in settings: complete, without secrets, never a placeholder.

use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::secret::is_placeholder;

/// An http or https URL with a host; no user, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(Url);

/// A text that is no address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAUrl {
    /// Copied with what stood around it.
    #[error("holds white space or quotes")]
    Padded,
    /// It was left as the template had it.
    #[error("is a placeholder")]
    Placeholder,
    /// No URL at all, or of another kind.
    #[error("must be a complete URL that begins with https:// or http://")]
    Scheme,
    /// Secrets do not belong in addresses.
    #[error("must not hold a user name or a password")]
    Credentials,
    /// Paths are appended to it.
    #[error("must not hold a query or a fragment")]
    Query,
}

impl WebUrl {
    /// As written, normalised.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The parsed form.
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// Whether what is sent there is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is this very machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for WebUrl {
    type Err = NotAUrl;

    fn from_str(text: &str) -> Result<Self, NotAUrl> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'')) {
            return Err(NotAUrl::Padded);
        }
        if text.contains(['<', '>', '{', '}']) || is_placeholder(text) {
            return Err(NotAUrl::Placeholder);
        }
        let url = Url::parse(text).map_err(|_| NotAUrl::Scheme)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(NotAUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(NotAUrl::Query);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for WebUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WebUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_addresses_are_read() {
        for (text, https, loopback) in [
            ("https://lnbits.acme.dev", true, false),
            ("http://127.0.0.1:5000", false, true),
            ("http://[::1]:5000/path", false, true),
            ("http://localhost", false, true),
            ("http://localhost.acme.dev", false, false),
        ] {
            let url: WebUrl = text.parse().unwrap();
            assert_eq!((url.is_https(), url.is_loopback()), (https, loopback), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (text, why) in [
            (" https://a.dev", NotAUrl::Padded),
            ("\"https://a.dev\"", NotAUrl::Padded),
            ("https://a.dev\n", NotAUrl::Padded),
            ("https://<host>", NotAUrl::Placeholder),
            ("https://CHANGE_ME/x", NotAUrl::Placeholder),
            ("https://your.example.com", NotAUrl::Placeholder),
            ("", NotAUrl::Scheme),
            ("lnbits.acme.dev", NotAUrl::Scheme),
            ("mongodb://a.dev", NotAUrl::Scheme),
            ("file:///etc/passwd", NotAUrl::Scheme),
            ("https://user:pass@a.dev", NotAUrl::Credentials),
            ("https://a.dev/?key=1", NotAUrl::Query),
            ("https://a.dev/#x", NotAUrl::Query),
        ] {
            assert_eq!(text.parse::<WebUrl>(), Err(why), "{text:?}");
        }
    }
}

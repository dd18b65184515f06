//! Paths as tokens are bound to them: one spelling for each, and patterns over that spelling.
//!
//! # Correctness
//!
//! The service behind us may read a path more liberally than RFC 3986 does: it may decode `%2F`,
//! merge `//`, take `\` for `/`, or cut `;parameters`. Where such a reading would climb out of the
//! prefix that was paid for, the path is refused instead of guessed at.

use std::{fmt, str::FromStr};

/// Longer paths are refused unread.
const LEN_MAX: usize = 8 * 1024;

/// A path that has no one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with a slash.
    #[error("a path begins with a slash")]
    Relative,
    /// It is longer than 8 KiB.
    #[error("a path is at most 8192 bytes long")]
    TooLong,
    /// It holds a control character or a backslash, plain or encoded where that matters.
    #[error("a path holds no control characters and no backslashes")]
    Forbidden,
    /// A percent sign without two hexadecimal digits.
    #[error("a percent sign is followed by two hexadecimal digits")]
    Percent,
    /// Dot segments that servers disagree about.
    #[error("a path hides no dot segments")]
    Ambiguous,
    /// A pattern with a query, or an exact path that would read as a pattern.
    #[error("a pattern is an exact path or a prefix that ends in `/*`, without a query")]
    Pattern,
}

/// A path in its one spelling: percent-encoding normalised, dot segments removed, no query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(String);

impl Path {
    /// Reads a request target's path; a query or fragment is cut off.
    pub fn normalise(target: &str) -> Result<Self, BadPath> {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        if path.len() > LEN_MAX {
            return Err(BadPath::TooLong);
        }
        let spelled = spell(path)?;
        let below_root = spelled.strip_prefix('/').ok_or(BadPath::Relative)?;
        without_dots(below_root).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Decodes what needs no encoding, encodes what does, and writes the rest in capitals.
fn spell(path: &str) -> Result<String, BadPath> {
    let mut spelled = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let (high, low) = (bytes.next().and_then(digit), bytes.next().and_then(digit));
                let decoded = (high.ok_or(BadPath::Percent)? << 4) | low.ok_or(BadPath::Percent)?;
                push(&mut spelled, decoded, is_unreserved)?;
            }
            b'\\' => return Err(BadPath::Forbidden),
            _ => push(&mut spelled, byte, is_plain)?,
        }
    }
    Ok(spelled)
}

fn push(spelled: &mut String, byte: u8, plain: fn(u8) -> bool) -> Result<(), BadPath> {
    if byte.is_ascii_control() {
        return Err(BadPath::Forbidden);
    }
    if plain(byte) {
        spelled.push(char::from(byte));
    } else {
        spelled.push('%');
        spelled.push(hex_digit(byte >> 4));
        spelled.push(hex_digit(byte & 15));
    }
    Ok(())
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or_default().to_ascii_uppercase()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"/:@!$&'()*+,;=".contains(&byte)
}

fn without_dots(below_root: &str) -> Result<String, BadPath> {
    let mut kept: Vec<&str> = Vec::new();
    let mut is_folder = false;
    for segment in below_root.split('/') {
        is_folder = segment == "." || segment == "..";
        match segment {
            ".." if kept.pop().is_some_and(is_elastic) => return Err(BadPath::Ambiguous),
            "." | ".." => {}
            _ if hides_dots(segment) => return Err(BadPath::Ambiguous),
            _ => kept.push(segment),
        }
    }
    if is_folder {
        kept.push("");
    }
    Ok(format!("/{}", kept.join("/")))
}

/// Whether some servers count it as none or as several, so that climbing out of it leads elsewhere.
fn is_elastic(segment: &str) -> bool {
    segment.contains("%2F") || segment.contains("%5C") || name(segment).is_empty()
}

fn hides_dots(segment: &str) -> bool {
    let mut parts = segment.split("%2F").flat_map(|part| part.split("%5C"));
    parts.any(|part| matches!(name(part), "." | ".."))
}

/// The segment as those read it who cut parameters.
fn name(segment: &str) -> &str {
    let end = segment.find(';').into_iter().chain(segment.find("%3B")).min();
    end.and_then(|end| segment.get(..end)).unwrap_or(segment)
}

/// What a token is good for: one path, or all below a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Exact(String),
    /// Ends in a slash.
    Below(String),
}

impl PathPattern {
    /// The pattern of this path and no other.
    pub fn exact(path: &Path) -> Result<Self, BadPath> {
        if path.0.ends_with("/*") {
            return Err(BadPath::Pattern);
        }
        Ok(Self(Kind::Exact(path.0.clone())))
    }

    /// Whether the token is good for this path.
    pub fn allows(&self, path: &Path) -> bool {
        match &self.0 {
            Kind::Exact(exact) => *exact == path.0,
            Kind::Below(folder) => path.0.starts_with(folder),
        }
    }

    /// Whether every path that `narrower` allows is allowed here too.
    pub fn covers(&self, narrower: &Self) -> bool {
        match (&self.0, &narrower.0) {
            (Kind::Exact(own), Kind::Exact(other)) => own == other,
            (Kind::Exact(_), Kind::Below(_)) => false,
            (Kind::Below(own), Kind::Exact(other) | Kind::Below(other)) => other.starts_with(own),
        }
    }
}

impl FromStr for PathPattern {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        if text.contains(['?', '#']) {
            return Err(BadPath::Pattern);
        }
        match text.strip_suffix('*').filter(|folder| folder.ends_with('/')) {
            Some(folder) => Ok(Self(Kind::Below(Path::normalise(folder)?.0))),
            None => Self::exact(&Path::normalise(text)?),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Exact(path) => f.write_str(path),
            Kind::Below(folder) => write!(f, "{folder}*"),
        }
    }
}

#[cfg(test)]
mod tests;

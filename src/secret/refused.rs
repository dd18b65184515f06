//! What cannot be a secret: what was copied badly, and what was never replaced.

/// Words that stand where a secret should, in templates and in documentation.
const PLACEHOLDERS: [&str; 9] = [
    "changeme",
    "change_me",
    "change-me",
    "replaceme",
    "replace_me",
    "replace-me",
    "placeholder",
    "example",
    "insert_here",
];
/// The same, where they only mean it at the beginning.
const BEGINNINGS: [&str; 6] = ["your_", "your-", "${", "{{", "$(", "<"];

/// Why a text is no secret. Never holds any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// Copied with what stood around it.
    #[error("has white space or a line break at its beginning or end")]
    Padded,
    /// The quotes of a shell or a file became part of it.
    #[error("stands in quotes, and the quotes would be part of it")]
    Quoted,
    /// Could not be a header, or not stand in a list.
    #[error("must be printable ASCII without spaces and commas")]
    Unprintable,
    /// It was left as the template had it.
    #[error("is a placeholder")]
    Placeholder,
    /// `xxxxxxxx`.
    #[error("repeats a single character")]
    Repeated,
}

pub(super) fn check(text: &str) -> Result<(), Refused> {
    let first = text.chars().next().ok_or(Refused::Empty)?;
    if text.trim() != text {
        return Err(Refused::Padded);
    }
    if is_quote(first) || text.ends_with(is_quote) {
        return Err(Refused::Quoted);
    }
    if !text.chars().all(|c| c.is_ascii_graphic() && c != ',') {
        return Err(Refused::Unprintable);
    }
    if is_placeholder(text) {
        return Err(Refused::Placeholder);
    }
    let repeats = text.len() > 1 && text.chars().all(|c| c == first);
    if repeats { Err(Refused::Repeated) } else { Ok(()) }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}')
}

/// Whether a text was left as a template had it.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || BEGINNINGS.iter().any(|word| lower.starts_with(word))
}

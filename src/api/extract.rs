//! How requests are taken apart: whatever is malformed becomes a problem that names the field.

mod by_name;
mod json;
mod key;
mod loose;
mod path;
mod query;

#[cfg(feature = "fuzzing")]
pub(super) use self::query::read as read_query;
pub(super) use self::{
    json::{Json, no_object, read, strict, typed, what_is_wrong},
    key::{Write, bound},
    loose::Loose,
    path::Path,
    query::Query,
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::api::{Problem, problem};

/// The longest line that people are made to read: what the rules take for a reason.
const LINE_CHARS_MAX: usize = 500;

/// A caller's own name for something stands in the roll for ever: short, printable, opaque.
pub(super) fn must_be_reference(reference: Option<&str>) -> Result<(), Problem> {
    let good =
        |text: &str| (1..=200).contains(&text.chars().count()) && text.chars().all(is_printable);
    if reference.is_none_or(good) {
        return Ok(());
    }
    Err(problem::field("reference", "it has 1 to 200 characters, and none that cannot be printed"))
}

/// A line that people read, such as a reason: short, and it shows what it holds.
pub(super) fn line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.chars().count() <= LINE_CHARS_MAX && text.chars().all(is_printable) {
        return Ok(text);
    }
    let what = format!("it has 1 to {LINE_CHARS_MAX} characters, and none that cannot be printed");
    Err(Error::custom(what))
}

/// The same, where it may be left out.
pub(super) fn maybe_line<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    line(from).map(Some)
}

/// Whether a letter shows itself: it controls no terminal, and turns around nothing that stands
/// beside it.
pub(super) fn is_printable(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !letter.is_control() && !turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_shows_what_it_holds() {
        for good in ["order 7", "Bestellung für Zoë", "הזמנה", "注文"] {
            assert!(must_be_reference(Some(good)).is_ok(), "{good}");
        }
        for bad in ["", "a\0b", "a\nb", "a\u{202e}b", "a\u{2066}b", "\u{200f}"] {
            let problem = must_be_reference(Some(bad)).unwrap_err();
            assert_eq!(problem.body()["field"], "reference", "{bad:?}");
        }
    }
}

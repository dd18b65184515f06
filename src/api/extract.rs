//! How requests are taken apart: whatever is malformed becomes a problem that names the field.

mod json;
mod key;
mod path;
mod query;

pub(super) use self::{
    json::{Json, read},
    key::Write,
    path::Path,
    query::Query,
};
use crate::api::{Problem, problem};

/// A caller's own name for something stands in the roll for ever: short, printable, opaque.
pub(super) fn must_be_reference(reference: Option<&str>) -> Result<(), Problem> {
    let good = |text: &str| {
        (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    if reference.is_none_or(good) {
        return Ok(());
    }
    Err(problem::field("reference", "it has 1 to 200 characters, and none that cannot be printed"))
}

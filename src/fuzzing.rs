//! Doors to parsers that stand in private rooms, for those who throw garbage at them.

use crate::service::named_by_callback;
pub use crate::{
    api::fuzzing::{KINDS, Kind, batch, body, position, query},
    views::read::reread as cursor,
};

/// The tenant and the payment that the token in a callback's address names.
pub fn callback(token: &str) -> Option<(String, String)> {
    named_by_callback(token).map(|at| (at.tenant.to_string(), at.id.to_string()))
}

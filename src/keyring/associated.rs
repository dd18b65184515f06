//! What a sealed text is bound to: it opens in no other place than the one it was sealed for.

use piperoll_domain::bytes::Id16;

/// Roll id ‖ tenant uid or zeros ‖ event type ‖ field.
///
/// An event type ends in `.v` and digits and a field begins with a letter, so no two places are the
/// same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociatedData(Vec<u8>);

impl AssociatedData {
    /// The place of a sealed field. `tenant` is the uid of the event's tenant, none for the roll's
    /// own; `event_type` is the wire name.
    pub fn new(roll: Id16, tenant: Option<Id16>, event_type: &str, field: &str) -> Self {
        let tenant = tenant.unwrap_or(Id16::ZERO);
        Self([&roll.0[..], &tenant.0, event_type.as_bytes(), field.as_bytes()].concat())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

//! What can be made to go wrong.

use std::time::Duration;

/// What goes wrong with a create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CreateFault {
    /// Nothing.
    #[default]
    None,
    /// Nobody takes the connection.
    Unreachable,
    /// The provider says no.
    Refused,
    /// The invoice is made and the answer never comes.
    AnswerLost,
}

/// What goes wrong with a webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each fault happens or does not")]
pub struct WebhookFaults {
    /// It is never sent.
    pub lost: bool,
    /// It is sent twice, byte for byte.
    pub doubled: bool,
    /// It is signed with a key that is not ours.
    pub forged: bool,
    /// The webhook of the next payment overtakes it.
    pub reordered: bool,
    /// It comes so much later.
    pub late: Option<Duration>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// With creates.
    pub create: CreateFault,
    /// With webhooks.
    pub webhook: WebhookFaults,
    /// Nobody can be asked for a status.
    pub status_unreachable: bool,
    /// For so long after a payment its status still says pending.
    pub status_lies_for: Option<Duration>,
    /// An invoice may be paid after its end.
    pub accepts_late: bool,
    /// An invoice may be paid again.
    pub accepts_double: bool,
    /// For so long every question is on its way, and every answer again.
    pub slow: Option<Duration>,
}

impl Faults {
    pub(super) fn status_lies_for_micros(&self) -> i64 {
        let micros = self.status_lies_for.unwrap_or_default().as_micros();
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}

/// How an invoice is paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PayOptions {
    /// More or less than was asked for.
    pub amount_msat: Option<u64>,
    /// What goes wrong with this payment, in place of the node's own faults.
    pub faults: Option<Faults>,
}

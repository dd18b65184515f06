//! Wishes about streams whose history breaks an invariant: note them, accept them.

use crate::{
    billing::{Billing, Mode},
    book::Frozen,
    draft::{Draft, Stop},
    id::{Kind, Stream},
    operation::must_be_reason,
    rejection::Rejection,
    roll::{AnomalyAcknowledged, AnomalyClosed, AnomalyFound},
    settings::OnViolation,
};

/// Note that a stream is frozen, once for each event that froze it. Where it is an account, its
/// tenant's billing is changed in the same append as the settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteAnomaly {
    /// The stream.
    pub stream: Stream,
}

impl NoteAnomaly {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let frozen = draft.slot_even_frozen(&self.stream)?.frozen.clone();
        let Some(Frozen { position, broken }) = frozen else { return Ok(()) };
        let noted = Stream::anomalies(&self.stream.tenant);
        if draft.anomalies(&self.stream.tenant)?.get(&self.stream) == Some(&position) {
            return Ok(());
        }
        let found = AnomalyFound {
            stream: self.stream.clone(),
            position,
            check: broken.check,
            expected: broken.expected,
            found: broken.found,
        };
        draft.say(&noted, found)?;
        if self.stream.kind == Kind::Account { self.restrain(draft, position) } else { Ok(()) }
    }

    /// Charges no more where charges can no longer be trusted.
    fn restrain(&self, draft: &mut Draft<'_>, position: u64) -> Result<(), Stop> {
        let (tenant, wanted) = (&self.stream.tenant, draft.rules()?.on_lot_violation);
        let in_force = draft.billing(tenant)?;
        let Some(billing) = restrained(&in_force.billing, wanted) else { return Ok(()) };
        let reason = format!("{} is frozen since position {position}", self.stream);
        let changed = in_force.change(billing, &reason)?;
        let stream = Stream::new(Kind::Billing, tenant, tenant);
        changed.map_or(Ok(()), |changed| draft.say(&stream, changed))
    }
}

/// What shall hold instead, if anything.
fn restrained(now: &Billing, wanted: OnViolation) -> Option<Billing> {
    match wanted {
        OnViolation::Shadow if now.enabled && now.mode != Mode::Shadow => {
            Some(Billing { mode: Mode::Shadow, ..now.clone() })
        }
        OnViolation::Stop if now.enabled => Some(Billing { enabled: false, ..now.clone() }),
        OnViolation::Alert | OnViolation::Shadow | OnViolation::Stop => None,
    }
}

/// Accept a broken invariant, so that its stream goes on from where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgeAnomaly {
    /// The stream that is frozen.
    pub stream: Stream,
    /// Where.
    pub position: u64,
    /// Why.
    pub reason: String,
}

impl AcknowledgeAnomaly {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let frozen = draft.slot_even_frozen(&self.stream)?.frozen.clone();
        let frozen = frozen.filter(|frozen| frozen.position == self.position);
        let broken = frozen.ok_or(Rejection::NothingFrozen)?.broken;
        let acknowledged = AnomalyAcknowledged {
            position: self.position,
            check: broken.check,
            expected: broken.expected,
            found: broken.found,
            reason: self.reason.clone(),
        };
        draft.say(&self.stream, acknowledged)?;
        self.close(draft)
    }

    /// It counts no more, if it was noted. Where even the notes are frozen, that has to wait.
    fn close(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let notes = Stream::anomalies(&self.stream.tenant);
        if draft.slot_even_frozen(&notes)?.frozen.is_some() {
            return Ok(());
        }
        let (stream, position) = (self.stream.clone(), self.position);
        if draft.anomalies(&stream.tenant)?.get(&stream) != Some(&position) {
            return Ok(());
        }
        draft.say(&notes, AnomalyClosed { stream, position })
    }
}

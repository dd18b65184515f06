//! Credit of late whose source nobody named: as much of the same kind again may be the same request.
//!
//! Only what may still matter is kept, so the state does not grow with what was ever given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    account::{Event, SourceKind},
    event::Envelope,
    money::{Amount, Code, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// For how long the same again is doubted: a day.
const DOUBTED_SECONDS: u32 = 24 * 60 * 60;

/// The latest of each kind and amount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Unnamed(BTreeMap<(SourceKind, Code, Amount), Given>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    /// Until when the same again is doubted.
    until: Time,
    position: u64,
}

impl Unnamed {
    /// Refuses what may be the same request again.
    pub(super) fn must_not_repeat(
        &self,
        kind: SourceKind,
        amount: Money,
        moment: Moment,
    ) -> Result<(), Rejection> {
        let given = self.0.get(&(kind, amount.commodity, amount.amount));
        match given.filter(|given| !moment.is_past(given.until)) {
            Some(Given { position, .. }) => {
                Err(Rejection::PossibleDuplicate { position: *position })
            }
            None => Ok(()),
        }
    }

    /// A caller's key names its request, whatever the source is called.
    pub(super) fn take_in(&mut self, event: &Event, at: &Envelope) {
        let Event::LotMinted(minted) = event else { return };
        if at.idempotency.is_some() || minted.payment.is_some() || !minted.source.is_unnamed() {
            return;
        }
        self.0.retain(|_, given| given.until > at.recorded_at);
        let until = at.recorded_at.plus_seconds(DOUBTED_SECONDS);
        let name = (minted.source.kind, minted.amount.commodity, minted.amount.amount);
        self.0.insert(name, Given { until, position: at.position });
    }
}

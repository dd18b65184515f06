//! What the node made and what was paid: the fold of its journal.

use std::collections::BTreeMap;

use piperoll_domain::{bytes::Hash, time::Time};
use serde::{Deserialize, Serialize};

use crate::providers::{CreateInvoice, Invoice, Status};

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Entry {
    Created(Made),
    Paid(Settled),
}

/// An invoice of this node.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    pub(super) reference: String,
    pub(super) payment_request: String,
    pub(super) payment_hash: Hash,
    pub(super) amount_msat: u64,
    pub(super) expiry_seconds: u32,
    pub(super) expires_at: Time,
    pub(super) webhook_url: Option<String>,
}

/// A payment of one; usually the only one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settled {
    pub(super) payment_hash: Hash,
    pub(super) event_id: String,
    pub(super) received_msat: u64,
    pub(super) at: Time,
    /// Until then the status says pending.
    pub(super) hidden_until: Time,
}

/// An entry that cannot follow those before it.
#[derive(Debug)]
pub(super) struct Contradiction;

#[derive(Default)]
pub(super) struct Book {
    made: BTreeMap<Hash, Made>,
    by_reference: BTreeMap<String, Hash>,
    settled: BTreeMap<Hash, Vec<Settled>>,
}

impl Made {
    /// The webhook's address is left out: after a restart its host may be another.
    pub(super) fn is_for(&self, asked: &CreateInvoice) -> bool {
        self.amount_msat == asked.amount_msat && self.expiry_seconds == asked.expiry_seconds
    }

    pub(super) fn invoice(&self) -> Invoice {
        Invoice {
            payment_request: self.payment_request.clone(),
            payment_hash: self.payment_hash,
            expires_at: self.expires_at,
            provider_id: self.payment_hash.to_string(),
        }
    }
}

impl Book {
    pub(super) fn apply(&mut self, entry: Entry) -> Result<(), Contradiction> {
        match entry {
            Entry::Created(made) if self.by_reference.contains_key(&made.reference) => {
                Err(Contradiction)
            }
            Entry::Created(made) => {
                self.by_reference.insert(made.reference.clone(), made.payment_hash);
                self.made.insert(made.payment_hash, made);
                Ok(())
            }
            Entry::Paid(settled) if self.made.contains_key(&settled.payment_hash) => {
                self.settled.entry(settled.payment_hash).or_default().push(settled);
                Ok(())
            }
            Entry::Paid(_) => Err(Contradiction),
        }
    }

    pub(super) fn by_reference(&self, reference: &str) -> Option<&Made> {
        self.by_reference.get(reference).and_then(|hash| self.made.get(hash))
    }

    pub(super) fn by_hash(&self, hash: Hash) -> Option<&Made> {
        self.made.get(&hash)
    }

    pub(super) fn settlements(&self, hash: Hash) -> &[Settled] {
        self.settled.get(&hash).map_or(&[], Vec::as_slice)
    }

    pub(super) fn status(&self, made: &Made, now: Time) -> Status {
        let shown = || self.settlements(made.payment_hash).iter().filter(|s| now >= s.hidden_until);
        if let Some(first) = shown().next() {
            // Paid twice is paid too much, and whoever asks may see it.
            let received_msat = shown().fold(0_u64, |sum, s| sum.saturating_add(s.received_msat));
            return Status::Paid {
                received_msat,
                provider_time: Some(first.at),
                fee_msat: Some(0),
            };
        }
        if now >= made.expires_at && self.settlements(made.payment_hash).is_empty() {
            Status::Expired
        } else {
            Status::Pending { detail: "pending".into() }
        }
    }
}

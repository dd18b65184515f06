//! Workers: groups of reactors that an operator may pause. What they would do stays owed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    book::Broken,
    duty,
    event::Envelope,
    roll::{WorkerPaused, WorkerResumed},
    time::Time,
};

/// A group of reactors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worker {
    /// Ends what has expired: payments, lots, reservations, campaigns.
    Sweeper,
    /// Asks providers about payments that are pending for long.
    Reconciler,
    /// Tries dead letters again.
    Dlq,
    /// Gives what was paid for.
    Fulfiller,
    /// Finds the payments of webhooks that came early, or only hinted.
    Matcher,
    /// Looks for invoices whose creation was never answered.
    Creator,
}

impl Worker {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Sweeper, Self::Reconciler, Self::Dlq, Self::Fulfiller, Self::Matcher, Self::Creator];

    /// The word that metrics and commands use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sweeper => "sweeper",
            Self::Reconciler => "reconciler",
            Self::Dlq => "dlq",
            Self::Fulfiller => "fulfiller",
            Self::Matcher => "matcher",
            Self::Creator => "creator",
        }
    }

    /// Who does duties of a kind; none where a person does.
    pub const fn of(kind: duty::Kind) -> Option<Self> {
        match kind {
            duty::Kind::Expire | duty::Kind::Lapse | duty::Kind::Return | duty::Kind::End => {
                Some(Self::Sweeper)
            }
            duty::Kind::Sweep => Some(Self::Reconciler),
            duty::Kind::Retry => Some(Self::Dlq),
            duty::Kind::Fulfil => Some(Self::Fulfiller),
            duty::Kind::Match => Some(Self::Matcher),
            duty::Kind::Create => Some(Self::Creator),
            duty::Kind::ManualReview => None,
        }
    }
}

/// Since when a worker rests, who wanted it and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Since when.
    pub since: Time,
    /// By whom.
    pub by: String,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// The workers that rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resting(BTreeMap<Worker, Rest>);

impl Resting {
    /// How a worker rests, if it does.
    pub fn of(&self, worker: Worker) -> Option<&Rest> {
        self.0.get(&worker)
    }

    pub(crate) fn pause(&mut self, paused: &WorkerPaused, at: &Envelope) -> Result<(), Broken> {
        let WorkerPaused { worker, reason } = paused;
        let word = worker.as_str();
        Broken::unless(!self.0.contains_key(worker), "only what works pauses", "works", word)?;
        let (since, by) = (at.recorded_at, at.actor.id.to_string());
        self.0.insert(*worker, Rest { since, by, reason: reason.clone() });
        Ok(())
    }

    pub(crate) fn resume(&mut self, resumed: &WorkerResumed) -> Result<(), Broken> {
        let rested = self.0.remove(&resumed.worker).is_some();
        Broken::unless(rested, "only what rests resumes", "rests", resumed.worker.as_str())
    }
}

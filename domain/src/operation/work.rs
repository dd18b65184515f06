//! The wish to pause workers, or to let them work again.

use std::collections::BTreeSet;

use crate::{
    draft::{Draft, Stop},
    id::{Kind, Stream},
    operation::must_be_reason,
    roll::{WorkerPaused, WorkerResumed},
    worker::Worker,
};

/// Pause workers, or let them work again. What they are already causes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchWorkers {
    /// Which.
    pub workers: BTreeSet<Worker>,
    /// Whether they shall rest.
    pub paused: bool,
    /// Why.
    pub reason: String,
}

impl SwitchWorkers {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let stream = Stream::of_roll(Kind::Roll, "workers");
        let resting = draft.workers()?.clone();
        let others = self.workers.iter().copied();
        let others = others.filter(|worker| resting.of(*worker).is_some() != self.paused);
        for worker in others {
            let reason = self.reason.clone();
            if self.paused {
                draft.say(&stream, WorkerPaused { worker, reason })?;
            } else {
                draft.say(&stream, WorkerResumed { worker, reason })?;
            }
        }
        Ok(())
    }
}

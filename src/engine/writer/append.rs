//! Appending: one group at a time, on a task of its own, while the writer decides the next one.
//!
//! # Correctness
//! What is decided above a group that is not stored yet stands and falls with it: it is appended
//! after it, and forgotten with it. Whatever others may see of a group is taken from memory when the
//! group is closed, before anything later is folded.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use piperoll_domain::{book::Slot, id::Stream, time::Time};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Health, Shared, group::Group, index::Entries, memory::Undo},
    roll::{AppendError, Block, Head, Roll},
};

/// How long to wait before a store that failed is asked again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));

/// Why the writer stops for good.
pub(super) struct LastWord(pub(super) String);

/// Whether a block is stored, and its room.
pub(super) type Outcome = (Result<bool, LastWord>, Option<Block>);

/// A group that is closed, and being appended.
pub(super) struct InFlight {
    pub(super) group: Group,
    /// Where the roll stands with it.
    pub(super) head: Head,
    pub(super) entries: Entries,
    /// Streams that everybody sees, as they are with it.
    pub(super) standing: Vec<(Stream, Slot)>,
    /// How to forget it.
    pub(super) undo: Undo,
    /// The last recorded time before it.
    pub(super) floor: Time,
    pub(super) began: Instant,
    pub(super) task: JoinHandle<Outcome>,
}

/// How it ended; for ever nothing where nothing is under way.
pub(super) async fn outcome(in_flight: &mut Option<InFlight>) -> Outcome {
    let Some(in_flight) = in_flight else { return std::future::pending().await };
    let ended = (&mut in_flight.task).await;
    ended.unwrap_or_else(|error| (Err(LastWord(format!("an append ended badly: {error}"))), None))
}

/// Where blocks are stored.
pub(super) struct Store {
    pub(super) roll: Roll,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: CancellationToken,
}

impl Store {
    /// Appends a block; false if it is certainly not in the roll. An outcome that is not known is
    /// settled by the head before anything else is appended.
    pub(super) async fn store(self, expected: Head, block: Block) -> Outcome {
        let stored = self.try_to_store(expected, &block).await;
        self.shared.unresolved.store(false, Relaxed);
        (stored, Some(block))
    }

    async fn try_to_store(&self, expected: Head, block: &Block) -> Result<bool, LastWord> {
        let mut pause = RETRY.0;
        loop {
            match self.roll.append(expected, block).await {
                Ok(_) => {
                    self.shared.say_health(Health::Writing);
                    return Ok(true);
                }
                Err(AppendError::HeadMoved { head }) => {
                    return Err(LastWord(format!("another writer moved the roll to {head}")));
                }
                Err(AppendError::Refused { source }) => {
                    tracing::error!(error = %chain(&source), "a block was not stored");
                    self.shared.say_health(Health::Waiting { why: chain(&source) });
                    return Ok(false);
                }
                // The same block again is recognised if it is there already.
                Err(AppendError::Unknown { source }) => {
                    tracing::error!(error = %chain(&source), "an append's outcome is unknown");
                    self.shared.unresolved.store(true, Relaxed);
                    self.shared.say_health(Health::Waiting { why: chain(&source) });
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY.1),
                        () = self.stop.cancelled() => {
                            let why = "it was told to stop while an append's outcome was unknown";
                            return Err(LastWord(why.to_owned()));
                        }
                    }
                }
            }
        }
    }
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

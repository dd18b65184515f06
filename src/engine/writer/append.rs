//! Appending: one block at a time, while the writer decides what comes next.

use std::{
    future::ready,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Health, Shared, group::Group},
    roll::{AppendError, Block, Head, Roll},
};

/// How long to wait before a store that failed is asked again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));

/// A group of more events is made ready for the disk beside the writer: a change of tasks costs less.
const MANY: usize = 256;

/// Why the writer stops for good.
pub(super) struct LastWord(pub(super) String);

/// How an append ended.
pub(super) struct Outcome {
    /// Where the roll stands with the group; none if the group is certainly not in it.
    pub(super) stored: Result<Option<Head>, LastWord>,
    /// The group, for its answers and its room; none if it was lost with its task.
    pub(super) group: Option<Box<Group>>,
}

/// An append on its way.
pub(super) type Append = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Begins to append a group. When this returns and the group is small, the disk has it, unless
/// something is in its way.
pub(super) fn begin(store: Store, expected: Head, group: Box<Group>) -> Append {
    if group.len() > MANY {
        let task = tokio::spawn(store.store(expected, group));
        return Box::pin(async { task.await.unwrap_or_else(|error| badly(&error)) });
    }
    let mut append = Box::pin(store.store(expected, group));
    match append.as_mut().now_or_never() {
        Some(outcome) => Box::pin(ready(outcome)),
        None => append,
    }
}

fn badly(error: &JoinError) -> Outcome {
    Outcome { stored: Err(LastWord(format!("an append ended badly: {error}"))), group: None }
}

/// Where blocks are stored.
pub(super) struct Store {
    pub(super) roll: Roll,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: CancellationToken,
}

impl Store {
    /// Makes a group records, chains them and appends them.
    pub(super) async fn store(self, expected: Head, mut group: Box<Group>) -> Outcome {
        let records = match group.records() {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(%error, "a decision broke its own rules");
                return Outcome { stored: Ok(None), group: Some(group) };
            }
        };
        let Some(block) = records.finish(expected) else {
            let why = format!("a group was decided for another place than behind {expected}");
            return Outcome { stored: Err(LastWord(why)), group: Some(group) };
        };
        let stored = self.try_to_store(expected, &block).await;
        self.shared.unresolved.store(false, Relaxed);
        let head = block.head();
        group.recycle(block);
        Outcome { stored: stored.map(|is_stored| is_stored.then_some(head)), group: Some(group) }
    }

    /// False if it is certainly not in the roll. An outcome that is not known is settled by the head
    /// before anything else is appended.
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
pub(in crate::engine) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

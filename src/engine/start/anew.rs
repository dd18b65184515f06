//! Making an index anew that cannot be opened again, while the engine runs: as a start does.
//!
//! # Correctness
//! Until it is whole nobody can ask it, and no command is decided, so no name is taken for new because
//! it is not in there yet. What the writer handed over before lies in the roll, and is in it then.

use std::{
    error::Error as _,
    io::ErrorKind,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{StartError, catch_up};
use crate::{
    engine::{
        Shared,
        index::{Index, IndexError},
        writer::chain,
    },
    roll::Roll,
};

/// How long it is left alone after a failure.
const AGAIN: Duration = Duration::from_millis(500);
/// How often it may fail although its disk takes writes: then what fails is this process.
const FAILURES_MAX: u32 = 20;

/// What it takes to make an index anew.
pub(super) struct Anew {
    pub(super) roll: Roll,
    pub(super) shared: Arc<Shared>,
    /// Where what waits is waited for: this runs on a thread of its own.
    pub(super) runtime: Handle,
    /// The writer is gone: nobody needs an index any more.
    pub(super) gone: CancellationToken,
}

impl Anew {
    /// Makes the index anew; an error is the last word. Whoever is told to stop leaves it as it is, for
    /// the next start to go on.
    pub(super) fn make(&self, index: &Index, why: &IndexError) -> Result<(), StartError> {
        tracing::error!(%why, "the index is lost: it is made anew from the roll, and writes are refused meanwhile");
        self.say(&why.to_string());
        let mut failures = 0;
        while !self.gone.is_cancelled() {
            match self.try_to_make(index) {
                Ok(Some(made)) => {
                    index.take(made);
                    self.shared.index_away.store(None);
                    tracing::info!(position = index.written(), "the index is whole again");
                    return Ok(());
                }
                Ok(None) => break,
                Err(error) => {
                    failures += u32::from(!may_pass(&error, index));
                    if stays(&error) || failures > FAILURES_MAX {
                        return Err(error);
                    }
                    self.bear(&error);
                }
            }
            thread::sleep(AGAIN);
        }
        Ok(())
    }

    /// None if it is told to stop.
    fn try_to_make(&self, index: &Index) -> Result<Option<Index>, StartError> {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let made = index.anew()?;
            let caught_up = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = self.gone.cancelled() => None,
                    caught_up = catch_up(&self.roll, &made) => Some(caught_up),
                }
            });
            let Some(caught_up) = caught_up else { return Ok(None) };
            caught_up?;
            // So that the next start, after a power cut too, need not do it again.
            made.sync()?;
            Ok(Some(made))
        }));
        made.unwrap_or(Err(IndexError::Panicked.into()))
    }

    fn say(&self, why: &str) {
        let why = format!("the index is made anew: {why}");
        self.shared.index_away.store(Some(Arc::new(why)));
    }

    fn bear(&self, error: &StartError) {
        let why = chain(error);
        tracing::warn!(%why, "the index could not be made anew yet");
        self.say(&why);
    }
}

/// Whether the roll itself is in the way, and will be.
const fn stays(error: &StartError) -> bool {
    match error {
        StartError::Roll(error) => error.is_damage(),
        StartError::Index(_) => false,
        StartError::Load(_) | StartError::Environment { .. } | StartError::Begin(_) => true,
    }
}

/// Whether it may be otherwise once a disk is: it has room again, or can be read or written.
fn may_pass(error: &StartError, index: &Index) -> bool {
    let StartError::Index(_) = error else { return true };
    is_full(error) || !index.takes_writes()
}

fn is_full(error: &StartError) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}

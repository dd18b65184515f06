//! The follower: one task that folds what the roll tells into the generation in force.

mod pipeline;
mod task;

use std::{ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use piperoll_domain::{bytes::Hash, event::Recorded, time::Time};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

pub use self::pipeline::fold_all;
pub(super) use self::pipeline::{Folded, at_once, pipeline};
pub use self::task::Follower;
use crate::views::{
    read::Snapshot,
    store::{Error, Generation, Mark, Store, Writer},
};

/// How many events are folded at once while catching up.
pub const BATCH_EVENTS_MAX: usize = 32_768;

/// Events in order and without gaps.
#[derive(Debug)]
pub struct Batch<E> {
    /// The events.
    pub events: E,
    /// The place of the last of them.
    pub mark: Mark,
}

/// Events as a source has them at hand. Decoding them is left to whoever folds them, because many
/// can do so at once and nobody need hold them all.
pub trait Events: Send + 'static {
    /// What in them could not be decoded.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Each event behind `after`, in order, until `take` has had enough.
    fn each(
        self,
        after: u64,
        take: impl FnMut(&Recorded) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;
}

/// Where events come from.
pub trait Source: Send + Sync + 'static {
    /// Why it could not be read.
    type Error: std::error::Error + Send + Sync + 'static;
    /// What it tells.
    type Events: Events;

    /// Where it stands.
    fn head(&self) -> impl Future<Output = Result<Mark, Self::Error>> + Send;

    /// The chain's hash at a position; none beyond the head. At 0, where the chain begins.
    fn hash_at(
        &self,
        position: u64,
    ) -> impl Future<Output = Result<Option<Hash>, Self::Error>> + Send;

    /// What follows `after`: at least what was appended together, then as much as stays within
    /// `events_max`; none at the head. The future may be dropped.
    fn read(
        &self,
        after: u64,
        events_max: usize,
    ) -> impl Future<Output = Result<Option<Batch<Self::Events>>, Self::Error>> + Send;

    /// Ends once there is something behind `after`. The future may be dropped.
    fn grown(&self, after: u64) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// How far the views are, and how it goes.
#[derive(Debug, Clone)]
pub struct Lag {
    /// Up to where they have taken in the roll.
    pub applied: Mark,
    /// The recorded time of the last event taken in since the start, if there was one.
    pub recorded_at: Option<Time>,
    /// Transactions since the start.
    pub batches: u64,
    /// Events since the start.
    pub events: u64,
    /// Rows written since the start.
    pub rows: u64,
    /// How long the last transaction took.
    pub took: Duration,
    /// Failures in a row; 0 while all is well.
    pub failures: u32,
    /// What went wrong last, while it does.
    pub failure: Option<Arc<str>>,
}

impl Lag {
    const fn at(applied: Mark) -> Self {
        Self {
            applied,
            recorded_at: None,
            batches: 0,
            events: 0,
            rows: 0,
            took: Duration::ZERO,
            failures: 0,
            failure: None,
        }
    }

    /// How many events of a roll that stands at `head` are still to be taken in.
    pub const fn behind(&self, head: u64) -> u64 {
        head.saturating_sub(self.applied.position)
    }
}

/// A finished generation on its way into force.
pub(super) struct Adoption {
    pub(super) number: u64,
    pub(super) writer: Writer,
    pub(super) done: oneshot::Sender<Result<(), Error>>,
}

impl Shared {
    /// Says that somebody waits.
    fn await_position(&self, position: u64) {
        self.awaited.send_if_modified(|furthest| {
            let further = position > *furthest;
            *furthest = position.max(*furthest);
            further
        });
    }
}

/// The views of a roll, for readers. Clones are handles on the same ones.
#[derive(Debug, Clone)]
pub struct Views(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) current: ArcSwap<Generation>,
    pub(super) lag: watch::Sender<Lag>,
    /// The furthest position that somebody waits for, or did.
    pub(super) awaited: watch::Sender<u64>,
    pub(super) adopt: mpsc::Sender<Adoption>,
    pub(super) rebuilding: Mutex<()>,
}

impl Views {
    /// Puts a store into use: a handle for readers, and the follower, which somebody has to run.
    pub fn start<S: Source>(
        directory: impl Into<PathBuf>,
        store: Store,
        source: Arc<S>,
    ) -> (Self, Follower<S>) {
        let Store { generation, writer } = store;
        let (adopt, adoptions) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            directory: directory.into(),
            current: ArcSwap::from_pointee(generation),
            lag: watch::Sender::new(Lag::at(writer.mark())),
            awaited: watch::Sender::new(0),
            adopt,
            rebuilding: Mutex::new(()),
        });
        let follower = Follower::new(shared.clone(), writer, source, adoptions);
        (Self(shared), follower)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// The generation in force.
    pub fn generation(&self) -> Arc<Generation> {
        self.0.current.load_full()
    }

    /// Up to where the views have taken in the roll.
    pub fn applied(&self) -> u64 {
        self.0.lag.borrow().applied.position
    }

    /// How far the views are, now and whenever it changes.
    pub fn lag(&self) -> watch::Receiver<Lag> {
        self.0.lag.subscribe()
    }

    /// Ends once an event has been taken in.
    pub async fn wait_for(&self, position: u64, timeout: Duration) -> Result<(), Error> {
        let mut lag = self.0.lag.subscribe();
        if lag.borrow().applied.position < position {
            self.0.await_position(position);
        }
        let reached = lag.wait_for(|lag| lag.applied.position >= position);
        if let Ok(Ok(_)) = tokio::time::timeout(timeout, reached).await {
            return Ok(());
        }
        Err(Error::Behind { wanted: position, applied: self.applied() })
    }

    /// One consistent look at the rows in force.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        Snapshot::of(self.generation()).await
    }

    /// One consistent look that has taken in an event: to read what one has just written.
    pub async fn snapshot_with(&self, position: u64, timeout: Duration) -> Result<Snapshot, Error> {
        self.wait_for(position, timeout).await?;
        self.snapshot().await
    }
}

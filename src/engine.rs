//! The engine: the roll's one writer. Commands in, events out, in groups.
//!
//! One task owns the roll. It takes whatever has arrived, decides each command in turn, appends
//! the facts of all of them once, and only then answers everybody: a batch is what came while the
//! last one was being synced. What is not in memory is read off this task while others go on.

mod clock;
mod directory;
mod group;
mod index;
mod load;
mod memory;
mod start;
mod state;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};
use piperoll_domain::{
    book::Slot,
    claim::{Claim, Taker},
    draft::{Need, Repeat},
    duty::{self, Duty},
    event::{Idempotency, Recorded},
    id::Stream,
    operation::Command,
    rejection::Rejection,
    time::Time,
};
use tokio::sync::{mpsc, oneshot};

use self::group::Pending;
pub use self::{
    clock::{Clock, Doubt},
    directory::{Caller, Directory},
    index::{
        ClaimKey, Closed, End, Entries, Index, IndexError, IndexMemory, Sums, claim_key, closed_at,
        sums,
    },
    start::{Options, StartError, start},
    state::{Counts, OpenDuties, SOON},
};
use crate::{
    roll::{Head, Roll},
    watch,
};

/// A handle on the engine. Clones talk to the same writer.
#[derive(Clone)]
pub struct Engine {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

/// What the writer shows to everybody.
pub(crate) struct Shared {
    roll: Roll,
    clock: Clock,
    head: watch::Sender<Head>,
    directory: ArcSwap<Directory>,
    duties: state::Duties,
    names: index::Names,
    frozen: state::Frozen,
    state: watch::Sender<Health>,
    /// What became of an append is not known: nobody else is let in before it is.
    unresolved: AtomicBool,
    /// Why the index is made anew, while it is: nothing is decided.
    index_away: ArcSwapOption<String>,
}

impl Shared {
    /// Says whether writes are taken, to those who do not know it yet.
    fn say_health(&self, health: Health) {
        self.state.send_if_modified(|now| {
            let changed = *now != health;
            *now = health;
            changed
        });
    }
}

/// Whether writes are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Writes are taken.
    Writing,
    /// The store fails; it is tried again.
    Waiting {
        /// The last word of the store.
        why: String,
    },
    /// It stopped for good.
    Stopped {
        /// The last word.
        why: String,
    },
}

/// What a command came to.
#[derive(Debug, Clone)]
pub struct Done {
    /// Its facts, in order; none where nothing was left to do.
    pub events: Vec<Recorded>,
    /// The roll, as far as this answer depends on it.
    pub head: Head,
    /// The facts were there already, under the caller's key.
    pub replayed: bool,
}

/// Why a command came to nothing. Whatever it was, nothing of it is in the roll, except after
/// [`Error::Unknown`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The rules refuse.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Too much is waiting.
    #[error("the engine is busy")]
    Busy,
    /// The clock is behind the roll.
    #[error("the clock is {behind_ms} ms behind the last record")]
    ClockBehind {
        /// By how much.
        behind_ms: i64,
    },
    /// The store failed; nothing was written.
    #[error("the roll could not be written")]
    NotWritten,
    /// A record or an index entry could not be read.
    #[error("what the command needs could not be read: {0}")]
    Unreadable(String),
    /// Items of a batch were done before; they are to be left out, and their answers given again.
    #[error("items of the batch were done before")]
    Repeats(Vec<Repeat>),
    /// The engine stopped while the command was waiting: it may or may not have been written.
    #[error("the engine stopped")]
    Unknown,
}

/// What the writer is asked.
enum Message {
    Execute(Box<Pending>),
    Look { need: Need, reply: Reply<Found> },
}

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What is waited for, unless it was refused at once.
type Answer = Result<oneshot::Receiver<Result<Done, Error>>, Error>;

async fn answered(answer: Answer) -> Result<Done, Error> {
    answer?.await.unwrap_or(Err(Error::Unknown))
}

/// What is behind a name.
pub(crate) enum Found {
    Stream(Option<Box<Slot>>),
    Claim(Option<Taker>),
    Fact,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Puts a command to the roll, and waits until its facts are on disk.
    pub async fn execute(&self, command: Command) -> Result<Done, Error> {
        answered(self.put(command)).await
    }

    fn put(&self, command: Command) -> Answer {
        if self.shared.unresolved.load(Relaxed) {
            return Err(Error::NotWritten);
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Execute(Pending::new(command, reply, &self.shared.names));
        self.queue.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::NotWritten,
        })?;
        Ok(answer)
    }

    /// Puts commands to the roll, all of them before any is waited for, so that they share a group.
    pub async fn execute_all(
        &self,
        commands: impl IntoIterator<Item = Command>,
    ) -> Vec<Result<Done, Error>> {
        let waiting: Vec<_> = commands.into_iter().map(|command| self.put(command)).collect();
        let mut done = Vec::with_capacity(waiting.len());
        for answer in waiting {
            done.push(answered(answer).await);
        }
        done
    }

    /// The answer to an item of a batch that was done before; none if that is so long ago that its
    /// key counts no more.
    pub async fn first_answer(
        &self,
        taker: &Taker,
        key: &Idempotency,
    ) -> Result<Option<Done>, Error> {
        self.shared.first_answer(taker, key).await
    }

    /// What a stream adds up to now; none if it has no events. The truth, never a view.
    pub async fn look(&self, stream: &Stream) -> Result<Option<Slot>, Error> {
        match self.find(Need::Stream(stream.clone())).await? {
            Found::Stream(slot) => Ok(slot.map(|slot| *slot)),
            Found::Claim(_) | Found::Fact => Ok(None),
        }
    }

    /// Who took a claim.
    pub async fn taker(&self, claim: &Claim) -> Result<Option<Taker>, Error> {
        match self.find(Need::Claim(claim.clone())).await? {
            Found::Claim(taker) => Ok(taker),
            Found::Stream(_) | Found::Fact => Ok(None),
        }
    }

    async fn find(&self, need: Need) -> Result<Found, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Look { need, reply }).await.map_err(|_| Error::Unknown)?;
        answer.await.unwrap_or(Err(Error::Unknown))
    }

    /// The open duties of a kind that are due, oldest first; none that a dead letter does.
    pub fn due(&self, kind: duty::Kind, now: Time, most: usize) -> Vec<Duty> {
        self.shared.duties.due(kind, now, most)
    }

    /// A duty, if it is open.
    pub fn duty(&self, name: &duty::Name) -> Option<Duty> {
        self.shared.duties.get(name)
    }

    /// The frozen streams that were come across since this was asked last.
    pub fn frozen_seen(&self) -> BTreeSet<Stream> {
        self.shared.frozen.take()
    }

    /// It could not be noted that a stream is frozen: it is told again.
    pub fn frozen_again(&self, stream: &Stream) {
        self.shared.frozen.seen(stream);
    }

    /// How many duties are open, and since when the oldest is due, by kind.
    pub fn open_duties(&self) -> Vec<OpenDuties> {
        self.shared.duties.open()
    }

    /// Wakes when duties may have been opened that are due within [`SOON`].
    pub fn duties_opened(&self) -> watch::Receiver<u64> {
        self.shared.duties.opened()
    }

    /// Tenants, keys, connections, offers and settings, as of the last append.
    pub fn directory(&self) -> Arc<Directory> {
        self.shared.directory.load_full()
    }

    /// The roll itself, for those who read.
    pub fn roll(&self) -> &Roll {
        &self.shared.roll
    }

    /// The clock that the writer goes by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Where the roll stands, as far as everything that depends on it has been told.
    pub fn head(&self) -> Head {
        *self.shared.head.borrow()
    }

    /// Wakes when the head moves.
    pub fn tail(&self) -> watch::Receiver<Head> {
        self.shared.head.subscribe()
    }

    /// Whether writes are taken.
    pub fn health(&self) -> Health {
        let health = self.shared.state.borrow().clone();
        if let (Health::Writing, Some(why)) = (&health, self.shared.index_away.load_full()) {
            return Health::Waiting { why: why.to_string() };
        }
        if health == Health::Writing && self.clock().behind_micros().is_some() {
            return Health::Waiting { why: "the clock is behind the last record".to_owned() };
        }
        health
    }

    /// Ends when the engine has stopped for good, with its last word.
    pub async fn stopped(&self) -> String {
        let mut health = self.health_changed();
        loop {
            let now = health.borrow_and_update().clone();
            match now {
                Health::Stopped { why } => return why,
                Health::Writing | Health::Waiting { .. } => {}
            }
            if health.changed().await.is_err() {
                return "the writer is gone".to_owned();
            }
        }
    }

    /// Wakes when that changes.
    pub fn health_changed(&self) -> watch::Receiver<Health> {
        self.shared.state.subscribe()
    }
}

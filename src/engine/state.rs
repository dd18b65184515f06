//! What the writer tells the others: open duties and counts.

mod open;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use self::open::Open;

use crate::{engine::index::drop_what_ended, watch};
use piperoll_domain::{
    duty::{Change, Duty, Kind, Name},
    id::Stream,
    time::Time,
};

/// Those who do what is owed look for it at least this often.
pub const SOON: Duration = Duration::from_secs(1);

/// How much of a kind is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenDuties {
    /// What kind.
    pub kind: Kind,
    /// How many.
    pub count: usize,
    /// When the oldest was due.
    pub oldest_due: Option<Time>,
}

/// What a group was made of, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commands in it.
    pub commands: usize,
    /// Facts it appended.
    pub events: usize,
}

/// Streams that are frozen, as far as anybody came across them and nobody noted it yet.
#[derive(Debug, Default)]
pub(super) struct Frozen(Mutex<BTreeSet<Stream>>);

impl Frozen {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seen(&self, stream: &Stream) {
        self.lock().insert(stream.clone());
    }

    pub(super) fn take(&self) -> BTreeSet<Stream> {
        std::mem::take(&mut *self.lock())
    }
}

/// What a group changes of duties, for all who take it in.
pub(super) type Changes = Arc<Vec<Change>>;

/// The duties that are open, by name and by when they are due.
///
/// The writer only tells what changes; whoever asks next takes that in first, so that it costs nobody
/// but those who want to know.
#[derive(Debug)]
pub(super) struct Duties {
    open: Mutex<Open>,
    news: Mutex<Vec<Changes>>,
    opened: watch::Sender<u64>,
}

impl Duties {
    /// What is open in a roll whose last record has this time.
    pub(super) fn new(open: impl IntoIterator<Item = Duty>, last: Option<Time>) -> Self {
        let mut state = Open::default();
        open.into_iter().for_each(|duty| state.insert(duty));
        if let Some(last) = last {
            state.correct(last);
        }
        Self { open: Mutex::new(state), news: Mutex::default(), opened: watch::Sender::new(0) }
    }

    /// What is open by now.
    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds the lock half-way.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let news = std::mem::take(&mut *self.news());
        let mut changes: Vec<Change> = news.into_iter().flat_map(Arc::unwrap_or_clone).collect();
        // Most reservations end before anybody asks what is owed.
        drop_what_ended(&mut changes);
        open.hear(changes);
        open
    }

    fn news(&self) -> MutexGuard<'_, Vec<Changes>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what changes at `now`, and wakes those who do what is due before they would wake anyway.
    pub(super) fn tell(&self, changes: &Changes, now: Time) {
        if changes.is_empty() {
            return;
        }
        self.news().push(changes.clone());
        let soon = now.plus_seconds(u32::try_from(SOON.as_secs()).unwrap_or(u32::MAX));
        if changes.iter().any(|change| matches!(change, Change::Open(duty) if duty.due <= soon)) {
            self.wake();
        }
    }

    /// Takes in what was told, so that there is never much of it even if nobody asks.
    pub(super) fn hear(&self) {
        drop(self.lock());
    }

    /// The clock was set back to `now`: what waits a while after its fact waits no longer than that.
    pub(super) fn correct(&self, now: Time) {
        self.lock().correct(now);
        self.wake();
    }

    fn wake(&self) {
        self.opened.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn get(&self, name: &Name) -> Option<Duty> {
        self.lock().get(name)
    }

    pub(super) fn due(&self, kind: Kind, now: Time, most: usize) -> Vec<Duty> {
        self.lock().due(kind, now).take(most).collect()
    }

    pub(super) fn open(&self) -> Vec<OpenDuties> {
        let state = self.lock();
        Kind::ALL.into_iter().map(|kind| state.of_kind(kind)).collect()
    }

    pub(super) fn opened(&self) -> watch::Receiver<u64> {
        self.opened.subscribe()
    }
}

//! What the writer tells the others: open duties and counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::watch;
use piperoll_domain::{
    duty::{Change, Duty, Kind, Name},
    time::Time,
};

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

/// The duties that are open, by name and by when they are due.
#[derive(Debug)]
pub(super) struct Duties {
    open: Mutex<Open>,
    opened: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Open {
    by_name: BTreeMap<Name, Duty>,
    by_due: BTreeMap<Kind, BTreeSet<(Time, Name)>>,
}

impl Duties {
    pub(super) fn new(open: impl IntoIterator<Item = Duty>) -> Self {
        let mut state = Open::default();
        open.into_iter().for_each(|duty| state.insert(duty));
        Self { open: Mutex::new(state), opened: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds the lock half-way.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn apply(&self, changes: Vec<Change>) {
        let mut opened = false;
        let mut state = self.lock();
        for change in changes {
            match change {
                Change::Open(duty) => {
                    opened = true;
                    state.insert(duty);
                }
                Change::Close(name) => state.remove(&name),
            }
        }
        drop(state);
        if opened {
            self.opened.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    pub(super) fn get(&self, name: &Name) -> Option<Duty> {
        self.lock().by_name.get(name).cloned()
    }

    pub(super) fn due(&self, kind: Kind, now: Time, most: usize) -> Vec<Duty> {
        let state = self.lock();
        let due = state.by_due.get(&kind).into_iter().flatten();
        due.take_while(|(due, _)| *due <= now)
            .filter_map(|(_, name)| state.by_name.get(name).cloned())
            .take(most)
            .collect()
    }

    pub(super) fn open(&self) -> Vec<OpenDuties> {
        let state = self.lock();
        let of = |kind: Kind| {
            let all = state.by_due.get(&kind);
            let oldest_due = all.and_then(|all| all.first()).map(|(due, _)| *due);
            OpenDuties { kind, count: all.map_or(0, BTreeSet::len), oldest_due }
        };
        Kind::ALL.into_iter().map(of).collect()
    }

    pub(super) fn opened(&self) -> watch::Receiver<u64> {
        self.opened.subscribe()
    }
}

impl Open {
    fn insert(&mut self, duty: Duty) {
        self.remove(&duty.name);
        let of_kind = self.by_due.entry(duty.name.kind).or_default();
        of_kind.insert((duty.due, duty.name.clone()));
        self.by_name.insert(duty.name.clone(), duty);
    }

    fn remove(&mut self, name: &Name) {
        let Some(duty) = self.by_name.remove(name) else { return };
        if let Some(of_kind) = self.by_due.get_mut(&duty.name.kind) {
            of_kind.remove(&(duty.due, duty.name));
        }
    }
}

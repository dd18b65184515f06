//! Keys in memory, for simulations of what stands above them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use piperoll_domain::bytes::Id16;

use super::{MasterName, store::Row};

/// Where keys lie. Clones are the same place, which outlives every keyring over it.
#[derive(Debug, Clone, Default)]
pub struct KeyMemory(Arc<Mutex<BTreeMap<Id16, Row>>>);

impl KeyMemory {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Id16, Row>> {
        // Each change is one call on the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create(&self, row: Row) {
        self.rows().insert(row.subject, row);
    }

    pub(super) fn find(&self, subject: Id16) -> Option<Row> {
        self.rows().get(&subject).cloned()
    }

    pub(super) fn destroy(&self, subject: Id16) -> bool {
        self.rows().remove(&subject).is_some()
    }

    pub(super) fn wrapped_otherwise(&self, current: MasterName) -> Vec<Row> {
        self.rows().values().filter(|row| row.master != current).cloned().collect()
    }

    /// A key that was destroyed meanwhile stays destroyed.
    pub(super) fn replace(&self, rows: Vec<Row>) -> u64 {
        let (mut known, mut replaced) = (self.rows(), 0_u64);
        for row in rows {
            if let Some(old) = known.get_mut(&row.subject).filter(|old| old.key == row.key) {
                *old = row;
                replaced = replaced.saturating_add(1);
            }
        }
        replaced
    }

    pub(super) fn in_use(&self) -> Vec<(MasterName, u64)> {
        let mut counts: BTreeMap<MasterName, u64> = BTreeMap::new();
        for row in self.rows().values() {
            let count = counts.entry(row.master).or_default();
            *count = count.saturating_add(1);
        }
        counts.into_iter().collect()
    }
}

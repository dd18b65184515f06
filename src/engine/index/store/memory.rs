//! The index's tables in memory: for simulations of what stands above them.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Pair, Table, Write};

type Tables = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// An index in memory. Clones are the same one, which outlives every engine over it.
#[derive(Debug, Clone, Default)]
pub struct IndexMemory {
    tables: Arc<Mutex<Tables>>,
    pace: Duration,
}

impl IndexMemory {
    /// One of its own, as this one is now: what a power cut may leave of it later.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { tables: Arc::new(Mutex::new(self.tables().clone())), pace: self.pace }
    }

    /// The same one, written so slowly.
    #[must_use]
    pub fn slow(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    pub(super) const fn pace(&self) -> Duration {
        self.pace
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A batch is applied by code that does not panic.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        self.tables().get(&(table, key.to_vec())).cloned()
    }

    pub(super) fn pairs(&self, table: Table, prefix: &[u8]) -> Vec<Pair> {
        let tables = self.tables();
        let from = tables.range((table, prefix.to_vec())..);
        from.take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    pub(super) fn keys(&self, table: Table, after: Option<&[u8]>, most: usize) -> Vec<Vec<u8>> {
        let tables = self.tables();
        let from = after.map_or(Included((table, vec![])), |key| Excluded((table, key.to_vec())));
        let behind = tables.range((from, Unbounded)).take_while(|((of, _), _)| *of == table);
        behind.take(most).map(|((_, key), _)| key.clone()).collect()
    }

    pub(super) fn clear(&self, table: Table) {
        self.tables().retain(|(of, _), _| *of != table);
    }

    pub(super) fn write(&self, writes: Vec<Write>) {
        let mut tables = self.tables();
        for write in writes {
            match write {
                Write::Insert(table, key, value) => drop(tables.insert((table, key), value)),
                Write::Remove(table, key) => drop(tables.remove(&(table, key))),
            }
        }
    }
}

//! Where the index's tables lie: on disk, or in this process for simulations.

mod memory;

use std::{path::Path, time::Duration};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, config::PinningPolicy};

pub use self::memory::IndexMemory;
use super::{IndexError, failed};

/// How much of what is in the tables may also lie in the store's journals. A table that is seldom
/// written keeps them all, up to this.
const JOURNAL_BYTES: u64 = 128 << 20;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Streams,
    Claims,
    Duties,
    Tenants,
    Snapshots,
    Meta,
}

impl Table {
    const ALL: [Self; 6] =
        [Self::Streams, Self::Claims, Self::Duties, Self::Tenants, Self::Snapshots, Self::Meta];

    const fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Claims => "claims",
            Self::Duties => "duties",
            Self::Tenants => "tenants",
            Self::Snapshots => "snapshots",
            Self::Meta => "meta",
        }
    }
}

/// One change of a batch.
pub(super) enum Write {
    Insert(Table, Vec<u8>, Vec<u8>),
    Remove(Table, Vec<u8>),
}

/// A key and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);
/// Pairs in the order of their keys, as they were when they were asked for.
pub(super) type Pairs = Box<dyn Iterator<Item = Result<Pair, IndexError>> + Send>;

/// The tables.
pub(super) enum Store {
    Disk { database: Database, tables: [Keyspace; 6] },
    Memory(IndexMemory),
}

impl Store {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .open()
            .map_err(failed("open"))?;
        let open = |table: Table| {
            let pinned = || {
                KeyspaceCreateOptions::default()
                    .filter_block_pinning_policy(PinningPolicy::all(true))
                    .index_block_pinning_policy(PinningPolicy::all(true))
            };
            database.keyspace(table.name(), pinned).map_err(failed("open"))
        };
        let [streams, claims, duties, tenants, snapshots, meta] = Table::ALL.map(open);
        let tables = [streams?, claims?, duties?, tenants?, snapshots?, meta?];
        Ok(Self::Disk { database, tables })
    }

    pub(super) const fn is_in_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    pub(super) const fn pace(&self) -> Duration {
        match self {
            Self::Disk { .. } => Duration::ZERO,
            Self::Memory(memory) => memory.pace(),
        }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self {
            Self::Disk { tables, .. } => {
                let stored = keyspace(tables, table).get(key).map_err(failed("read"))?;
                Ok(stored.map(|value| value.to_vec()))
            }
            Self::Memory(memory) => Ok(memory.get(table, key)),
        }
    }

    pub(super) fn pairs(&self, table: Table, prefix: &[u8]) -> Pairs {
        match self {
            Self::Disk { tables, .. } => {
                let found = keyspace(tables, table).prefix(prefix).map(|guard| {
                    let (key, value) = guard.into_inner().map_err(failed("read"))?;
                    Ok((key.to_vec(), value.to_vec()))
                });
                Box::new(found)
            }
            Self::Memory(memory) => Box::new(memory.pairs(table, prefix).into_iter().map(Ok)),
        }
    }

    pub(super) fn keys(
        &self,
        table: Table,
    ) -> Box<dyn Iterator<Item = Result<Vec<u8>, IndexError>> + Send> {
        match self {
            Self::Disk { tables, .. } => {
                let keys = keyspace(tables, table).iter();
                Box::new(keys.map(|guard| Ok(guard.key().map_err(failed("read"))?.to_vec())))
            }
            Self::Memory(_) => {
                Box::new(self.pairs(table, b"").map(|pair| pair.map(|(key, _)| key)))
            }
        }
    }

    pub(super) fn approximate_len(&self, table: Table) -> usize {
        match self {
            Self::Disk { tables, .. } => keyspace(tables, table).approximate_len(),
            Self::Memory(memory) => memory.pairs(table, b"").len(),
        }
    }

    pub(super) fn clear(&self, table: Table) -> Result<(), IndexError> {
        match self {
            Self::Disk { tables, .. } => keyspace(tables, table).clear().map_err(failed("clear")),
            Self::Memory(memory) => {
                memory.clear(table);
                Ok(())
            }
        }
    }

    /// All or nothing.
    pub(super) fn write(&self, writes: Vec<Write>) -> Result<(), IndexError> {
        match self {
            Self::Disk { database, tables } => {
                let mut batch = database.batch();
                for write in writes {
                    match write {
                        Write::Insert(table, key, value) => {
                            batch.insert(keyspace(tables, table), key, value);
                        }
                        Write::Remove(table, key) => batch.remove(keyspace(tables, table), key),
                    }
                }
                batch.commit().map_err(failed("write"))
            }
            Self::Memory(memory) => {
                memory.write(writes);
                Ok(())
            }
        }
    }

    pub(super) fn sync(&self) -> Result<(), IndexError> {
        match self {
            Self::Disk { database, .. } => {
                database.persist(PersistMode::SyncAll).map_err(failed("sync"))
            }
            Self::Memory(_) => Ok(()),
        }
    }
}

fn keyspace(tables: &[Keyspace; 6], table: Table) -> &Keyspace {
    let [streams, claims, duties, tenants, snapshots, meta] = tables;
    match table {
        Table::Streams => streams,
        Table::Claims => claims,
        Table::Duties => duties,
        Table::Tenants => tenants,
        Table::Snapshots => snapshots,
        Table::Meta => meta,
    }
}

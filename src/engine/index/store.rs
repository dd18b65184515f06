//! Where the index's tables lie: on disk, or in this process for simulations.

mod disk;
mod memory;

use std::{
    ops::Bound::{Excluded, Unbounded},
    path::Path,
    time::Duration,
};

use fjall::PersistMode;

use self::disk::Disk;
pub use self::memory::IndexMemory;
use super::{IndexError, failed};

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
    Disk(Disk),
    Memory(IndexMemory),
}

impl Store {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        Disk::open(path, cache_bytes).map(Self::Disk)
    }

    /// Opens tables again that cannot be written any more.
    pub(super) fn reopen(&self) -> Result<(), IndexError> {
        match self {
            Self::Disk(disk) => disk.reopen(),
            Self::Memory(_) => Ok(()),
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Disk(disk) => disk.is_lost(),
            Self::Memory(_) => false,
        }
    }

    /// Lets nobody read any more.
    pub(super) fn close(&self) {
        if let Self::Disk(disk) = self {
            disk.close();
        }
    }

    /// Whether nobody holds tables open that were closed.
    pub(super) fn is_let_go(&self) -> Result<bool, IndexError> {
        match self {
            Self::Disk(disk) => disk.is_let_go(),
            Self::Memory(_) => Ok(true),
        }
    }

    /// Fails if nothing can be written there.
    pub(super) fn try_to_write(&self) -> Result<(), IndexError> {
        match self {
            Self::Disk(disk) => disk.try_to_write(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Takes over tables that were opened in the same place.
    pub(super) fn take(&self, other: Self) {
        if let (Self::Disk(disk), Self::Disk(other)) = (self, other) {
            disk.take(&other);
        }
    }

    pub(super) const fn is_in_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    pub(super) const fn pace(&self) -> Duration {
        match self {
            Self::Disk(_) => Duration::ZERO,
            Self::Memory(memory) => memory.pace(),
        }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self {
            Self::Disk(disk) => {
                let open = disk.now()?;
                let stored = open.table(table).get(key).map_err(failed("read"))?;
                Ok(stored.map(|value| value.to_vec()))
            }
            Self::Memory(memory) => Ok(memory.get(table, key)),
        }
    }

    pub(super) fn pairs(&self, table: Table, prefix: &[u8]) -> Pairs {
        match self {
            Self::Disk(disk) => match disk.now() {
                // Whoever reads keeps all of it open.
                Ok(open) => Box::new(open.table(table).prefix(prefix).map(move |guard| {
                    let _open = &open;
                    let (key, value) = guard.into_inner().map_err(failed("read"))?;
                    Ok((key.to_vec(), value.to_vec()))
                })),
                Err(error) => Box::new(std::iter::once(Err(error))),
            },
            Self::Memory(memory) => Box::new(memory.pairs(table, prefix).into_iter().map(Ok)),
        }
    }

    /// At most so many keys, in their order, behind one of them.
    pub(super) fn keys(
        &self,
        table: Table,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Vec<u8>>, IndexError> {
        match self {
            Self::Disk(disk) => {
                let behind = (after.map_or(Unbounded, Excluded), Unbounded);
                let open = disk.now()?;
                let keys = open.table(table).range::<&[u8], _>(behind).take(most);
                keys.map(|guard| Ok(guard.key().map_err(failed("read"))?.to_vec())).collect()
            }
            Self::Memory(memory) => Ok(memory.keys(table, after, most)),
        }
    }

    pub(super) fn approximate_len(&self, table: Table) -> usize {
        match self {
            Self::Disk(disk) => disk.now().map_or(0, |open| open.table(table).approximate_len()),
            Self::Memory(memory) => memory.pairs(table, b"").len(),
        }
    }

    pub(super) fn clear(&self, table: Table) -> Result<(), IndexError> {
        match self {
            Self::Disk(disk) => disk.now()?.table(table).clear().map_err(failed("clear")),
            Self::Memory(memory) => {
                memory.clear(table);
                Ok(())
            }
        }
    }

    /// All or nothing.
    pub(super) fn write(&self, writes: Vec<Write>) -> Result<(), IndexError> {
        match self {
            Self::Disk(disk) => {
                let open = disk.now()?;
                let mut batch = open.database.batch();
                for write in writes {
                    match write {
                        Write::Insert(table, key, value) => {
                            batch.insert(open.table(table), key, value);
                        }
                        Write::Remove(table, key) => batch.remove(open.table(table), key),
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
            Self::Disk(disk) => {
                disk.now()?.database.persist(PersistMode::SyncAll).map_err(failed("sync"))
            }
            Self::Memory(_) => Ok(()),
        }
    }
}

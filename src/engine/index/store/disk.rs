//! Tables on disk, which are opened again when the store has given up.
//!
//! After a write or a sync that failed the store refuses all others, for good: it cannot say what
//! its journal holds. Opened again it reads the journal and knows.

use std::{
    fs::{File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, compaction::Leveled, config::PinningPolicy,
};

use super::{IndexError, Table};
use crate::engine::index::failed;

/// How much of what is in the tables may also lie in the store's journals. A table that is seldom
/// written keeps them all, up to this. Whoever opens the tables reads them all.
const JOURNAL_BYTES: u64 = 64 << 20;
/// How much of a table is gathered before it is written down. What is written down already is only
/// passed over when the journals are read.
const GATHERED_BYTES: u64 = 16 << 20;
/// How many pieces of a table are gathered before they are made one. More make less work; the store
/// slows whoever writes at twenty.
const PIECES: u8 = 10;
/// How often who reads looks whether they are open again, and how long in between.
const LOOKS: u32 = 200;
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// After so many there is no more hope.
const FAILURES_MAX: u32 = 10;
/// How much must fit before it is opened again.
const PROBE_BYTES: usize = 1 << 16;

/// Where the tables are, and how they are opened.
pub(in crate::engine::index) struct Disk {
    path: PathBuf,
    cache_bytes: u64,
    open: ArcSwapOption<Open>,
    /// What was open before, as long as somebody reads it.
    before: Mutex<Weak<Open>>,
    opening: AtomicBool,
    /// How often it could not be opened again, though its disk takes writes.
    failures: AtomicU32,
}

pub(super) struct Open {
    pub(super) database: Database,
    tables: [Keyspace; 6],
}

impl Disk {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let open = ArcSwapOption::from_pointee(Open::at(path, cache_bytes)?);
        let (opening, failures) = (AtomicBool::new(false), AtomicU32::new(0));
        let before = Mutex::default();
        Ok(Self { path: path.to_owned(), cache_bytes, open, before, opening, failures })
    }

    /// Waits a while where they are just being opened again.
    pub(super) fn now(&self) -> Result<Arc<Open>, IndexError> {
        for _ in 0..LOOKS {
            if let Some(open) = self.open.load_full() {
                return Ok(open);
            }
            if !self.opening.load(Relaxed) {
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        Err(IndexError::Closed)
    }

    /// Fails as long as nothing can be written, or somebody still reads what was open before, and
    /// may be tried again. What cannot be written can still be read.
    pub(super) fn reopen(&self) -> Result<(), IndexError> {
        if self.is_lost() {
            return Err(IndexError::Closed);
        }
        self.try_to_write()?;
        self.opening.store(true, Relaxed);
        self.let_go();
        let (path, cache_bytes) = (self.path.as_path(), self.cache_bytes);
        let opened = std::panic::catch_unwind(|| Open::at(path, cache_bytes));
        match opened.unwrap_or(Err(IndexError::Panicked)) {
            Ok(open) => {
                self.failures.store(0, Relaxed);
                self.open.store(Some(Arc::new(open)));
                Ok(())
            }
            Err(error) => {
                // Once it can be written, what fails is not the disk but what lies on it.
                if self.failures.fetch_add(1, Relaxed) >= FAILURES_MAX {
                    self.close();
                }
                Err(error)
            }
        }
    }

    /// Whether it was closed for good.
    pub(super) fn is_lost(&self) -> bool {
        !self.opening.load(Relaxed) && self.open.load().is_none()
    }

    pub(super) fn try_to_write(&self) -> Result<(), IndexError> {
        let path = self.path.join("probe");
        let created = std::fs::create_dir_all(&self.path).and_then(|()| File::create(&path));
        let written = created.and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_all()
        });
        let removed = std::fs::remove_file(&path);
        let doing = "try to write";
        written.and(removed).map_err(|source| IndexError::Note { doing, path, source })
    }

    /// Until it is opened again nothing can be read from it.
    pub(super) fn close(&self) {
        self.opening.store(false, Relaxed);
        self.let_go();
    }

    fn let_go(&self) {
        if let Some(open) = self.open.swap(None) {
            *self.before() = Arc::downgrade(&open);
        }
    }

    fn before(&self) -> MutexGuard<'_, Weak<Open>> {
        // Nobody panics while he holds it.
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody holds open what was closed: neither readers, nor the store itself.
    pub(super) fn is_let_go(&self) -> Result<bool, IndexError> {
        if self.before().strong_count() > 0 {
            return Ok(false);
        }
        let path = self.path.join("lock");
        let locked = match File::open(&path) {
            Ok(file) => file.try_lock(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(TryLockError::Error(error)),
        };
        match locked {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => {
                Err(IndexError::Note { doing: "look at", path, source })
            }
        }
    }

    /// Takes over what another one has open in the same place.
    pub(super) fn take(&self, other: &Self) {
        self.failures.store(0, Relaxed);
        self.open.store(other.open.swap(None));
    }
}

impl Open {
    fn at(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .open()
            .map_err(failed("open"))?;
        let open = |table: Table| {
            let pinned = || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(GATHERED_BYTES)
                    .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(PIECES)))
                    .filter_block_pinning_policy(PinningPolicy::all(true))
                    .index_block_pinning_policy(PinningPolicy::all(true))
            };
            database.keyspace(table.name(), pinned).map_err(failed("open"))
        };
        let [streams, claims, duties, tenants, snapshots, meta] = Table::ALL.map(open);
        let tables = [streams?, claims?, duties?, tenants?, snapshots?, meta?];
        Ok(Self { database, tables })
    }

    pub(super) fn table(&self, table: Table) -> &Keyspace {
        let [streams, claims, duties, tenants, snapshots, meta] = &self.tables;
        match table {
            Table::Streams => streams,
            Table::Claims => claims,
            Table::Duties => duties,
            Table::Tenants => tenants,
            Table::Snapshots => snapshots,
            Table::Meta => meta,
        }
    }
}

//! How an index is opened: as it was left, once more after a failure, or anew.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, Release},
    },
};

use super::{
    FAMILY, FORMAT, Index, IndexError, IndexMemory, Place, closed, damaged,
    store::{Store, Table, Write},
};

/// The note that lies beside the index while it is opened.
const NOTE: &str = "index.opening";

impl Index {
    /// Opens the index in a data directory, or makes an empty one where there is none that this
    /// release can read.
    ///
    /// Over some damage the store panics, or ends the process, instead of saying so. A panic counts
    /// as damage. A note lies beside the index while it is opened: who finds one knows that nobody
    /// got past this, and makes it anew.
    pub fn open(directory: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let anew = Self::is_being_opened(directory);
        if anew {
            tracing::warn!(directory = %directory.display(), "the last start ended while it opened the index; it is made anew");
        }
        Self::open_noted(directory, cache_bytes, anew)
    }

    /// Whether somebody opens the index of a data directory, or died in doing so.
    pub fn is_being_opened(directory: &Path) -> bool {
        directory.join(NOTE).exists()
    }

    /// An empty one in the place of this one, which is closed until it [takes it over](Self::take).
    ///
    /// Whoever dies in here leaves the note behind, and later an index that says up to where it is
    /// known to hold: the next start goes on as after a death of a start.
    pub(in crate::engine) fn anew(&self) -> Result<Self, IndexError> {
        let Some(Place { directory, cache_bytes }) = &self.place else {
            return Err(IndexError::Closed);
        };
        self.store.close();
        // What was open would write into the new one, or remove from it.
        if !self.store.is_let_go()? {
            return Err(IndexError::Read);
        }
        self.store.try_to_write()?;
        Self::open_noted(directory, *cache_bytes, true)
    }

    fn open_noted(directory: &Path, cache_bytes: u64, anew: bool) -> Result<Self, IndexError> {
        let (path, note) = (directory.join("index"), directory.join(NOTE));
        let noted = |doing| {
            let path = note.clone();
            move |source| IndexError::Note { doing, path, source }
        };
        fs::create_dir_all(directory).map_err(noted("make a place for"))?;
        fs::write(&note, "").map_err(noted("write"))?;
        if anew {
            remove(&path)?;
        }
        closed::remove(directory)?;
        let opened = Self::open_or_anew(&path, cache_bytes);
        fs::remove_file(&note).map_err(noted("remove"))?;
        let place = Some(Place { directory: directory.to_owned(), cache_bytes });
        opened.map(|index| Self { place, ..index })
    }

    fn open_or_anew(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        let opened = std::panic::catch_unwind(|| Self::try_open(path, cache_bytes));
        match opened.unwrap_or(Err(IndexError::Panicked)) {
            Ok(index) if index.is_ours()? => Ok(index),
            Ok(index) => {
                drop(index);
                Self::make(path, cache_bytes)
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the index is unreadable; it is made anew");
                Self::make(path, cache_bytes)
            }
        }
    }

    fn make(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        remove(path)?;
        let index = Self::try_open(path, cache_bytes)?;
        index.store.write(vec![Write::Insert(Table::Meta, b"format".to_vec(), FORMAT.to_vec())])?;
        Ok(index)
    }

    /// Opens a copy that is not written, such as `verify` makes.
    pub fn open_copy(path: &Path) -> Result<Self, IndexError> {
        Self::try_open(path, 64 << 20)
    }

    /// Opens an index in memory.
    pub fn in_memory(memory: IndexMemory) -> Result<Self, IndexError> {
        Self::over(Store::Memory(memory))
    }

    fn try_open(path: &Path, cache_bytes: u64) -> Result<Self, IndexError> {
        Self::over(Store::open(path, cache_bytes)?)
    }

    fn over(store: Store) -> Result<Self, IndexError> {
        let (written, unsynced) = (AtomicU64::new(0), AtomicBool::new(false));
        let index = Self { store, written, unsynced, place: None };
        index.written.store(index.held()?, Release);
        Ok(index)
    }

    fn is_ours(&self) -> Result<bool, IndexError> {
        let format = self.store.get(Table::Meta, b"format")?;
        Ok(format.is_some_and(|format| format == FORMAT))
    }

    /// The format, if it is another release's: whoever opens it with this one makes it anew.
    pub fn foreign_format(&self) -> Result<Option<String>, IndexError> {
        let is_ours = self.is_ours()?;
        let Some(format) = self.store.get(Table::Meta, b"format")?.filter(|_| !is_ours) else {
            return Ok(None);
        };
        let format = String::from_utf8(format).map_err(|_| damaged("format"))?;
        let version = format.strip_prefix(FAMILY).ok_or_else(|| damaged("format"))?;
        let is_known = version.parse::<u32>().is_ok();
        is_known.then_some(Some(format)).ok_or_else(|| damaged("format"))
    }

    /// Opens it again after a write that failed.
    pub fn reopen(&self) -> Result<(), IndexError> {
        self.store.reopen()?;
        let written = self.written();
        let lost = match self.held() {
            Ok(found) if found >= written => return Ok(()),
            Ok(found) => IndexError::Lost { found, written },
            Err(error) => error,
        };
        // Better no answer than a wrong one.
        self.store.close();
        Err(lost)
    }

    /// Whether there is nothing to be read any more until it is made anew.
    pub(in crate::engine) fn is_lost(&self) -> bool {
        self.store.is_lost()
    }

    /// Whether its place takes writes.
    pub(in crate::engine) fn takes_writes(&self) -> bool {
        self.store.try_to_write().is_ok()
    }

    /// Answers from now on with what another one holds, which was made [in its place](Self::anew).
    pub(in crate::engine) fn take(&self, made: Self) {
        let Self { store, written, unsynced, .. } = made;
        self.written.store(written.into_inner(), Release);
        self.unsynced.store(unsynced.into_inner(), Relaxed);
        self.store.take(store);
    }
}

/// Removes a folder for good: after a power cut it is there as it was, with the note beside it, or not
/// at all. Part of an index may look like a whole one.
fn remove(path: &Path) -> Result<(), IndexError> {
    if !path.exists() {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(path);
    let removed =
        sync(directory).and_then(|()| fs::remove_dir_all(path)).and_then(|()| sync(directory));
    removed.map_err(|source| IndexError::Clear { path: path.to_owned(), source })
}

fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

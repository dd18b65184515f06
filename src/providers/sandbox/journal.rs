//! The node's memory on disk: one line for each thing that happened, only ever appended.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::providers::sandbox::book::{Book, Entry};

/// Why a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be opened or read.
    #[error("failed to read the sandbox's file {}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("another process uses the sandbox's file {}", .0.display())]
    InUse(PathBuf),
    /// A line is not one that a node wrote.
    #[error("line {line} of the sandbox's file {} is corrupt", .path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// No key follows from it.
    #[error("the sandbox's seed gives no key")]
    Seed,
}

pub(super) struct Journal {
    disk: Option<Disk>,
}

struct Disk {
    file: File,
    written: Mutex<u64>,
    synced: Mutex<u64>,
}

impl Journal {
    /// Opens the file and folds it; a torn last line was never acknowledged and is cut off.
    pub(super) fn open(path: Option<&Path>) -> Result<(Self, Book), OpenError> {
        let Some(path) = path else { return Ok((Self { disk: None }, Book::default())) };
        let failed = |source| OpenError::File { path: path.to_owned(), source };
        let mut file = private(path).map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(OpenError::InUse(path.to_owned()));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.truncate(whole);
        let length = cut(&mut file, whole).map_err(failed)?;
        let book =
            fold(&text).map_err(|line| OpenError::Corrupt { path: path.to_owned(), line })?;
        let disk = Disk { file, written: Mutex::new(length), synced: Mutex::new(length) };
        Ok((Self { disk: Some(disk) }, book))
    }

    pub(super) const fn is_in_memory(&self) -> bool {
        self.disk.is_none()
    }

    /// Writes one line, all of it or none.
    pub(super) fn append(&self, entry: &Entry) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut written = disk.written.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *written;
        let result = (&disk.file).seek(SeekFrom::Start(before));
        if let Err(error) = result.and_then(|_| (&disk.file).write_all(&line)) {
            // If this fails too, the next line overwrites what was left.
            let _ = disk.file.set_len(before);
            return Err(error);
        }
        *written = before.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Waits until everything written so far is on the disk; one wait serves all who wait.
    pub(super) fn sync(&self) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let wanted = *disk.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut synced = disk.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced < wanted {
            let reached = *disk.written.lock().unwrap_or_else(PoisonError::into_inner);
            disk.file.sync_data()?;
            *synced = reached;
        }
        Ok(())
    }
}

/// Nobody else may read it: callbacks carry tokens.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn cut(file: &mut File, length: usize) -> io::Result<u64> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if file.metadata()?.len() != length {
        file.set_len(length)?;
    }
    // What is in force now must be on the disk before anything follows it.
    file.sync_all()?;
    Ok(length)
}

fn fold(text: &[u8]) -> Result<Book, usize> {
    let mut book = Book::default();
    for (line, number) in text.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).zip(1_usize..)
    {
        let entry = serde_json::from_slice(line).map_err(|_| number)?;
        book.apply(entry).map_err(|_| number)?;
    }
    Ok(book)
}

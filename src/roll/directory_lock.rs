//! One process writes a data directory: whoever holds the lock on its `lock` file.
//!
//! The lock is the kernel's, so it ends with its holder however that ends; the file's text only says
//! who holds it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::SystemTime,
};

const FILE: &str = "lock";
/// More than any holder's text; the rest of a stranger's file is not read.
const TEXT_BYTES_MAX: u64 = 4096;

/// The right to write a data directory, for as long as a clone of it lives.
#[derive(Debug, Clone)]
pub struct DirectoryLock {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    /// Closing it gives the lock back.
    _file: File,
    directory: PathBuf,
}

/// Who holds a directory, as far as the file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// When it took the lock, RFC 3339.
    pub since: String,
    /// What it was started to do.
    pub command: String,
}

/// Why a directory cannot be written by this process.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes it.
    #[error("{} is in use by {}", directory.display(), describe(holder.as_ref()))]
    Held {
        /// Which directory.
        directory: PathBuf,
        /// Who, when the file can be read.
        holder: Option<Holder>,
    },
    /// No such directory.
    #[error("there is no directory {}", directory.display())]
    NotFound {
        /// Which directory.
        directory: PathBuf,
    },
    /// Something else of that name.
    #[error("{} is not a directory", directory.display())]
    NotADirectory {
        /// Which path.
        directory: PathBuf,
    },
    /// No permission, or a file system that is mounted for reading.
    #[error("{} cannot be written to", directory.display())]
    NotWritable {
        /// Which directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Anything else.
    #[error("failed to lock {}", directory.display())]
    File {
        /// Which directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl DirectoryLock {
    /// Takes the lock or says who has it; `command` is what this process tells of itself.
    pub fn acquire(directory: &Path, command: &str) -> Result<Self, LockError> {
        let failed = |source| refuse(directory, source);
        if !directory.metadata().map_err(failed)?.is_dir() {
            return Err(LockError::NotADirectory { directory: directory.to_owned() });
        }
        let mut open = OpenOptions::new();
        let path = directory.join(FILE);
        let mut file =
            open.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let directory = directory.to_owned();
                return Err(LockError::Held { directory, holder: read(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write(&mut file, command).map_err(failed)?;
        Ok(Self { held: Arc::new(Held { _file: file, directory: directory.to_owned() }) })
    }

    /// The directory that is held.
    pub fn directory(&self) -> &Path {
        &self.held.directory
    }
}

fn refuse(directory: &Path, source: io::Error) -> LockError {
    let directory = directory.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => LockError::NotFound { directory },
        io::ErrorKind::NotADirectory => LockError::NotADirectory { directory },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            LockError::NotWritable { directory, source }
        }
        _ => LockError::File { directory, source },
    }
}

fn write(file: &mut File, command: &str) -> io::Result<()> {
    let since = humantime::format_rfc3339_seconds(SystemTime::now());
    // One line each, whatever the caller calls itself.
    let command = command.replace(char::is_control, " ");
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}\n{since}\n{command}\n", process::id())?;
    file.flush()
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    Some(Holder {
        pid: lines.next()?.parse().ok()?,
        since: lines.next()?.to_owned(),
        command: lines.next()?.to_owned(),
    })
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |Holder { pid, since, command }| format!("process {pid} (`{command}`, since {since})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_who_the_first_is() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(directory.path(), "serve\nloudly").unwrap();
        let refused = DirectoryLock::acquire(directory.path(), "serve").unwrap_err();
        let LockError::Held { holder: Some(holder), .. } = &refused else { panic!("{refused:?}") };
        assert_eq!((holder.pid, &*holder.command), (process::id(), "serve loudly"));
        assert!(humantime::parse_rfc3339(&holder.since).is_ok());
        assert!(refused.to_string().contains(&process::id().to_string()), "{refused}");
        drop(first);
        DirectoryLock::acquire(directory.path(), "serve").unwrap();
    }

    #[test]
    fn it_is_held_until_the_last_clone_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let clone = DirectoryLock::acquire(directory.path(), "serve").unwrap().clone();
        assert_eq!(clone.directory(), directory.path());
        assert!(DirectoryLock::acquire(directory.path(), "serve").is_err());
    }

    #[test]
    fn a_holder_that_has_not_named_itself_yet_is_still_a_holder() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join(FILE)).unwrap();
        file.try_lock().unwrap();
        let refused = DirectoryLock::acquire(directory.path(), "serve");
        assert!(matches!(refused, Err(LockError::Held { holder: None, .. })), "{refused:?}");
    }

    #[test]
    fn a_missing_directory_and_a_file_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let missing = DirectoryLock::acquire(&directory.path().join("nowhere"), "serve");
        assert!(matches!(missing, Err(LockError::NotFound { .. })), "{missing:?}");
        let path = directory.path().join("file");
        File::create(&path).unwrap();
        let file = DirectoryLock::acquire(&path, "serve");
        assert!(matches!(file, Err(LockError::NotADirectory { .. })), "{file:?}");
    }

    #[test]
    fn a_directory_that_cannot_be_written_to_is_named_as_such() {
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let refused = refuse(Path::new("/data"), kind.into());
            assert!(matches!(refused, LockError::NotWritable { .. }), "{refused:?}");
        }
    }
}

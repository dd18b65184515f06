//! A folder for copies, gone with whoever made it.
//!
//! Each holds a file that is locked while its maker lives. One that was killed could not tidy up, and
//! the kernel took its lock back: the next audit with the same place for its copies does it.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::TempDir;

use super::CopyError;

const PREFIX: &str = "piperoll-verify-";
const LOCK: &str = "lock";
/// How often a folder is removed into which somebody may still be copying.
const REMOVALS_MAX: u32 = 100;

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _locked: File,
}

impl Scratch {
    /// Makes one in `parent`, and removes what audits left there that were killed.
    pub fn new(parent: &Path) -> Result<Self, CopyError> {
        let failed = |source| CopyError::Scratch { path: parent.to_owned(), source };
        sweep(parent);
        loop {
            let folder = TempDir::with_prefix_in(PREFIX, parent).map_err(failed)?;
            let lock = folder.path().join(LOCK);
            // Before it was locked another audit may have taken the folder for one that was left.
            let locked = match File::create_new(&lock) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                made => made.map_err(failed)?,
            };
            locked.lock().map_err(failed)?;
            if lock.exists() {
                return Ok(Self { folder, _locked: locked });
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes a folder although somebody may be writing into it: what comes too late finds no folder.
pub fn remove(folder: &Path) {
    for _ in 0..REMOVALS_MAX {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => return,
        }
    }
}

/// Removes the folders whose makers are gone, and the empty ones whose makers did not get further or
/// start anew. Whatever else cannot be read or removed is somebody else's.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in ours.map(|entry| entry.path()) {
        let Ok(lock) = File::open(folder.join(LOCK)) else {
            let _is_empty = fs::remove_dir(&folder);
            continue;
        };
        // Held until the folder is gone: its maker, if it is just being made, waits and then knows.
        if lock.try_lock().is_ok() {
            remove(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[test]
    fn it_is_gone_with_its_maker() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(parent.path()).unwrap();
        fs::write(scratch.path().join("copy"), "x").unwrap();
        drop(scratch);
        assert_eq!(names(parent.path()), 0);
    }

    #[test]
    fn nobody_sweeps_away_what_is_just_being_made() {
        let parent = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let scratch = Scratch::new(parent.path()).unwrap();
                        std::thread::yield_now();
                        assert!(scratch.path().join(LOCK).exists());
                    }
                });
            }
        });
        assert_eq!(names(parent.path()), 0);
    }

    #[test]
    fn what_the_killed_left_is_removed_and_what_the_living_use_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::new(parent.path()).unwrap();
        let killed = parent.path().join("piperoll-verify-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        let [unlocked, strangers] =
            ["unlocked", "strangers"].map(|name| parent.path().join(format!("{PREFIX}{name}")));
        for folder in [&unlocked, &strangers] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(strangers.join("theirs"), "").unwrap();
        let mine = Scratch::new(parent.path()).unwrap();
        assert!(living.path().exists() && mine.path().exists() && strangers.exists());
        assert!(!killed.exists() && !unlocked.exists());
    }
}

//! What is known of the clock beyond the life of a process: a file in the data directory.
//!
//! It may be lost: then a jump that nobody had accepted yet is believed by the next start.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Doubt;

#[derive(Debug)]
pub(super) struct Kept {
    directory: PathBuf,
    file: PathBuf,
    boot: String,
}

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Known {
    /// Wall minus boot, in microseconds, when the clock was last believed.
    pub(super) believed: i64,
    /// Why it is not believed any more.
    pub(super) doubt: Option<Doubt>,
    /// The time of the last record before that; in files of before it was kept, long ago.
    #[serde(default = "long_ago")]
    pub(super) sure: i64,
    /// Which run of the machine that was.
    boot: String,
}

const fn long_ago() -> i64 {
    i64::MIN
}

impl Known {
    pub(super) fn is_of_this_boot(&self) -> bool {
        !self.boot.is_empty() && self.boot == this_boot()
    }
}

/// Differs each time the machine starts; empty where the system does not tell.
fn this_boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

impl Kept {
    pub(super) fn new(directory: &Path) -> Self {
        let (directory, file) = (directory.to_owned(), directory.join("clock"));
        Self { directory, file, boot: this_boot() }
    }

    /// What was known; nothing if nobody kept it, or the file is torn.
    pub(super) fn read(&self) -> Option<Known> {
        serde_json::from_slice(&fs::read(&self.file).ok()?).ok()
    }

    pub(super) fn write(&self, believed: i64, doubt: Option<Doubt>, sure: i64) {
        let known = Known { believed, doubt, sure, boot: self.boot.clone() };
        if let Err(error) = self.try_write(&known) {
            tracing::warn!(%error, path = %self.file.display(), "what is known of the clock was not kept");
        }
    }

    fn try_write(&self, known: &Known) -> io::Result<()> {
        let unfinished = self.file.with_extension("unfinished");
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(known)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, &self.file)?;
        if cfg!(unix) { File::open(&self.directory)?.sync_all() } else { Ok(()) }
    }
}

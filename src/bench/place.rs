//! Where is measured: a temporary directory, gone when the bench is.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Error, failed};

/// A temporary directory on the disk that is measured.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// Makes one in `data`, or among the system's temporary files.
    pub fn make(data: Option<&Path>) -> Result<Self, Error> {
        let parent = data.map_or_else(std::env::temp_dir, Path::to_owned);
        let made = tempfile::Builder::new().prefix("piperoll-bench-").tempdir_in(parent);
        made.map(Self).map_err(failed("make a temporary directory"))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A data directory within it.
    pub fn house(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

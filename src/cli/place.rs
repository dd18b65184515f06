//! Which data directory is meant.

use std::path::PathBuf;

use clap::Args;

/// A data directory.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "PIPEROLL_DATA", default_value = "./piperoll-data")]
    pub(super) data: PathBuf,
}

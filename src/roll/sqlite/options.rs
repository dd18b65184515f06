//! How a roll's file is opened: by whom, and with what care.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

/// The roll's file in a data directory.
pub(in crate::roll) const FILE: &str = "roll.db";

/// Larger than SQLite's own, since rows are long; not much, since each commit writes whole pages.
const PAGE_BYTES: u32 = 8192;
const READERS_MAX: u32 = 4;
/// Blocks that may wait between SQLite's thread and ours; each may be long.
const ROWS_AHEAD: usize = 4;

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .row_buffer_size(ROWS_AHEAD)
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        // Memory maps make a torn write of another process ours at once.
        .pragma("mmap_size", "0")
        .disable_statement_logging()
}

/// A connection that makes a new file. Not yet with a write-ahead log, so that it is one file only.
pub(in crate::roll) fn creating(path: &Path) -> SqliteConnectOptions {
    durable(options(path)).page_size(PAGE_BYTES)
}

/// The connection that writes. Checkpoints are the follower task's, off the path of a commit.
pub(in crate::roll) fn writing(path: &Path) -> SqliteConnectOptions {
    durable(options(path)).pragma("wal_autocheckpoint", "0")
}

/// `FULL`: an answered append is on disk. The last two ask macOS for what others do anyway.
fn durable(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .synchronous(SqliteSynchronous::Full)
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
}

/// Connections that only read.
pub(in crate::roll) fn reading(path: &Path) -> SqlitePool {
    pool(options(path).read_only(true))
}

/// Connections that read a file which nobody writes, where not even SQLite's own files can be made.
pub(in crate::roll) fn immutable(path: &Path) -> SqlitePool {
    pool(options(path).read_only(true).immutable(true))
}

fn pool(options: SqliteConnectOptions) -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(READERS_MAX).test_before_acquire(false);
    pool.connect_lazy_with(options)
}

/// The name of a file that SQLite keeps beside the roll's, such as `-wal`.
pub(in crate::roll) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

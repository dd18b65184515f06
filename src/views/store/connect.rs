//! How connections to a generation are opened.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePool, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use super::Error;

/// Marks a file as views of ours, in SQLite's header: `prvw`.
pub(super) const APPLICATION: i64 = 0x7072_7677;

const READERS_MAX: u32 = 8;
/// How many pages the log gathers before they are carried into the file: 32 MiB. Meanwhile the disk
/// is busy with pages from all over the file, the more the longer the history, and the roll's own
/// syncs wait for it: hence seldom.
const LOG_PAGES: &str = "4096";

fn any(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// For the follower. A power cut may take the last batches, never half of one; they are folded again.
pub(super) fn writing(path: &Path) -> SqliteConnectOptions {
    any(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("journal_size_limit", "67108864")
}

/// For a generation that nobody uses yet: if anything goes wrong it is thrown away.
pub(super) fn building(path: &Path) -> SqliteConnectOptions {
    any(path)
        .create_if_missing(true)
        .page_size(8_192)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .locking_mode(SqliteLockingMode::Exclusive)
        .pragma("cache_size", "-262144")
}

/// For a look at the checkpoint.
pub(super) fn looking(path: &Path) -> SqliteConnectOptions {
    any(path).read_only(true)
}

/// For queries. Connections open when they are first needed.
pub(super) fn reading(path: &Path) -> SqlitePool {
    readers().max_connections(READERS_MAX).connect_lazy_with(querying(path))
}

/// For queries beside whoever writes the file and may take it away: one connection, opened at once,
/// which goes on reading a file that has lost its name.
pub(super) async fn reading_beside(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let one = readers().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = one.connect_with(querying(path)).await?;
    // SQLite opens the log beside the file when something is read.
    sqlx::query("SELECT position FROM checkpoint").fetch_all(&pool).await?;
    Ok(pool)
}

fn querying(path: &Path) -> SqliteConnectOptions {
    looking(path).pragma("query_only", "ON")
}

fn readers() -> SqlitePoolOptions {
    SqlitePoolOptions::new().acquire_timeout(Duration::from_secs(5))
}

/// Whether SQLite says that a file is none of its own, or broken.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    const CORRUPT: i64 = 11;
    const NOT_A_DATABASE: i64 = 26;
    const ERROR: i64 = 1; // no such table: a database, but none of ours
    let code = error.as_database_error().and_then(|error| error.code().map(|c| i64::from_str(&c)));
    let primary = code.and_then(Result::ok).map(|code| code & 0xff);
    matches!(primary, Some(CORRUPT | NOT_A_DATABASE | ERROR))
        || matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_))
}

/// Refuses a library that can corrupt write-ahead logs.
pub(in crate::views) async fn check_library() -> Result<(), Error> {
    let memory = Path::new(":memory:");
    let open = |source| Error::Open { path: memory.to_owned(), source };
    let mut connection = SqliteConnectOptions::new().connect().await.map_err(open)?;
    let version = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await;
    let version: String = version.map_err(open)?;
    let _ = connection.close().await;
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) >= (3, 51, 3) {
        Ok(())
    } else {
        Err(Error::OldSqlite { found: version })
    }
}

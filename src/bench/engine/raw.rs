//! The limit: groups as the engine made them, ready-made, put into a bare table one by one.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection, query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use crate::{
    bench::{Error, callers::histogram, failed, float},
    roll::{Block, Roll},
};

/// How many bytes of groups are kept in memory at most.
const BYTES_MAX: usize = 128 << 20;
/// As the roll has them.
const PAGE_BYTES: u32 = 8_192;
const LOG_PAGES_MAX: i64 = 8_192;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Blocks as the engine grouped them, uncompressed.
pub(super) struct Groups {
    bodies: Vec<(u64, Vec<u8>)>,
}

impl Groups {
    /// Events in a group.
    pub(super) fn mean(&self) -> f64 {
        let events: u64 = self.bodies.iter().map(|(events, _)| events).sum();
        let groups = u64::try_from(self.bodies.len()).unwrap_or(u64::MAX);
        float(events) / float(groups.max(1))
    }
}

/// What the engine appended in the second half of its run.
pub(super) async fn groups(roll: &Roll) -> Result<Groups, Error> {
    let head = roll.head().await.map_err(failed("read the roll"))?.position;
    let blocks = roll.read(head / 2, BYTES_MAX).await.map_err(failed("read the roll"))?;
    Ok(Groups { bodies: blocks.iter().map(|block| (block.len(), body(block))).collect() })
}

fn body(block: &Block) -> Vec<u8> {
    let mut body = Vec::with_capacity(block.size());
    block.iter().for_each(|(_, record)| body.extend_from_slice(record));
    body
}

/// How fast raw appends went.
pub(super) struct Raw {
    /// Events a second.
    pub(super) per_second: f64,
    /// Of one append.
    pub(super) latency: Histogram<u64>,
}

/// Appends them over and over, as durably as the roll is.
pub(super) async fn append(
    directory: &Path,
    groups: &Groups,
    seconds: Duration,
) -> Result<Raw, Error> {
    std::fs::create_dir_all(directory).map_err(failed("make a directory"))?;
    let options = SqliteConnectOptions::new()
        .filename(directory.join("raw.db"))
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        .disable_statement_logging();
    let writer = open(&options).await?;
    let checkpoints = tokio::spawn(checkpoint(open(&options).await?, writer.clone()));
    let measured = measure(&writer, groups, seconds).await;
    checkpoints.abort();
    let _ = checkpoints.await;
    std::fs::remove_dir_all(directory).map_err(failed("remove what was measured"))?;
    measured
}

async fn open(options: &SqliteConnectOptions) -> Result<Arc<Mutex<SqliteConnection>>, Error> {
    let mut connection = options.connect().await.map_err(failed("open a bare file"))?;
    query("CREATE TABLE IF NOT EXISTS blocks (first INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        .execute(&mut connection)
        .await
        .map_err(failed("make a bare table"))?;
    Ok(Arc::new(Mutex::new(connection)))
}

async fn measure(
    writer: &Mutex<SqliteConnection>,
    groups: &Groups,
    seconds: Duration,
) -> Result<Raw, Error> {
    let mut latency = histogram()?;
    let (mut events, mut first) = (0, 0_i64);
    let began = Instant::now();
    for (count, body) in groups.bodies.iter().cycle() {
        let asked = Instant::now();
        if asked.duration_since(began) >= seconds {
            break;
        }
        first += 1;
        insert(&mut *writer.lock().await, first, body).await.map_err(failed("append raw"))?;
        latency.saturating_record(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
        events += count;
    }
    Ok(Raw { per_second: float(events) / began.elapsed().as_secs_f64(), latency })
}

async fn insert(
    connection: &mut SqliteConnection,
    first: i64,
    body: &[u8],
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let insert = query("INSERT INTO blocks (first, body) VALUES (?, ?)").bind(first).bind(body);
    insert.execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Carries the log into the file beside the appends, as the roll does.
async fn checkpoint(
    checkpoints: Arc<Mutex<SqliteConnection>>,
    writer: Arc<Mutex<SqliteConnection>>,
) -> Result<(), sqlx::Error> {
    loop {
        tokio::time::sleep(CHECKPOINT_EVERY).await;
        let mut connection = checkpoints.lock().await;
        let passive = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)");
        let (_, pages, _): (i64, i64, i64) = passive.fetch_one(&mut *connection).await?;
        if pages > LOG_PAGES_MAX {
            let _held = writer.lock().await;
            query("PRAGMA wal_checkpoint(RESTART)").execute(&mut *connection).await?;
        }
    }
}

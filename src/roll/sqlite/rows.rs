//! The roll's rows: what they hold, and how they become blocks again.

use std::sync::Arc;

use futures_util::TryStreamExt;
use piperoll_domain::{bytes::Bytes, time::Time};
use sqlx::{ConnectOptions, Connection, SqliteExecutor, SqlitePool, sqlite::SqliteConnectOptions};
use tokio::task::spawn_blocking;

use super::{Block, Damage, Error, Head, Identity};
use crate::roll::{
    block::Claims,
    shape::{Definition, definitions, difference},
};

/// Fewer packed bytes than this are proved by one thread.
const SHARE_BYTES_LEAST: usize = 128 << 10;

/// A block as its row: what the store says of it, and its body.
#[derive(Debug, Clone)]
pub(in crate::roll) struct Row {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) count: i64,
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// Where the roll stands with it.
    pub(super) head: Head,
}

type Columns = (i64, i64, i64, Vec<u8>, Vec<u8>, Vec<u8>);

impl Row {
    pub(in crate::roll) fn of(block: &Block) -> Result<Self, Error> {
        let claims = block.claims();
        Ok(Self {
            first: integer(claims.first)?,
            last: integer(claims.last)?,
            count: integer(claims.count)?,
            before: claims.before.0.to_vec(),
            after: claims.after.0.to_vec(),
            body: block.body(),
            head: block.head(),
        })
    }
}

pub(super) fn integer(position: u64) -> Result<i64, Error> {
    i64::try_from(position).map_err(|_| Error::OutOfRange { position })
}

/// A position from a column; whatever is no position is damage that the block's own check will name.
fn position(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

fn block((first, last, count, before, after, body): Columns) -> Result<Block, Error> {
    let at = |(position, source)| Error::Damaged { position, source };
    let first = position(first);
    let hashes = Bytes::from_slice(&before).zip(Bytes::from_slice(&after));
    let (before, after) = hashes.ok_or_else(|| at((first, Damage::Row)))?;
    let (last, count) = (position(last), position(count));
    Block::read(&Claims { first, last, count, before, after }, &body).map_err(at)
}

/// Proves rows and their joints, off the threads that must not wait. A block is proved from what it
/// says stands before it, so that many are proved at once; then they are joined in their order.
async fn blocks(before: Head, rows: Vec<Columns>) -> Result<Vec<Arc<Block>>, Error> {
    // Before anything is unpacked: where a block is missing, that is what has to be said.
    let gap = gap(before, &rows);
    let mut proofs = Vec::new();
    for rows in shares(rows) {
        let prove = |row| block(row).map(Arc::new);
        proofs.push(spawn_blocking(move || rows.into_iter().map(prove).collect::<Vec<_>>()));
    }
    let (mut before, mut proved) = (before, Vec::new());
    for proof in proofs {
        for block in proof.await.map_err(|_| Error::Interrupted)? {
            if gap == Some(before.position.saturating_add(1)) {
                break;
            }
            let block = block?;
            joined(before, &block)?;
            before = block.head();
            proved.push(block);
        }
    }
    match gap {
        Some(position) => Err(Error::Damaged { position, source: Damage::Absent }),
        None => Ok(proved),
    }
}

/// The first position at which the rows' own words leave a gap.
fn gap(before: Head, rows: &[Columns]) -> Option<u64> {
    let mut next = before.position.saturating_add(1);
    for row in rows {
        if position(row.0) != next {
            return Some(next);
        }
        next = position(row.1).saturating_add(1);
    }
    None
}

/// Rows in their order, in as many shares of about the same size as there are cores.
fn shares(rows: Vec<Columns>) -> Vec<Vec<Columns>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let bytes: usize = rows.iter().map(|row| row.5.len()).sum();
    let share = (bytes / cores).max(SHARE_BYTES_LEAST);
    let (mut shares, mut filled): (Vec<Vec<Columns>>, usize) = (vec![], 0);
    for row in rows {
        let bytes = row.5.len();
        match shares.last_mut() {
            Some(last) if filled < share => last.push(row),
            _ => {
                shares.push(vec![row]);
                filled = 0;
            }
        }
        filled += bytes;
    }
    shares
}

/// A block must stand on what ends before it.
fn joined(before: Head, block: &Block) -> Result<(), Error> {
    if block.before() == before {
        return Ok(());
    }
    let source = Damage::Joint { before, stored: block.before() };
    Err(Error::Damaged { position: before.position.saturating_add(1), source })
}

/// Which roll this is, if the file says so.
pub(in crate::roll) async fn identity(readers: &SqlitePool) -> Result<Option<Identity>, Error> {
    let row: Option<(Vec<u8>, String, i64)> =
        sqlx::query_as("SELECT id, name, created FROM roll WHERE only = 1")
            .fetch_optional(readers)
            .await
            .map_err(Error::storage("read which roll this is"))?;
    Ok(row.and_then(|(id, name, created)| {
        Some(Identity { id: Bytes::from_slice(&id)?, name, created: Time::from_micros(created) })
    }))
}

/// SQLite's version, and the format that the file says it has.
pub(in crate::roll) async fn version(readers: &SqlitePool) -> Result<(String, i64), Error> {
    sqlx::query_as("SELECT sqlite_version(), user_version FROM pragma_user_version")
        .fetch_one(readers)
        .await
        .map_err(Error::storage("read the roll's format"))
}

/// First and last position of the last row.
pub(super) async fn last(readers: &SqlitePool) -> Result<Option<(u64, u64)>, Error> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT first, last FROM blocks ORDER BY first DESC LIMIT 1")
            .fetch_optional(readers)
            .await
            .map_err(Error::storage("read the end of the roll"))?;
    Ok(row.map(|(first, last)| (position(first), position(last))))
}

/// Where the last row says that the roll stands.
pub(super) async fn head(database: impl SqliteExecutor<'_>, genesis: Head) -> Result<Head, Error> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT last, after FROM blocks ORDER BY first DESC LIMIT 1")
            .fetch_optional(database)
            .await
            .map_err(Error::storage("read the head of the roll"))?;
    let Some((last, after)) = row else { return Ok(genesis) };
    let position = position(last);
    let damaged = || Error::Damaged { position, source: Damage::Row };
    Ok(Head { position, hash: Bytes::from_slice(&after).ok_or_else(damaged)? })
}

/// The block that holds a position.
pub(super) async fn block_at(
    readers: &SqlitePool,
    position: u64,
) -> Result<Option<Arc<Block>>, Error> {
    let Ok(column) = integer(position) else { return Ok(None) };
    let row: Option<Columns> = sqlx::query_as(
        "SELECT first, last, count, before, after, body FROM blocks
         WHERE first <= ? ORDER BY first DESC LIMIT 1",
    )
    .bind(column)
    .fetch_optional(readers)
    .await
    .map_err(Error::storage("read a block of the roll"))?;
    let Some(row) = row.filter(|row| row.1 >= 0 && self::position(row.1) >= position) else {
        return Ok(None);
    };
    let block = spawn_blocking(move || block(row));
    block.await.unwrap_or(Err(Error::Interrupted)).map(|block| Some(Arc::new(block)))
}

/// Blocks from the one that holds `from`, each proved, and joined to the one before it.
pub(super) async fn read(
    readers: &SqlitePool,
    genesis: Head,
    from: u64,
    bytes_max: usize,
) -> Result<Vec<Arc<Block>>, Error> {
    let Ok(column) = integer(from) else { return Ok(Vec::new()) };
    let (start, before) = locate(readers, genesis, column).await?;
    let mut rows = sqlx::query_as::<_, Columns>(
        "SELECT first, last, count, before, after, body FROM blocks
         WHERE first >= ? ORDER BY first",
    )
    .bind(start)
    .fetch(readers);
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await.map_err(Error::storage("read the roll"))? {
        bytes += Block::size_of_body(&row.5);
        if !taken.is_empty() && bytes > bytes_max {
            break;
        }
        taken.push(row);
    }
    drop(rows);
    blocks(before, taken).await
}

/// Where to start so as to meet `from`, and the head that must stand before it.
async fn locate(readers: &SqlitePool, genesis: Head, from: i64) -> Result<(i64, Head), Error> {
    let ends: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT first, last, after FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 2",
    )
    .bind(from)
    .fetch_all(readers)
    .await
    .map_err(Error::storage("find a position in the roll"))?;
    let inside = ends.first().is_some_and(|(_, last, _)| *last >= from);
    let start = if inside { ends[0].0 } else { from };
    let Some((_, last, after)) = ends.get(usize::from(inside)) else {
        return Ok((start, genesis));
    };
    let position = position(*last);
    let damaged = || Error::Damaged { position, source: Damage::Row };
    Ok((start, Head { position, hash: Bytes::from_slice(after).ok_or_else(damaged)? }))
}

/// SQLite's own check of its structure.
pub(super) async fn check(readers: &SqlitePool) -> Result<(), Error> {
    let finding: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(readers)
        .await
        .map_err(Error::storage("check the roll's database file"))?;
    if finding == "ok" { Ok(()) } else { Err(Error::Inconsistent { finding }) }
}

/// Compares the file's tables, word by word, with those that `migrations` make.
pub(super) async fn check_tables(
    readers: &SqlitePool,
    migrations: &[&'static str],
) -> Result<(), Error> {
    let failed = || Error::storage("read the tables of the roll's database file");
    let expected = made(migrations).await.map_err(failed())?;
    let found = definitions(readers).await.map_err(failed())?;
    match difference(&expected, &found) {
        Some(finding) => Err(Error::Inconsistent { finding }),
        None => Ok(()),
    }
}

async fn made(migrations: &[&'static str]) -> Result<Vec<Definition>, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().connect().await?;
    for migration in migrations {
        sqlx::raw_sql(*migration).execute(&mut connection).await?;
    }
    let definitions = definitions(&mut connection).await?;
    connection.close().await?;
    Ok(definitions)
}

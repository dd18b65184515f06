//! The keyring's file: how it is opened, and the words said to it.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use piperoll_domain::{
    bytes::{Bytes, Id16},
    time::Time,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Row as _, SqliteConnection, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use super::{Error, MasterName, cipher::Nonce};

const SCHEMA: &str = include_str!("../../migrations/sqlite/keyring/0001_keyring.sql");
/// `pkey`, in the header of every keyring.
const APPLICATION: i64 = 0x706b_6579;
const FORMAT: i64 = 1;
const STAMPS: &str = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) \
                      FROM pragma_application_id, pragma_user_version";
/// How many keys are wrapped anew in one transaction.
const REWRAP_ROWS: i64 = 500;
const READERS_MAX: u32 = 4;

/// A subject's wrapped key.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) subject: Id16,
    pub(super) key: Id16,
    pub(super) master: MasterName,
    pub(super) nonce: Nonce,
    pub(super) wrapped: Vec<u8>,
    pub(super) created: Time,
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("secure_delete", "ON")
}

/// Makes the file, for its owner's eyes only, if it is not there.
pub(super) fn create(file: &Path) -> Result<(), Error> {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    match new.open(file) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(Error::File { file: PathBuf::from(file), source })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Opens the file for writing.
pub(super) async fn connect(file: &Path) -> Result<SqliteConnection, Error> {
    options(file).connect().await.map_err(Error::storage("open the keyring"))
}

pub(super) fn readers(file: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .connect_lazy_with(options(file).read_only(true))
}

/// Brings the file to the format of this release; refuses a stranger's.
pub(super) async fn migrate(connection: &mut SqliteConnection, file: &Path) -> Result<(), Error> {
    let failed = || Error::storage("prepare the keyring");
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed())?;
    let row = sqlx::query(STAMPS).fetch_one(&mut *transaction).await.map_err(failed())?;
    let stamp = |index: usize| row.try_get::<i64, _>(index).map_err(failed());
    match (stamp(0)?, stamp(1)?, stamp(2)?) {
        (APPLICATION, FORMAT, _) => Ok(()),
        (APPLICATION, found, _) => Err(Error::Format { found, known: FORMAT }),
        (0, 0, 0) => {
            let stamps =
                format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};");
            let words = AssertSqlSafe(format!("{SCHEMA}{stamps}"));
            sqlx::raw_sql(words).execute(&mut *transaction).await.map_err(failed())?;
            transaction.commit().await.map_err(failed())
        }
        _ => Err(Error::Foreign { file: PathBuf::from(file) }),
    }
}

/// Looks through every page: a torn one would otherwise pass for keys that somebody destroyed.
pub(super) async fn must_be_whole(connection: &mut SqliteConnection) -> Result<(), Error> {
    let said = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(connection).await;
    let said: String = said.map_err(Error::storage("look through the keyring"))?;
    // Its first line says which database, of which there is one.
    let said = said.lines().last().unwrap_or_default();
    if said == "ok" { Ok(()) } else { Err(Error::Damaged { said: said.to_owned() }) }
}

pub(super) async fn masters(connection: &mut SqliteConnection) -> Result<Vec<MasterName>, Error> {
    let doing = "read the names of master keys";
    let rows = sqlx::query("SELECT name FROM master").fetch_all(connection).await;
    let rows = rows.map_err(Error::storage(doing))?;
    rows.iter()
        .map(|row| bytes(row, "name"))
        .collect::<Result<_, _>>()
        .map_err(Error::storage(doing))
}

pub(super) async fn declare_master(
    connection: &mut SqliteConnection,
    name: MasterName,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO master (name) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(&name.0[..])
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::storage("name the master key"))
}

pub(super) async fn find(readers: &SqlitePool, subject: Id16) -> Result<Option<Row>, Error> {
    let doing = "read a key";
    let row = sqlx::query("SELECT * FROM subject_key WHERE subject = $1")
        .bind(&subject.0[..])
        .fetch_optional(readers)
        .await
        .map_err(Error::storage(doing))?;
    row.as_ref().map(decode).transpose().map_err(Error::storage(doing))
}

pub(super) async fn wrapped_otherwise(
    readers: &SqlitePool,
    current: MasterName,
) -> Result<Vec<Row>, Error> {
    let doing = "read the keys to be wrapped anew";
    let rows = sqlx::query("SELECT * FROM subject_key WHERE master <> $1 LIMIT $2")
        .bind(&current.0[..])
        .bind(REWRAP_ROWS)
        .fetch_all(readers)
        .await
        .map_err(Error::storage(doing))?;
    rows.iter().map(decode).collect::<Result<_, _>>().map_err(Error::storage(doing))
}

pub(super) async fn in_use(readers: &SqlitePool) -> Result<Vec<(MasterName, u64)>, Error> {
    let doing = "count the keys of each master key";
    let words = "SELECT name, (SELECT count(*) FROM subject_key WHERE master = name) AS keys \
                 FROM master ORDER BY name";
    let rows = sqlx::query(words).fetch_all(readers).await.map_err(Error::storage(doing))?;
    let read = |row| Ok((bytes(row, "name")?, row.try_get::<i64, _>("keys")?.unsigned_abs()));
    rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::storage(doing))
}

fn decode(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    Ok(Row {
        subject: bytes(row, "subject")?,
        key: bytes(row, "key")?,
        master: bytes(row, "master")?,
        nonce: bytes(row, "nonce")?,
        wrapped: row.try_get("wrapped")?,
        created: Time::from_micros(row.try_get("created")?),
    })
}

fn bytes<const N: usize>(row: &SqliteRow, column: &str) -> Result<Bytes<N>, sqlx::Error> {
    Bytes::from_slice(row.try_get(column)?)
        .ok_or_else(|| sqlx::Error::Decode(format!("`{column}` is not {N} bytes").into()))
}

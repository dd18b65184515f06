//! Making a roll in a data directory, and opening one without believing what the file says of itself.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    path::Path,
};

use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::{
    DirectoryLock, Error, Head, Identity, Roll, SqliteRoll,
    error::Foreign,
    shape::check_header,
    sqlite::{self, Checkpoints, FILE, Writer, beside, creating, immutable, reading, writing},
};

/// By number; one that was released is never edited.
pub(super) const MIGRATIONS: [&str; 1] =
    [include_str!("../../migrations/sqlite/roll/0001_roll.sql")];
/// The newest format that this release reads and writes: how many migrations there are.
pub const FORMAT: i64 = 1;
/// `prol`, in the header of every roll's file.
const APPLICATION: u32 = 0x7072_6f6c;
/// Below this, two connections to one write-ahead log can corrupt it.
const SQLITE_LEAST: (u32, u32, u32) = (3, 51, 3);
const SQLITE_LEAST_TEXT: &str = "3.51.3";

/// Makes an empty roll in a directory that this process holds.
///
/// It is made under another name, and gets its own only when it is whole.
pub async fn create(lock: &DirectoryLock, identity: &Identity) -> Result<(), Error> {
    let path = lock.directory().join(FILE);
    if path.try_exists().map_err(Error::file("look for", &path))? {
        return Err(Error::AlreadyThere { path });
    }
    let unfinished = beside(&path, ".unfinished");
    remove_leftovers(&unfinished)?;
    private_file(&unfinished).map_err(Error::file("create", &unfinished))?;
    let connection = creating(&unfinished).connect().await;
    let mut connection = connection.map_err(Error::storage("create a roll"))?;
    let filled = fill(&mut connection, identity).await;
    let closed = connection.close().await;
    filled.and(closed).map_err(Error::storage("create a roll"))?;
    std::fs::rename(&unfinished, &path).map_err(Error::file("name", &path))?;
    sync_directory(lock.directory()).map_err(Error::file("sync", lock.directory()))
}

async fn fill(connection: &mut SqliteConnection, identity: &Identity) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    for migration in MIGRATIONS {
        sqlx::raw_sql(migration).execute(&mut *transaction).await?;
    }
    sqlx::query("INSERT INTO roll (only, id, name, format, created) VALUES (1, ?, ?, ?, ?)")
        .bind(identity.id.0.to_vec())
        .bind(&identity.name)
        .bind(FORMAT)
        .bind(identity.created.micros())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    sqlx::query("PRAGMA journal_mode = WAL").execute(connection).await.map(drop)
}

fn remove_leftovers(unfinished: &Path) -> Result<(), Error> {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let path = beside(unfinished, suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// A new file that only its owner reads; SQLite gives its own files beside it the same permissions.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new name is on disk only when its directory is.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Opens the roll of a directory that this process holds, for writing.
///
/// `known` is what somebody has seen of it: an index's checkpoint, an auditor's anchor.
pub async fn open(lock: &DirectoryLock, known: Option<Head>) -> Result<Roll, Error> {
    let path = lock.directory().join(FILE);
    inspect(&path)?;
    let readers = reading(&path);
    let roll = believe(&path, readers, known).await?;
    let genesis = Head::genesis(roll.identity().id);
    let writer = Writer::open(writing(&path), genesis, lock.clone()).await?;
    let roll = Roll::Sqlite(roll.with_writer(writer, Checkpoints::new(writing(&path))));
    roll.head().await?;
    Ok(roll)
}

/// Opens the roll of a directory for reading, beside the process that writes it, if one does.
pub async fn open_beside(directory: &Path, known: Option<Head>) -> Result<Roll, Error> {
    let roll = look_beside(directory).await?;
    trust(&roll, known).await?;
    Ok(Roll::Sqlite(roll.following()))
}

/// Opens the roll of a directory for an audit, which reads all of it from the first record: nothing
/// is believed yet, not even its end.
pub async fn open_to_audit(directory: &Path) -> Result<Roll, Error> {
    Ok(Roll::Sqlite(look_beside(directory).await?.following()))
}

async fn look_beside(directory: &Path) -> Result<SqliteRoll, Error> {
    let path = directory.join(FILE);
    inspect(&path)?;
    match look(&path, reading(&path)).await {
        Err(Error::Storage { source, .. }) if cannot_write_beside(&source) => {
            // Without a log nobody is writing, and the file alone is the roll.
            if length(&beside(&path, "-wal"))?.unwrap_or(0) > 0 {
                return Err(Error::ReadOnly { path });
            }
            look(&path, immutable(&path)).await
        }
        looked => looked,
    }
}

/// `SQLITE_READONLY`, `SQLITE_CANTOPEN`: SQLite could not make the files that a log needs.
fn cannot_write_beside(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse().ok());
    matches!(code.map(|code: i64| code & 0xff), Some(8 | 14))
}

/// Checks everything that can be without reading the whole roll.
async fn believe(
    path: &Path,
    readers: SqlitePool,
    known: Option<Head>,
) -> Result<SqliteRoll, Error> {
    let roll = look(path, readers).await?;
    trust(&roll, known).await?;
    Ok(roll)
}

/// Reads which roll it is, and whether this release can read it.
async fn look(path: &Path, readers: SqlitePool) -> Result<SqliteRoll, Error> {
    let (version, format) = sqlite::version(&readers).await?;
    check_version(version)?;
    if !(1..=FORMAT).contains(&format) {
        return Err(Error::Format { found: format, known: FORMAT });
    }
    SqliteRoll::connect(path.to_owned(), readers).await
}

/// Proves the roll's end, and that it holds what is known of it.
async fn trust(roll: &SqliteRoll, known: Option<Head>) -> Result<(), Error> {
    roll.check_end().await?;
    match known {
        Some(known) => Roll::Sqlite(roll.clone()).check_known(known).await,
        None => Ok(()),
    }
}

fn check_version(found: String) -> Result<(), Error> {
    let mut numbers = found.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) >= SQLITE_LEAST {
        return Ok(());
    }
    Err(Error::OldSqlite { found, least: SQLITE_LEAST_TEXT })
}

/// Looks at the file itself, before SQLite does: it would take an empty one for a new database.
fn inspect(path: &Path) -> Result<(), Error> {
    let foreign = |found| Err(Error::Foreign { path: path.to_owned(), found });
    let length = match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return foreign(Foreign::NotAFile),
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NotFound { path: path.to_owned() });
        }
        Err(error) => return Err(Error::file("look at", path)(error)),
    };
    let mut header = [0; 100];
    let file = File::open(path).map_err(Error::file("open", path))?;
    let read = file.take(100).read(&mut header).map_err(Error::file("read", path))?;
    if length == 0 {
        return foreign(Foreign::Empty);
    }
    if read < header.len() || !header.starts_with(b"SQLite format 3\0") {
        return foreign(Foreign::NotSqlite);
    }
    if number(&header, 68) != APPLICATION {
        return foreign(Foreign::Application(number(&header, 68).into()));
    }
    check_header(&header).map_err(|finding| Error::Inconsistent { finding: finding.to_owned() })?;
    check_length(path, length, &header)
}

/// With an empty log the file must have all pages that its header names.
fn check_length(path: &Path, found: u64, header: &[u8; 100]) -> Result<(), Error> {
    let page = u64::from(u16::from_be_bytes([header[16], header[17]]));
    // The format's way of writing a size that two bytes cannot hold.
    let page = if page == 1 { 0x1_0000 } else { page };
    let expected = page.saturating_mul(number(header, 28).into());
    let pending = length(&beside(path, "-wal"))?.unwrap_or(0) > 0;
    if pending || found >= expected {
        return Ok(());
    }
    Err(Error::Torn { path: path.to_owned(), found, expected })
}

fn number(header: &[u8; 100], at: usize) -> u32 {
    u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

/// A file's length, if there is one.
fn length(path: &Path) -> Result<Option<u64>, Error> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("look at", path)(error)),
    }
}

#[cfg(test)]
mod tests;

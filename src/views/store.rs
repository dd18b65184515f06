//! Generations on disk: which one is in force, whether it may be used, and how one begins.

mod connect;
mod generation;
mod pointer;
mod writer;

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use piperoll_domain::bytes::{Bytes, Hash};
use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

pub(super) use self::{
    connect::check_library,
    pointer::remove,
    writer::{bind, definitions},
};
pub use self::{
    generation::Generation,
    writer::{Spent, Statements, Writer},
};
use crate::{roll::shape, views::follow::Source};

/// What all our files of SQLite are divided into.
const PAGE_BYTES: u64 = 8_192;

/// A place in a history: a position and the chain's hash there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// How many events have been taken in.
    pub position: u64,
    /// The chain's hash after the last of them.
    pub hash: Hash,
}

/// Why views could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite said no while a generation was opened or made.
    #[error("opening the views in {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// SQLite said no while rows were written. Nothing of the batch counts.
    #[error("writing the views up to position {position}")]
    Write {
        /// The last position of the batch.
        position: u64,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// Somebody else moved the checkpoint.
    #[error("the views were to be taken from position {expected} on, and do not stand there")]
    Moved {
        /// Where they stood.
        expected: u64,
    },
    /// A file or the directory could not be read or written.
    #[error("handling {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite said no while rows were read.
    #[error("reading the views")]
    Read(#[source] sqlx::Error),
    /// The roll could not be read.
    #[error("reading the roll behind position {after}")]
    Source {
        /// What had been read.
        after: u64,
        /// What the roll said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The roll answered with other events than the next ones.
    #[error("the roll was asked for what follows position {after} and did not tell just that")]
    Gap {
        /// What had been read.
        after: u64,
    },
    /// A fold ended early; the process is stopping.
    #[error("folding the events behind position {after}")]
    Stopped {
        /// What had been read.
        after: u64,
    },
    /// A row does not have the shape of its table.
    #[error("a row of {0} does not have the shape of its table")]
    Shape(&'static str),
    /// The library is one that can corrupt what it writes.
    #[error("SQLite {found} can corrupt write-ahead logs; 3.51.3 or newer is needed")]
    OldSqlite {
        /// What is linked.
        found: String,
    },
    /// A cursor that no list of ours gave out, or that another list gave out.
    #[error("this cursor belongs to no page of this list")]
    Cursor,
    /// The views did not get there in time.
    #[error("the views have not reached position {wanted}; they stand at {applied}")]
    Behind {
        /// What was asked for.
        wanted: u64,
        /// Where they stand.
        applied: u64,
    },
}

/// Why what is on disk may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outdated {
    /// There is nothing.
    #[error("there are no views yet")]
    Missing,
    /// It is no file of ours, or not readable as one.
    #[error("the views' file is damaged, or is none of ours")]
    Foreign,
    /// It was written under other schemas, or other meanings.
    #[error("the views have the shape of another release")]
    OtherSchema,
    /// It was folded from a roll that is not this one.
    #[error("the views were folded from another history up to position {0}")]
    OtherHistory(u64),
}

/// What opening came to.
#[derive(Debug)]
pub enum Opened {
    /// A generation that may be used.
    Ready(Box<Store>),
    /// It has to be rebuilt first.
    Outdated(Outdated),
}

/// A generation that may be used, and its only writer.
#[derive(Debug)]
pub struct Store {
    /// For readers.
    pub generation: Generation,
    /// For the follower.
    pub writer: Writer,
}

/// SHA-256 over everything that makes rows of another release unusable.
pub fn digest() -> Hash {
    static DIGEST: LazyLock<Hash> =
        LazyLock::new(|| Bytes(Sha256::digest(piperoll_projections::canonical()).into()));
    *DIGEST
}

/// The digest's first bits: the header's word for what the checkpoint says, so that damage to either is
/// not taken for another release.
fn stamp(digest: Hash) -> i64 {
    let [a, b, c, d, ..] = digest.0;
    i64::from(u32::from_be_bytes([a, b, c, d]) >> 1)
}

/// Opens the generation in force for reading only, beside a process that may be writing it, and may put
/// another one in force meanwhile; or tells why there is none that can be read.
pub async fn look_beside(directory: &Path) -> Result<Result<Generation, Outdated>, Error> {
    loop {
        let Some(number) = pointer::read(directory)? else {
            let outdated =
                if pointer::is_there(directory) { Outdated::Foreign } else { Outdated::Missing };
            return Ok(Err(outdated));
        };
        let looked = look_at(number, pointer::file(directory, number)).await;
        // Where another one is in force by now, this one may have been taken away under our hands.
        if matches!(looked, Ok(Ok(_))) || pointer::read(directory)? == Some(number) {
            return looked;
        }
    }
}

async fn look_at(number: u64, path: PathBuf) -> Result<Result<Generation, Outdated>, Error> {
    match inspect(&path, connect::looking(&path)).await? {
        // A pointer that names nothing is broken.
        Err(Outdated::Missing) => Ok(Err(Outdated::Foreign)),
        Err(outdated) => Ok(Err(outdated)),
        Ok(_) => match Generation::beside(number, path).await {
            Err(Error::Open { source, .. }) if connect::is_damage(&source) => {
                Ok(Err(Outdated::Foreign))
            }
            opened => opened.map(Ok),
        },
    }
}

/// Opens the generation in force, if it is of this history and of this release.
///
/// Only the holder of the data directory may do so: files that are not in force are removed.
pub async fn open<S: Source>(directory: &Path, source: &S) -> Result<Opened, Error> {
    check_library().await?;
    let Some(number) = pointer::read(directory)? else {
        return Ok(Opened::Outdated(Outdated::Missing));
    };
    pointer::sweep(directory, Some(number))?;
    let path = pointer::file(directory, number);
    let mark = match inspect(&path, connect::writing(&path)).await? {
        Ok(mark) => mark,
        Err(outdated) => return Ok(Opened::Outdated(outdated)),
    };
    if hash_at(source, mark.position).await? != Some(mark.hash) {
        return Ok(Opened::Outdated(Outdated::OtherHistory(mark.position)));
    }
    let writer = Writer::open(&path).await?;
    let generation = Generation::open(number, path);
    Ok(Opened::Ready(Box::new(Store { generation, writer })))
}

/// The number and the file of the next generation.
pub(super) fn next(directory: &Path) -> Result<(u64, PathBuf), Error> {
    let number = pointer::next(directory)?;
    Ok((number, pointer::file(directory, number)))
}

/// Moves the pointer to a finished generation.
pub(super) fn put_in_force(directory: &Path, number: u64, writer: Writer) -> Result<Store, Error> {
    pointer::write(directory, number)?;
    let generation = Generation::open(number, pointer::file(directory, number));
    Ok(Store { generation, writer })
}

/// Removes every generation but one.
pub(super) fn sweep(directory: &Path, keep: u64) -> Result<(), Error> {
    pointer::sweep(directory, Some(keep))
}

pub(super) async fn hash_at<S: Source>(source: &S, position: u64) -> Result<Option<Hash>, Error> {
    let hash = source.hash_at(position).await;
    hash.map_err(|source| Error::Source { after: position, source: source.into() })
}

/// Where a file stands, or why it may not be used whatever the roll says.
async fn inspect(
    path: &Path,
    options: SqliteConnectOptions,
) -> Result<Result<Mark, Outdated>, Error> {
    if !path.exists() {
        return Ok(Err(Outdated::Missing));
    }
    if let Some(header) = header(path)?
        && (shape::check_header(&header).is_err() || is_cut(path)?)
    {
        return Ok(Err(Outdated::Foreign));
    }
    let foreign = |source: sqlx::Error| {
        if connect::is_damage(&source) {
            Ok(Err(Outdated::Foreign))
        } else {
            Err(Error::Open { path: path.to_owned(), source })
        }
    };
    let mut connection = match options.connect().await {
        Ok(connection) => connection,
        Err(source) => return foreign(source),
    };
    let found = checkpoint(&mut connection).await;
    let _ = connection.close().await;
    match found {
        Ok(Some((mark, schema))) if schema == digest() => Ok(Ok(mark)),
        Ok(Some(_)) => Ok(Err(Outdated::OtherSchema)),
        Ok(None) => Ok(Err(Outdated::Foreign)),
        Err(source) => foreign(source),
    }
}

/// Whether a file that nobody is writing ends inside a page: SQLite would think the rest of it zeros.
fn is_cut(path: &Path) -> Result<bool, Error> {
    let length = |path: &Path| match path.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Ok(length(Path::new(&log))? == 0 && !length(path)?.is_multiple_of(PAGE_BYTES))
}

/// The first bytes of a file that has so many.
fn header(path: &Path) -> Result<Option<[u8; 100]>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let (mut header, mut file) = ([0; 100], File::open(path).map_err(failed)?);
    match file.read_exact(&mut header) {
        Ok(()) => Ok(Some(header)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// The checkpoint of a file and the schemas it was written under; none if it is no file of ours.
async fn checkpoint(
    connection: &mut SqliteConnection,
) -> Result<Option<(Mark, Hash)>, sqlx::Error> {
    let (application, version): (i64, i64) = sqlx::query_as(
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(&mut *connection)
    .await?;
    if application != connect::APPLICATION {
        return Ok(None);
    }
    let row = sqlx::query("SELECT position, hash, schema FROM checkpoint WHERE one = 1")
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let position: i64 = row.try_get("position")?;
    let hash = Bytes::from_slice(row.try_get("hash")?);
    let schema = Bytes::from_slice(row.try_get("schema")?);
    let ours = |schema: &Hash| *schema == digest() || version != stamp(digest());
    let schema = schema.filter(|schema| stamp(*schema) == version && ours(schema));
    let mark =
        u64::try_from(position).ok().zip(hash).map(|(position, hash)| Mark { position, hash });
    Ok(mark.zip(schema))
}

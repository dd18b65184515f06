//! The one connection that writes, and what is believed of it after an error.
//!
//! # Correctness
//!
//! An append is one statement, which compares the head and commits by itself: one question to
//! SQLite's thread instead of four. Whatever fails, the connection is closed and the head is read on a
//! new one. Where the connection or the lock was not to be had, nothing was begun. Anything else may
//! have failed in the commit: then the block may lie in the log behind the last commit that readers
//! see, and a crash would bring it to light. So a commit of our own goes over it (or after it), and a
//! full checkpoint carries everything from the log, which may have failed to sync, into the file. Only
//! then is "stored" or "not stored" said; until then it is "unknown". The same is done when a writer
//! opens the roll, because the process before it may have died between writing and syncing. Before
//! all of this the log is written again as it is: a disk that refused a sync may lack earlier pages of
//! it, and would show an older log beside a newer file after a power cut.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use sqlx::{Connection, SqliteConnection, query, sqlite::SqliteConnectOptions};

use super::{
    AppendError, Error, Head,
    checkpoint::{Mode, checkpoint, close, connected},
    options::beside,
    rows::{self, Row},
};
use crate::roll::DirectoryLock;

/// How much of the log is written again at once.
const PIECE_BYTES: usize = 1 << 20;
/// What SQLite says where a lock is not to be had.
const BUSY: u32 = 5;

/// The writer of a roll.
#[derive(Debug)]
pub(in crate::roll) struct Writer {
    options: SqliteConnectOptions,
    genesis: Head,
    connection: Option<SqliteConnection>,
    /// Whether a commit may have ended in a way that nobody knows.
    unsettled: bool,
    closed: bool,
    /// Held as long as anything may be written.
    _lock: DirectoryLock,
}

/// How one try to append ended.
enum Attempt {
    Stored,
    Moved(Head),
    Failed { source: Error, committing: bool },
}

impl Writer {
    /// Opens the roll for writing and puts all that it holds beyond doubt.
    pub(in crate::roll) async fn open(
        options: SqliteConnectOptions,
        genesis: Head,
        lock: DirectoryLock,
    ) -> Result<Self, Error> {
        let (connection, unsettled, closed) = (None, true, false);
        let mut writer = Self { options, genesis, connection, unsettled, closed, _lock: lock };
        match writer.head().await {
            Ok(_) => {}
            // The commit of our own is done, which leaves in doubt only a log that had failed to
            // sync under a process that then died. No reason to wait for somebody's long read.
            Err(Error::Busy) => {
                tracing::warn!("a reader holds up the roll's log; it is carried over later");
                writer.unsettled = false;
                writer.head().await?;
            }
            Err(error) => return Err(error),
        }
        Ok(writer)
    }

    pub(super) async fn append(&mut self, expected: Head, row: &Row) -> Result<Head, AppendError> {
        match self.attempt(row).await {
            Attempt::Stored => Ok(row.head),
            Attempt::Moved(head) if head == row.head => Ok(head),
            Attempt::Moved(head) => Err(AppendError::HeadMoved { head }),
            Attempt::Failed { source, committing } => {
                self.unsettled |= committing;
                self.disconnect().await;
                self.resolve(expected, row, source).await
            }
        }
    }

    /// What became of a block whose append failed.
    async fn resolve(
        &mut self,
        expected: Head,
        row: &Row,
        source: Error,
    ) -> Result<Head, AppendError> {
        match self.head().await {
            Ok(head) if head == row.head => Ok(head),
            Ok(head) if head == expected => Err(AppendError::Refused { source }),
            Ok(head) => Err(AppendError::HeadMoved { head }),
            Err(_) => Err(AppendError::Unknown { source }),
        }
    }

    async fn attempt(&mut self, row: &Row) -> Attempt {
        let genesis = self.genesis;
        let connection = match self.connected().await {
            Ok(connection) => connection,
            Err(source) => return Attempt::Failed { source, committing: false },
        };
        match insert(connection, row).await {
            Ok(true) => Attempt::Stored,
            // Nothing was written, so whatever fails now is no doubt about an append.
            Ok(false) => match rows::head(connection, genesis).await {
                Ok(head) => Attempt::Moved(head),
                Err(source) => Attempt::Failed { source, committing: false },
            },
            Err(error) => {
                let committing = !is_locked(&error);
                Attempt::Failed { source: Error::storage("append a block")(error), committing }
            }
        }
    }

    /// Where the roll stands, on a connection that would know.
    pub(super) async fn head(&mut self) -> Result<Head, Error> {
        let genesis = self.genesis;
        let read = rows::head(self.connected().await?, genesis).await;
        if read.is_err() {
            self.disconnect().await;
        }
        read
    }

    /// Where the roll stands, if it can be written: a commit of our own shows it.
    pub(super) async fn probe(&mut self) -> Result<Head, Error> {
        if let Err(error) = fence(self.connected().await?).await {
            self.unsettled = true;
            self.disconnect().await;
            return Err(error);
        }
        self.head().await
    }

    /// The connection, opened and settled if need be.
    async fn connected(&mut self) -> Result<&mut SqliteConnection, Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        if self.unsettled {
            // Nobody else writes to the log: the lock on the directory is ours, and so is `self`.
            self.disconnect().await;
            write_again(beside(self.options.get_filename(), "-wal")).await?;
        }
        let mut connection = connected(&mut self.connection, &self.options).await?;
        if self.unsettled {
            if let Err(error) = settle(&mut connection).await {
                close(connection).await;
                return Err(error);
            }
            self.unsettled = false;
        }
        Ok(self.connection.insert(connection))
    }

    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take() {
            close(connection).await;
        }
    }

    /// Closes the connection; nothing can be appended any more.
    pub(super) async fn close_for_good(&mut self) {
        self.closed = true;
        self.disconnect().await;
    }
}

/// Inserts a row; false if the roll does not stand where the row begins.
async fn insert(connection: &mut SqliteConnection, row: &Row) -> Result<bool, sqlx::Error> {
    // Where the row is the first, there is no last one, and its columns are nothing.
    let last = (row.first > 1).then(|| row.first.saturating_sub(1));
    let after = last.map(|_| &row.before);
    let inserted = query(
        "INSERT INTO blocks (first, last, count, before, after, body) SELECT ?, ?, ?, ?, ?, ?
         WHERE (SELECT last, after FROM blocks ORDER BY first DESC LIMIT 1) IS (?, ?)",
    )
    .bind(row.first)
    .bind(row.last)
    .bind(row.count)
    .bind(&row.before)
    .bind(&row.after)
    .bind(&row.body)
    .bind(last)
    .bind(after)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Whether somebody else holds the lock, which is asked for before anything is written.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // The low byte is what failed, the others say how.
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == BUSY)
}

/// Puts everything that is in the roll beyond doubt, and everything that is not out of it.
async fn settle(connection: &mut SqliteConnection) -> Result<(), Error> {
    fence(connection).await?;
    let (busy, _, _) = checkpoint(connection, Mode::Full).await?;
    if busy == 0 { Ok(()) } else { Err(Error::Busy) }
}

/// A commit of our own, which moves nothing.
async fn fence(connection: &mut SqliteConnection) -> Result<(), Error> {
    let fence = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        query("UPDATE fence SET count = count + 1").execute(&mut *transaction).await?;
        transaction.commit().await
    };
    fence.await.map_err(Error::storage("put the end of the roll beyond doubt"))
}

/// Writes the log once more as it is, and syncs it.
///
/// After a sync that failed, memory may hold what the disk does not, and no later sync would tell:
/// the system takes such pages for written. Written again they are synced again.
async fn write_again(log: PathBuf) -> Result<(), Error> {
    let written = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        let mut file = match File::options().read(true).write(true).open(&log) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let (mut piece, mut at) = (vec![0; PIECE_BYTES], 0);
        loop {
            file.seek(SeekFrom::Start(at))?;
            let length = file.read(&mut piece)?;
            if length == 0 {
                return file.sync_data();
            }
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&piece[..length])?;
            at += u64::try_from(length).unwrap_or(u64::MAX);
        }
    });
    let written = written.await.unwrap_or_else(|_| Err(ErrorKind::Interrupted.into()));
    written.map_err(sqlx::Error::Io).map_err(Error::storage("write the roll's log again"))
}

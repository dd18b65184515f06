//! Why a roll cannot be opened, read or written: what was being done, and where it stopped.

use std::{io, path::PathBuf};

use super::{block::Damage, chain::Head};

/// A roll that cannot be used, or a machine that failed under it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing there.
    #[error("there is no roll at {}", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something there already.
    #[error("there is a roll at {} already", path.display())]
    AlreadyThere {
        /// Where it is.
        path: PathBuf,
    },
    /// A file, but none of ours.
    #[error("{} is no piperoll roll: {found}", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it is instead.
        found: Foreign,
    },
    /// A file of a release to come, or of none.
    #[error("the roll has format {found}; this release knows formats 1 to {known}")]
    Format {
        /// The format that the file names.
        found: i64,
        /// The newest that this release knows.
        known: i64,
    },
    /// The file ends before what its own header says.
    #[error("{} is torn: it has {found} bytes of {expected}", path.display())]
    Torn {
        /// Which file.
        path: PathBuf,
        /// Bytes there.
        found: u64,
        /// Bytes that its header names.
        expected: u64,
    },
    /// The database's own structure is broken, or its disk fails to read it: SQLite tells no
    /// difference.
    #[error("the roll's database file is damaged, or its disk fails: failed to {doing}")]
    Malformed {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// The database's own structure is broken, by its own account.
    #[error("the roll's database file is damaged: {finding}")]
    Inconsistent {
        /// What SQLite's check says first.
        finding: String,
    },
    /// A block that is not what it says.
    #[error("the roll is damaged at position {position}")]
    Damaged {
        /// The first position that cannot be believed.
        position: u64,
        /// What is wrong there.
        source: Damage,
    },
    /// Shorter than somebody has seen it.
    #[error("the roll ends at {file}, but it is known to have reached {known}")]
    Shortened {
        /// Where the roll ends.
        file: Head,
        /// What is known of it.
        known: Head,
    },
    /// Not the history that somebody has seen.
    #[error("the roll has another history: {found} stands where {known} is known")]
    OtherHistory {
        /// What the roll says of that position.
        found: Head,
        /// What is known of it.
        known: Head,
    },
    /// An SQLite that is known to corrupt its log.
    #[error("SQLite {found} may corrupt a roll; at least {least} is needed")]
    OldSqlite {
        /// The version that was linked.
        found: String,
        /// The first good one.
        least: &'static str,
    },
    /// A directory in which SQLite cannot make the files that it needs beside the roll.
    #[error(
        "the roll at {} was not closed, and its directory cannot be written to; \
         open it where it can be, or copy all files of the directory",
        path.display()
    )]
    ReadOnly {
        /// The roll's file.
        path: PathBuf,
    },
    /// An append to a roll that was opened for reading.
    #[error("the roll was opened for reading only")]
    Reading,
    /// A roll that was closed.
    #[error("the roll was closed")]
    Closed,
    /// A reader that stays where the writer has to go.
    #[error("a reader holds up the roll's log for too long")]
    Busy,
    /// A block that does not follow the head it was given with.
    #[error("a block of positions {first} and on cannot follow {expected}")]
    DoesNotFollow {
        /// The block's first position.
        first: u64,
        /// The head it was to follow.
        expected: Head,
    },
    /// A position beyond what a store can count.
    #[error("position {position} is out of range")]
    OutOfRange {
        /// Which one.
        position: u64,
    },
    /// The writer's task was stopped before it had answered.
    #[error("the append was interrupted")]
    Interrupted,
    /// The database failed.
    #[error("failed to {doing}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// The file system failed.
    #[error("failed to {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A fault that a test or a simulation asked for.
    #[error("a fault was injected")]
    Injected,
}

/// What a file is that is no roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// A directory, a socket, a device.
    #[error("it is not a file")]
    NotAFile,
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Some other format.
    #[error("it is not an SQLite database")]
    NotSqlite,
    /// Another program's database.
    #[error("it is an SQLite database with application id {0:#010x}")]
    Application(i64),
    /// It lacks the row that names the roll.
    #[error("it does not say which roll it is")]
    Nameless,
}

/// How an append ended other than well.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else has written: the block is not stored.
    #[error("the roll has moved on to {head}")]
    HeadMoved {
        /// Where it stands now.
        head: Head,
    },
    /// Nobody can say whether the block is stored: read the head, or append the same block again,
    /// before anything else is decided.
    #[error("it is not known whether the block was stored")]
    Unknown {
        /// What failed.
        source: Error,
    },
    /// The block is certainly not stored.
    #[error("the block was not stored")]
    Refused {
        /// What failed.
        source: Error,
    },
}

impl Error {
    /// Whether what is stored is wrong and stays so, unlike a machine that fails and may come back.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Inconsistent { .. } | Self::Torn { .. })
    }

    /// Tells a broken database from a machine that failed.
    pub(super) fn storage(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| {
            // SQLITE_CORRUPT and SQLITE_NOTADB, in the low byte of their extended codes.
            let code = source.as_database_error().and_then(|error| error.code()?.parse().ok());
            match code.map(|code: i64| code & 0xff) {
                Some(11 | 26) => Self::Malformed { doing, source },
                _ => Self::Storage { doing, source },
            }
        }
    }

    pub(super) fn file(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }
}

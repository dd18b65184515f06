//! What can go wrong with keys. Erased text is no error; asking for more of it is.

use std::{io, path::PathBuf};

use piperoll_domain::bytes::Id16;

use super::MasterName;

/// Why a text could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Keys are wrapped under a master key that is not configured.
    #[error(
        "keys are wrapped under the master key {name}, which is not configured: list it in \
         PIPEROLL_MASTER_KEY_PREV until every key is wrapped anew"
    )]
    MasterUnknown {
        /// Which.
        name: MasterName,
    },
    /// A key's row is not what was written.
    #[error("the key of subject {subject} is damaged")]
    KeyDamaged {
        /// Whose.
        subject: Id16,
    },
    /// The text, or what it is bound to, is not what was sealed.
    #[error("a sealed text of subject {subject} is not what was sealed here")]
    Forged {
        /// Whose.
        subject: Id16,
    },
    /// The subject's key is destroyed.
    #[error("the data of subject {subject} was erased")]
    Erased {
        /// Whose.
        subject: Id16,
    },
    /// A newer release sealed it.
    #[error("sealed text of scheme {v} is not known to this release")]
    Scheme {
        /// Which.
        v: u8,
    },
    /// The file is not what was written.
    #[error(
        "the keyring is damaged: {said}; put back the copy that was made with the roll's, and keep \
         this one"
    )]
    Damaged {
        /// What the database says.
        said: String,
    },
    /// A newer release made the keyring.
    #[error("the keyring has format {found}, this release knows {known}")]
    Format {
        /// What it says.
        found: i64,
        /// What we know.
        known: i64,
    },
    /// The file belongs to another program.
    #[error("{} is not a keyring", file.display())]
    Foreign {
        /// Which.
        file: PathBuf,
    },
    /// The text is longer than the cipher takes.
    #[error("the text is too long to be sealed")]
    TooLong,
    /// The system has no random bytes.
    #[error("failed to get random bytes")]
    Random(#[source] getrandom::Error),
    /// The file could not be made.
    #[error("failed to create {}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database failed.
    #[error("failed to {doing}")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// A reader kept the old bytes alive; destroying again finishes it.
    #[error("the destroyed key is still in the write-ahead log: a reader holds it")]
    StillInLog,
    /// Another change of the same transaction failed, and this one with it.
    #[error("failed to write keys: the transaction was given up")]
    BatchFailed,
    /// The writing task is gone.
    #[error("the keyring is closed")]
    Closed,
}

impl Error {
    /// Whether it is the machine's fault, so that asking again may help: nothing was sealed or opened.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Storage { .. } | Self::File { .. } | Self::BatchFailed | Self::Closed)
    }

    pub(super) const fn storage(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Storage { doing, source }
    }
}

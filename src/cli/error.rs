//! Why a command did not get done, and which exit code that is.

use std::{io, path::PathBuf};

use super::{client, exit::Exit};
use crate::{audit, config, fact, roll, views};

/// Why a command did not get done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The roll could not be opened or read.
    #[error("failed to read the roll in {}", directory.display())]
    Roll {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        source: roll::Error,
    },
    /// An event could not be read.
    #[error("failed to read an event")]
    Event(#[from] fact::Unreadable),
    /// Another process holds the data directory, or nobody can.
    #[error("failed to take the data directory")]
    Lock(#[from] roll::LockError),
    /// The audit could not be done.
    #[error("failed to audit {}", directory.display())]
    Audit {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        source: audit::Error,
    },
    /// The history could not be folded.
    #[error("failed to replay {from}")]
    Replay {
        /// Where it was read from.
        from: String,
        /// Why.
        source: audit::replay::Error,
    },
    /// An event could not be written as a line.
    #[error("failed to write an event as JSON")]
    Json(#[from] serde_json::Error),
    /// The views could not be built.
    #[error("failed to build the views")]
    Views(#[from] views::Error),
    /// The table could not be written.
    #[error("failed to {doing} {}", path.display())]
    Table {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// There is no usable configuration.
    #[error("failed to read the configuration")]
    Config(#[from] config::Error),
    /// The server did not start.
    #[error("failed to start the server")]
    Serve(#[from] Box<crate::app::Error>),
    /// The demo's story ended early.
    #[error("the demo ended early")]
    Demo(#[from] super::demo::DemoError),
    /// The server did not do it.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// A file could not be read or written.
    #[error("failed to {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is there already.
    #[error("{} is there already", path.display())]
    AlreadyThere {
        /// Which.
        path: PathBuf,
    },
    /// A file is not JSON.
    #[error("{} is not JSON", path.display())]
    NotJson {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Nobody could be told.
    #[error("failed to write to the output")]
    Output(#[from] io::Error),
}

impl Error {
    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Serve(error) if is_held(error) => Exit::Conflict,
            Self::Roll { source: roll::Error::NotFound { .. }, .. } => Exit::NotFound,
            Self::Audit { source: audit::Error::Roll(roll::Error::NotFound { .. }), .. } => {
                Exit::NotFound
            }
            Self::Lock(roll::LockError::NotFound { .. }) => Exit::NotFound,
            Self::Lock(roll::LockError::Held { .. }) | Self::AlreadyThere { .. } => Exit::Conflict,
            Self::Client(error) => error.exit(),
            Self::Config(_) => Exit::Usage,
            Self::Roll { .. }
            | Self::Event(_)
            | Self::Lock(_)
            | Self::Audit { .. }
            | Self::Replay { .. }
            | Self::Json(_)
            | Self::Views(_)
            | Self::Table { .. }
            | Self::File { .. }
            | Self::NotJson { .. }
            | Self::Output(_)
            | Self::Serve(_)
            | Self::Demo(_) => Exit::Failed,
        }
    }
}

/// Whether another process was first.
const fn is_held(error: &crate::app::Error) -> bool {
    use crate::app::{Error as App, OpenError};
    matches!(error, App::Open(OpenError::Lock(roll::LockError::Held { .. })))
}

/// Names the file in an error.
pub(super) fn file(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}

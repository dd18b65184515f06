//! Why a command did not get done, and which exit code that is.

use std::{io, path::PathBuf};

use super::{client, exit::Exit};
use crate::{app, audit, bench, config, exports::beancount, fact, roll, views};

/// Why a command did not get done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The roll could not be opened or read.
    #[error("failed to read the roll in {}", directory.display())]
    Roll {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        source: Box<roll::Error>,
    },
    /// An event could not be read.
    #[error("failed to read an event")]
    Event(#[source] Box<fact::Unreadable>),
    /// Another process holds the data directory, or nobody can.
    #[error("failed to take the data directory")]
    Lock(#[source] Box<roll::LockError>),
    /// The audit could not be done.
    #[error("failed to audit {}", directory.display())]
    Audit {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        source: Box<audit::Error>,
    },
    /// The history could not be folded.
    #[error("failed to replay {from}")]
    Replay {
        /// Where it was read from.
        from: String,
        /// Why.
        source: Box<audit::replay::Error>,
    },
    /// An event could not be written as a line.
    #[error("failed to write an event as JSON")]
    Json(#[from] serde_json::Error),
    /// The views could not be built.
    #[error("failed to build the views")]
    Views(#[source] Box<views::Error>),
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
    Config(#[source] Box<config::Error>),
    /// The engine stopped by itself.
    #[error("the engine stopped: {0}")]
    Engine(String),
    /// The server did not start.
    #[error("failed to start the server")]
    Serve(#[source] Box<app::Error>),
    /// The demo's story ended early.
    #[error("the demo ended early")]
    Demo(#[from] super::demo::DemoError),
    /// An amount that is none.
    #[error(transparent)]
    Money(#[from] super::money::NotMoney),
    /// The server did not do it.
    #[error(transparent)]
    Client(Box<client::Error>),
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
    /// A bench came to no figures.
    #[error("failed to measure")]
    Bench(#[source] Box<bench::Error>),
    /// The roll could not be written in another program's words.
    #[error("failed to export")]
    Export(#[from] beancount::Error),
    /// What is asked for never was.
    #[error("the roll has nothing{whom}")]
    NothingOf {
        /// Of whom.
        whom: String,
    },
    /// The last day is not behind the first.
    #[error("--to must be a day behind --from")]
    EmptyPeriod,
    /// Nobody could be told.
    #[error("failed to write to the output")]
    Output(#[from] io::Error),
}

impl Error {
    /// All that the server said, if it was the server that refused.
    pub(super) fn problem(&self) -> Option<&serde_json::Value> {
        match self {
            Self::Client(error) => error.problem(),
            _ => None,
        }
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Serve(error) if is_held(error) => Exit::Conflict,
            Self::Serve(error) if matches!(**error, app::Error::Unready { .. }) => Exit::Usage,
            Self::Roll { source, .. } => of_roll(source),
            Self::Audit { source, .. } => match &**source {
                audit::Error::Roll(source) => of_roll(source),
                audit::Error::Index(_) | audit::Error::Rows(_) => Exit::Failed,
            },
            Self::Lock(source) => match **source {
                roll::LockError::NotFound { .. } => Exit::NotFound,
                roll::LockError::Held { .. } => Exit::Conflict,
                _ => Exit::Failed,
            },
            Self::AlreadyThere { .. } => Exit::Conflict,
            Self::NothingOf { .. } => Exit::NotFound,
            Self::Money(_) | Self::EmptyPeriod => Exit::Usage,
            Self::Client(error) => error.exit(),
            // A directory that cannot be read or written is no mistake in what was asked.
            Self::Config(error) => match **error {
                config::Error::Development { .. } | config::Error::DevelopmentRace => Exit::Failed,
                _ => Exit::Usage,
            },
            Self::Engine(_)
            | Self::Event(_)
            | Self::Replay { .. }
            | Self::Json(_)
            | Self::Views(_)
            | Self::Table { .. }
            | Self::File { .. }
            | Self::NotJson { .. }
            | Self::Output(_)
            | Self::Serve(_)
            | Self::Bench(_)
            | Self::Export(_)
            | Self::Demo(_) => Exit::Failed,
        }
    }
}

/// Whether another process was first.
pub(super) const fn is_held(error: &app::Error) -> bool {
    matches!(error, app::Error::Open(app::OpenError::Lock(roll::LockError::Held { .. })))
}

fn of_roll(error: &roll::Error) -> Exit {
    if matches!(error, roll::Error::NotFound { .. }) { Exit::NotFound } else { Exit::Failed }
}

macro_rules! boxed {
    ($($variant:ident($source:ty)),+ $(,)?) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::$variant(Box::new(source))
            }
        }
    )+};
}
boxed!(
    Bench(bench::Error),
    Event(fact::Unreadable),
    Lock(roll::LockError),
    Views(views::Error),
    Config(config::Error),
    Client(client::Error),
    Serve(app::Error),
);

/// Names the file in an error.
pub(super) fn file(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path, source }
}

//! Carrying the write-ahead log into the roll's file.

use sqlx::{ConnectOptions, Connection, SqliteConnection, query_as, sqlite::SqliteConnectOptions};

use super::Error;

pub(super) async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "failed to close the roll");
    }
}

/// The connection that is there, taken, or a new one.
pub(super) async fn connected(
    connection: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, Error> {
    if let Some(connection) = connection.take() {
        return Ok(connection);
    }
    options.connect().await.map_err(Error::storage("open the roll for writing"))
}

/// How much a checkpoint waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// For nothing.
    Passive,
    /// For readers and the writer, until the log is all in the file.
    Full,
    /// The same, and the log is written from its beginning again. It keeps its length: a commit over
    /// what is there costs the disk half of one that makes a file longer.
    Restart,
}

/// Whether it was in somebody's way, pages in the log, pages carried over.
pub(super) async fn checkpoint(
    connection: &mut SqliteConnection,
    mode: Mode,
) -> Result<(i64, i64, i64), Error> {
    let pragma = match mode {
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Full => "PRAGMA wal_checkpoint(FULL)",
        Mode::Restart => "PRAGMA wal_checkpoint(RESTART)",
    };
    query_as(pragma)
        .fetch_one(connection)
        .await
        .map_err(Error::storage("carry the roll's log into its file"))
}

/// The connection that carries the log into the file, beside the one that commits.
#[derive(Debug)]
pub(in crate::roll) struct Checkpoints {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
}

impl Checkpoints {
    pub(in crate::roll) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, connection: None }
    }

    /// Carries over what can be without waiting for anybody; returns the pages in the log.
    pub(super) async fn passive(&mut self) -> Result<i64, Error> {
        self.run(Mode::Passive).await.map(|(_, pages, _)| pages)
    }

    /// Begins the log anew. The caller must keep the writer away meanwhile.
    pub(super) async fn restart(&mut self) -> Result<(), Error> {
        self.run(Mode::Restart).await.map(drop)
    }

    async fn run(&mut self, mode: Mode) -> Result<(i64, i64, i64), Error> {
        let mut connection = connected(&mut self.connection, &self.options).await?;
        let done = checkpoint(&mut connection, mode).await;
        match &done {
            Ok(_) => self.connection = Some(connection),
            Err(_) => close(connection).await,
        }
        done
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            close(connection).await;
        }
    }
}

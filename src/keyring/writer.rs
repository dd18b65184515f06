//! The one task that writes keys: whatever waits for it goes into one transaction.

use std::path::{Path, PathBuf};

use piperoll_domain::bytes::Id16;
use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::{
    Error, MasterName,
    store::{self, Row},
};

/// More than this never wait; the caller does.
const QUEUE: usize = 1024;
const BATCH_MAX: usize = 512;

enum Change {
    Create(Row),
    Destroy(Id16),
    Replace(Vec<Row>),
    ForgetMastersBut(MasterName),
}

struct Request {
    change: Change,
    answer: oneshot::Sender<Result<u64, Error>>,
}

/// Where changes are handed in. The task ends with the last clone.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Request>);

impl Writer {
    pub(super) fn start(connection: SqliteConnection, file: PathBuf) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(Task { file, connection: Some(connection) }.run(receiver));
        Self(sender)
    }

    pub(super) async fn create(&self, row: Row) -> Result<(), Error> {
        self.ask(Change::Create(row)).await.map(drop)
    }

    pub(super) async fn destroy(&self, subject: Id16) -> Result<bool, Error> {
        Ok(self.ask(Change::Destroy(subject)).await? > 0)
    }

    pub(super) async fn replace(&self, rows: Vec<Row>) -> Result<u64, Error> {
        self.ask(Change::Replace(rows)).await
    }

    pub(super) async fn forget_masters_but(&self, name: MasterName) -> Result<(), Error> {
        self.ask(Change::ForgetMastersBut(name)).await.map(drop)
    }

    async fn ask(&self, change: Change) -> Result<u64, Error> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Request { change, answer }).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

struct Task {
    file: PathBuf,
    /// Dropped after any failure: an error inside a transaction leaves it in no known state.
    connection: Option<SqliteConnection>,
}

impl Task {
    async fn run(mut self, mut receiver: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while receiver.recv_many(&mut batch, BATCH_MAX).await > 0 {
            self.serve(std::mem::take(&mut batch)).await;
        }
        if let Some(connection) = self.connection {
            // The last sync was at the last commit; closing only tidies up.
            let _tidied = connection.close().await;
        }
    }

    async fn serve(&mut self, batch: Vec<Request>) {
        let (changes, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.change, request.answer)).unzip();
        let counts = match self.write(&changes).await {
            Ok(counts) => counts,
            Err(error) => return refuse_all(answers, error),
        };
        let emptied = self.empty_log_after(&changes).await;
        for ((change, answer), count) in changes.iter().zip(answers).zip(counts) {
            // A destroyed row is gone in any case; its old bytes may not be.
            let told = match change {
                Change::Destroy(_) if !emptied => Err(Error::StillInLog),
                Change::Destroy(_)
                | Change::Create(_)
                | Change::Replace(_)
                | Change::ForgetMastersBut(_) => Ok(count),
            };
            let _gone = answer.send(told);
        }
    }

    async fn write(&mut self, changes: &[Change]) -> Result<Vec<u64>, Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => anew(&self.file).await?,
        };
        let counts = commit(&mut connection, changes).await?;
        self.connection = Some(connection);
        Ok(counts)
    }

    /// Whether no destroyed key is left in the log.
    async fn empty_log_after(&mut self, changes: &[Change]) -> bool {
        if !changes.iter().any(|change| matches!(change, Change::Destroy(_))) {
            return true;
        }
        let Some(connection) = &mut self.connection else {
            return false;
        };
        match empty_log(connection).await {
            Ok(emptied) => emptied,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the keyring's write-ahead log could not be emptied");
                self.connection = None;
                false
            }
        }
    }
}

/// Opens the file again after a failure. What a failed sync left in the log looks like a commit to
/// whoever reads it anew, and lasts only if the log is moved into the file before anything follows it.
async fn anew(file: &Path) -> Result<SqliteConnection, Error> {
    let doing = "empty the keyring's write-ahead log";
    let mut connection = store::connect(file).await?;
    let emptied = empty_log(&mut connection).await.map_err(Error::storage(doing))?;
    let held = || sqlx::Error::Protocol("a reader holds it".to_owned());
    if emptied { Ok(connection) } else { Err(Error::storage(doing)(held())) }
}

/// The first caller learns why, the others that it failed.
fn refuse_all(answers: Vec<oneshot::Sender<Result<u64, Error>>>, error: Error) {
    let mut error = Some(error);
    for answer in answers {
        let told = error.take().unwrap_or(Error::BatchFailed);
        let _gone = answer.send(Err(told));
    }
}

async fn commit(connection: &mut SqliteConnection, changes: &[Change]) -> Result<Vec<u64>, Error> {
    let doing = "write keys";
    let begun = connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(Error::storage(doing))?;
    let mut counts = Vec::with_capacity(changes.len());
    for change in changes {
        counts.push(apply(&mut transaction, change).await.map_err(Error::storage(doing))?);
    }
    transaction.commit().await.map_err(Error::storage(doing))?;
    Ok(counts)
}

async fn apply(to: &mut Transaction<'_, Sqlite>, change: &Change) -> Result<u64, sqlx::Error> {
    match change {
        Change::Create(row) => create(to, row).await,
        Change::Destroy(subject) => destroy(to, *subject).await,
        Change::Replace(rows) => {
            let mut replaced = 0_u64;
            for row in rows {
                replaced = replaced.saturating_add(replace(to, row).await?);
            }
            Ok(replaced)
        }
        Change::ForgetMastersBut(name) => forget_masters_but(to, *name).await,
    }
}

async fn create(to: &mut Transaction<'_, Sqlite>, row: &Row) -> Result<u64, sqlx::Error> {
    let words = "INSERT INTO subject_key (subject, key, master, nonce, wrapped, created) \
                 VALUES ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(words)
        .bind(&row.subject.0[..])
        .bind(&row.key.0[..])
        .bind(&row.master.0[..])
        .bind(&row.nonce.0[..])
        .bind(&row.wrapped[..])
        .bind(row.created.micros());
    Ok(query.execute(&mut **to).await?.rows_affected())
}

async fn destroy(to: &mut Transaction<'_, Sqlite>, subject: Id16) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "UPDATE subject_key SET key = zeroblob(16), nonce = zeroblob(24), wrapped = zeroblob(48) \
         WHERE subject = $1",
    )
    .bind(&subject.0[..])
    .execute(&mut **to)
    .await?;
    let query = sqlx::query("DELETE FROM subject_key WHERE subject = $1").bind(&subject.0[..]);
    Ok(query.execute(&mut **to).await?.rows_affected())
}

/// A key that was destroyed meanwhile stays destroyed.
async fn replace(to: &mut Transaction<'_, Sqlite>, row: &Row) -> Result<u64, sqlx::Error> {
    let words = "UPDATE subject_key SET master = $3, nonce = $4, wrapped = $5 \
                 WHERE subject = $1 AND key = $2";
    let query = sqlx::query(words)
        .bind(&row.subject.0[..])
        .bind(&row.key.0[..])
        .bind(&row.master.0[..])
        .bind(&row.nonce.0[..])
        .bind(&row.wrapped[..]);
    Ok(query.execute(&mut **to).await?.rows_affected())
}

async fn forget_masters_but(
    to: &mut Transaction<'_, Sqlite>,
    name: MasterName,
) -> Result<u64, sqlx::Error> {
    let words = "DELETE FROM master WHERE name <> $1 \
                 AND NOT EXISTS (SELECT 1 FROM subject_key WHERE subject_key.master = master.name)";
    Ok(sqlx::query(words).bind(&name.0[..]).execute(&mut **to).await?.rows_affected())
}

/// Moves every page into the file and cuts the log, so that no old page outlives its key; tells
/// whether no reader was in the way.
pub(super) async fn empty_log(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let blocked: i64 =
        sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    Ok(blocked == 0)
}

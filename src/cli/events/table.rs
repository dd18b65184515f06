//! Events as a table in an SQLite file, for people who ask in SQL.

use std::path::{Path, PathBuf};

use piperoll_domain::wire::Readable;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{audit::line, cli::error::Error, fact, roll::Entry};

const CREATE: &str = "CREATE TABLE events (
    position INTEGER PRIMARY KEY, hash TEXT NOT NULL, type TEXT NOT NULL, stream TEXT NOT NULL,
    version INTEGER NOT NULL, previous INTEGER NOT NULL, id TEXT NOT NULL,
    recorded_at TEXT NOT NULL, effective_at TEXT, tenant TEXT NOT NULL,
    tenant_version INTEGER NOT NULL, actor_kind TEXT NOT NULL, actor TEXT NOT NULL,
    correlation TEXT NOT NULL, causation TEXT, operation TEXT, idempotency_key TEXT,
    data TEXT NOT NULL, record BLOB NOT NULL) STRICT";

const INSERT: &str =
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// How many events are written in one transaction.
const BATCH: u64 = 10_000;

/// A file being filled.
pub(super) struct Table {
    path: PathBuf,
    connection: SqliteConnection,
    written: u64,
}

impl Table {
    /// A new file; one that is there is left alone.
    pub(super) async fn create(path: &Path) -> Result<Self, Error> {
        if path.exists() {
            return Err(Error::AlreadyThere { path: path.to_owned() });
        }
        let failed = failed("create", path);
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = options.connect().await.map_err(&failed)?;
        sqlx::query(CREATE).execute(&mut connection).await.map_err(&failed)?;
        sqlx::query("BEGIN").execute(&mut connection).await.map_err(&failed)?;
        Ok(Self { path: path.to_owned(), connection, written: 0 })
    }

    /// One more event.
    pub(super) async fn insert(&mut self, entry: &Entry) -> Result<(), Error> {
        let recorded = fact::decode_entry(entry)?;
        let at = &recorded.envelope;
        let key = at.idempotency.as_ref();
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let time = |time| line::time(time).unwrap_or_else(|| time.micros().to_string());
        let kind = serde_json::to_value(at.actor.kind)?;
        sqlx::query(INSERT)
            .bind(signed(at.position))
            .bind(entry.head().hash.to_string())
            .bind(recorded.event.name())
            .bind(at.stream.to_string())
            .bind(signed(at.version))
            .bind(signed(at.previous))
            .bind(at.id.to_string())
            .bind(time(at.recorded_at))
            .bind(at.effective_at.map(time))
            .bind(at.tenant.as_str())
            .bind(signed(at.tenant_version))
            .bind(kind.as_str().unwrap_or_default().to_owned())
            .bind(at.actor.id.as_str())
            .bind(at.correlation.to_string())
            .bind(at.causation.map(|id| id.to_string()))
            .bind(key.map(|key| key.operation.as_str()))
            .bind(key.map(|key| key.key.as_str()))
            .bind(serde_json::to_string(&Readable(&recorded.event))?)
            .bind(entry.bytes())
            .execute(&mut self.connection)
            .await
            .map_err(failed("write to", &self.path))?;
        self.written += 1;
        if self.written.is_multiple_of(BATCH) {
            self.say("COMMIT").await?;
            self.say("BEGIN").await?;
        }
        Ok(())
    }

    /// All of it on disk.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.say("COMMIT").await?;
        self.connection.close().await.map_err(failed("close", &self.path))
    }

    async fn say(&mut self, words: &'static str) -> Result<(), Error> {
        let said = sqlx::query(words).execute(&mut self.connection).await;
        said.map(drop).map_err(failed("write to", &self.path))
    }
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(sqlx::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Table { doing, path: path.clone(), source }
}

//! The only writer of a generation: rows and checkpoint in one transaction.

mod words;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use piperoll_projections::{
    SCHEMAS,
    batch::Batch,
    change::Key,
    runbook_views,
    schema::{Breadth, Schema},
    tables::{Columns, Row, stored},
    value::{Text, Value},
};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteArguments, SqliteConnectOptions},
};

use self::words::Words;
use super::{Error, Mark, checkpoint, connect, digest, stamp};
use crate::roll::shape::{self, Definition};

/// How many rows one statement takes, the largest first. Each size is prepared once.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// The words for each table, at each breadth, of each size.
static UPSERTS: LazyLock<Vec<Vec<[Arc<str>; SIZES.len()]>>> = LazyLock::new(|| {
    let at = |schema: &Schema, breadth| SIZES.map(|rows| schema.upsert(rows, breadth).into());
    let of = |schema: &Schema| schema.breadths().map(|breadth| at(schema, breadth)).collect();
    SCHEMAS.into_iter().map(of).collect()
});

/// A folded batch as SQLite takes it: made away from the writer, so that it only waits for the disk.
#[derive(Debug, Default)]
pub struct Statements(Vec<Statement>);

/// Rows of one table.
#[derive(Debug)]
struct Statement {
    table: usize,
    sql: Arc<str>,
    arguments: SqliteArguments,
}

/// How long writing has taken, by table in the order of [`SCHEMAS`].
pub type Spent = [Duration; SCHEMAS.len()];

impl Statements {
    /// The statements that write what a batch changes.
    pub fn of(batch: Batch) -> Result<Self, sqlx::Error> {
        let (mut statements, mut words) = (Self::default(), Words::default());
        for (schema, count, rows) in batch.into_tables() {
            if schema.layout.often.is_empty() {
                statements.add(schema, Breadth::Whole, count, rows, &mut words)?;
            } else {
                let columns = Columns::of(schema, Breadth::Often);
                let (often, whole): (Vec<_>, Vec<_>) = rows.partition(|(_, row)| columns.tell(row));
                let count = whole.len();
                statements.add(schema, Breadth::Whole, count, whole.into_iter(), &mut words)?;
                let count = often.len();
                statements.add(schema, Breadth::Often, count, often.into_iter(), &mut words)?;
            }
        }
        Ok(statements)
    }

    fn add(
        &mut self,
        schema: &'static Schema,
        breadth: Breadth,
        mut left: usize,
        mut rows: impl Iterator<Item = (Key, Row)>,
        words: &mut Words,
    ) -> Result<(), sqlx::Error> {
        let (columns, width) = (Columns::of(schema, breadth), schema.written(breadth).count());
        while let Some((size, sql)) = fitting(schema, breadth, left) {
            left = left.saturating_sub(size);
            let mut arguments = SqliteArguments::default();
            arguments.reserve(size.saturating_mul(width), 0);
            for (key, row) in rows.by_ref().take(size) {
                stored(schema, &columns, key, row, |cell| words.bind(&mut arguments, cell))?;
            }
            self.0.push(Statement { table: schema.index, sql, arguments });
        }
        Ok(())
    }
}

/// Only the owner reads what accounts hold; SQLite gives its own files beside it the same permissions.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn fitting(schema: &Schema, breadth: Breadth, rows: usize) -> Option<(usize, Arc<str>)> {
    let at = schema.breadths().position(|other| other == breadth)?;
    let texts = UPSERTS.get(schema.index)?.get(at)?;
    let (size, sql) = SIZES.iter().zip(texts).find(|(size, _)| **size <= rows)?;
    Some((*size, sql.clone()))
}

pub(in crate::views) fn bind(
    arguments: &mut SqliteArguments,
    cell: Option<Value>,
) -> Result<(), sqlx::Error> {
    let bound = match cell {
        Some(Value::Integer(number)) => arguments.add(number),
        Some(Value::Text(Text::Word(text))) => arguments.add(text),
        Some(Value::Text(Text::Shared(text))) => arguments.add(Arc::<str>::from(text)),
        None => arguments.add(None::<i64>),
    };
    bound.map_err(sqlx::Error::Encode)
}

/// The only writer of a generation.
///
/// An error between `BEGIN` and `COMMIT` leaves a connection whose state nobody knows: it is dropped,
/// and [`Writer::reopen`] asks the file where it stands.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    mark: Mark,
    spent: Spent,
}

impl Writer {
    pub(super) async fn open(path: &Path) -> Result<Self, Error> {
        Self::with(path, connect::writing(path)).await
    }

    async fn with(path: &Path, options: SqliteConnectOptions) -> Result<Self, Error> {
        let mark = Mark { position: 0, hash: piperoll_domain::bytes::Bytes::ZERO };
        let spent = Spent::default();
        let mut writer = Self { path: path.to_owned(), options, connection: None, mark, spent };
        writer.reopen().await?;
        Ok(writer)
    }

    /// A new generation without rows, written without regard for crashes until [`Writer::finish`].
    pub(in crate::views) async fn create(path: &Path, begin: Mark) -> Result<Self, Error> {
        let options = connect::building(path);
        let failed = |source| Error::Open { path: path.to_owned(), source };
        private(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let mut connection = options.connect().await.map_err(failed)?;
        make(&mut connection, begin).await.map_err(failed)?;
        let connection = Some(connection);
        let spent = Spent::default();
        Ok(Self { path: path.to_owned(), options, connection, mark: begin, spent })
    }

    /// Makes a new generation fit for use: the further orders, everything on disk, safe from crashes.
    pub(in crate::views) async fn finish(mut self) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: self.path.clone(), source };
        if let Some(mut connection) = self.connection.take() {
            for schema in SCHEMAS {
                let began = Instant::now();
                for statement in schema.create_indexes() {
                    let made = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
                    made.map_err(failed)?;
                }
                note(&mut self.spent, schema.index, began);
            }
            connection.close().await.map_err(failed)?;
        }
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        synced.map_err(|source| Error::File { path: self.path.clone(), source })?;
        Ok(Self { spent: self.spent, ..Self::open(&self.path).await? })
    }

    /// How long writing each table has taken so far.
    pub const fn spent(&self) -> &Spent {
        &self.spent
    }

    /// Where it stands.
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the connection anew, and asks the file where it stands.
    pub async fn reopen(&mut self) -> Result<(), Error> {
        self.connection = None;
        let failed = |source| Error::Open { path: self.path.clone(), source };
        let mut connection = self.options.connect().await.map_err(failed)?;
        let found = checkpoint(&mut connection).await.map_err(failed)?;
        let (mark, _) = found.ok_or(sqlx::Error::RowNotFound).map_err(failed)?;
        (self.connection, self.mark) = (Some(connection), mark);
        Ok(())
    }

    /// Writes a folded batch that begins where this stands and ends at `mark`: all of it or nothing.
    pub async fn write(&mut self, batch: Statements, mark: Mark) -> Result<(), Error> {
        if self.connection.is_none() {
            let was = self.mark;
            self.reopen().await?;
            if self.mark != was {
                return Err(Error::Moved { expected: was.position });
            }
        }
        let Some(mut connection) = self.connection.take() else {
            return Err(Error::Moved { expected: self.mark.position });
        };
        transact(&mut connection, batch, self.mark, mark, &mut self.spent).await?;
        (self.connection, self.mark) = (Some(connection), mark);
        Ok(())
    }

    /// Closes it in good order.
    pub async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await;
        }
    }
}

async fn transact(
    connection: &mut SqliteConnection,
    batch: Statements,
    from: Mark,
    to: Mark,
    spent: &mut Spent,
) -> Result<(), Error> {
    let failed = |source| Error::Write { position: to.position, source };
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    for Statement { table, sql, arguments } in batch.0 {
        let began = Instant::now();
        let written = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *transaction);
        written.await.map_err(failed)?;
        note(spent, table, began);
    }
    let moved = sqlx::query(
        "UPDATE checkpoint SET position = ?, hash = ? WHERE one = 1 AND position = ? AND hash = ?",
    )
    .bind(signed(to.position))
    .bind(to.hash.0.to_vec())
    .bind(signed(from.position))
    .bind(from.hash.0.to_vec())
    .execute(&mut *transaction)
    .await
    .map_err(failed)?;
    if moved.rows_affected() != 1 {
        return Err(Error::Moved { expected: from.position });
    }
    transaction.commit().await.map_err(failed)
}

fn note(spent: &mut Spent, table: usize, began: Instant) {
    if let Some(spent) = spent.get_mut(table) {
        *spent = spent.saturating_add(began.elapsed());
    }
}

async fn make(connection: &mut SqliteConnection, begin: Mark) -> Result<(), sqlx::Error> {
    let application = format!("PRAGMA application_id = {}", connect::APPLICATION);
    let checkpoint = "CREATE TABLE checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), \
                      schema BLOB NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL) STRICT";
    let version = format!("PRAGMA user_version = {}", stamp(digest()));
    let tables = SCHEMAS.into_iter().map(Schema::create);
    let statements = [application, version, checkpoint.to_owned()].into_iter().chain(tables);
    for statement in statements.chain(runbook_views::create()) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    sqlx::query("INSERT INTO checkpoint (one, schema, position, hash) VALUES (1, ?, ?, ?)")
        .bind(digest().0.to_vec())
        .bind(signed(begin.position))
        .bind(begin.hash.0.to_vec())
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// What a whole generation defines.
pub(in crate::views) async fn definitions() -> Result<Vec<Definition>, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().connect().await?;
    let nowhere = Mark { position: 0, hash: piperoll_domain::bytes::Bytes::ZERO };
    make(&mut connection, nowhere).await?;
    for statement in SCHEMAS.into_iter().flat_map(Schema::create_indexes) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    let definitions = shape::definitions(&mut connection).await?;
    connection.close().await?;
    Ok(definitions)
}

fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

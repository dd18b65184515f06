//! What a row costs at least: one of two columns for each event, appended to the same SQLite through
//! the same client, with nothing looked up and nothing indexed.

use std::path::Path;

use sqlx::{
    ConnectOptions as _, Connection as _, QueryBuilder, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Error, Watch, failed};
use crate::bench::Report;

/// Rows of one statement, as many as the views write at once.
const ROWS: u64 = 128;
/// About what an entry of the credit ledger holds.
const TEXT: &str = "shop acc_4f1c2a90b7e3 spent -871 MSAT general pay_18b1f4d2a70000000000000000 19129 \
                    MSAT 871 req-7f3a9c01 1700000012345678";

/// Measures.
pub(super) async fn measure(path: &Path, rows: u64, report: &mut Report) -> Result<(), Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .page_size(8_192)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .disable_statement_logging();
    let opened = options.connect().await;
    let mut connection = opened.map_err(failed("open a database"))?;
    let watch = Watch::start();
    insert(&mut connection, rows).await.map_err(failed("insert rows"))?;
    watch.tell("bare_row", rows, report);
    connection.close().await.map_err(failed("close a database"))
}

async fn insert(connection: &mut SqliteConnection, rows: u64) -> Result<(), sqlx::Error> {
    let table = "CREATE TABLE bare (position INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT";
    sqlx::query(table).execute(&mut *connection).await?;
    let mut transaction = connection.begin().await?;
    let mut after = 0;
    while after < rows {
        let mut query = QueryBuilder::new("INSERT INTO bare (position, data) ");
        query.push_values(after..rows.min(after + ROWS), |mut row, position| {
            row.push_bind(i64::try_from(position).unwrap_or(i64::MAX)).push_bind(TEXT);
        });
        query.build().execute(&mut *transaction).await?;
        after += ROWS;
    }
    transaction.commit().await
}

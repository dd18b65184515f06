//! How much of the disk an event takes, after everything is closed.

use std::{io, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::{Error, Report, failed, float};

/// Bytes that a file, or everything in a folder, takes for each of so many events.
pub(super) fn per_event(path: &Path, events: u64) -> Result<f64, Error> {
    let bytes = taken(path).map_err(failed("look how large a file is"))?;
    Ok(float(bytes) / float(events.max(1)))
}

/// What is allocated: some files are made long before they are full.
fn taken(path: &Path) -> io::Result<u64> {
    let about = std::fs::metadata(path)?;
    if !about.is_dir() {
        return Ok(allocated(&about));
    }
    std::fs::read_dir(path)?.map(|entry| taken(&entry?.path())).sum()
}

#[cfg(unix)]
fn allocated(about: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(about).saturating_mul(512)
}

#[cfg(not(unix))]
fn allocated(about: &std::fs::Metadata) -> u64 {
    about.len()
}

/// The tables of the views, each with its indexes.
pub(super) async fn views(directory: &Path, events: u64, report: &mut Report) -> Result<(), Error> {
    let file = std::fs::read_to_string(directory.join("views.current"));
    let file = directory.join(file.map_err(failed("find the views"))?.trim());
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let opened = options.disable_statement_logging().connect().await;
    let mut connection = opened.map_err(failed("open the views"))?;
    let tables: Vec<(String, i64)> = sqlx::query_as(
        "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s USING (name)
         WHERE d.aggregate = TRUE GROUP BY s.tbl_name ORDER BY s.tbl_name",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(failed("look how large the views are"))?;
    connection.close().await.map_err(failed("close the views"))?;
    for (table, bytes) in tables {
        let bytes = float(u64::try_from(bytes).unwrap_or(0));
        report.found(format!("view_{table}_bytes_per_event"), bytes / float(events.max(1)));
    }
    Ok(())
}

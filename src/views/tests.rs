//! What the views promise: rows are the fold of the roll, whatever happens on the way.

use std::{path::Path, sync::Arc, time::Duration};

use piperoll_projections::{
    SCHEMAS,
    change::Key,
    diff::{Difference, diff},
    tables::Tables,
};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tokio_util::sync::CancellationToken;

use super::{
    Opened, Outdated, Store, Views,
    read::Snapshot,
    rebuild,
    samples::{Memory, World, any_history},
    store,
};

mod lifecycle;
mod metered;
mod plans;
mod reading;
mod shares;
mod sql;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn built(directory: &Path, source: &Arc<Memory>) -> Store {
    rebuild(directory, source, |_| {}).await.unwrap()
}

async fn snapshot(store: Store) -> Snapshot {
    store.writer.close().await;
    Snapshot::of(Arc::new(store.generation)).await.unwrap()
}

/// Where the rows differ from the fold, page by page.
async fn differences(snapshot: &mut Snapshot, truth: &Tables, page: u32) -> Vec<Difference> {
    let mut found = vec![];
    for schema in SCHEMAS {
        let mut rows = vec![];
        let mut after: Option<Key> = None;
        loop {
            let next = snapshot.rows_behind(schema, after.as_ref(), page).await.unwrap();
            let Some((key, _)) = next.last() else { break };
            after = Some(key.clone());
            rows.extend(next);
        }
        found.extend(diff(schema, truth.table(schema).unwrap(), rows));
    }
    found
}

/// Changes a file behind our back.
async fn tamper(path: &Path, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let changed = sqlx::query(sql).execute(&mut connection).await.unwrap();
    assert!(changed.rows_affected() > 0, "{sql}");
    connection.close().await.unwrap();
}

fn file(directory: &Path, number: u64) -> std::path::PathBuf {
    directory.join(format!("views-{number}.db"))
}

fn started(
    directory: &Path,
    store: Store,
    source: &Arc<Memory>,
) -> (Views, CancellationToken, tokio::task::JoinHandle<()>) {
    let (views, follower) = Views::start(directory, store, source.clone());
    let stop = CancellationToken::new();
    let task = tokio::spawn(follower.run(stop.clone()));
    (views, stop, task)
}

const SOON: Duration = Duration::from_secs(20);

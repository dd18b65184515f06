//! What goes on beside the commits: carrying the log into the file, and watching another's writes.

use std::{sync::Weak, time::Duration};

use tokio::{
    sync::{Mutex, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{Error, Head, Shared, checkpoint::Checkpoints, writer::Writer};

const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
const POLL_EVERY: Duration = Duration::from_millis(200);
/// 64 MiB of pages: a longer log begins anew, for which the writer is held up for a moment.
const LOG_PAGES_MAX: i64 = 8192;

/// Carries the log into the file, once a second, for as long as the roll is open.
///
/// A roll that nobody uses any more must not be kept by its housekeeping: hence the weak reference.
pub(super) async fn checkpoint(
    mut checkpoints: Checkpoints,
    writer: Weak<Mutex<Writer>>,
    mut tail: watch::Receiver<Head>,
    stop: CancellationToken,
) {
    while let Some(Ok(())) = stop.run_until_cancelled(tail.changed()).await {
        if let Err(error) = checkpoint_once(&mut checkpoints, &writer).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the roll's log grows until this succeeds");
        }
        stop.run_until_cancelled(sleep(CHECKPOINT_EVERY)).await;
    }
    checkpoints.close().await;
}

async fn checkpoint_once(
    checkpoints: &mut Checkpoints,
    writer: &Weak<Mutex<Writer>>,
) -> Result<(), Error> {
    if checkpoints.passive().await? <= LOG_PAGES_MAX {
        return Ok(());
    }
    let Some(writer) = writer.upgrade() else { return Ok(()) };
    let _held = writer.lock().await;
    checkpoints.restart().await
}

/// Asks for the head, five times a second, for as long as the roll is open.
pub(super) async fn poll(shared: Weak<Shared>, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(POLL_EVERY)).await.is_some() {
        let Some(shared) = shared.upgrade() else { return };
        if let Err(error) = shared.head().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "failed to look whether the roll has moved");
        }
    }
}

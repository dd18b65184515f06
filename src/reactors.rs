//! Reactors: what the roll says is owed, done.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::service::Service;

/// Starts every reactor; each ends soon after `stop`, with nothing cut off half-way.
pub fn start(service: &Service, tasks: &TaskTracker, stop: &CancellationToken) {
    let _ = (service, tasks, stop);
}

//! The sweep's rhythm: at the start, and then at its interval.

use std::time::Duration;

use piperoll_domain::duty::Kind;
use tokio_util::sync::CancellationToken;

use super::REST;
use crate::service::Service;

pub(super) async fn run(service: Service, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = step(&service).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Sweeps, unless that is paused; says how long to rest.
async fn step(service: &Service) -> Duration {
    if service.rests(Kind::Sweep) {
        return REST;
    }
    match service.reconcile().await {
        Ok(run) if run.checked > 0 => {
            let piperoll_domain::roll::ReconciliationFinished { checked, paid, errors, .. } = run;
            tracing::info!(checked, paid, errors, "stale payments were asked about");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "a sweep could not be finished"),
    }
    service.settings().sweep_interval
}

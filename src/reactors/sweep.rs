//! The sweep's rhythm: at the start, and then at its interval.

use tokio_util::sync::CancellationToken;

use crate::service::Service;

pub(super) async fn run(service: Service, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match service.reconcile().await {
            Ok(run) if run.checked > 0 => {
                let piperoll_domain::roll::ReconciliationFinished { checked, paid, errors, .. } =
                    run;
                tracing::info!(checked, paid, errors, "stale payments were asked about");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a sweep could not be finished"),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(service.settings().sweep_interval) => {}
        }
    }
}

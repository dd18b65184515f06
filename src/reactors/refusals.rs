//! Refused webhooks, told of where their minute is over.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::service::Service;

/// How often it is looked whether a minute is over.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(service: Service, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        service.tell_refusals(stop.is_cancelled()).await;
    }
}

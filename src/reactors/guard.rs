//! Frozen streams that somebody came across: noted once, and their tenant's billing held back where
//! the settings say so.

use piperoll_domain::operation::NoteAnomaly;
use tokio_util::sync::CancellationToken;

use super::REST;
use crate::service::{Principal, Service};

pub(super) async fn run(service: Service, stop: CancellationToken) {
    while !stop.is_cancelled() {
        step(&service).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = tokio::time::sleep(REST) => {}
        }
    }
}

/// Notes what was come across since.
pub(crate) async fn step(service: &Service) {
    for stream in service.engine().frozen_seen() {
        let wish = NoteAnomaly { stream: stream.clone() };
        match service.command(&Principal::Reactor("guard"), wish, None, None).await {
            Ok(done) if done.events.is_empty() => {}
            Ok(_) => {
                tracing::error!(%stream, "a stream is frozen: its history breaks an invariant");
            }
            Err(error) => {
                tracing::warn!(%stream, %error, "it could not be noted that a stream is frozen");
                service.engine().frozen_again(&stream);
            }
        }
    }
}

//! What is counted and measured, under the names that the runbooks and alerts use.
//!
//! # Shape
//! What happened to money is counted from facts, once, straight after they were appended: neither a
//! repeat nor a request that failed half-way moves such a counter. What stands (backlogs, lags,
//! duties) is asked for when somebody looks, so that it is right after a restart. HTTP requests are
//! counted where they are answered.

mod facts;
pub mod gauges;
mod names;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

pub use self::{
    facts::{Facts, webhook},
    names::{NAMES, Name, Sort},
};

/// Upper bounds of latencies, in seconds.
pub const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the time from a challenge to its payment, in seconds.
const TO_PAID: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Upper bounds of the engine's phases, in seconds.
const PHASES: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Upper bounds of the commands in a group.
const GROUP: [f64; 13] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0];

/// Why nothing can be counted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Buckets that the exporter does not take.
    #[error("failed to lay out the buckets of the histograms")]
    Buckets(#[from] BuildError),
    /// Somebody else counts in this process already.
    #[error("another metrics recorder is installed in this process")]
    Taken,
}

/// A recorder with our buckets. A process installs one; a test keeps its own.
pub fn recorder() -> Result<PrometheusRecorder, Error> {
    let buckets: [(Matcher, &[f64]); 4] = [
        (Matcher::Full("http_request_duration_seconds".to_owned()), &SECONDS),
        (Matcher::Full("challenge_to_paid_latency_seconds".to_owned()), &TO_PAID),
        (Matcher::Full("piperoll_engine_group_commands".to_owned()), &GROUP),
        (Matcher::Suffix("_seconds".to_owned()), &PHASES),
    ];
    let mut builder = PrometheusBuilder::new();
    for (matcher, bounds) in buckets {
        builder = builder.set_buckets_for_metric(matcher, bounds)?;
    }
    Ok(builder.build_recorder())
}

/// Counts for the whole process from here on; again is the same.
pub fn install() -> Result<PrometheusHandle, Error> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| Error::Taken)?;
    names::describe();
    names::zero();
    *installed = Some(handle.clone());
    Ok(handle)
}

//! Measuring: how fast it is, beside what the machine itself could do in the same run.
//!
//! # Shape
//! A bench is a file of its own: options in, a [`Report`] out. It measures in a temporary directory
//! on the disk that counts, with callers that each wait for their answer before they ask again, and
//! it measures its own limit, so that a ratio means the same on any machine. What a run proves wrong
//! stands in [`Report::broken`], and whoever started it ends with a failure.

pub mod authorize;
mod bare;
pub mod bulk;
mod callers;
mod cpu;
pub mod credits;
mod disk;
mod edge;
pub mod engine;
pub mod flood;
pub mod growth;
mod house;
pub mod http;
pub mod l402;
mod machine;
mod outside;
mod place;
pub mod rebuild;
pub mod replays;
mod report;
pub mod verify;
mod wire;

pub use self::{
    bare::{Bare, Random, Stock},
    callers::{BoxError, Caller, Load, Plan, closed_loop},
    edge::{Edge, Spender},
    house::{House, Writer},
    machine::Machine,
    outside::Outside,
    place::Place,
    report::{Limit, Named, Report, float},
    wire::Wire,
};

/// Why a bench came to no figures.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}")]
pub struct Error {
    doing: &'static str,
    source: BoxError,
}

/// Says what was being done.
pub fn failed<E: Into<BoxError>>(doing: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error { doing, source: source.into() }
}

/// What all benches are asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// A folder on the disk to measure; the system's own for temporary files unless said otherwise.
    pub data: Option<std::path::PathBuf>,
    /// Callers, each of which waits for its answer before it asks again.
    pub callers: usize,
    /// How long is measured, after the warm-up.
    pub seconds: std::time::Duration,
}

impl Ask {
    /// The same, as a plan of load.
    pub fn plan(&self) -> Plan {
        Plan { callers: self.callers, warm_up: self.seconds / 10, seconds: self.seconds }
    }
}

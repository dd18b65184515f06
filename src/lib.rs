//! Everything of piperoll that is not a rule about money: the roll, its writer, its views, and the
//! edges to people, programs and providers.

pub mod api;
pub mod app;
pub mod audit;
pub mod bench;
pub mod cli;
pub mod config;
pub mod engine;
pub mod entropy;
pub mod exports;
pub mod fact;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod idempotency;
pub mod jwt;
pub mod keyring;
pub mod l402;
pub mod problem;
pub mod providers;
pub mod reactors;
pub mod roll;
pub mod secret;
pub mod service;
pub mod telemetry;
pub mod views;
pub mod watch;

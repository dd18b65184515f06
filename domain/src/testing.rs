//! Given a history, when a wish is put, then these facts are said: the rules under test, whole.
//!
//! No clock and no randomness: a story begins at [`BEGIN`], and its identifiers are counted.
//!
//! ```
//! use piperoll_domain::{rejection::Rejection, testing::*};
//! shop().and(top_up("pay_1", "alice", 5_000)).when(top_up("pay_1", "alice", 5_000))
//!     .rejected(&Rejection::PaymentExists);
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness for tests: what is wrong ends the test"
)]

mod build;
mod campaign;
mod letter;
mod meter;
mod samples;
mod story;

pub use build::*;
pub use campaign::*;
pub use letter::*;
pub use meter::*;
pub use samples::samples;
pub use story::{BEGIN, Outcome, Story, given, shop};

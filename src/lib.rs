//! The ledger under APIs that charge.

pub mod engine;
pub mod l402;
pub mod roll;

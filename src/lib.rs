//! The ledger under APIs that charge: one append-only, hash-chained roll of money events.

pub mod views;

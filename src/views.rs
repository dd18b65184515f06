//! The read side: rows that are folded from the roll, and may be wrong until they are rebuilt.
//!
//! # Shape
//! A **generation** is one SQLite file with every table, written by one follower: batches of events
//! are folded in memory, and rows and checkpoint go down in one transaction. A pointer file names
//! the generation in force. A rebuild makes the next one beside it, lets it catch up, and moves the
//! pointer; whoever still reads the old one keeps it alive.
//!
//! # Correctness
//! The checkpoint carries the chain's hash, so rows of another history are never used. A crash
//! between two batches repeats nothing and skips nothing. No decision about money reads any of this.

pub mod follow;
mod of_roll;
pub mod read;
pub mod rebuild;
pub mod store;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use self::{
    follow::{Batch, Events, Lag, Source, Views, fold_all},
    of_roll::Blocks,
    read::{AsOf, Cursor, Page, Snapshot},
    rebuild::{Progress, rebuild},
    store::{Error, Mark, Opened, Outdated, Store},
};

//! The rules of the roll, with no idea that a network, a disk or a clock exists.
//!
//! Everything here is a pure function of its inputs: time, identifiers and random bytes come in with
//! the command. A refusal is a value ([`rejection::Rejection`]), a broken invariant in history
//! freezes its stream ([`book::Frozen`]), and nothing here can fail because a machine did.
#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]
#![warn(clippy::wildcard_enum_match_arm, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod account;
pub mod billing;
pub mod book;
pub mod bytes;
pub mod campaign;
pub mod chart;
pub mod claim;
pub mod commodity;
pub mod connection;
pub mod draft;
pub mod duty;
pub mod entitlement;
pub mod event;
mod few;
pub mod grantee;
pub mod id;
pub mod letter;
pub mod money;
pub mod offer;
pub mod operation;
pub mod payment;
pub mod postings;
pub mod receipt;
pub mod rejection;
pub mod roll;
pub mod sealed;
pub mod settings;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod wire;
pub mod worker;

//! Everything of piperoll that is not a rule about money.

pub mod idempotency;
pub mod keyring;
pub mod secret;

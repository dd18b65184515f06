//! Everything of piperoll that is not a rule about money.

pub mod l402;

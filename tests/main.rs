//! piperoll from the outside. One binary, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail; clippy lets it only inside `#[test]`"
)]

mod architecture;
mod bench;
mod campaigns;
mod clocks;
mod commands;
mod crash;
mod doors;
mod events_page;
mod exports;
mod faults;
mod flips;
mod fuzz;
mod hostile;
mod house;
mod keyring;
mod letters;
mod lnbits;
mod macaroons;
mod metered;
mod metrics;
mod nginx;
mod offline;
mod overload;
mod peers;
mod refusals;
mod replay;
mod runbook;
mod secrets;
mod server;
mod simulation;
mod unread;
mod verify;

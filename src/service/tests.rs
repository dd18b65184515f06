//! The service over a roll in memory, a sandbox that remembers, and a clock that is moved by hand.

mod breaking;
mod campaigns;
mod creates;
mod demo;
pub(crate) mod house;
mod letters;
mod limits;
mod matching;
mod metering;
pub(crate) mod node;
mod reconciling;
mod refusing;
mod rotation;
mod settling;
mod table;
mod tenants;
mod unsigned;
mod uses;
mod webhooks;

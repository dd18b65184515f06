//! From a record's bytes to the fact that they hold.

mod named;

use piperoll_domain::{event::Recorded, wire};

pub use self::named::{Named, Nameless};
use crate::roll::{Entry, Record, RecordError};

/// Why an event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its record cannot.
    #[error("the record at position {position} cannot be read")]
    Record {
        /// Where.
        position: u64,
        /// What is wrong.
        source: RecordError,
    },
    /// Its fields cannot.
    #[error("the event at position {position} cannot be decoded")]
    Event {
        /// Where.
        position: u64,
        /// What is wrong.
        source: wire::Error,
    },
}

/// The fact that bytes hold.
pub fn decode(position: u64, bytes: &[u8]) -> Result<Recorded, Unreadable> {
    let broken = |source| Unreadable::Record { position, source };
    let record = Record::read(bytes).map_err(broken)?;
    let event = wire::decode(record.name, record.data);
    let event = event.map_err(|source| Unreadable::Event { position, source })?;
    Ok(Recorded { envelope: record.envelope().map_err(broken)?, event })
}

/// The fact in an entry of the roll.
pub fn decode_entry(entry: &Entry) -> Result<Recorded, Unreadable> {
    decode(entry.position(), entry.bytes())
}

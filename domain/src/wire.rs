//! The stored form of a fact: a wire name and the MessagePack map of its fields.
//!
//! A wire name, `category.fact.vN`, is a contract for ever. A change of meaning is a new version
//! with a struct of its own, and an arm in [`decode`] that lifts the old struct to the next.

#[cfg(test)]
mod tests;

use serde::{Deserialize as _, Serializer};

use crate::event::Event;

/// Bytes that are no fact of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer release wrote it, or nobody did.
    #[error("the event type `{0}` is not known to this release")]
    Unknown(String),
    /// The name is known, the fields are not what it promises.
    #[error("an event `{name}` could not be decoded")]
    Malformed {
        /// The wire name.
        name: String,
        /// What was wrong.
        source: rmp_serde::decode::Error,
    },
    /// Something stands behind the event's own bytes.
    #[error("an event `{0}` has trailing bytes")]
    Trailing(String),
}

/// The fields of a fact as MessagePack, appended to `buffer`.
///
/// # Errors
/// When a field cannot be encoded; none of ours can fail.
pub fn encode(event: &Event, buffer: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    let mut serializer = rmp_serde::Serializer::new(buffer).with_struct_map();
    event.serialize_data(&mut serializer)
}

/// The fact behind a wire name and its stored fields.
pub fn decode(name: &str, data: &[u8]) -> Result<Event, Error> {
    // Over the bytes as they lie, or every field's name would be copied to be read.
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(data);
    let event = Event::deserialize_data(name, &mut deserializer)
        .ok_or_else(|| Error::Unknown(name.to_owned()))?
        .map_err(|source| Error::Malformed { name: name.to_owned(), source })?;
    // Whatever stood there, its first byte could be read.
    match bool::deserialize(&mut deserializer) {
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(event),
        Ok(_) | Err(_) => Err(Error::Trailing(name.to_owned())),
    }
}

/// A fact's fields for people: the same names, bytes as hexadecimal, money as text.
pub struct Readable<'a>(pub &'a Event);

impl serde::Serialize for Readable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_data(serializer)
    }
}

/// How an enum holds a fact: in place, or in a box where it is larger than the others.
macro_rules! lies {
    ($fact:ident) => { $fact };
    ($fact:ident $box:ident) => { $box<$fact> };
}
pub(crate) use lies;

/// Writes an aggregate's facts once: the enum, the wire names and both directions of the wire.
macro_rules! events {
    ($outer:ident { $($(#[$doc:meta])* $variant:ident $(in $box:ident)? = $name:literal,)+ }) => {
        /// What may have happened, by wire name.
        #[allow(
            clippy::large_enum_variant,
            reason = "facts are said one at a time; only the largest would make all others costly to move"
        )]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $variant($crate::wire::lies!($variant $($box)?)),)+
        }

        impl Event {
            /// Every wire name of this aggregate.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The wire name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            pub(crate) fn serialize_data<S: serde::Serializer>(
                &self, serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(event) => serde::Serialize::serialize(event, serializer),)+ }
            }

            pub(crate) fn deserialize_data<'de, D: serde::Deserializer<'de>>(
                name: &str, deserializer: D,
            ) -> Option<Result<Self, D::Error>> {
                match name {
                    $($name => Some(serde::Deserialize::deserialize(deserializer).map(Self::$variant)),)+
                    _ => None,
                }
            }
        }

        $(impl From<$variant> for crate::event::Event {
            fn from(event: $variant) -> Self {
                Self::$outer(Event::$variant(event.into()))
            }
        })+
    };
}
pub(crate) use events;

/// Reads a fact from its readable fields, as they stand in replay fixtures.
pub fn from_readable<'de, D: serde::Deserializer<'de>>(
    name: &str,
    fields: D,
) -> Option<Result<Event, D::Error>> {
    Event::deserialize_data(name, fields)
}

/// A wire name that stands alone, for callers that only route by it.
pub fn category(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

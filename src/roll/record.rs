//! The record: an envelope and its event's bytes, as they are stored and hashed.
//!
//! A [`Record`] borrows everything, so that writing one allocates nothing and reading one touches
//! the event's own bytes not at all. One record has one encoding: reading refuses every other, so
//! nothing can hide in a record that the hash covers and the reader does not see.

use std::io::Write;

use piperoll_domain::{
    bytes::{Bytes, Id16},
    event::{Actor, ActorKind, Envelope, Idempotency},
    id::{InvalidName, Stream},
    time::Time,
};
use serde::{
    Deserialize, Serialize, Serializer,
    de::value::{BorrowedStrDeserializer, Error as UnknownVariant},
};

use super::wire::Reader;

/// The version of the envelope that this release writes and reads.
const V: u64 = 1;
/// The longest stream name: the longest kind, `-`, 32, `-`, 80, with room to spare.
const STREAM_BYTES_MAX: usize = 160;

/// Why bytes are no record, or an envelope cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end too early.
    #[error("the record ends inside `{field}`")]
    Ends {
        /// Where it ends.
        field: &'static str,
    },
    /// A value of another type, or not in its shortest form.
    #[error("`{field}` is not encoded as it must be")]
    Malformed {
        /// Which one.
        field: &'static str,
    },
    /// Another field stands where this one must.
    #[error("`{field}` is missing, or another field stands in its place")]
    Missing {
        /// The field that belongs there.
        field: &'static str,
    },
    /// Bytes after the last field.
    #[error("{bytes} bytes follow the end of the record")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// An envelope of a release to come.
    #[error("the record has envelope version {v}; this release reads version {V}")]
    Version {
        /// What it says.
        v: u64,
    },
    /// The tenant is not the one in the stream's name.
    #[error("the record says tenant `{tenant}` beside stream `{stream}`")]
    Tenant {
        /// The tenant beside the stream.
        tenant: String,
        /// The stream's name.
        stream: String,
    },
    /// The stream's previous event does not stand before this one.
    #[error("the record at {position} says that its stream's previous event is at {previous}")]
    Previous {
        /// Where the record stands.
        position: u64,
        /// Where the previous one would stand.
        previous: u64,
    },
    /// A name outside its grammar.
    #[error("`{field}` is no such name")]
    Name {
        /// Which one.
        field: &'static str,
        /// What it must look like.
        source: InvalidName,
    },
    /// The encoder refused the record.
    #[error("the record cannot be encoded")]
    Encode,
}

/// A record, borrowed from its bytes or from an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Record<'a> {
    v: u64,
    /// Its place in the roll.
    pub position: u64,
    /// The name of its stream.
    pub stream: &'a str,
    /// Its place in the stream.
    pub version: u64,
    /// Position of the stream's previous event; 0 for none.
    pub previous: u64,
    /// The event's identity.
    pub id: Id16,
    /// The event's type, `category.fact.vN`.
    #[serde(rename = "type")]
    pub name: &'a str,
    /// The event's own MessagePack.
    #[serde(serialize_with = "binary")]
    pub data: &'a [u8],
    /// The writer's time.
    pub recorded_at: Time,
    /// When it happened outside.
    pub effective_at: Option<Time>,
    /// Whose it is.
    pub tenant: &'a str,
    /// The tenant's own gapless count.
    pub tenant_version: u64,
    /// Who caused it.
    pub actor: Causer<'a>,
    /// Shared by all that follows from one request.
    pub correlation: Id16,
    /// The event that this one follows from.
    pub causation: Option<Id16>,
    /// The caller's key.
    pub idempotency: Option<Key<'a>>,
}

/// An [`Actor`], borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Causer<'a> {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Which one.
    pub id: &'a str,
    /// A fingerprint of the credential used.
    pub credential: Option<Bytes<8>>,
}

/// An [`Idempotency`], borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Key<'a> {
    /// The operation that the key is scoped to.
    pub operation: &'a str,
    /// The key.
    pub key: &'a str,
    /// What the request was.
    pub fingerprint: Bytes<33>,
}

/// Appends the record of `envelope` and its event to `out`; on an error `out` is as it was.
pub fn write(out: &mut Vec<u8>, envelope: &Envelope, name: &str, data: &[u8]) -> Result<(), Error> {
    let mut text = [0; STREAM_BYTES_MAX];
    let stream = format(&envelope.stream, &mut text)?;
    let record = Record::of(envelope, stream, name, data);
    record.check()?;
    let start = out.len();
    record.serialize(&mut rmp_serde::Serializer::new(&mut *out).with_struct_map()).map_err(|_| {
        out.truncate(start);
        Error::Encode
    })
}

fn format<'a>(stream: &Stream, text: &'a mut [u8; STREAM_BYTES_MAX]) -> Result<&'a str, Error> {
    let mut rest = text.as_mut_slice();
    write!(rest, "{stream}").map_err(|_| Error::Encode)?;
    let length = STREAM_BYTES_MAX - rest.len();
    std::str::from_utf8(&text[..length]).map_err(|_| Error::Encode)
}

fn binary<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl<'a> Record<'a> {
    fn of(envelope: &'a Envelope, stream: &'a str, name: &'a str, data: &'a [u8]) -> Self {
        Self {
            v: V,
            position: envelope.position,
            stream,
            version: envelope.version,
            previous: envelope.previous,
            id: envelope.id,
            name,
            data,
            recorded_at: envelope.recorded_at,
            effective_at: envelope.effective_at,
            tenant: envelope.tenant.as_str(),
            tenant_version: envelope.tenant_version,
            actor: Causer::of(&envelope.actor),
            correlation: envelope.correlation,
            causation: envelope.causation,
            idempotency: envelope.idempotency.as_ref().map(Key::of),
        }
    }

    /// Reads a record without copying it and without looking into its event.
    ///
    /// Names are checked only when [`Record::envelope`] makes them.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let record = Self::fields(&mut reader)?;
        reader.end()?;
        record.check()?;
        Ok(record)
    }

    fn fields(from: &mut Reader<'a>) -> Result<Self, Error> {
        from.map(16, "record")?;
        Ok(Self {
            v: version(from)?,
            position: field(from, "position", Reader::unsigned)?,
            stream: field(from, "stream", Reader::text)?,
            version: field(from, "version", Reader::unsigned)?,
            previous: field(from, "previous", Reader::unsigned)?,
            id: field(from, "id", bytes)?,
            name: field(from, "type", Reader::text)?,
            data: field(from, "data", Reader::binary)?,
            recorded_at: field(from, "recorded_at", time)?,
            effective_at: optional(from, "effective_at", time)?,
            tenant: field(from, "tenant", Reader::text)?,
            tenant_version: field(from, "tenant_version", Reader::unsigned)?,
            actor: field(from, "actor", |from, _| Causer::read(from))?,
            correlation: field(from, "correlation", bytes)?,
            causation: optional(from, "causation", bytes)?,
            idempotency: optional(from, "idempotency", |from, _| Key::read(from))?,
        })
    }

    /// What must hold of every record, whatever its event means.
    fn check(&self) -> Result<(), Error> {
        if self.stream.split('-').nth(1) != Some(self.tenant) {
            let (tenant, stream) = (self.tenant.to_owned(), self.stream.to_owned());
            return Err(Error::Tenant { tenant, stream });
        }
        if self.previous >= self.position {
            return Err(Error::Previous { position: self.position, previous: self.previous });
        }
        Ok(())
    }

    /// Everything but the event, owned, with its names checked.
    pub fn envelope(&self) -> Result<Envelope, Error> {
        let named = |field| move |source| Error::Name { field, source };
        Ok(Envelope {
            position: self.position,
            stream: self.stream.parse().map_err(named("stream"))?,
            version: self.version,
            previous: self.previous,
            id: self.id,
            recorded_at: self.recorded_at,
            effective_at: self.effective_at,
            tenant: self.tenant.parse().map_err(named("tenant"))?,
            tenant_version: self.tenant_version,
            actor: self.actor.to_actor(),
            correlation: self.correlation,
            causation: self.causation,
            idempotency: self.idempotency.map(Key::to_idempotency),
        })
    }
}

impl<'a> Causer<'a> {
    fn of(actor: &'a Actor) -> Self {
        Self { kind: actor.kind, id: &actor.id, credential: actor.credential }
    }

    fn read(from: &mut Reader<'a>) -> Result<Self, Error> {
        from.map(3, "actor")?;
        Ok(Self {
            kind: field(from, "kind", kind)?,
            id: field(from, "id", Reader::text)?,
            credential: optional(from, "credential", bytes)?,
        })
    }

    fn to_actor(self) -> Actor {
        Actor { kind: self.kind, id: self.id.into(), credential: self.credential }
    }
}

impl<'a> Key<'a> {
    fn of(of: &'a Idempotency) -> Self {
        Self { operation: &of.operation, key: &of.key, fingerprint: of.fingerprint }
    }

    fn read(from: &mut Reader<'a>) -> Result<Self, Error> {
        from.map(3, "idempotency")?;
        Ok(Self {
            operation: field(from, "operation", Reader::text)?,
            key: field(from, "key", Reader::text)?,
            fingerprint: field(from, "fingerprint", bytes)?,
        })
    }

    fn to_idempotency(self) -> Idempotency {
        let (operation, key) = (self.operation.into(), self.key.into());
        Idempotency { operation, key, fingerprint: self.fingerprint }
    }
}

fn field<'a, T>(
    from: &mut Reader<'a>,
    name: &'static str,
    read: impl FnOnce(&mut Reader<'a>, &'static str) -> Result<T, Error>,
) -> Result<T, Error> {
    from.key(name)?;
    read(from, name)
}

fn optional<'a, T>(
    from: &mut Reader<'a>,
    name: &'static str,
    read: impl FnOnce(&mut Reader<'a>, &'static str) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    from.key(name)?;
    from.optional(name, |from| read(from, name))
}

fn version(from: &mut Reader<'_>) -> Result<u64, Error> {
    match field(from, "v", Reader::unsigned)? {
        V => Ok(V),
        v => Err(Error::Version { v }),
    }
}

fn bytes<const N: usize>(from: &mut Reader<'_>, field: &'static str) -> Result<Bytes<N>, Error> {
    Bytes::from_slice(from.binary(field)?).ok_or(Error::Malformed { field })
}

fn time(from: &mut Reader<'_>, field: &'static str) -> Result<Time, Error> {
    from.signed(field).map(Time::from_micros)
}

fn kind(from: &mut Reader<'_>, field: &'static str) -> Result<ActorKind, Error> {
    let word = BorrowedStrDeserializer::<UnknownVariant>::new(from.text(field)?);
    ActorKind::deserialize(word).map_err(|_| Error::Malformed { field })
}

#[cfg(test)]
mod tests;

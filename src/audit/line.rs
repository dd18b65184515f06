//! One event as one line of JSON: for people, for `grep`, and to be read back to the same bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chrono::{DateTime, SecondsFormat, Utc};
use piperoll_domain::{
    bytes::{Hash, Id16},
    event::{Actor, Envelope, Event, Idempotency, Recorded},
    id::{Stream, TenantId},
    time::Time,
    wire,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::{
    fact::{self, Unreadable},
    roll::RecordError,
};

/// An event for people: every field of its record, bytes as hexadecimal, times as RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The chain's hash at it, where it is known.
    pub hash: Option<Hash>,
    /// The event.
    pub recorded: Recorded,
}

/// An event for verifiers: the bytes that were stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Its place in the roll.
    pub position: u64,
    /// The chain's hash at it.
    pub hash: Hash,
    /// The record, base64.
    pub record: String,
}

impl Raw {
    /// Of a record's bytes.
    pub fn new(position: u64, hash: Hash, record: &[u8]) -> Self {
        Self { position, hash, record: BASE64.encode(record) }
    }

    /// The record's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        BASE64.decode(&self.record)
    }
}

/// Why a line is no event, or an event no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not the JSON of an event.
    #[error("line {number} is not an event")]
    Line {
        /// Which line, from 1.
        number: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The record is not base64.
    #[error("line {number} has a record that is not base64")]
    Base64 {
        /// Which line, from 1.
        number: u64,
        /// What is wrong with it.
        source: base64::DecodeError,
    },
    /// Its fields cannot be encoded.
    #[error("the event at position {position} cannot be encoded")]
    Event {
        /// Where.
        position: u64,
        /// What is wrong with it.
        source: rmp_serde::encode::Error,
    },
    /// Its envelope makes no record.
    #[error("the event at position {position} makes no record")]
    Record {
        /// Where.
        position: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Its bytes cannot be read.
    #[error("line {number} cannot be read")]
    Unreadable {
        /// Which line, from 1.
        number: u64,
        /// What is wrong with it.
        source: Unreadable,
    },
}

/// Reads a line, in either form.
pub fn read(number: u64, text: &str) -> Result<Line, Error> {
    if let Ok(raw) = serde_json::from_str::<Raw>(text) {
        let bytes = raw.bytes().map_err(|source| Error::Base64 { number, source })?;
        let recorded = fact::decode(raw.position, &bytes);
        let recorded = recorded.map_err(|source| Error::Unreadable { number, source })?;
        return Ok(Line { hash: Some(raw.hash), recorded });
    }
    serde_json::from_str(text).map_err(|source| Error::Line { number, source })
}

/// The bytes that an event is stored as.
pub fn record(recorded: &Recorded) -> Result<Vec<u8>, Error> {
    let position = recorded.envelope.position;
    let (mut data, mut bytes) = (vec![], vec![]);
    wire::encode(&recorded.event, &mut data).map_err(|source| Error::Event { position, source })?;
    crate::roll::write_record(&mut bytes, &recorded.envelope, recorded.event.name(), &data)
        .map_err(|source| Error::Record { position, source })?;
    Ok(bytes)
}

#[derive(Serialize)]
struct Written<'a> {
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
    #[serde(rename = "type")]
    name: &'a str,
    stream: &'a Stream,
    version: u64,
    previous: u64,
    id: Id16,
    recorded_at: At,
    effective_at: Option<At>,
    tenant: &'a TenantId,
    tenant_version: u64,
    actor: &'a Actor,
    correlation: Id16,
    causation: Option<Id16>,
    idempotency: &'a Option<Idempotency>,
    data: wire::Readable<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    position: u64,
    hash: Option<Hash>,
    #[serde(rename = "type")]
    name: String,
    stream: Stream,
    version: u64,
    previous: u64,
    id: Id16,
    recorded_at: At,
    effective_at: Option<At>,
    tenant: TenantId,
    tenant_version: u64,
    actor: Actor,
    correlation: Id16,
    causation: Option<Id16>,
    idempotency: Option<Idempotency>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Recorded { envelope: at, event } = &self.recorded;
        let written = Written {
            position: at.position,
            hash: self.hash,
            name: event.name(),
            stream: &at.stream,
            version: at.version,
            previous: at.previous,
            id: at.id,
            recorded_at: At(at.recorded_at),
            effective_at: at.effective_at.map(At),
            tenant: &at.tenant,
            tenant_version: at.tenant_version,
            actor: &at.actor,
            correlation: at.correlation,
            causation: at.causation,
            idempotency: &at.idempotency,
            data: wire::Readable(event),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let event = event(&read.name, read.data).map_err(de::Error::custom)?;
        let envelope = Envelope {
            position: read.position,
            stream: read.stream,
            version: read.version,
            previous: read.previous,
            id: read.id,
            recorded_at: read.recorded_at.0,
            effective_at: read.effective_at.map(|at| at.0),
            tenant: read.tenant,
            tenant_version: read.tenant_version,
            actor: read.actor,
            correlation: read.correlation,
            causation: read.causation,
            idempotency: read.idempotency,
        };
        Ok(Self { hash: read.hash, recorded: Recorded { envelope, event } })
    }
}

fn event(name: &str, data: &RawValue) -> Result<Event, serde_json::Error> {
    let mut fields = serde_json::Deserializer::from_str(data.get());
    let unknown = || de::Error::custom(wire::Error::Unknown(name.to_owned()));
    wire::from_readable(name, &mut fields).ok_or_else(unknown)?
}

/// A time as RFC 3339 in microseconds; far beyond any calendar as the bare number.
#[derive(Debug, Clone, Copy)]
struct At(Time);

/// A time for people: RFC 3339, UTC, with microseconds.
pub fn time(time: Time) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp_micros(time.micros())?;
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match time(self.0) {
            Some(text) => serializer.serialize_str(&text),
            None => serializer.serialize_i64(self.0.micros()),
        }
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Micros(i64),
        }
        let micros = match Form::deserialize(deserializer)? {
            Form::Text(text) => {
                let time = DateTime::parse_from_rfc3339(&text).map_err(de::Error::custom)?;
                time.timestamp_micros()
            }
            Form::Micros(micros) => micros,
        };
        Ok(Self(Time::from_micros(micros)))
    }
}

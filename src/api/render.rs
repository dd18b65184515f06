//! How facts and times are written in answers.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use piperoll_domain::{
    money::{Code, Money},
    time::Time,
};
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use crate::{
    api::{
        Api, Problem,
        position::{POSITION, Position},
    },
    engine::Done,
    roll::Head,
};

/// Marks the answer to a repeat.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What most answers fit into.
const BODY_BYTES: usize = 512;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A time, as RFC 3339 with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At(pub(super) Time);

impl At {
    pub(super) fn micros(micros: i64) -> Self {
        Self(Time::from_micros(micros))
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match DateTime::<Utc>::from_timestamp_micros(self.0.micros()) {
            Some(at) => serializer.collect_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => serializer.serialize_none(),
        }
    }
}

impl PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for At {}

/// Reads a time as callers write it.
pub(super) fn time(text: &str) -> Option<Time> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Time::from_micros(at.timestamp_micros()))
}

/// An amount of money on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Sum {
    /// Such as `MSAT`.
    #[schema(example = "MSAT")]
    commodity: String,
    /// A whole number of smallest units, as text.
    #[schema(example = "50000")]
    amount: String,
}

impl Sum {
    /// A sum that may be larger than any single amount, or below zero.
    pub(super) fn of(commodity: &impl ToString, amount: &impl ToString) -> Self {
        Self { commodity: commodity.to_string(), amount: amount.to_string() }
    }

    /// A sum out of two columns that are there together.
    pub(super) fn both(commodity: Option<&String>, amount: Option<i64>) -> Option<Self> {
        Some(Self::of(commodity?, &amount?))
    }
}

impl From<Money> for Sum {
    fn from(money: Money) -> Self {
        Self::of(&money.commodity, &money.amount)
    }
}

/// The units of a sum, if it is in millisatoshi.
pub(super) fn msat(money: Money) -> Option<u64> {
    (money.commodity == Code::MSAT).then(|| money.amount.units())
}

/// An answer that says where the roll stood.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) status: StatusCode,
    pub(super) body: T,
    pub(super) position: Position,
    pub(super) replayed: bool,
}

impl<T> Answer<T> {
    pub(super) fn at(api: &Api, head: Head, body: T) -> Self {
        let position = Position::head(api.service().engine(), head);
        Self { status: StatusCode::OK, body, position, replayed: false }
    }

    /// The answer to a command.
    pub(super) fn done(api: &Api, done: &Done, body: T) -> Self {
        Self { replayed: done.replayed, ..Self::at(api, done.head, body) }
    }

    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Something was made.
    pub(super) fn created(self) -> Self {
        self.status(StatusCode::CREATED)
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let Self { status, body, position, replayed } = self;
        let mut response = written(&body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(POSITION, position.header());
        if replayed {
            mark_replayed(headers);
        }
        response
    }
}

/// A body in JSON.
fn written(body: &impl Serialize) -> Response {
    // Room for what most answers come to, in place of more and more of it.
    let mut bytes = Vec::with_capacity(BODY_BYTES);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => ([(CONTENT_TYPE, JSON)], bytes).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// Says that this is the answer to an earlier request with the same key.
pub(super) fn mark_replayed(headers: &mut HeaderMap) {
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
}

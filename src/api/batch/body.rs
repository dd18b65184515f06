//! A batch as it comes in: one JSON object, or a line of JSON for each item. Items are counted before
//! any of them is looked into.

use std::fmt;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ITEMS_MAX;
use crate::api::{
    Api, Problem,
    extract::{no_object, what_is_wrong},
    problem::{self, Code},
};

/// How items are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Mode {
    /// Each by itself.
    Independent,
    /// All of them or none.
    Atomic,
}

/// How items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In one object.
    Json,
    /// One on each line.
    Lines,
}

/// A body that came in whole.
#[derive(Debug)]
pub(in crate::api) struct Asked {
    form: Form,
    bytes: Bytes,
}

impl FromRequest<Api> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let form = form(request.headers())?;
        let bytes = Bytes::from_request(request, api).await;
        Ok(Self { form, bytes: bytes.map_err(|error| problem::body(&error))? })
    }
}

fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let stated = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = stated.and_then(|text| text.split(';').next()).map(str::trim).unwrap_or_default();
    let is = |known: &str| essence.eq_ignore_ascii_case(known);
    if is("application/json") {
        Ok(Form::Json)
    } else if is("application/x-ndjson") || is("application/ndjson") {
        Ok(Form::Lines)
    } else {
        let detail = "the body must be application/json or application/x-ndjson";
        Err(Problem::new(Code::UnsupportedMediaType, detail))
    }
}

impl Asked {
    /// Lines, unless it begins like the one object.
    #[cfg(feature = "fuzzing")]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let form = if bytes.starts_with(b"{\"mode\"") { Form::Json } else { Form::Lines };
        Self { form, bytes: Bytes::copy_from_slice(bytes) }
    }

    pub(super) const fn form(&self) -> Form {
        self.form
    }

    /// How its items are taken: a JSON body says so itself, of lines the query does.
    pub(super) fn mode(&self, query: Option<Mode>) -> Result<Mode, Problem> {
        let stated = match self.form {
            Form::Lines => query,
            Form::Json if query.is_some() => {
                return Err(problem::field("mode", "it stands in the body"));
            }
            Form::Json => self.object()?.mode,
        };
        stated.ok_or_else(|| problem::field("mode", "it is `independent` or `atomic`"))
    }

    /// Each item as it stands in the body.
    pub(super) fn items(&self) -> Result<Vec<&[u8]>, Problem> {
        let (items, count) = match self.form {
            Form::Json => {
                let Items { items, count } = self.object()?.items;
                (items.into_iter().map(|item| item.get().as_bytes()).collect(), count)
            }
            Form::Lines => {
                let lines = self.bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
                let lines = lines.filter(|line| !line.is_empty());
                (lines.clone().take(ITEMS_MAX).collect::<Vec<_>>(), lines.count())
            }
        };
        match count {
            0 => Err(problem::field("items", "there is at least one")),
            1..=ITEMS_MAX => Ok(items),
            _ => {
                let detail = format!("{count} items are more than {ITEMS_MAX}");
                Err(Problem::new(Code::BatchTooLong, detail).field("items").with("most", ITEMS_MAX))
            }
        }
    }

    fn object(&self) -> Result<Object<'_>, Problem> {
        must_be_object(&self.bytes)?;
        let mut from = serde_json::Deserializer::from_slice(&self.bytes);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut from, &mut track);
        let read = Object::deserialize(tracked).and_then(|object| from.end().map(|()| object));
        read.map_err(|error| {
            if error.is_data() {
                what_is_wrong(&track.path().to_string(), &error)
            } else {
                malformed(&error)
            }
        })
    }
}

/// A list would read as one too: as its fields in their order.
fn must_be_object(body: &[u8]) -> Result<(), Problem> {
    if body.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    let _readable: IgnoredAny = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    Err(no_object())
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson, format!("the body is no JSON: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    mode: Option<Mode>,
    #[serde(borrow)]
    items: Items<'a>,
}

/// The first items, and how many there are in all.
struct Items<'a> {
    items: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Counting)
    }
}

struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Items<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Items<'de>, A::Error> {
        let mut items = vec![];
        while items.len() < ITEMS_MAX {
            let Some(item) = from.next_element()? else { break };
            items.push(item);
        }
        let mut count = items.len();
        while count >= ITEMS_MAX && from.next_element::<IgnoredAny>()?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(Items { items, count })
    }
}

//! Pages: so many rows behind a key, and where the next ones begin.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use piperoll_projections::value::Value;

use super::Error;

/// The most rows a page has.
pub const LIMIT_MAX: u32 = 1_000;

/// Where a page ends: the key of its last row, in a form that callers hand back and need not read.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(String);

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Part {
    Integer(i64),
    Text(String),
}

impl Cursor {
    /// A cursor as a caller handed it back; it is checked when it is used.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What callers are shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn behind(list: &str, key: &[Value]) -> Self {
        let parts = key.iter().map(|value| match value {
            Value::Integer(number) => Part::Integer(*number),
            Value::Text(text) => Part::Text(text.as_str().to_owned()),
        });
        // Numbers and texts only: encoding them cannot fail.
        let json = serde_json::to_vec(&(list, parts.collect::<Vec<_>>())).unwrap_or_default();
        Self(URL_SAFE_NO_PAD.encode(json))
    }

    /// The key, if this is a cursor of `list`; `shape` tells which parts are numbers.
    pub(super) fn key(&self, list: &str, shape: &[bool]) -> Result<Vec<Value>, Error> {
        let json = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| Error::Cursor)?;
        let (of, parts): (String, Vec<Part>) =
            serde_json::from_slice(&json).map_err(|_| Error::Cursor)?;
        let fits = of == list
            && parts.len() == shape.len()
            && parts
                .iter()
                .zip(shape)
                .all(|(part, number)| matches!(part, Part::Integer(_)) == *number);
        let value = |part| match part {
            Part::Integer(number) => Value::Integer(number),
            Part::Text(text) => Value::from(text),
        };
        if fits { Ok(parts.into_iter().map(value).collect()) } else { Err(Error::Cursor) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// The page before; none for the first.
    pub after: Option<Cursor>,
    /// How many rows; at least 1, at most [`LIMIT_MAX`], 100 unless said.
    pub limit: Option<u32>,
}

impl PageRequest {
    /// The first page of so many rows.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit: Some(limit) }
    }

    /// The page behind a cursor, of so many rows.
    pub const fn after(cursor: Cursor, limit: u32) -> Self {
        Self { after: Some(cursor), limit: Some(limit) }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, LIMIT_MAX)
    }
}

/// So many rows, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; none behind the last.
    pub next: Option<Cursor>,
}

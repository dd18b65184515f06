//! What stands behind the question mark: every name known, none twice.

use std::collections::BTreeSet;

use axum::{extract::FromRequestParts, http::request};
use serde::de::DeserializeOwned;

use crate::api::{Api, Problem, problem};

/// A query that reads as `T`.
#[derive(Debug)]
pub(in crate::api) struct Query<T>(pub(in crate::api) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _: &Api) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

pub(in crate::api) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(query);
    let pairs = pairs.map_err(|error| problem::field("query", &error.to_string()))?;
    let mut seen = BTreeSet::new();
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        return Err(problem::field(name, "it stands twice"));
    }
    let fields = serde::de::value::MapDeserializer::new(pairs.into_iter().map(text));
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let name = error.path().to_string();
        problem::field(&name, &error.inner().to_string())
    })
}

fn text((name, value): (String, String)) -> (String, Text) {
    (name, Text(value))
}

/// A text that reads as whatever is asked for.
struct Text(String);

impl serde::de::IntoDeserializer<'_, serde::de::value::Error> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($name:ident => $visit:ident($type:ty),)+) => {$(
        fn $name<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let known = self.0.parse::<$type>().map_err(|_| {
                let found = serde::de::Unexpected::Str(&self.0);
                serde::de::Error::invalid_type(found, &visitor)
            })?;
            visitor.$visit(known)
        }
    )+};
}

impl<'de> serde::Deserializer<'de> for Text {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: serde::de::Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(serde::de::value::StringDeserializer::<Self::Error>::new(self.0))
    }

    parsed! {
        deserialize_bool => visit_bool(bool),
        deserialize_u8 => visit_u8(u8),
        deserialize_u16 => visit_u16(u16),
        deserialize_u32 => visit_u32(u32),
        deserialize_u64 => visit_u64(u64),
        deserialize_i64 => visit_i64(i64),
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        limit: Option<u16>,
        status: Option<Status>,
        raw: Option<bool>,
        after: Option<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Status {
        Pending,
    }

    #[test]
    fn a_query_reads_as_what_is_asked_for() {
        let asked = read::<Asked>("limit=7&status=pending&raw=true&after=a%20b").unwrap();
        let after = Some("a b".to_owned());
        let status = Some(Status::Pending);
        assert_eq!(asked, Asked { limit: Some(7), status, raw: Some(true), after });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, name) in [
            ("limit=x", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=65536", "limit"),
            ("status=gone", "status"),
            ("raw=yes", "raw"),
            ("limit=1&limit=2", "limit"),
            ("nobody=1", "nobody"),
        ] {
            let problem = read::<Asked>(query).unwrap_err();
            assert_eq!(problem.body()["field"], name, "{query}");
        }
    }
}

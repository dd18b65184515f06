//! A JSON body: bounded in depth before it is parsed, no fractions, no field twice, no field that
//! nobody knows.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::header::CONTENT_TYPE,
};
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use super::by_name::ByName;
use crate::api::{
    Api, Problem,
    problem::{self, Code},
};

/// A body that reads as `T`, and its fields as they stood.
#[derive(Debug)]
pub(in crate::api) struct Json<T> {
    pub(in crate::api) value: T,
    pub(in crate::api) fields: Value,
}

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        must_be_json(&request)?;
        let body =
            Bytes::from_request(request, api).await.map_err(|error| problem::body(&error))?;
        read(&body, api.settings().json_depth_max)
    }
}

fn must_be_json(request: &Request) -> Result<(), Problem> {
    let stated = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = stated.and_then(|text| text.split(';').next()).map(str::trim).unwrap_or_default();
    let json = essence.eq_ignore_ascii_case("application/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if json {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "the body must be application/json"))
}

/// Reads a body.
pub(in crate::api) fn read<T: DeserializeOwned>(
    body: &[u8],
    depth_max: usize,
) -> Result<Json<T>, Problem> {
    let fields = strict(body, depth_max)?;
    if !fields.is_object() {
        return Err(no_object());
    }
    let value = typed(&fields)?;
    Ok(Json { value, fields })
}

/// That a body is JSON, but nothing that has fields.
pub(in crate::api) fn no_object() -> Problem {
    problem::field("", "the body must be an object")
}

/// Reads JSON that nests no deeper than that, without fractions, and with no field twice.
pub(in crate::api) fn strict(body: &[u8], depth_max: usize) -> Result<Value, Problem> {
    must_be_shallow(body, depth_max)?;
    fields(body)
}

/// Reads fields as `T`, whose structs are objects: of a list nobody could say what it means, and
/// nobody could add a field to it.
pub(in crate::api) fn typed<T: DeserializeOwned>(fields: &Value) -> Result<T, Problem> {
    // To know where one is costs as much as reading: only who went wrong asks for the way.
    T::deserialize(ByName(fields)).or_else(|_| {
        serde_path_to_error::deserialize(ByName(fields))
            .map_err(|error| what_is_wrong(&error.path().to_string(), error.inner()))
    })
}

/// Names the field that is wrong.
pub(in crate::api) fn what_is_wrong(path: &str, error: &serde_json::Error) -> Problem {
    let (at, what) = (named(path), plain(error));
    match missing(&what) {
        Some(name) => problem::field(&joined(&at, name), &what),
        None => problem::field(&at, &what),
    }
}

/// Counts brackets outside of strings: what is too deep costs no stack and no memory.
fn must_be_shallow(body: &[u8], depth_max: usize) -> Result<(), Problem> {
    let (mut depth, mut text, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'{' | b'[' if !text => depth = depth.saturating_add(1),
            b'}' | b']' if !text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            let detail = format!("the body nests deeper than {depth_max} levels");
            return Err(Problem::new(Code::TooDeep, detail));
        }
    }
    Ok(())
}

fn fields(body: &[u8]) -> Result<Value, Problem> {
    let mut at = vec![];
    let mut from = serde_json::Deserializer::from_slice(body);
    let read = Strict { at: &mut at }.deserialize(&mut from);
    let read = read.and_then(|value| from.end().map(|()| value));
    read.map_err(|error| {
        if error.is_data() {
            at.reverse();
            problem::field(&at.join("."), &plain(&error))
        } else {
            let detail = format!("the body is no JSON: {error}");
            Problem::new(Code::MalformedJson, detail)
        }
    })
}

/// Without the place in the text, which the pointer says better.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// A path such as `a.b[0].c` with dots alone; of the body itself, nothing.
fn named(path: &str) -> String {
    let path = path.trim_matches('.').replace('[', ".").replace(']', "");
    path.trim_matches('.').to_owned()
}

/// The field that a message says is missing; its path ends at what it is missing from.
fn missing(what: &str) -> Option<&str> {
    what.strip_prefix("missing field `")?.strip_suffix('`')
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// What `serde_json` takes for text that is JSON itself, and would read later past all that is checked
/// here.
const RESERVED: &str = "$serde_json::";

/// Reads any JSON but fractions and fields that stand twice; says where it stopped.
struct Strict<'a> {
    /// The way to what was wrong, from the inside out.
    at: &'a mut Vec<String>,
}

impl Strict<'_> {
    /// What went wrong went wrong in here.
    fn within<T, E>(&mut self, read: Result<T, E>, name: impl FnOnce() -> String) -> Result<T, E> {
        if read.is_err() {
            self.at.push(name());
        }
        read
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number must be whole, without point or exponent, and of 64 bits"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut all = vec![];
        loop {
            let item = items.next_element_seed(Strict { at: self.at });
            match self.within(item, || all.len().to_string())? {
                Some(item) => all.push(item),
                None => return Ok(Value::Array(all)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = if all.contains_key(&name) {
                Err(A::Error::custom("the field stands twice"))
            } else if name.starts_with(RESERVED) {
                Err(A::Error::custom("no field can be called like this"))
            } else {
                entries.next_value_seed(Strict { at: self.at })
            };
            let value = self.within(value, || name.clone())?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "count")]
        _count: u32,
        #[serde(rename = "inner")]
        _inner: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "name")]
        _name: String,
    }

    fn refused(body: &str) -> (Code, String) {
        let problem = read::<Body>(body.as_bytes(), 4).unwrap_err();
        let field = problem.body()["field"].as_str().unwrap_or_default().to_owned();
        (problem.code(), field)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let invalid = |field: &str| (Code::FieldInvalid, field.to_owned());
        assert_eq!(refused(r#"{"count":1.5}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":1e3}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":-1}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":4294967296}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":99999999999999999999}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":"1"}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":1,"count":1}"#), invalid("count"));
        assert_eq!(refused(r#"{"count":1,"more":1}"#), (Code::UnknownField, "more".to_owned()));
        assert_eq!(refused(r#"{"count":1,"inner":[{"name":1}]}"#), invalid("inner.0.name"));
        assert_eq!(
            refused(r#"{"count":1,"inner":[{"name":"a"},{"name":"a","name":"b"}]}"#),
            invalid("inner.1.name")
        );
        assert_eq!(refused("{}"), invalid("count"));
        assert_eq!(refused(r#"{"count":1,"inner":[{}]}"#), invalid("inner.0.name"));
    }

    #[test]
    fn a_body_is_an_object() {
        for body in ["[]", "[1,null]", "7", "\"count\"", "null"] {
            assert_eq!(refused(body), (Code::FieldInvalid, String::new()), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for body in
            ["", "{", "{\"count\":1", "{\"count\":1}}", "nul", "{\"count\":01}", "\u{feff}{}"]
        {
            assert_eq!(refused(body).0, Code::MalformedJson, "{body}");
        }
    }

    #[test]
    fn depth_is_bounded_before_anything_is_parsed() {
        assert_eq!(refused(&"[".repeat(5)).0, Code::TooDeep);
        assert_eq!(refused(&r#"{"a":"#.repeat(100_000)).0, Code::TooDeep);
        // Brackets in a text are no depth.
        assert_eq!(refused(r#"{"count":"[[[[[[[\"[[["}"#).0, Code::FieldInvalid);
    }
}

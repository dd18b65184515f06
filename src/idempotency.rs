//! A caller's key for one request, and the fingerprint that tells its repeat from another request.

use std::fmt;

use piperoll_domain::bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How the bytes of a fingerprint came about.
const VERSION: u8 = 1;
/// More than this no key has.
const LENGTH_MAX: usize = 255;

/// A key as callers choose it: 1–255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to 255 printable ASCII characters")]
pub struct InvalidKey;

impl Key {
    /// Reads a key as it came in.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let blank = text.bytes().all(|byte| byte == b' ');
        if blank || !printable || text.len() > LENGTH_MAX {
            Err(InvalidKey)
        } else {
            Ok(Self(text))
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key, to be kept in an event.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request that has no fingerprint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two machines may disagree about a fraction.
    #[error("a request with a fraction in it has no fingerprint")]
    Fraction,
    /// Its fields are not what a map can hold.
    #[error("failed to lay out the fields of a request")]
    Fields(#[source] serde_json::Error),
    /// Its fields are not what MessagePack can hold.
    #[error("failed to encode the fields of a request")]
    Encode(#[source] rmp_serde::encode::Error),
}

/// Version byte ‖ SHA-256 of the request's own fields as MessagePack, keys sorted.
///
/// The caller passes what stood in the request and is not sealed: no minted id, no time, no default.
/// A field that is null counts as absent, so that a field that requests learn later changes no
/// fingerprint of today.
pub fn fingerprint<T: Serialize + ?Sized>(fields: &T) -> Result<Bytes<33>, Error> {
    let value = serde_json::to_value(fields).map_err(Error::Fields)?;
    if has_fraction(&value) {
        return Err(Error::Fraction);
    }
    let encoded = rmp_serde::to_vec_named(&Sorted(&value)).map_err(Error::Encode)?;
    Ok(digested(&encoded))
}

/// The same of a request whose path holds a part of what is asked: of `{"body", "path"}`, but
/// without a copy of either.
pub fn fingerprint_of(path: &[&str], body: &Value) -> Result<Bytes<33>, Error> {
    if has_fraction(body) {
        return Err(Error::Fraction);
    }
    let encoded = rmp_serde::to_vec_named(&Asked { path, body }).map_err(Error::Encode)?;
    Ok(digested(&encoded))
}

fn digested(encoded: &[u8]) -> Bytes<33> {
    let mut bytes = [VERSION; 33];
    bytes[1..].copy_from_slice(&Sha256::digest(encoded));
    Bytes(bytes)
}

struct Asked<'a> {
    path: &'a [&'a str],
    body: &'a Value,
}

impl Serialize for Asked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = !self.body.is_null();
        let mut map = serializer.serialize_map(Some(1 + usize::from(said)))?;
        if said {
            map.serialize_entry("body", &Sorted(self.body))?;
        }
        map.serialize_entry("path", self.path)?;
        map.end()
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The same value whatever order its maps were written in.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            Value::Object(fields) => {
                // Said here and not left to the map, whose order is a feature of a crate.
                let mut present: Vec<_> =
                    fields.iter().filter(|(_, value)| !value.is_null()).collect();
                present.sort_unstable_by_key(|(name, _)| name.as_bytes());
                let mut map = serializer.serialize_map(Some(present.len()))?;
                for (name, value) in present {
                    map.serialize_entry(name, &Sorted(value))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_fields_changes_nothing() {
        let one: Value = serde_json::from_str(r#"{"b":[{"y":1,"x":"2"}],"a":true}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":true,"b":[{"x":"2","y":1}]}"#).unwrap();
        assert_eq!(fingerprint(&one).unwrap(), fingerprint(&other).unwrap());
    }

    #[test]
    fn a_struct_and_a_map_of_the_same_fields_are_the_same_request() {
        #[derive(Serialize)]
        struct Request<'a> {
            offer: &'a str,
            account: Option<&'a str>,
        }
        let request = Request { offer: "basic", account: None };
        assert_eq!(
            fingerprint(&request).unwrap(),
            fingerprint(&json!({"offer": "basic"})).unwrap()
        );
    }

    #[test]
    fn every_value_every_name_and_every_type_counts() {
        let requests = [
            json!({}),
            json!({"a": 1}),
            json!({"a": "1"}),
            json!({"a": 2}),
            json!({"b": 1}),
            json!({"a": [1]}),
            json!({"a": {"b": 1}}),
            json!({"a": false}),
            json!({"a": -1}),
            json!([1, 2]),
            json!([2, 1]),
        ];
        for (index, one) in requests.iter().enumerate() {
            for other in &requests[..index] {
                assert_ne!(fingerprint(one).unwrap(), fingerprint(other).unwrap(), "{one} {other}");
            }
        }
    }

    #[test]
    fn a_fingerprint_stays_what_it_was() {
        let request =
            json!({"offer": "basic", "amount": {"commodity": "MSAT", "amount": "5000"}, "n": 300});
        assert_eq!(fingerprint(&request).unwrap().to_string(), VECTOR);
    }

    /// Recomputed independently: `01` ‖ SHA-256 of
    /// `83 a6"amount" 82 a6"amount" a4"5000" a9"commodity" a4"MSAT" a1"n" cd012c a5"offer" a5"basic"`.
    const VECTOR: &str = "01fac475a2ee1fc9415d531f71d9fe590d768ef966c7f283119514c5053c3e5806";

    #[test]
    fn a_fraction_is_refused() {
        assert!(matches!(fingerprint(&json!({"a": [{"b": 1.5}]})), Err(Error::Fraction)));
    }

    #[test]
    fn a_path_and_a_body_are_one_request() {
        let bodies = [
            json!({"b": {"y": null, "x": 1}, "a": ["1", true]}),
            json!({}),
            json!(null),
            json!([null, {"a": null}]),
        ];
        for body in bodies {
            for path in [&[][..], &["alice"], &["a", "b"]] {
                let whole = fingerprint(&json!({"path": path, "body": body})).unwrap();
                assert_eq!(fingerprint_of(path, &body).unwrap(), whole, "{path:?} {body}");
            }
        }
        assert!(matches!(fingerprint_of(&[], &json!({"a": 1.5})), Err(Error::Fraction)));
    }

    #[test]
    fn keys_are_1_to_255_printable_characters() {
        for good in ["a", "nowpay-123", "order 7", &"k".repeat(255)] {
            assert_eq!(Key::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a\n", "a\0", "ä", "\u{7f}", &"k".repeat(256)] {
            assert_eq!(Key::parse(bad), Err(InvalidKey), "{bad:?}");
        }
    }
}

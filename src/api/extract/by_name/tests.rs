//! No list passes for an object; all else is read, and refused, as `serde_json` does it.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sum {
    of: String,
    units: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pool {
    Paid,
    Given,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Gift {
    Nothing,
    Credit(Sum),
    Uses { count: u32, refill: Option<i64> },
    Pair(u8, Sum),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Word(String);

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Body {
    sum: Option<Sum>,
    nested: Option<Box<Body>>,
    all: Vec<Sum>,
    pools: BTreeMap<Pool, Sum>,
    words: BTreeMap<Word, Sum>,
    named: BTreeMap<String, Sum>,
    gift: Option<Gift>,
    pair: (i64, bool),
    free: Option<Value>,
    #[serde(deserialize_with = "doubled")]
    twice: u64,
}

fn doubled<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    u64::deserialize(from).map(|units| units * 2)
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(ByName(value))
}

/// What is read, or where something is wrong and what.
fn told<'de, T, D>(from: D) -> Result<T, (String, String)>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error = Error>,
{
    let read = serde_path_to_error::deserialize(from);
    read.map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

fn refused(value: &Value) -> (String, String) {
    told::<Body, _>(ByName(value)).unwrap_err()
}

/// Reads it as `serde_json` reads it, or refuses it at the same place in the same words.
#[track_caller]
fn must_be_alike<T: DeserializeOwned + Debug + PartialEq>(value: &Value) {
    assert_eq!(told::<T, _>(ByName(value)), told(value), "{value}");
}

#[test]
fn no_list_is_a_struct_wherever_one_stands() {
    let list = json!(["USD", 5]);
    assert_eq!(Sum::deserialize(&list).unwrap().units, 5, "serde_json takes it");
    let what = |expected: &str| format!("invalid type: sequence, expected {expected}");
    assert_eq!(read::<Sum>(&list).unwrap_err().to_string(), what("struct Sum"));
    for (value, path, expected) in [
        (json!([]), ".", "struct Body"),
        (json!({"sum": list}), "sum", "struct Sum"),
        (json!({"nested": [null]}), "nested", "struct Body"),
        (json!({"nested": {"nested": {"sum": list}}}), "nested.nested.sum", "struct Sum"),
        (json!({"all": [{"of": "USD", "units": 5}, list]}), "all[1]", "struct Sum"),
        (json!({"named": {"a": list}}), "named.a", "struct Sum"),
        (json!({"pools": [["paid", list]]}), "pools", "a map"),
        (json!({"gift": {"credit": list}}), "gift.credit", "struct Sum"),
        (json!({"gift": {"uses": [3, 1]}}), "gift.uses", "struct variant Gift::Uses"),
        (json!({"gift": {"pair": [3, list]}}), "gift.pair[1]", "struct Sum"),
    ] {
        assert_eq!(refused(&value), (path.to_owned(), what(expected)), "{value}");
    }
}

#[test]
fn objects_lists_and_tuples_are_read() {
    let sum = json!({"of": "USD", "units": 5});
    for body in [
        json!({}),
        json!({"sum": sum, "twice": 4}),
        json!({"sum": null, "nested": {"nested": {"sum": sum}}}),
        json!({"all": [sum, sum], "pair": [-3, true]}),
        json!({"pools": {"given": sum, "paid": sum}, "words": {"a": sum}, "named": {"a": sum}}),
        json!({"gift": "nothing"}),
        json!({"gift": {"nothing": null}}),
        json!({"gift": {"credit": sum}}),
        json!({"gift": {"uses": {"count": 3, "refill": i64::MIN}}}),
        json!({"gift": {"pair": [3, sum]}}),
        json!({"free": [1, {"a": [null, u64::MAX, "b"]}]}),
    ] {
        read::<Body>(&body).unwrap();
        must_be_alike::<Body>(&body);
    }
    must_be_alike::<Vec<(String, u64)>>(&json!([["a", 1], ["b", 2]]));
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_serde_json() {
    for body in [
        json!(7),
        json!({"more": 1}),
        json!({"sum": {"of": "USD"}}),
        json!({"sum": {"of": "USD", "units": -1}}),
        json!({"sum": {"of": "USD", "units": "5"}}),
        json!({"sum": {"of": null, "units": 5}}),
        json!({"sum": "5 USD"}),
        json!({"all": {"0": 1}}),
        json!({"all": "none"}),
        json!({"pools": {"lent": {}}}),
        json!({"pools": {"paid": 7}}),
        json!({"pools": 7}),
        json!({"words": {"a": {"of": 7}}}),
        json!({"named": {"a": {"of": 7}}}),
        json!({"gift": "everything"}),
        json!({"gift": "credit"}),
        json!({"gift": 7}),
        json!({"gift": ["nothing"]}),
        json!({"gift": {}}),
        json!({"gift": {"nothing": null, "credit": null}}),
        json!({"gift": {"nothing": {}}}),
        json!({"gift": {"uses": {"count": 4_294_967_296_u64}}}),
        json!({"pair": [1]}),
        json!({"pair": {"0": 1}}),
        json!({"twice": [1]}),
    ] {
        must_be_alike::<Body>(&body);
    }
    let long = refused(&json!({"pair": [1, true, 3]}));
    assert!(long.0 == "pair" && long.1.starts_with("invalid length 3"), "{long:?}");
}

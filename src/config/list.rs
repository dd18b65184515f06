//! A list as it stands in a file, `["a", "b"]`, or in a variable, `a,b`.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserializer,
    de::{self, SeqAccess, Visitor},
};

/// Reads every item; says which one is wrong, the first being number 1.
pub(super) fn read<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_any(Items(PhantomData))
}

struct Items<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        all(text.split(',').map(str::to_owned))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element::<String>()? {
            texts.push(text);
        }
        all(texts)
    }
}

fn all<T, E>(texts: impl IntoIterator<Item = String>) -> Result<Vec<T>, E>
where
    T: FromStr<Err: fmt::Display>,
    E: de::Error,
{
    let parse = |(number, text): (usize, String)| {
        text.parse().map_err(|why| E::custom(format_args!("item {number}: {why}")))
    };
    (1..).zip(texts).map(parse).collect()
}

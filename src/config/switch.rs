//! A switch that a runbook throws: `true`, `1`, `yes` or `false`, `0`, `no`, and no other word.

use std::fmt;

use serde::{
    Deserializer,
    de::{self, Unexpected, Visitor},
};

const ON: [&str; 3] = ["true", "1", "yes"];
const OFF: [&str; 3] = ["false", "0", "no"];

/// Reads a switch. What is neither on nor off stops the start: who mistyped it meant one of them.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(Switch)
}

struct Switch;

impl Visitor<'_> for Switch {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, 1 or yes, or false, 0 or no")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<bool, E> {
        Ok(on)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<bool, E> {
        match number {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<bool, E> {
        match number {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
        let is = |word: &&str| text.eq_ignore_ascii_case(word);
        if ON.iter().any(is) {
            Ok(true)
        } else if OFF.iter().any(is) {
            Ok(false)
        } else {
            Err(E::invalid_value(Unexpected::Str(text), &self))
        }
    }
}

//! Layers of settings, flat by dotted key, and what they add up to.

use std::{collections::BTreeMap, fs, path::Path};

use figment::{
    Figment,
    error::{Actual, Kind},
};

use super::{
    Config, DEFAULT, Error,
    error::{Problem, Problems},
    names,
};

/// Settings by dotted key.
pub(super) type Leaves = BTreeMap<String, toml::Value>;

pub(super) fn defaults() -> Result<Leaves, Error> {
    parse(DEFAULT, Path::new("config.default.toml"))
}

pub(super) fn of_file(path: &Path) -> Result<Leaves, Error> {
    let read = fs::read_to_string(path);
    let text = read.map_err(|source| Error::File { path: path.to_owned(), source })?;
    parse(&text, path)
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Leaves, Error> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.chars().rev().take_while(|c| *c != '\n').count().saturating_add(1);
        Error::Syntax { path: path.to_owned(), line, column }
    })?;
    let mut leaves = Leaves::new();
    flatten(table, "", &mut leaves);
    Ok(leaves)
}

fn flatten(table: toml::Table, under: &str, leaves: &mut Leaves) {
    for (name, value) in table {
        let key = if under.is_empty() { name } else { format!("{under}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(table, &key, leaves),
            value => {
                leaves.insert(key, value);
            }
        }
    }
}

/// Reads all layers, later ones winning. Whatever cannot be read is told and taken away, so that
/// the next problem shows itself; `None` when that does not get any further.
pub(super) fn extract(
    defaults: &Leaves,
    filled: &Leaves,
    mut given: Leaves,
    problems: &mut Problems,
) -> Option<Config> {
    loop {
        let all = [defaults, filled, &given].into_iter().flatten();
        let figment = all.fold(Figment::new(), |figment, leaf| figment.merge(leaf));
        match figment.extract_lossy::<Config>() {
            Ok(config) => return Some(config),
            Err(error) => {
                let key = key_of(&error);
                problems.add(problem(&key, &error.kind));
                let left = given.len();
                let is_missing = matches!(error.kind, Kind::MissingField(_));
                given.retain(|other, _| !is_cause(other, &key, is_missing));
                if given.len() == left {
                    return None;
                }
            }
        }
    }
}

fn key_of(error: &figment::Error) -> String {
    let mut path = error.path.clone();
    if let Kind::MissingField(name) = &error.kind {
        path.push(name.clone().into_owned());
    }
    path.join(".")
}

/// Whether a given setting may be why `key` cannot be read: it is that one, stands below it or above
/// it, or is what made its section begin.
fn is_cause(given: &str, key: &str, is_missing: bool) -> bool {
    let below = |one: &str, other: &str| {
        one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let section = key.rsplit_once('.').map(|(section, _)| section);
    below(given, key)
        || below(key, given)
        || (is_missing && section.is_some_and(|section| below(given, section)))
}

fn problem(key: &str, kind: &Kind) -> Problem {
    let secret = names::is_secret(key);
    match kind {
        Kind::Message(why) => Problem::new(key, why, ""),
        Kind::UnknownField(_, expected) => {
            Problem::new(key, "is not a setting", format!("known here: {}", expected.join(", ")))
        }
        Kind::UnknownVariant(found, expected) if !secret => {
            let problem = format!("is `{found}`");
            Problem::new(key, problem, format!("one of {}", expected.join(", ")))
        }
        Kind::MissingField(_) => Problem::new(key, "is missing", "set it"),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) if !secret => {
            Problem::new(key, format!("is {}", shown(found)), format!("it must be {expected}"))
        }
        _ if secret => Problem::new(key, "is not a text", "write it in quotes"),
        other => Problem::new(key, other.to_string(), ""),
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

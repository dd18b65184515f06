//! The environment as a layer of settings.

use std::{collections::BTreeMap, ffi::OsString};

use super::{
    error::{Problem, Problems},
    layers::Leaves,
    names,
};

/// The environment of this process.
pub fn of_process() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// Reads the variables that are ours; an empty one counts as not set.
pub(super) fn read<K: Into<OsString>, V: Into<OsString>>(
    environment: impl IntoIterator<Item = (K, V)>,
    problems: &mut Problems,
) -> Leaves {
    let mut leaves = Leaves::new();
    let mut said_by = BTreeMap::new();
    for (variable, value) in sorted(environment) {
        let Some((key, unit)) = names::key_of(&variable) else {
            continue;
        };
        let text = match value.into_string() {
            Ok(text) if text.is_empty() => continue,
            Ok(text) => text,
            Err(_) => {
                problems.add(Problem::new(
                    key,
                    "is not UTF-8 text",
                    format!("set {variable} anew"),
                ));
                continue;
            }
        };
        if !unit.is_empty() && !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let hint = format!("{variable} counts in `{unit}`, without writing the unit");
            problems.add(Problem::new(key, "is not a whole number", hint));
            continue;
        }
        let value = toml::Value::String(text + unit);
        if leaves.get(&key).is_some_and(|other| *other != value) {
            let other = said_by.get(&key).map_or("another variable", String::as_str);
            let problem = format!("is set by {other} and, otherwise, by {variable}");
            problems.add(Problem::new(key, problem, "set one of them"));
            continue;
        }
        said_by.insert(key.clone(), variable);
        leaves.insert(key, value);
    }
    leaves
}

/// The variables whose names are text, by name.
pub(super) fn sorted<K: Into<OsString>, V: Into<OsString>>(
    environment: impl IntoIterator<Item = (K, V)>,
) -> BTreeMap<String, OsString> {
    let named = environment.into_iter().filter_map(|(variable, value)| {
        variable.into().into_string().ok().map(|variable| (variable, value.into()))
    });
    named.collect()
}

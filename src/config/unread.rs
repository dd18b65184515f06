//! Variables that look like ours and that nobody reads: most likely a misspelt setting, which then
//! stands at its default without a word.

use std::{collections::BTreeSet, ffi::OsString, fmt};

use super::{environment::sorted, layers, names};

/// A variable that nobody reads. Its value is not kept: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub variable: String,
    /// The known one that is most like it, if one is like it at all.
    pub nearest: Option<String>,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is set and read by nobody", self.variable)?;
        self.nearest.as_ref().map_or(Ok(()), |nearest| write!(f, "; is {nearest} meant?"))
    }
}

/// What is read elsewhere than in the settings: by the command line, and by gateways beside us.
const OTHERS: [&str; 4] =
    ["PIPEROLL_CONFIG", "PIPEROLL_URL", "PIPEROLL_TOKEN", "PIPEROLL_PROXY_KEY"];
const PREFIX: &str = "PIPEROLL_";

/// The variables that begin like ours and are no setting. A name with `__` in it means a setting for
/// certain, and is refused as one where there is none such.
pub fn unread<K: Into<OsString>, V: Into<OsString>>(
    environment: impl IntoIterator<Item = (K, V)>,
) -> Vec<Unread> {
    let ours = |name: &str| name.starts_with(PREFIX);
    let read = |name: &str| names::key_of(name).is_some() || OTHERS.contains(&name);
    let set = sorted(environment).into_iter().filter(|(_, value)| !value.is_empty());
    let unread: Vec<String> =
        set.map(|(name, _)| name).filter(|name| ours(name) && !read(name)).collect();
    if unread.is_empty() {
        return vec![];
    }
    let known = known();
    let told = |variable: String| Unread { nearest: nearest(&variable, &known), variable };
    unread.into_iter().map(told).collect()
}

/// Every variable that is read and begins like ours.
fn known() -> BTreeSet<String> {
    let leaves = layers::defaults().unwrap_or_default();
    let of_settings = leaves.keys().map(|key| names::variable_of(key));
    let short = names::variables().chain(OTHERS).map(str::to_owned);
    of_settings.chain(short).filter(|name| name.starts_with(PREFIX)).collect()
}

/// One that is written alike, but for two letters or every third. `_` for `__` is no difference.
fn nearest(variable: &str, known: &BTreeSet<String>) -> Option<String> {
    let plain = |name: &str| -> Vec<char> {
        name.strip_prefix(PREFIX).unwrap_or(name).replace("__", "_").chars().collect()
    };
    let asked = plain(variable);
    let most = (asked.len() / 3).max(2);
    let alike = known.iter().filter_map(|name| {
        let plain = plain(name);
        let near = plain.len().abs_diff(asked.len()) <= most;
        let far = near.then(|| distance(&asked, &plain))?;
        (far <= most).then_some((far, name))
    });
    alike.min().map(|(_, name)| name.clone())
}

/// How many letters are to be put in, left out or changed to make one of the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.iter().enumerate() {
        let mut left = above.saturating_add(1);
        let mut corner = above;
        for (cell, wanted) in row.iter_mut().skip(1).zip(other) {
            let changed = corner.saturating_add(usize::from(letter != wanted));
            corner = *cell;
            left = changed.min(left.saturating_add(1)).min(corner.saturating_add(1));
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[&str]) -> Vec<(String, Option<String>)> {
        let set = variables.iter().map(|name| (*name, "a-secret-value"));
        unread(set).into_iter().map(|found| (found.variable, found.nearest)).collect()
    }

    #[test]
    fn a_misspelt_variable_is_told_with_the_one_that_is_meant() {
        for (set, meant) in [
            ("PIPEROLL_METRIC_TOKEN", "PIPEROLL_METRICS_TOKEN"),
            ("PIPEROLL_LISTENS", "PIPEROLL_LISTEN"),
            ("PIPEROLL_DAAT", "PIPEROLL_DATA"),
            ("PIPEROLL_ADMIN_TOKN", "PIPEROLL_ADMIN_TOKEN"),
            ("PIPEROLL_ADMIN_TOKEN_PREVIOUS", "PIPEROLL_ADMIN_TOKEN_PREV"),
            ("PIPEROLL_LIMITS_BODY_BYTES_MAX", "PIPEROLL_LIMITS__BODY_BYTES_MAX"),
            ("PIPEROLL_MASTERKEY", "PIPEROLL_MASTER_KEY"),
        ] {
            assert_eq!(told(&[set]), [(set.to_owned(), Some(meant.to_owned()))]);
        }
        assert_eq!(told(&["PIPEROLL_WEATHER_IN_TIMBUKTU"])[0].1, None);
        assert_eq!(told(&["PIPEROLL_"])[0].1, None);
    }

    #[test]
    fn what_is_read_and_what_is_others_is_not_told() {
        for name in known() {
            assert_eq!(told(&[&name]), [], "{name}");
        }
        assert_eq!(told(&["PATH", "PIPEROLLS", "L402_SECERT", "LNBITS_DATA_FOLDER"]), []);
        assert_eq!(unread([("PIPEROLL_METRIC_TOKEN", "")]), []);
        // Refused as a setting that there is not.
        assert_eq!(told(&["PIPEROLL_LIMITS__COLOR"]), []);
    }

    #[test]
    fn the_value_is_never_told() {
        for found in unread([("PIPEROLL_ADMIN_TOKN", "hunter2"), ("PIPEROLL_\n_X", "hunter2")]) {
            let text = format!("{found} {found:?}");
            assert!(!text.contains("hunter2") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_distance_counts_letters() {
        let far = |one: &str, other: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            distance(&letters(one), &letters(other))
        };
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "adc", 1),
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
        ] {
            assert_eq!((far(one, other), far(other, one)), (expected, expected), "{one} {other}");
        }
    }
}

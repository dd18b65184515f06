//! The configuration: variables, an empty line, a file. No message repeats a secret.

use std::{fs, path::PathBuf, sync::LazyLock};

use piperoll::config::{Config, Error, Persist};
use tempfile::TempDir;

use super::{halves, lines};

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// Stands in the corpora wherever a secret does.
const SECRET: &str = "a-secret-of-the-fuzzed-configuration-0123456789";

pub fn configuration(input: &[u8]) -> bool {
    let (variables, file) = halves(input);
    let variables: Vec<(String, String)> = lines(variables).filter_map(variable).collect();
    let path = place();
    fs::write(&path, file).unwrap();
    match Config::load(Some(&path), variables.clone(), Persist::No) {
        Ok(loaded) => {
            let config = loaded.config;
            let hidden = |text: &str| !text.contains(SECRET) || elsewhere(&variables, file);
            let shown = config.render().expect("what is in force can be shown");
            assert!(hidden(&shown) && hidden(&format!("{config:?}")), "{shown}");
            let again = Config::load(Some(&path), variables.clone(), Persist::No).unwrap().config;
            assert_eq!(again.digest().unwrap(), config.digest().unwrap(), "the same twice");
            true
        }
        Err(error) => {
            let told = told(&error);
            assert!(!told.contains(SECRET) || elsewhere(&variables, file), "{told}");
            if let Error::Problems(problems) = &error {
                assert!(!problems.is_empty(), "it is refused for nothing");
            }
            false
        }
    }
}

/// Whether the secret also stands where none belongs, and may be repeated: in a name, or as the value
/// of a setting that is no secret.
fn elsewhere(variables: &[(String, String)], file: &[u8]) -> bool {
    let secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["token", "secret", "key", "seed"].iter().any(|word| name.contains(word))
    };
    let misplaced = |name: &str, value: &str| {
        name.contains(SECRET) || (value.contains(SECRET) && !secret(name))
    };
    let table = String::from_utf8_lossy(file).parse::<toml::Table>().unwrap_or_default();
    variables.iter().any(|(name, value)| misplaced(name, value))
        || table.iter().any(|(section, settings)| match settings {
            toml::Value::Table(settings) => {
                section.contains(SECRET)
                    || settings.iter().any(|(name, value)| misplaced(name, &value.to_string()))
            }
            other => misplaced(section, &other.to_string()),
        })
}

/// A file of this thread's own.
fn place() -> PathBuf {
    FOLDER.path().join(format!("{:?}.toml", std::thread::current().id()))
}

fn variable(line: &[u8]) -> Option<(String, String)> {
    let (name, value) = str::from_utf8(line).ok()?.split_once('=')?;
    // A process cannot have others.
    let possible = !name.is_empty() && !name.contains('\0') && !value.contains('\0');
    possible.then(|| (name.to_owned(), value.to_owned()))
}

/// Everything that an operator may read about it.
fn told(error: &Error) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join(" ")
}

//! Secrets that nobody gave: made once in development and kept, so that what was sold stays good
//! over a restart; missed in production.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use super::{
    Error,
    error::{Problem, Problems},
    layers::{self, Leaves},
    names::{self, SECRETS},
};
use crate::secret::Secret;

const FILE: &str = "dev-secrets.toml";
const HEADER: &str = "# Made by piperoll for development. Never use these where money is real.\n\n";
/// Stands in for what is missing, so that other problems show themselves; never gets out.
const STAND_IN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Whether secrets made for development are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persist {
    /// In the data directory, which is made if it is not there.
    Yes,
    /// No file is written.
    No,
}

/// What development made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Development {
    /// Where it is kept.
    pub file: PathBuf,
    /// The settings that it holds and that nobody gave.
    pub keys: Vec<String>,
    /// Whether some were made just now.
    pub fresh: bool,
}

/// A value for every secret that nothing works without.
pub(super) struct Filled {
    pub(super) leaves: Leaves,
    development: Option<Development>,
    /// What the file shall hold, when that differs from what it holds.
    contents: Option<Leaves>,
    /// Whether the file was there.
    existed: bool,
}

pub(super) fn fill(
    defaults: &Leaves,
    given: &Leaves,
    problems: &mut Problems,
) -> Result<Filled, Error> {
    let in_force = |key| given.get(key).or(defaults.get(key)).and_then(toml::Value::as_str);
    match in_force("env") {
        Some("development") => {
            let data = in_force("data").unwrap_or_default();
            return make_up(&Path::new(data).join(FILE), given);
        }
        Some("production") => miss(given, problems),
        // Which secrets are missing depends on the environment, and that will be refused.
        Some(_) | None => {}
    }
    let required = SECRETS.iter().filter(|secret| secret.required);
    let leaves = required.map(|secret| (secret.key.to_owned(), STAND_IN.into())).collect();
    Ok(Filled { leaves, development: None, contents: None, existed: false })
}

fn miss(given: &Leaves, problems: &mut Problems) {
    let required = SECRETS.iter().filter(|secret| secret.required);
    for secret in required.filter(|secret| !given.contains_key(secret.key)) {
        let variable = names::variable_of(secret.key);
        let hint = format!("set {variable} to at least 32 random bytes: openssl rand -hex 32");
        problems.add_unless_known(vec![Problem::new(secret.key, "is missing", hint)]);
    }
}

fn make_up(file: &Path, given: &Leaves) -> Result<Filled, Error> {
    let existing = read(file)?;
    let existed = existing.is_some();
    let mut contents = existing.unwrap_or_default();
    let (mut leaves, mut keys, mut fresh) = (Leaves::new(), Vec::new(), false);
    for key in made_up() {
        if given.contains_key(key) {
            leaves.insert(key.to_owned(), STAND_IN.into());
            continue;
        }
        if !contents.contains_key(key) {
            let secret = Secret::random().map_err(Error::Random)?;
            contents.insert(key.to_owned(), secret.expose().into());
            fresh = true;
        }
        leaves.extend(contents.get(key).map(|value| (key.to_owned(), value.clone())));
        keys.push(key.to_owned());
    }
    let development = Development { file: file.to_owned(), keys, fresh };
    let contents = fresh.then_some(contents);
    Ok(Filled { leaves, development: Some(development), contents, existed })
}

fn made_up() -> impl Iterator<Item = &'static str> {
    let required = SECRETS.iter().filter(|secret| secret.required).map(|secret| secret.key);
    required.chain(["connection.sandbox_seed"])
}

fn read(file: &Path) -> Result<Option<Leaves>, Error> {
    match fs::read_to_string(file) {
        Ok(text) => layers::parse(&text, file).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Development { doing: "read", path: file.to_owned(), source }),
    }
}

impl Filled {
    /// Keeps what was made up. `None` when another process was first: its secrets hold.
    #[expect(clippy::option_option, reason = "nothing was made up, or another was first")]
    pub(super) fn finish(self, persist: Persist) -> Result<Option<Option<Development>>, Error> {
        let Some(development) = self.development.filter(|made| !made.keys.is_empty()) else {
            return Ok(Some(None));
        };
        if let (Persist::Yes, Some(contents)) = (persist, &self.contents) {
            let failed = |source| Error::Development {
                doing: "write",
                path: development.file.clone(),
                source,
            };
            if !write(&development.file, contents, self.existed).map_err(failed)? {
                return Ok(None);
            }
        }
        Ok(Some(Some(development)))
    }
}

/// Whole or not at all; tells whether nobody else had made it meanwhile.
fn write(file: &Path, contents: &Leaves, existed: bool) -> io::Result<bool> {
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let unique = uuid::Uuid::new_v4();
    let unfinished = directory.join(format!("{FILE}.{unique}"));
    let written = write_new(&unfinished, &text(contents));
    let named = written.and_then(|()| name(&unfinished, file, existed));
    // Gone already when it was renamed.
    let _removed = fs::remove_file(&unfinished);
    File::open(directory)?.sync_all()?;
    named
}

fn name(unfinished: &Path, file: &Path, existed: bool) -> io::Result<bool> {
    if existed {
        return fs::rename(unfinished, file).map(|()| true);
    }
    match fs::hard_link(unfinished, file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_new(file: &Path, text: &str) -> io::Result<()> {
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    let mut file = new.open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn text(contents: &Leaves) -> String {
    contents.iter().fold(String::from(HEADER), |text, (key, value)| {
        // A dotted key is TOML as it stands; the value knows how to quote itself.
        text + &format!("{key} = {value}\n")
    })
}

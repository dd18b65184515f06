//! What is wrong with settings, all of it at once. No secret is ever repeated here.

use std::{fmt, io, path::PathBuf};

use super::names;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, `section.key`.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(super) fn new(
        key: impl Into<String>,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), problem: problem.into(), hint: hint.into() }
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        names::variable_of(&self.key)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) {}", self.key, self.variable(), self.problem)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

/// Everything that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(super) fn tells_of(&self, key: &str) -> bool {
        self.0.iter().any(|problem| problem.key == key)
    }

    /// A setting that could not be read stands at its default from then on; what follows from that
    /// is no second problem.
    pub(super) fn add_unless_known(&mut self, more: Vec<Problem>) {
        let known: Vec<_> = self.0.iter().map(|problem| problem.key.clone()).collect();
        self.0.extend(more.into_iter().filter(|problem| !known.contains(&problem.key)));
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("failed to read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML. Its text is not repeated: it may hold secrets.
    #[error("{} is not TOML: line {line}, column {column}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// Settings are wrong.
    #[error("the configuration has problems:{0}")]
    Problems(Problems),
    /// The development secrets cannot be kept.
    #[error("failed to {doing} {}", path.display())]
    Development {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other processes make development secrets in the same directory, again and again.
    #[error("another process keeps making development secrets in the same directory")]
    DevelopmentRace,
    /// The system has no random bytes.
    #[error("failed to get random bytes for development secrets")]
    Random(#[source] getrandom::Error),
    /// What is in force cannot be written as TOML.
    #[error("failed to write the configuration as TOML")]
    Render(#[source] toml::ser::Error),
}

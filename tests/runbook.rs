//! The credit runbook, walked through: its queries asked word for word, its writes refused, its steps
//! taken.

mod history;
mod queries;
mod views;
mod walk;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::peers::peer;

/// The file of the views in force, as the runbook's reader finds it.
pub(crate) fn views_file(directory: &Path) -> PathBuf {
    let name = fs::read_to_string(directory.join("views.current")).unwrap();
    directory.join(name.trim_end())
}

/// The program that the runbook uses, on a file of views.
pub(crate) struct Sqlite {
    program: PathBuf,
    file: PathBuf,
}

impl Sqlite {
    /// None where there is no such program.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let program = peer("PIPEROLL_TEST_SQLITE")?;
        Some(Self { program, file: views_file(directory) })
    }

    /// Runs words, and says how it went.
    pub(crate) fn run(&self, words: &str) -> Output {
        Command::new(&self.program).arg(&self.file).arg(words).output().unwrap()
    }

    /// The lines of an answer, with `|` between the columns.
    pub(crate) fn ask(&self, words: &str) -> Vec<String> {
        let output = self.run(words);
        let (out, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words}\n{err}");
        String::from_utf8_lossy(out).lines().map(str::to_owned).collect()
    }

    /// What is said to words that must be refused.
    pub(crate) fn refuses(&self, words: &str) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{words} was let through");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

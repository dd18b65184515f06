//! `piperoll replay`: a history folded anew, printed or compared.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    error::{Error, file},
    exit::Exit,
    output::Output,
};
use crate::audit::replay::{Error as ReplayError, Replay as Fold};

/// Fold a history anew and print, or compare, everything that it adds up to.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A fixture's folder, a file of events as `piperoll events` prints them, or `-` for stdin.
    #[arg(value_name = "DIR|FILE")]
    from: PathBuf,
    /// Compare with this file instead of printing; a difference exits with 7.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let from = self.from.display().to_string();
        let failed = |source: ReplayError| Error::Replay { from, source: Box::new(source) };
        let fold = if self.from == Path::new("-") {
            Fold::read(io::stdin().lock())
        } else {
            let inside = self.from.join("events.jsonl");
            let path = if self.from.is_dir() { inside } else { self.from };
            Fold::read(BufReader::new(File::open(&path).map_err(file("open", &path))?))
        };
        let found = fold.map_err(failed)?.state()?;
        let Some(path) = self.expect else {
            Output::line(found.trim_end())?;
            return Ok(Exit::Done);
        };
        let expected = fs::read_to_string(&path).map_err(file("read", &path))?;
        compare(&expected, &found)
    }
}

fn compare(expected: &str, found: &str) -> Result<Exit, Error> {
    if expected == found {
        Output::line("the same")?;
        return Ok(Exit::Done);
    }
    let mut pairs = expected.lines().zip(found.lines()).zip(1_u64..);
    let first = pairs.find(|((must, is), _)| must != is);
    let told = match first {
        Some(((must, is), line)) => {
            format!("line {line}: expected {}, found {}", must.trim(), is.trim())
        }
        None => "one ends before the other".to_owned(),
    };
    Output::line(&told)?;
    Ok(Exit::AuditFailed)
}

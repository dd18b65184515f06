//! Completions and manual pages, made from the commands themselves.

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{
    Cli,
    error::{Error, file},
    exit::Exit,
    output::Output,
};

/// Print completions for a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let mut text = vec![];
        clap_complete::generate(self.shell, &mut Cli::command(), "piperoll", &mut text);
        Output::line(String::from_utf8_lossy(&text).trim_end())?;
        Ok(Exit::Done)
    }
}

/// Write the manual pages.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Where to: one page a command.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    pub(super) fn run(self) -> Result<Exit, Error> {
        fs::create_dir_all(&self.directory).map_err(file("make", &self.directory))?;
        let written = clap_mangen::generate_to(Cli::command(), &self.directory);
        written.map_err(file("write to", &self.directory))?;
        Ok(Exit::Done)
    }
}

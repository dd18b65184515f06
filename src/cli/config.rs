//! `piperoll config`: what is in force.

use std::path::PathBuf;

use clap::Args;

use super::{error::Error, exit::Exit, output::Output};
use crate::config::{Config, Persist, of_process, unread};

/// Print the settings in force, secrets as fingerprints only; variables that nobody reads on stderr.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// A file of settings that differ from the defaults.
    #[arg(long, value_name = "FILE", env = "PIPEROLL_CONFIG")]
    config: Option<PathBuf>,
    /// Print every setting with its default and what it means instead.
    #[arg(long)]
    defaults: bool,
}

impl Show {
    pub(super) fn run(self, output: Output) -> Result<Exit, Error> {
        if self.defaults {
            Output::line(crate::config::DEFAULT.trim_end())?;
            return Ok(Exit::Done);
        }
        for found in unread(of_process()) {
            output.warn(&found.to_string());
        }
        let loaded = Config::load(self.config.as_deref(), of_process(), Persist::No)?;
        if output.is_json() {
            Output::document(&loaded.config)?;
        } else {
            Output::line(loaded.config.render()?.trim_end())?;
        }
        Ok(Exit::Done)
    }
}

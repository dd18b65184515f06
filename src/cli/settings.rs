//! `piperoll settings`: what decisions depend on and operators may change.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;

use super::{client::Target, document, error::Error, exit::Exit, output::Output};

/// The roll's settings: look, change.
#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// Show the settings in force.
    Show {
        #[command(flatten)]
        server: Target,
    },
    /// Change the settings, all of them at once.
    Change(Change),
}

/// All settings, as they shall be.
#[derive(Debug, Args)]
pub(super) struct Change {
    #[command(flatten)]
    server: Target,
    /// All of them as JSON, as `--json settings show` prints them; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
}

impl Settings {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let path = ["v1", "admin", "settings"];
        let answer = match self {
            Self::Show { server } => server.operator().get(&path, &[]).await?,
            Self::Change(Change { server, settings }) => {
                let settings = document::read(&settings)?;
                server.operator().write(Method::PUT, &path, Some(&settings), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

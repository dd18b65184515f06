//! `piperoll clock`: whether the writer believes its clock.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// The clock that the writer goes by.
#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// Show the clock, and why it is in doubt if it is.
    Show {
        #[command(flatten)]
        server: Target,
    },
    /// Say that the clock is right: time counts again.
    Accept {
        #[command(flatten)]
        server: Target,
    },
    /// Go on from the server's clock as it is now, though the last record is later.
    Correct(Correct),
}

/// A correction.
#[derive(Debug, Args)]
pub(super) struct Correct {
    #[command(flatten)]
    server: Target,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

impl Clock {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let path = ["v1", "admin", "clock"];
        let answer = match self {
            Self::Show { server } => server.operator().get(&path, &[]).await?,
            Self::Accept { server } => {
                let path = [&path[..], &["accept"]].concat();
                server.operator().write(Method::POST, &path, None, None).await?
            }
            Self::Correct(Correct { server, reason }) => {
                let path = [&path[..], &["correct"]].concat();
                let body = json!({ "reason": reason });
                server.operator().write(Method::POST, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

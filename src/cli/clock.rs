//! `piperoll clock`: whether the writer believes its clock.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Server, error::Error, exit::Exit, output::Output};

/// The clock that the writer goes by.
#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// Show the clock, and why it is in doubt if it is.
    Show {
        #[command(flatten)]
        server: Server,
    },
    /// Say that the clock is right: time counts again.
    Accept {
        #[command(flatten)]
        server: Server,
    },
    /// Say what the time is, where records were written under a clock that ran ahead.
    Correct(Correct),
}

/// A correction.
#[derive(Debug, Args)]
pub(super) struct Correct {
    #[command(flatten)]
    server: Server,
    /// The time to go on from, such as 2026-11-21T12:00:00Z.
    #[arg(value_name = "TIME")]
    now: String,
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
            Self::Correct(Correct { server, now, reason }) => {
                let path = [&path[..], &["correct"]].concat();
                let body = json!({ "now": now, "reason": reason });
                server.operator().write(Method::POST, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

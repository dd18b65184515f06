//! `piperoll workers`: pause what works in the background, and let it work again.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// What works in the background: look, pause, resume. What is owed meanwhile stays owed.
#[derive(Debug, Subcommand)]
pub(super) enum Workers {
    /// Show which workers rest, since when and why.
    List {
        #[command(flatten)]
        server: Target,
    },
    /// Let workers rest, at once and until they are resumed, also over restarts.
    Pause(Switch),
    /// Let workers work again.
    Resume(Switch),
}

/// Which, and why.
#[derive(Debug, Args)]
pub(super) struct Switch {
    #[command(flatten)]
    server: Target,
    /// Which of them.
    #[arg(long)]
    worker: Worker,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

/// A worker, or all.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Worker {
    /// Every one.
    All,
    /// Ends what has expired: payments, lots, reservations.
    Sweeper,
    /// Asks providers about payments that are pending for long.
    Reconciler,
    /// Tries dead letters again.
    Dlq,
    /// Gives what was paid for.
    Fulfiller,
    /// Finds the payments of webhooks that came early, or only hinted.
    Matcher,
    /// Looks for invoices whose creation was never answered.
    Creator,
}

impl Worker {
    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Sweeper => "sweeper",
            Self::Reconciler => "reconciler",
            Self::Dlq => "dlq",
            Self::Fulfiller => "fulfiller",
            Self::Matcher => "matcher",
            Self::Creator => "creator",
        }
    }
}

impl Workers {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let answer = match self {
            Self::List { server } => {
                server.operator().get(&["v1", "admin", "workers"], &[]).await?
            }
            Self::Pause(switch) => switch.ask(true).await?,
            Self::Resume(switch) => switch.ask(false).await?,
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

impl Switch {
    async fn ask(self, paused: bool) -> Result<serde_json::Value, Error> {
        let Self { server, worker, reason } = self;
        let body = json!({ "worker": worker.as_str(), "paused": paused, "reason": reason });
        let path = ["v1", "admin", "workers"];
        Ok(server.operator().write(Method::PUT, &path, Some(&body), None).await?)
    }
}

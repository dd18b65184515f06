//! `piperoll dlq`: duties that were refused, tried again or decided about.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output, paging::Paging};

const PATH: [&str; 3] = ["v1", "admin", "dead-letters"];

/// Dead letters: duties that were refused. They are tried again after 1, 5 and 30 minutes, then
/// somebody has to look.
#[derive(Debug, Subcommand)]
pub(super) enum Dlq {
    /// List dead letters, the oldest first.
    List(List),
    /// Show one dead letter.
    Show(One),
    /// Try a dead letter again now; its attempts are counted anew.
    Retry(Retry),
    /// End a dead letter by hand, and with it the duty that it is about.
    Resolve(Resolve),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Target,
    /// Where they stand: pending, processing, completed, failed, `manual_review`.
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    page: Paging,
}

/// One dead letter.
#[derive(Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    server: Target,
    /// Its name, such as `fulfil.812`.
    letter: String,
}

/// Another attempt.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    one: One,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// The end.
#[derive(Debug, Args)]
pub(super) struct Resolve {
    #[command(flatten)]
    one: One,
    /// Whether it was done by other means, or will not be done.
    #[arg(long)]
    outcome: Outcome,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// How a dead letter ends.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Outcome {
    /// It was done by other means.
    Completed,
    /// It will not be done.
    Failed,
}

impl Dlq {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let answer = match self {
            Self::List(List { server, status, page }) => {
                server.operator().get(&PATH, &page.behind([("status", status)])).await?
            }
            Self::Show(One { server, letter }) => {
                server.operator().get(&[&PATH[..], &[&letter]].concat(), &[]).await?
            }
            Self::Retry(Retry { one, reason, idempotency_key }) => {
                one.write("retry", &json!({ "reason": reason }), idempotency_key).await?
            }
            Self::Resolve(Resolve { one, outcome, reason, idempotency_key }) => {
                let outcome = match outcome {
                    Outcome::Completed => "completed",
                    Outcome::Failed => "failed",
                };
                let body = json!({ "outcome": outcome, "reason": reason });
                one.write("resolve", &body, idempotency_key).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

impl One {
    async fn write(
        self,
        verb: &str,
        body: &serde_json::Value,
        key: Option<String>,
    ) -> Result<serde_json::Value, Error> {
        let path = [&PATH[..], &[&self.letter, verb]].concat();
        let server = self.server.operator();
        Ok(server.write(Method::POST, &path, Some(body), key.as_deref()).await?)
    }
}

//! `piperoll anomalies`: what broke an invariant, accepted by a person.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// Broken invariants: accept them.
#[derive(Debug, Subcommand)]
pub(super) enum Anomalies {
    /// Accept a broken invariant: the frozen stream goes on from where it stood.
    Acknowledge(Acknowledge),
}

/// What is accepted.
#[derive(Debug, Args)]
pub(super) struct Acknowledge {
    #[command(flatten)]
    server: Target,
    /// The frozen stream, such as `account-acme-alice`; `piperoll verify` names it.
    stream: String,
    /// The position of the event that broke it.
    position: u64,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

impl Anomalies {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let Self::Acknowledge(Acknowledge { server, stream, position, reason }) = self;
        let path = ["v1", "admin", "anomalies", "acknowledge"];
        let body = json!({ "stream": stream, "position": position, "reason": reason });
        output.answer(&server.operator().write(Method::POST, &path, Some(&body), None).await?)?;
        Ok(Exit::Done)
    }
}

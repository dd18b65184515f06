//! `piperoll readiness`: whether something may become stricter.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    billing::{Mode, Whose},
    error::Error,
    exit::Exit,
    output::Output,
};

/// Whether something may become stricter.
#[derive(Debug, Subcommand)]
pub(super) enum Readiness {
    /// Show the checklist before the next billing mode. Exits with 8 where a point does not hold.
    Billing(BillingMode),
}

/// A mode that is thought of.
#[derive(Debug, Args)]
pub(super) struct BillingMode {
    #[command(flatten)]
    whose: Whose,
    /// The mode; without it, the one after the mode that holds.
    #[arg(long)]
    to: Option<Mode>,
}

impl Readiness {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let Self::Billing(BillingMode { whose, to }) = self;
        let query = [("to", to.map(|to| to.as_str().to_owned()))];
        let answer = whose.look("readiness", &query).await?;
        output.answer(&answer)?;
        let ready = answer.get("ready").and_then(Value::as_bool).unwrap_or(false);
        Ok(if ready { Exit::Done } else { Exit::Unreconciled })
    }
}

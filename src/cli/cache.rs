//! `piperoll cache`: a runbook's step that has nothing to do here, and says so.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{error::Error, exit::Exit, output::Output};

/// What a runbook's cache would be.
#[derive(Debug, Subcommand)]
pub(super) enum Cache {
    /// Drop cached balances. There are none: this changes nothing and says why.
    Reset(Reset),
}

/// Whose balance would be dropped.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// An account.
    #[arg(long)]
    account: Option<String>,
    /// A pool of it.
    #[arg(long, requires = "account")]
    pool: Option<String>,
}

/// Why there is nothing to drop.
const WHY: &str = "no balance is cached: decisions fold the roll, and reads are rows of the views. \
                   Views that are wrong are made anew by `piperoll rebuild`";

impl Cache {
    pub(super) fn run(self, output: Output) -> Result<Exit, Error> {
        let Self::Reset(Reset { account, pool }) = self;
        let key = account.map(|account| {
            let pool = pool.as_deref().unwrap_or("general");
            format!("billing:balance:{account}:{pool}")
        });
        output.answer(&json!({ "dropped": 0, "key": key, "why": WHY }))?;
        Ok(Exit::Done)
    }
}

//! `piperoll reconcile`: the roll against the outside.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// Compare with the outside.
#[derive(Debug, Subcommand)]
pub(super) enum Reconcile {
    /// Ask the providers about every stale payment now. Exits with 8 where one gave no answer.
    Payments(Payments),
    /// Compare what every account holds with what its lots add up to, and what left by transfers with
    /// what arrived. Exits with 8 where they differ.
    ///
    /// It compares the views; `piperoll verify` proves them, entry by entry, from the roll.
    Ledger(Ledger),
}

/// A comparison.
#[derive(Debug, Args)]
pub(super) struct Ledger {
    #[command(flatten)]
    server: Target,
}

/// A sweep.
#[derive(Debug, Args)]
pub(super) struct Payments {
    #[command(flatten)]
    server: Target,
    /// Only list the latest sweeps.
    #[arg(long)]
    runs: bool,
}

impl Reconcile {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        match self {
            Self::Payments(payments) => payments.run(output).await,
            Self::Ledger(Ledger { server }) => {
                let path = ["v1", "admin", "reconciliation", "ledger"];
                let answer = server.operator().get(&path, &[]).await?;
                output.answer(&answer)?;
                let passed = answer.get("passed").and_then(Value::as_bool).unwrap_or(false);
                Ok(if passed { Exit::Done } else { Exit::Unreconciled })
            }
        }
    }
}

impl Payments {
    async fn run(self, output: Output) -> Result<Exit, Error> {
        let Self { server, runs } = self;
        let client = server.operator();
        let base = ["v1", "admin", "reconciliation", "payments"];
        if runs {
            let path = [&base[..], &["runs"]].concat();
            output.answer(&client.get(&path, &[]).await?)?;
            return Ok(Exit::Done);
        }
        let path = [&base[..], &["run"]].concat();
        let answer = client.write(Method::POST, &path, None, None).await?;
        output.answer(&answer)?;
        let errors = answer.get("errors").and_then(Value::as_u64).unwrap_or(0);
        Ok(if errors == 0 { Exit::Done } else { Exit::Unreconciled })
    }
}

//! `piperoll transfers`: credit that is another's.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{correct::Why, error::Error, exit::Exit, money::Sum, output::Output};

/// Credit moved between accounts of a tenant.
#[derive(Debug, Subcommand)]
pub(super) enum Transfers {
    /// Move credit to another account, with its source, its cost and its expiry.
    Create(Box<Create>),
}

/// Credit to be moved.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    why: Why,
    /// Out of which account.
    #[arg(long)]
    from: String,
    /// Into which account; one that has never been is opened.
    #[arg(long)]
    to: String,
    #[command(flatten)]
    sum: Sum,
    /// From which pool first.
    #[arg(long)]
    pool: Option<String>,
    /// The transfer's name; made up unless given.
    #[arg(long)]
    transfer: Option<String>,
}

impl Transfers {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let Self::Create(create) = self;
        let server = create.why.whose.server.clone();
        output.amounts(&server, &create.ask().await?).await?;
        Ok(Exit::Done)
    }
}

impl Create {
    async fn ask(self) -> Result<Value, Error> {
        let body = json!({
            "transfer": self.transfer,
            "from": self.from,
            "to": self.to,
            "amount": self.sum.body(&self.why.whose.server).await?,
            "pool": self.pool,
        });
        self.why.post(&["transfers"], body).await
    }
}

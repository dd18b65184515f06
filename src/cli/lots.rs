//! `piperoll lots`: lots, and taking them back.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    client::Target,
    correct::{Whose, Why},
    error::Error,
    exit::Exit,
    money::Of,
    output::Output,
    paging::Paging,
};

/// Lots: look at them, take them back.
#[derive(Debug, Subcommand)]
pub(super) enum Lots {
    /// List an account's lots. Amounts are shown in major units; with --json in smallest ones.
    List(List),
    /// Show a lot, and in whose account it lies. Amounts are shown in major units; with --json in
    /// smallest ones.
    Show(Show),
    /// Take credit of a lot back: what is there, then what is reserved, then as a debt.
    Clawback(Clawback),
    /// Take what is left of a lot that should never have been, such as one that was given twice.
    Void(Void),
}

/// Whose lots.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    whose: Whose,
    /// The account.
    #[arg(long)]
    account: String,
    #[command(flatten)]
    page: Paging,
}

/// Which lot.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    whose: Whose,
    /// The lot.
    lot: String,
}

/// Credit of a lot to be taken back.
#[derive(Debug, Args)]
pub(super) struct Clawback {
    #[command(flatten)]
    why: Why,
    /// The account; looked up by the lot unless given.
    #[arg(long)]
    account: Option<String>,
    /// The lot.
    #[arg(long)]
    lot: String,
    /// How much, in major units; all that can be unless given.
    #[arg(long, value_name = "MAJOR")]
    amount: Option<String>,
    #[command(flatten)]
    of: Of,
}

/// A lot that should never have been.
#[derive(Debug, Args)]
pub(super) struct Void {
    #[command(flatten)]
    why: Why,
    /// The account; looked up by the lot unless given.
    #[arg(long)]
    account: Option<String>,
    /// The lot.
    #[arg(long)]
    lot: String,
}

impl Lots {
    fn server(&self) -> &Target {
        match self {
            Self::List(list) => &list.whose.server,
            Self::Show(show) => &show.whose.server,
            Self::Clawback(clawback) => &clawback.why.whose.server,
            Self::Void(void) => &void.why.whose.server,
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let server = self.server().clone();
        let answer = match self {
            Self::List(list) => list.ask().await?,
            Self::Clawback(clawback) => clawback.ask().await?,
            Self::Show(Show { whose, lot }) => whose.get(&["lots", &lot], &[]).await?,
            Self::Void(Void { why, account, lot }) => {
                let account = holder(&why.whose, account, &lot).await?;
                why.post(&["accounts", &account, "lots", &lot, "void"], json!({})).await?
            }
        };
        output.amounts(&server, &answer).await?;
        Ok(Exit::Done)
    }
}

impl List {
    async fn ask(self) -> Result<Value, Error> {
        let query = self.page.behind([]);
        self.whose.get(&["accounts", &self.account, "lots"], &query).await
    }
}

impl Clawback {
    async fn ask(self) -> Result<Value, Error> {
        let amount = match &self.amount {
            Some(text) => Some(self.of.places(&self.why.whose.server).await?.body(text)?),
            None => None,
        };
        let account = holder(&self.why.whose, self.account, &self.lot).await?;
        let path = ["accounts", &account, "lots", &self.lot, "clawback"];
        self.why.post(&path, json!({ "amount": amount })).await
    }
}

/// In whose account a lot lies, as given or as the server knows.
async fn holder(whose: &Whose, account: Option<String>, lot: &str) -> Result<String, Error> {
    if let Some(account) = account {
        return Ok(account);
    }
    let found = whose.get(&["lots", lot], &[]).await?;
    Ok(found.get("account").and_then(Value::as_str).unwrap_or_default().to_owned())
}

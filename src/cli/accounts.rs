//! `piperoll accounts`: what they hold, and credit by hand.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::Target,
    correct::Whose,
    error::Error,
    exit::Exit,
    money::{Of, Sum},
    output::Output,
    paging::Paging,
};

/// Look at accounts and give credit by hand.
#[derive(Debug, Subcommand)]
pub(super) enum Accounts {
    /// Open an account before its first credit. Opening it again changes nothing.
    Open(Open),
    /// Show what an account can spend.
    Balance(Look),
    /// List an account's lots.
    Lots(Held),
    /// List every movement of an account's credit, with a key of its tenant.
    Entries(Moved),
    /// Give credit by hand.
    Mint(Box<Mint>),
}

/// An account.
#[derive(Debug, Args)]
pub(super) struct Look {
    #[command(flatten)]
    whose: Whose,
    /// The account.
    account: String,
    /// As of a position or a time, such as 2026-11-21T12:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<String>,
}

/// A page of an account's lots.
#[derive(Debug, Args)]
pub(super) struct Held {
    #[command(flatten)]
    whose: Whose,
    /// The account.
    account: String,
    #[command(flatten)]
    page: Paging,
}

/// A page of an account's movements.
#[derive(Debug, Args)]
pub(super) struct Moved {
    #[command(flatten)]
    server: Target,
    /// The account.
    account: String,
    #[command(flatten)]
    page: Paging,
}

/// An account to be opened.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    server: Target,
    /// Its name: opaque, no personal data.
    account: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Credit by hand.
#[derive(Debug, Args)]
pub(super) struct Mint {
    #[command(flatten)]
    server: Target,
    /// Whose account.
    #[arg(long)]
    tenant: String,
    /// The account.
    account: String,
    #[command(flatten)]
    sum: Sum,
    /// `grant`, `deposit`, `purchase` or `commons_dividend`. A deposit or a purchase is booked as if
    /// it had cost nothing, unless --cost says what was paid for it.
    #[arg(long, default_value = "grant")]
    source: String,
    /// What was paid for it outside, such as USD=4.50: a commodity, and how much in major units.
    #[arg(long, value_name = "COMMODITY=MAJOR", value_parser = cost)]
    cost: Option<(String, String)>,
    /// Where it shall lie; `general` unless said.
    #[arg(long)]
    pool: Option<String>,
    /// Until when it can be used, such as 2026-12-31T23:00:00Z; for ever unless said.
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Names where it comes from; the same again is refused.
    #[arg(long)]
    source_id: String,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Accounts {
    fn server(&self) -> &Target {
        match self {
            Self::Open(open) => &open.server,
            Self::Balance(look) => &look.whose.server,
            Self::Lots(held) => &held.whose.server,
            Self::Entries(moved) => &moved.server,
            Self::Mint(mint) => &mint.server,
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let server = self.server().clone();
        let answer = match self {
            Self::Open(open) => open.ask().await?,
            Self::Balance(look) => look.ask().await?,
            Self::Lots(held) => held.ask().await?,
            Self::Entries(moved) => moved.ask().await?,
            Self::Mint(mint) => mint.ask().await?,
        };
        output.amounts(&server, &answer).await?;
        Ok(Exit::Done)
    }
}

impl Open {
    async fn ask(self) -> Result<Value, Error> {
        let body = json!({ "account": self.account });
        let key = self.idempotency_key.as_deref();
        let client = self.server.tenant();
        Ok(client.write(Method::POST, &["v1", "accounts"], Some(&body), key).await?)
    }
}

impl Look {
    async fn ask(self) -> Result<Value, Error> {
        let path = ["accounts", &self.account, "balance"];
        self.whose.get(&path, &[("as_of", self.as_of)]).await
    }
}

impl Held {
    async fn ask(self) -> Result<Value, Error> {
        self.whose.get(&["accounts", &self.account, "lots"], &self.page.behind([])).await
    }
}

impl Moved {
    async fn ask(self) -> Result<Value, Error> {
        let path = ["v1", "accounts", &self.account, "entries"];
        Ok(self.server.tenant().get(&path, &self.page.behind([])).await?)
    }
}

fn cost(text: &str) -> Result<(String, String), String> {
    let (code, amount) = text.split_once('=').ok_or("write it as COMMODITY=MAJOR")?;
    Ok((code.to_owned(), amount.to_owned()))
}

impl Mint {
    async fn ask(self) -> Result<Value, Error> {
        let body = json!({
            "amount": self.sum.body(&self.server).await?,
            "source": self.source,
            "source_id": self.source_id,
            "pool": self.pool,
            "expires_at": self.expires_at,
            "cost": self.paid().await?,
            "reason": self.reason,
        });
        let path = ["v1", "admin", "tenants", &self.tenant, "accounts", &self.account, "mint"];
        let key = self.idempotency_key.as_deref();
        Ok(self.server.operator().write(Method::POST, &path, Some(&body), key).await?)
    }

    /// What it cost; `--scale` is of what is given, and of the cost where that is the same.
    async fn paid(&self) -> Result<Option<Value>, Error> {
        let Some((commodity, major)) = &self.cost else { return Ok(None) };
        let given = &self.sum.of;
        let scale = given.scale.filter(|_| given.commodity == *commodity);
        let of = Of { commodity: commodity.clone(), scale };
        Ok(Some(of.places(&self.server).await?.body(major)?))
    }
}

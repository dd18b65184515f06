//! `piperoll reservations`: credit set aside before the work, and charged after it.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::Target, correct::Whose, error::Error, exit::Exit, money::Sum, output::Output,
    paging::Paging,
};

/// Set credit aside, charge it, give it back; look at reservations.
#[derive(Debug, Subcommand)]
pub(super) enum Reservations {
    /// Set credit of an account aside. Amounts are in major units.
    Reserve(Box<Reserve>),
    /// Charge what the work cost. The same cost again gives the same answer.
    Finalize(Box<Finalize>),
    /// Give back what was set aside.
    Release(Release),
    /// List reservations.
    List(List),
    /// Show one reservation, with how it ended.
    Show(One),
}

/// Credit to be set aside.
#[derive(Debug, Args)]
pub(super) struct Reserve {
    #[command(flatten)]
    server: Target,
    /// The account.
    account: String,
    #[command(flatten)]
    sum: Sum,
    /// The amount is an estimate: the tenant's safety is put on it.
    #[arg(long)]
    estimate: bool,
    /// The reservation's name; made up unless given. It makes asking again safe.
    #[arg(long)]
    reservation: Option<String>,
    /// From which pool first.
    #[arg(long)]
    pool: Option<String>,
    /// How long it lasts, in seconds; as the tenant's billing says unless given.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// The caller's own name for the use.
    #[arg(long)]
    reference: Option<String>,
    /// Makes asking again safe; made up unless it or `--reservation` is given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What the work cost.
#[derive(Debug, Args)]
pub(super) struct Finalize {
    #[command(flatten)]
    server: Target,
    /// The reservation.
    reservation: String,
    #[command(flatten)]
    sum: Sum,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// A reservation to be given back.
#[derive(Debug, Args)]
pub(super) struct Release {
    #[command(flatten)]
    whose: Whose,
    /// The reservation.
    reservation: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which reservations.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    whose: Whose,
    /// Where they stand: pending, finalized, released, expired.
    #[arg(long)]
    status: Option<String>,
    /// Of this account.
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    page: Paging,
}

/// One reservation.
#[derive(Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    whose: Whose,
    /// Its name.
    reservation: String,
}

impl Reservations {
    fn server(&self) -> &Target {
        match self {
            Self::Reserve(reserve) => &reserve.server,
            Self::Finalize(finalize) => &finalize.server,
            Self::Release(release) => &release.whose.server,
            Self::List(list) => &list.whose.server,
            Self::Show(one) => &one.whose.server,
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let server = self.server().clone();
        let answer = match self {
            Self::Reserve(reserve) => reserve.ask().await?,
            Self::Finalize(finalize) => finalize.ask().await?,
            Self::Release(Release { whose, reservation, idempotency_key }) => {
                let path = ["reservations", &reservation, "release"];
                whose.post(&path, &json!({}), idempotency_key.as_deref()).await?
            }
            Self::List(list) => list.ask().await?,
            Self::Show(One { whose, reservation }) => {
                whose.get(&["reservations", &reservation], &[]).await?
            }
        };
        output.amounts(&server, &answer).await?;
        Ok(Exit::Done)
    }
}

impl Reserve {
    async fn ask(self) -> Result<Value, Error> {
        let amount = if self.estimate { "estimate" } else { "amount" };
        let body = json!({
            amount: self.sum.body(&self.server).await?,
            "reservation": self.reservation,
            "pool": self.pool,
            "ttl_seconds": self.ttl,
            "reference": self.reference,
        });
        let path = ["v1", "accounts", &self.account, "reservations"];
        let (client, key) = (self.server.tenant(), self.idempotency_key.as_deref());
        Ok(if self.reservation.is_some() {
            client.write_by_name(Method::POST, &path, Some(&body), key).await?
        } else {
            client.write(Method::POST, &path, Some(&body), key).await?
        })
    }
}

impl Finalize {
    async fn ask(self) -> Result<Value, Error> {
        let body = json!({ "cost": self.sum.body(&self.server).await? });
        let path = ["v1", "reservations", &self.reservation, "finalize"];
        let key = self.idempotency_key.as_deref();
        Ok(self.server.tenant().write(Method::POST, &path, Some(&body), key).await?)
    }
}

impl List {
    async fn ask(self) -> Result<Value, Error> {
        let query = self.page.behind([("status", self.status), ("account", self.account)]);
        self.whose.get(&["reservations"], &query).await
    }
}

//! `piperoll campaigns`: credit that is given away out of a budget.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    batch::{self, Mode},
    client::Target,
    correct::Whose,
    error::Error,
    exit::Exit,
    money::Of,
    output::Output,
    paging::Paging,
};

/// Credit that is given away: plan, begin, pause, end, grant.
#[derive(Debug, Subcommand)]
pub(super) enum Campaigns {
    /// List the campaigns with what they gave.
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        page: Paging,
    },
    /// Show one campaign: what was planned, and how much of it is given.
    Show {
        #[command(flatten)]
        whose: Whose,
        /// Its name.
        campaign: String,
    },
    /// Plan a campaign. It gives nothing before it is activated.
    Create(Box<Create>),
    /// Let a campaign give, for the first time or again.
    Activate(Move),
    /// Let a campaign give nothing until it is activated again.
    Pause(Move),
    /// End a campaign for good; what it gave stays given.
    Complete(Move),
    /// Give credit, to up to 1,000 accounts out of a file.
    Grant(Grant),
    /// List what a campaign gave, the oldest first.
    Grants(Grants),
}

/// A campaign to be planned.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    whose: Whose,
    /// Its name.
    campaign: String,
    /// The most that it gives in all, in major units with a point: 1.25 USD is 1250000 micro.
    #[arg(long, value_name = "MAJOR")]
    budget: String,
    #[command(flatten)]
    of: Of,
    /// The most that one account gets, in major units.
    #[arg(long, value_name = "MAJOR")]
    account_cap: Option<String>,
    /// What it is for: `promotional`, `loyalty`, `referral` or `reverse_airdrop`.
    #[arg(long)]
    purpose: Option<String>,
    /// How much of the budget must be gone before its owner is told, in percent; 90 unless said.
    #[arg(long, value_name = "PERCENT")]
    threshold: Option<u32>,
    /// Where the credit lies.
    #[arg(long)]
    pool: Option<String>,
    /// When it ends by itself, such as 2026-12-31T23:00:00Z.
    #[arg(long, value_name = "TIME")]
    ends_at: Option<String>,
    /// How long granted credit can be used, from its grant.
    #[arg(long, value_name = "SECONDS")]
    lots_expire_after: Option<u32>,
    /// Until when granted credit can be used, whenever it was granted.
    #[arg(long, value_name = "TIME")]
    lots_expire_at: Option<String>,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// A campaign, and why it goes where.
#[derive(Debug, Args)]
pub(super) struct Move {
    #[command(flatten)]
    whose: Whose,
    /// Its name.
    campaign: String,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Grants out of a file.
#[derive(Debug, Args)]
pub(super) struct Grant {
    #[command(flatten)]
    whose: Whose,
    /// The campaign.
    campaign: String,
    /// Whether each is taken by itself, or all of them or none.
    #[arg(long, value_enum)]
    mode: Mode,
    /// The grants, a line of JSON each: `idempotency_key`, `account`, `amount`; `-` for stdin.
    file: PathBuf,
}

/// A page of what a campaign gave.
#[derive(Debug, Args)]
pub(super) struct Grants {
    #[command(flatten)]
    whose: Whose,
    /// The campaign.
    campaign: String,
    #[command(flatten)]
    page: Paging,
}

impl Campaigns {
    fn server(&self) -> &Target {
        match self {
            Self::List { whose, .. } | Self::Show { whose, .. } => &whose.server,
            Self::Create(create) => &create.whose.server,
            Self::Activate(asked) | Self::Pause(asked) | Self::Complete(asked) => {
                &asked.whose.server
            }
            Self::Grant(grant) => &grant.whose.server,
            Self::Grants(grants) => &grants.whose.server,
        }
    }

    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let server = self.server().clone();
        let answer = match self {
            Self::List { whose, page } => whose.get(&["campaigns"], &page.behind([])).await?,
            Self::Show { whose, campaign } => whose.get(&["campaigns", &campaign], &[]).await?,
            Self::Create(create) => create.ask().await?,
            Self::Activate(asked) => asked.ask("activate").await?,
            Self::Pause(asked) => asked.ask("pause").await?,
            Self::Complete(asked) => asked.ask("complete").await?,
            Self::Grant(grant) => return grant.put(output).await,
            Self::Grants(Grants { whose, campaign, page }) => {
                whose.get(&["campaigns", &campaign, "grants"], &page.behind([])).await?
            }
        };
        output.amounts(&server, &answer).await?;
        Ok(Exit::Done)
    }
}

impl Create {
    async fn body(&self) -> Result<Value, Error> {
        let of = self.of.places(&self.whose.server).await?;
        let cap = self.account_cap.as_deref().map(|cap| of.body(cap)).transpose()?;
        let fields = [
            ("campaign", Some(json!(self.campaign))),
            ("budget", Some(of.body(&self.budget)?)),
            ("account_cap", cap),
            ("purpose", self.purpose.as_ref().map(|it| json!(it))),
            ("threshold_percent", self.threshold.map(|it| json!(it))),
            ("pool", self.pool.as_ref().map(|it| json!(it))),
            ("ends_at", self.ends_at.as_ref().map(|it| json!(it))),
            ("lots_expire_after_seconds", self.lots_expire_after.map(|it| json!(it))),
            ("lots_expire_at", self.lots_expire_at.as_ref().map(|it| json!(it))),
        ];
        let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(Value::Object(said.collect::<Map<_, _>>()))
    }

    async fn ask(self) -> Result<Value, Error> {
        let (body, key) = (self.body().await?, self.idempotency_key.as_deref());
        self.whose.post(&["campaigns"], &body, key).await
    }
}

impl Move {
    async fn ask(self, verb: &str) -> Result<Value, Error> {
        let body = json!({ "reason": self.reason });
        let path = ["campaigns", &self.campaign, verb];
        self.whose.post(&path, &body, self.idempotency_key.as_deref()).await
    }
}

impl Grant {
    async fn put(self, output: Output) -> Result<Exit, Error> {
        let body = json!({ "mode": self.mode.as_str(), "items": batch::items(&self.file)? });
        batch::put(&self.whose, &["campaigns", &self.campaign, "grants"], &body, output).await
    }
}

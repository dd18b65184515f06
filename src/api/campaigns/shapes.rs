//! Campaigns as they are asked for and shown.

use piperoll_domain::{
    campaign::{Created, Purpose, Status, THRESHOLD_PERCENT, Terms},
    event::Envelope,
    id::{CampaignId, Pool},
    money::{Amount, Money},
    time::Time,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        Problem, problem,
        render::{self, At, Sum},
    },
    views::read,
};

/// A campaign to be planned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewCampaign {
    /// Its name; made up unless said.
    #[schema(value_type = Option<String>, example = "welcome-2026")]
    campaign: Option<CampaignId>,
    /// What it is for: `promotional` unless said, `loyalty`, `referral` or `reverse_airdrop`.
    #[schema(value_type = Option<String>, pattern = "^(promotional|loyalty|referral|reverse_airdrop)$")]
    purpose: Option<Purpose>,
    /// The most that it gives in all.
    #[schema(value_type = Sum)]
    budget: Money,
    /// The most that one account gets; no such bound unless said. In the budget's commodity.
    #[schema(value_type = Option<Sum>)]
    account_cap: Option<Money>,
    /// How much of the budget must be gone before its owner is told, in percent; 90 unless said.
    #[schema(minimum = 1, maximum = 100)]
    threshold_percent: Option<u32>,
    /// Where the credit lies; `general` unless said.
    #[schema(value_type = Option<String>, example = "campaign:welcome-2026")]
    pool: Option<Pool>,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<String>,
    /// How long granted credit can be used, from its grant; for ever unless said.
    #[schema(minimum = 1)]
    lots_expire_after_seconds: Option<u32>,
    /// Until when granted credit can be used, whenever it was granted; not before `ends_at`.
    #[schema(value_type = Option<String>, format = DateTime)]
    lots_expire_at: Option<String>,
}

impl NewCampaign {
    /// What is planned, under which name.
    pub(super) fn named(self) -> Result<(CampaignId, Terms), Problem> {
        let campaign = match self.campaign {
            Some(campaign) => campaign,
            None => named("campaign")?,
        };
        let terms = Terms {
            purpose: self.purpose.unwrap_or_default(),
            budget: self.budget,
            account_cap: self.account_cap.map(|cap| capped(cap, self.budget)).transpose()?,
            threshold_percent: self.threshold_percent.unwrap_or(THRESHOLD_PERCENT),
            pool: self.pool.unwrap_or_else(Pool::general),
            ends_at: time("ends_at", self.ends_at.as_deref())?,
            lots_expire_after_seconds: self.lots_expire_after_seconds,
            lots_expire_at: time("lots_expire_at", self.lots_expire_at.as_deref())?,
        };
        Ok((campaign, terms))
    }
}

/// A name that nobody has yet.
pub(super) fn named<T: std::str::FromStr<Err: std::fmt::Display>>(
    what: &str,
) -> Result<T, Problem> {
    let name = format!("{what}_{}", uuid::Uuid::now_v7().simple());
    name.parse().map_err(|error: T::Err| problem::field(what, &error.to_string()))
}

fn capped(cap: Money, budget: Money) -> Result<Amount, Problem> {
    if cap.commodity == budget.commodity {
        return Ok(cap.amount);
    }
    Err(problem::field("account_cap.commodity", "it is the budget's"))
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let what = "it is a time such as 2026-11-21T12:00:00Z";
    text.map(|text| render::time(text).ok_or_else(|| problem::field(name, what))).transpose()
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Campaign {
    /// Its name.
    campaign: String,
    /// `draft`, `active`, `paused`, `completed` or `expired`.
    status: Option<String>,
    /// What it is for.
    purpose: Option<String>,
    /// The most that it gives in all.
    budget: Option<Sum>,
    /// How much of that is given.
    spent: Option<Sum>,
    /// How much of that is left.
    left: Option<Sum>,
    /// How many grants that were.
    grants: i64,
    /// The most that one account gets; null for no such bound.
    account_cap: Option<Sum>,
    /// How much of the budget its owner wants to be told of, in percent.
    threshold_percent: Option<i64>,
    /// When that was reached.
    threshold_reached_at: Option<At>,
    /// Where the credit lies.
    pool: Option<String>,
    /// When it ends by itself; null without an end.
    ends_at: Option<At>,
    /// How long granted credit can be used, from its grant; null for ever.
    lots_expire_after_seconds: Option<i64>,
    /// Until when granted credit can be used, whenever it was granted.
    lots_expire_at: Option<At>,
    /// When it was planned.
    created_at: Option<At>,
    /// Why it stands where it does.
    reason: Option<String>,
}

impl Campaign {
    /// As the views have it.
    pub(super) fn of(row: read::Campaign) -> Self {
        let sum = |amount: Option<i64>| Sum::both(row.commodity.as_ref(), amount);
        let left = row.budget.zip(row.spent).map(|(budget, spent)| budget.saturating_sub(spent));
        Self {
            budget: sum(row.budget),
            spent: sum(row.spent),
            left: sum(left),
            account_cap: sum(row.account_cap),
            campaign: row.campaign,
            status: row.status,
            purpose: row.purpose,
            grants: row.grants,
            threshold_percent: row.threshold_percent,
            threshold_reached_at: row.threshold_reached_at.map(At::micros),
            pool: row.pool,
            ends_at: row.ends_at.map(At::micros),
            lots_expire_after_seconds: row.lots_expire_after_seconds,
            lots_expire_at: row.lots_expire_at.map(At::micros),
            created_at: row.created_at.map(At::micros),
            reason: row.reason,
        }
    }

    /// As the fact says that planned it.
    pub(super) fn planned(at: &Envelope, Created { terms }: &Created) -> Self {
        let budget = terms.budget;
        Self {
            campaign: at.stream.id.to_string(),
            status: Some(Status::Draft.as_str().to_owned()),
            purpose: Some(terms.purpose.as_str().to_owned()),
            budget: Some(budget.into()),
            spent: Some(budget.with(Amount::ZERO).into()),
            left: Some(budget.into()),
            grants: 0,
            account_cap: terms.account_cap.map(|cap| budget.with(cap).into()),
            threshold_percent: Some(terms.threshold_percent.into()),
            threshold_reached_at: None,
            pool: Some(terms.pool.to_string()),
            ends_at: terms.ends_at.map(At),
            lots_expire_after_seconds: terms.lots_expire_after_seconds.map(Into::into),
            lots_expire_at: terms.lots_expire_at.map(At),
            created_at: Some(At(at.recorded_at)),
            reason: None,
        }
    }
}

/// Where a campaign stands after a command.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CampaignMoved)]
pub(in crate::api) struct Moved {
    /// Which.
    campaign: String,
    /// Where it stands.
    status: String,
}

impl Moved {
    pub(super) fn to(campaign: &CampaignId, status: Status) -> Self {
        Self { campaign: campaign.to_string(), status: status.as_str().to_owned() }
    }
}

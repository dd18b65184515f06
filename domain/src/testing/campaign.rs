//! Wishes about campaigns, with short names.

use super::build::{id, tenant};
use crate::{
    campaign::{Purpose, THRESHOLD_PERCENT, Terms},
    id::Pool,
    money::Money,
    operation::{
        ActivateCampaign, CompleteCampaign, CreateCampaign, ExpireCampaign, GrantCredit, Operation,
        PauseCampaign,
    },
};

fn reason() -> String {
    "looked into it".to_owned()
}

/// A budget without an end and without a cap, for credit of the general pool that never lapses.
pub fn gifts(budget: Money) -> Terms {
    Terms {
        purpose: Purpose::Promotional,
        budget,
        account_cap: None,
        threshold_percent: THRESHOLD_PERCENT,
        pool: Pool::general(),
        ends_at: None,
        lots_expire_after_seconds: None,
        lots_expire_at: None,
    }
}

/// Plans a campaign.
pub fn plan(campaign: &str, terms: Terms) -> Operation {
    CreateCampaign { tenant: tenant("acme"), campaign: id(campaign), terms }.into()
}

/// Lets a campaign give.
pub fn activate(campaign: &str) -> Operation {
    let (tenant, campaign) = (tenant("acme"), id(campaign));
    ActivateCampaign { tenant, campaign, reason: reason() }.into()
}

/// Lets a campaign give nothing for a while.
pub fn pause(campaign: &str) -> Operation {
    PauseCampaign { tenant: tenant("acme"), campaign: id(campaign), reason: reason() }.into()
}

/// Ends a campaign.
pub fn complete(campaign: &str) -> Operation {
    let (tenant, campaign) = (tenant("acme"), id(campaign));
    CompleteCampaign { tenant, campaign, reason: reason() }.into()
}

/// Ends a campaign whose time is over.
pub fn end(campaign: &str) -> Operation {
    ExpireCampaign { tenant: tenant("acme"), campaign: id(campaign) }.into()
}

/// Gives credit out of a campaign's budget.
pub fn give(campaign: &str, grant: &str, account: &str, amount: Money) -> GrantCredit {
    let (campaign, grant, account) = (id(campaign), id(grant), id(account));
    GrantCredit { tenant: tenant("acme"), campaign, grant, account, amount }
}

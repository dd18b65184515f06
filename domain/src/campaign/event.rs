//! What may have happened to a campaign.

use serde::{Deserialize, Serialize};

use super::Terms;
use crate::{
    id::{AccountId, GrantId},
    money::{Amount, Money},
    wire::events,
};

/// Somebody planned to give credit away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// What was planned.
    pub terms: Terms,
}

/// It gives from here on, for the first time or again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activated {
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// It gives nothing until it is activated again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// An operator ended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// What it might have given.
    pub budget: Money,
    /// How much of that it gave.
    pub spent: Amount,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// Its time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// What it might have given.
    pub budget: Money,
    /// How much of that it gave.
    pub spent: Amount,
}

/// Some of the budget went to an account, in the append that makes the credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSpent {
    /// By which grant.
    pub grant: GrantId,
    /// To which account.
    pub account: AccountId,
    /// How much.
    pub amount: Money,
    /// How much of the budget is spent in all, with this.
    pub spent: Amount,
}

/// As much of the budget is spent as its owner wants to be told of. Once in a campaign's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdReached {
    /// The budget.
    pub budget: Money,
    /// How much of it is spent.
    pub spent: Amount,
    /// How much its owner wants to be told of, in percent.
    pub threshold_percent: u32,
}

events!(Campaign {
    /// Planned.
    Created = "campaign.created.v1",
    /// It gives.
    Activated = "campaign.activated.v1",
    /// It gives nothing for a while.
    Paused = "campaign.paused.v1",
    /// An operator ended it.
    Completed = "campaign.completed.v1",
    /// Its time is over.
    Expired = "campaign.expired.v1",
    /// Some of the budget was given.
    BudgetSpent = "campaign.budget_spent.v1",
    /// Most of the budget is spent.
    ThresholdReached = "campaign.threshold_reached.v1",
});

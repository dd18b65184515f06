//! What a campaign may give: how much in all, how much to one account, until when, as which credit.

use serde::{Deserialize, Serialize};

use crate::{
    id::Pool,
    money::{Amount, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// How much of the budget is gone when its owner is told, where nobody says otherwise.
pub const THRESHOLD_PERCENT: u32 = 90;
/// The longest that granted credit can last, if it ends at all: a hundred years.
const LOT_SECONDS_MAX: u32 = 3_153_600_000;

/// What a campaign is for. A word for reports; no rule depends on it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// So that somebody comes.
    #[default]
    Promotional,
    /// So that somebody stays.
    Loyalty,
    /// For bringing somebody.
    Referral,
    /// For what somebody lost.
    ReverseAirdrop,
}

impl Purpose {
    /// Every one.
    pub const ALL: [Self; 4] =
        [Self::Promotional, Self::Loyalty, Self::Referral, Self::ReverseAirdrop];

    /// The word that answers and views use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promotional => "promotional",
            Self::Loyalty => "loyalty",
            Self::Referral => "referral",
            Self::ReverseAirdrop => "reverse_airdrop",
        }
    }
}

/// What was planned. It holds for as long as the campaign does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What it is for.
    pub purpose: Purpose,
    /// The most that it gives in all.
    pub budget: Money,
    /// The most that one account gets, in the budget's commodity; none for no such bound.
    pub account_cap: Option<Amount>,
    /// How much of the budget must be gone before its owner is told, in percent.
    pub threshold_percent: u32,
    /// Where the credit lies.
    pub pool: Pool,
    /// When the campaign ends by itself.
    pub ends_at: Option<Time>,
    /// How long granted credit can be used, from its grant.
    pub lots_expire_after_seconds: Option<u32>,
    /// Until when granted credit can be used, whenever it was granted. The earlier end counts.
    pub lots_expire_at: Option<Time>,
}

impl Terms {
    pub(super) fn check(&self, moment: Moment) -> Result<(), Rejection> {
        let refuse = |field, what| Err(Rejection::CampaignInvalid { field, what });
        if self.budget.amount.is_zero() {
            return refuse("budget.amount", "budget.amount must not be zero");
        }
        if self.account_cap.is_some_and(|cap| cap.is_zero() || cap > self.budget.amount) {
            return refuse("account_cap", "account_cap must be between 1 and the budget");
        }
        if !(1..=100).contains(&self.threshold_percent) {
            return refuse("threshold_percent", "threshold_percent must be between 1 and 100");
        }
        if self.ends_at.is_some_and(|end| end <= moment.now) {
            return refuse("ends_at", "ends_at must lie ahead");
        }
        let seconds = self.lots_expire_after_seconds;
        if seconds.is_some_and(|seconds| !(1..=LOT_SECONDS_MAX).contains(&seconds)) {
            let what = "lots_expire_after_seconds must be between 1 and 3153600000";
            return refuse("lots_expire_after_seconds", what);
        }
        // So that no credit is ever given that could not be used.
        match (self.lots_expire_at, self.ends_at) {
            (Some(_), None) => refuse("lots_expire_at", "lots_expire_at needs an ends_at"),
            (Some(lots), Some(end)) if lots < end => {
                refuse("lots_expire_at", "lots_expire_at must not be before ends_at")
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// Until when credit that is granted at that moment can be used.
    pub fn lot_expires_at(&self, moment: Moment) -> Option<Time> {
        let after = self.lots_expire_after_seconds.map(|after| moment.now.plus_seconds(after));
        after.into_iter().chain(self.lots_expire_at).min()
    }

    /// Refuses credit of another commodity, and none at all.
    pub(super) fn must_be_of_it(&self, amount: Money) -> Result<(), Rejection> {
        if amount.amount.is_zero() {
            return Err(Rejection::AmountZero { field: "amount" });
        }
        if amount.commodity != self.budget.commodity {
            let (field, code) = ("amount.commodity", amount.commodity);
            return Err(Rejection::CommodityForeign { field, code });
        }
        Ok(())
    }

    pub(super) fn is_reached(&self, spent: Amount) -> bool {
        let times = |amount: Amount, factor: u32| {
            u128::from(amount.units()).saturating_mul(u128::from(factor))
        };
        times(spent, 100) >= times(self.budget.amount, self.threshold_percent)
    }
}

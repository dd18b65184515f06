//! Samples of what happens to campaigns.

use super::reason;
use crate::{
    campaign::{
        Activated, BudgetSpent, Completed, Created, Expired, Paused, Purpose, Terms,
        ThresholdReached,
    },
    event::Event,
    grantee::Given,
    testing::{after, gifts, id, money, units},
};

pub(super) fn all() -> Vec<Event> {
    let (budget, spent) = (money("USD", 1_000), units(950));
    let terms = Terms {
        purpose: Purpose::ReverseAirdrop,
        account_cap: Some(units(500)),
        threshold_percent: 95,
        pool: id("campaign:welcome"),
        ends_at: Some(after(3_600)),
        lots_expire_after_seconds: Some(86_400),
        lots_expire_at: Some(after(172_800)),
        ..gifts(budget)
    };
    vec![
        Created { terms }.into(),
        Activated { reason: reason() }.into(),
        Paused { reason: reason() }.into(),
        Completed { budget, spent, reason: reason() }.into(),
        Expired { budget, spent }.into(),
        BudgetSpent {
            grant: id("grant_1"),
            account: id("alice"),
            amount: money("USD", 450),
            spent,
        }
        .into(),
        ThresholdReached { budget, spent, threshold_percent: 95 }.into(),
        Given {
            grant: id("grant_1"),
            campaign: id("welcome"),
            account: id("alice"),
            lot: id("grant_1"),
            amount: money("USD", 450),
            total: units(500),
            pool: id("campaign:welcome"),
            expires_at: Some(after(86_400)),
        }
        .into(),
    ]
}

//! Wishes about a few campaigns that a few accounts want more of than there is.

use super::*;
use crate::{
    campaign::Terms,
    operation::{CreateCampaign, ExpireCampaign, GrantCredit},
};

fn campaign() -> impl Strategy<Value = String> {
    name("cmp", 3)
}

fn planning() -> impl Strategy<Value = Operation> {
    let budget = prop_oneof![1 => Just(0), 4 => 1..300_u64, 4 => 100..200_u64];
    let cap = prop::option::of(prop_oneof![1 => Just(0), 9 => 1..120_u64]);
    let percent = prop_oneof![1 => 0..103_u32, 3 => Just(90), 1 => Just(100), 1 => Just(1)];
    let ends = (prop::option::of(0..4_000_u32), prop::option::of(0..3_000_u32));
    let code = prop_oneof![8 => Just("MSAT"), 1 => Just("USD"), 1 => Just("EUR")];
    let own = any::<bool>();
    (campaign(), budget, cap, percent, ends, code, own).prop_map(
        |(campaign, budget, cap, threshold_percent, (ends, lots), code, own)| {
            let terms = Terms {
                account_cap: cap.map(units),
                threshold_percent,
                pool: if own { id(&format!("campaign:{campaign}")) } else { id("general") },
                ends_at: ends.map(after),
                lots_expire_after_seconds: lots,
                lots_expire_at: lots.filter(|lots| lots % 3 == 0).map(|lots| after(lots + 2_000)),
                ..gifts(money(code, budget))
            };
            CreateCampaign { tenant: tenant("acme"), campaign: id(&campaign), terms }.into()
        },
    )
}

fn giving() -> impl Strategy<Value = Operation> {
    let amount = prop_oneof![1 => Just(0), 20 => 1..60_u64, 1 => Just(u64::MAX / 2)];
    let code = prop_oneof![20 => Just("MSAT"), 2 => Just("USD")];
    let account = prop_oneof![20 => account().boxed(), 1 => Just("sys-commons".to_owned()).boxed()];
    (campaign(), name("gift", 60), account, amount, code).prop_map(
        |(campaign, grant, account, amount, code)| {
            let give = give(&campaign, &grant, &account, money(code, amount));
            GrantCredit { ..give }.into()
        },
    )
}

pub(crate) fn campaigning() -> impl Strategy<Value = Operation> {
    let over = |campaign: String| -> Operation {
        ExpireCampaign { tenant: tenant("acme"), campaign: id(&campaign) }.into()
    };
    prop_oneof![
        3 => planning(),
        3 => campaign().prop_map(|campaign| activate(&campaign)),
        2 => campaign().prop_map(|campaign| pause(&campaign)),
        1 => (campaign(), 0..4_u8).prop_map(|(campaign, number)| {
            if number == 0 { complete(&campaign) } else { activate(&campaign) }
        }),
        1 => campaign().prop_map(over),
        16 => giving(),
    ]
}

/// A campaign that gives at once.
pub(crate) fn launched() -> impl Strategy<Value = Vec<Operation>> {
    (campaign(), 50..200_u64).prop_map(|(campaign, budget)| {
        vec![plan(&campaign, gifts(msat(budget))), activate(&campaign)]
    })
}

//! A history of campaigns: planned, begun, paused, spent, ended by hand and by time.

use piperoll_domain::{campaign::Terms, testing::*};

use super::begun;

fn usd(amount: u64) -> piperoll_domain::money::Money {
    money("USD", amount)
}

/// A cap, a threshold, the last unit; a second campaign whose time ends; credit of it that lapses.
pub(super) fn campaigns() -> Story {
    let capped = Terms { account_cap: Some(units(600)), ..gifts(usd(1_000)) };
    let welcome = begun()
        .and(plan("welcome", capped))
        .when(give("welcome", "g1", "alice", usd(1)))
        .rejected_as("campaign_not_active")
        .and(activate("welcome"))
        .keyed("grant-1")
        .and(give("welcome", "g1", "alice", usd(600)))
        .when(give("welcome", "g2", "alice", usd(1)))
        .rejected_as("cap_exceeded")
        .and(pause("welcome"))
        .and(activate("welcome"))
        .and(give("welcome", "g2", "bob", usd(300)))
        .and(give("welcome", "g3", "bob", usd(100)))
        .when(give("welcome", "g4", "carol", usd(1)))
        .rejected_as("budget_exceeded")
        .and(complete("welcome"));
    let terms = Terms {
        threshold_percent: 50,
        pool: id("campaign:week"),
        ends_at: Some(after(600)),
        lots_expire_after_seconds: Some(900),
        lots_expire_at: Some(after(1_000)),
        ..gifts(usd(100))
    };
    let week = welcome
        .and(plan("week", terms))
        .and(activate("week"))
        .and(give("week", "g4", "alice", usd(10)))
        .later(300)
        .and(give("week", "g5", "alice", usd(10)))
        .later(300)
        .when(give("week", "g6", "alice", usd(10)))
        .rejected_as("campaign_not_active")
        .and(end("week"));
    week.and(spend_from("alice", usd(15), "campaign:week"))
        .and(void("bob", "g3"))
        .later(400)
        .and(expire_lot("alice", "g5"))
}

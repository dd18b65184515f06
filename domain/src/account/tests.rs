//! Lots: the order in which they are used, what they cost, how they end.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "what overflows or is not meant ends the test"
)]

mod metered;
mod shared;
mod unnamed;

use super::*;
use crate::{
    account::SourceKind,
    book::State,
    duty::Kind as Duty,
    id::Kind,
    operation::{Mint, Operation},
    testing::*,
};

fn account(story: &Story) -> &Account {
    let State::Account(account) = &story.slot(&stream(Kind::Account, "alice")).state else {
        panic!()
    };
    account
}

/// What can be used of the general pool.
fn available(story: &Story) -> u64 {
    let moment = story.moment();
    let lots = account(story).lots().filter(|lot| !moment.is_past(lot.place.expires_at));
    lots.filter(|lot| lot.place.pool == Pool::general()).map(|lot| lot.available.units()).sum()
}

/// The lots that the last spend took from, with how much.
fn taken(story: &Story) -> Vec<(String, u64)> {
    let last = story.history.last().unwrap();
    let Fact::Account(Event::Spent(spent)) = &last.event else { panic!("{last:?}") };
    spent.parts.iter().map(|part| (part.lot.to_string(), part.amount.units())).collect()
}

fn is(parts: &[(&str, u64)]) -> Vec<(String, u64)> {
    parts.iter().map(|(lot, amount)| ((*lot).to_owned(), *amount)).collect()
}

#[test]
fn an_account_opens_by_command_once_or_by_its_first_lot() {
    let story = shop().when(open_account("alice")).then([Opened {}]);
    story.when(open_account("alice")).nothing();
    let story = shop().and(grant("alice", "lot_1", msat(5)));
    story.when(open_account("alice")).nothing();
}

#[test]
fn an_unknown_account_has_nothing_to_spend() {
    shop().when(spend("alice", msat(1))).rejected(&Rejection::AccountNotFound);
    let open = shop().and(open_account("alice"));
    open.when(spend("alice", msat(1)))
        .rejected(&Rejection::CreditInsufficient { missing: msat(1) });
}

#[test]
fn nothing_is_neither_given_nor_used() {
    let story = shop()
        .when(grant("alice", "lot_1", msat(0)))
        .rejected(&Rejection::AmountZero { field: "amount" });
    story.when(spend("alice", msat(0))).rejected(&Rejection::AmountZero { field: "amount" });
}

#[test]
fn a_source_gives_one_lot_and_a_lot_has_its_name_for_ever() {
    let story = shop().and(grant("alice", "lot_1", msat(5)));
    let again = Mint { lot: id("lot_2"), ..grant("alice", "lot_1", msat(5)) };
    let story = story.when(again).rejected_as("claim_taken");
    let other = || {
        let source = Source { kind: SourceKind::Grant, id: "other".to_owned() };
        Mint { source, ..grant("alice", "lot_1", msat(5)) }
    };
    let story = story.when(other()).rejected(&Rejection::LotExists);
    let story = story.and(spend("alice", msat(5)));
    story.when(other()).rejected_as("claim_taken");
}

#[test]
fn own_pool_before_general_then_earliest_expiry_then_oldest() {
    let story = shop()
        .and(grant("alice", "for-ever", msat(10)))
        .and(until(900, grant("alice", "later", msat(10))))
        .and(until(500, grant("alice", "sooner-2", msat(10))))
        .and(until(500, grant("alice", "sooner-1", msat(10))))
        .and(pooled("cheap", grant("alice", "pool-for-ever", msat(10))))
        .and(pooled("cheap", until(950, grant("alice", "pool-late", msat(10)))))
        .and(pooled("dear", grant("alice", "foreign", msat(10))))
        .and(grant("alice", "dollars", money("USD", 10)));
    let story = story.and(spend_from("alice", msat(55), "cheap"));
    assert_eq!(
        taken(&story),
        is(&[
            ("pool-late", 10),
            ("pool-for-ever", 10),
            ("sooner-2", 10),
            ("sooner-1", 10),
            ("later", 10),
            ("for-ever", 5),
        ])
    );
    let short = Rejection::CreditInsufficient { missing: msat(1) };
    let story = story.when(spend_from("alice", msat(6), "cheap")).rejected(&short);
    let story = story.and(spend_from("alice", msat(5), "general"));
    story.when(spend_from("alice", msat(10), "dear")).says(&["credit.spent.v1"]);
}

#[test]
fn general_credit_never_falls_back_to_a_pool() {
    let story = shop().and(pooled("cheap", grant("alice", "lot_1", msat(10))));
    let short = Rejection::CreditInsufficient { missing: msat(1) };
    story.when(spend("alice", msat(1))).rejected(&short);
}

#[test]
fn a_lot_past_its_time_lapses_where_a_spend_meets_it() {
    let story = shop().and(until(100, deposit("alice", "lot_1", msat(10), msat(7)))).and(grant(
        "alice",
        "lot_2",
        msat(10),
    ));
    let story = story.and(spend("alice", msat(3)));
    let story =
        story.later(100).when(spend("alice", msat(4))).says(&["lot.expired.v1", "credit.spent.v1"]);
    assert_eq!(taken(&story), is(&[("lot_2", 4)]));
    assert_eq!(available(&story), 6);
    assert!(story.book.duties.is_empty());
}

#[test]
fn a_refused_spend_lets_nothing_lapse() {
    let story = shop().and(until(100, grant("alice", "lot_1", msat(10)))).later(100);
    let short = Rejection::CreditInsufficient { missing: msat(1) };
    let story = story.when(spend("alice", msat(1))).rejected(&short);
    assert_eq!(story.book.duties.keys().map(|name| name.kind).collect::<Vec<_>>(), [Duty::Lapse]);
}

#[test]
fn a_lot_lapses_when_its_time_is_over_and_never_while_time_rests() {
    let story = shop().and(until(100, grant("alice", "lot_1", msat(10))));
    let story =
        story.later(99).when(expire_lot("alice", "lot_1")).rejected(&Rejection::LotNotExpired);
    let resting = story.clone().later(1_000).resting();
    let resting = resting.when(expire_lot("alice", "lot_1")).rejected(&Rejection::LotNotExpired);
    resting.when(spend("alice", msat(10))).says(&["credit.spent.v1"]);
    let story = story.later(1).when(expire_lot("alice", "lot_1")).says(&["lot.expired.v1"]);
    assert!(story.book.duties.is_empty());
    story.when(expire_lot("alice", "lot_1")).nothing();
}

#[test]
fn a_spent_lot_owes_no_lapse() {
    let story = shop().and(until(100, grant("alice", "lot_1", msat(10))));
    let story = story.and(spend("alice", msat(4)));
    assert_eq!(story.book.duties.len(), 1);
    assert!(story.and(spend("alice", msat(6))).book.duties.is_empty());
}

#[test]
fn the_cost_goes_with_what_is_gone_and_comes_to_the_cost() {
    let mut story = shop().and(until(100, deposit("alice", "lot_1", msat(7), msat(100))));
    for _ in 0..5 {
        story = story.and(spend("alice", msat(1)));
    }
    story = story.later(100).and(expire_lot("alice", "lot_1"));
    let cost = |fact: &crate::event::Recorded| match &fact.event {
        Fact::Account(Event::Spent(spent)) => spent.parts[0].cost,
        Fact::Account(Event::LotExpired(lapsed)) => lapsed.part.cost,
        _ => None,
    };
    let costs: Vec<u64> =
        story.history.iter().filter_map(cost).map(|cost| cost.amount.units()).collect();
    assert_eq!(costs, [14, 14, 14, 15, 14, 29]);
    assert_eq!(costs.iter().sum::<u64>(), 100);
}

#[test]
fn the_largest_amounts_do_not_overflow() {
    let most = Amount::MAX.units();
    let story = shop().and(deposit("alice", "lot_1", msat(most), msat(most))).and(grant(
        "alice",
        "lot_2",
        msat(most),
    ));
    assert_eq!(account(&story).lots().filter(|lot| lot.available == Amount::MAX).count(), 2);
    let story = story.and(spend("alice", msat(most))).and(spend("alice", msat(most)));
    assert_eq!(account(&story).lots().count(), 0);
}

#[test]
fn credit_that_is_given_has_no_cost() {
    let gift = Mint { cost: Some(msat(1)), ..grant("alice", "lot_1", msat(1)) };
    shop().when(gift).rejected(&Rejection::CostOfGift);
}

#[test]
fn credit_needs_a_tenant_a_declared_commodity_and_a_reason() {
    let mint = || grant("alice", "lot_1", msat(1));
    let ghost = Mint { tenant: tenant("ghost"), ..mint() };
    let story = shop().when(ghost).rejected(&Rejection::TenantNotFound);
    let coin = Mint { amount: money("COIN", 1), ..mint() };
    let story = story
        .when(coin)
        .rejected(&Rejection::CommodityUnknown { field: "amount.commodity", code: id("COIN") });
    for reason in [String::new(), "  ".to_owned(), "a\nb".to_owned(), "x".repeat(501)] {
        let mint = Mint { reason, ..mint() };
        let _ = story.clone().when(mint).rejected(&Rejection::ReasonNeeded);
    }
}

/// Facts that no release should have written.
mod broken {
    use super::*;

    fn holding() -> Story {
        shop().and(deposit("alice", "lot_1", msat(10), msat(5)))
    }

    fn part(amount: u64, left: u64, cost: u64) -> Part {
        Part {
            lot: id("lot_1"),
            amount: units(amount),
            left: units(left),
            cost: Some(msat(cost)),
            source: SourceKind::Deposit,
            pool: Pool::general(),
        }
    }

    fn spent(total: u64, parts: Vec<Part>) -> Spent {
        Spent { total: msat(total), parts, order: ORDER.to_owned(), reference: None }
    }

    #[track_caller]
    fn freezes(event: impl Into<Fact>) {
        let sound = holding();
        let before = account(&sound).clone();
        let story = sound.fact(&stream(Kind::Account, "alice"), event);
        let frozen = story.slot(&stream(Kind::Account, "alice")).frozen.clone();
        assert_eq!(
            frozen.expect("it froze").position,
            story.history.last().unwrap().envelope.position
        );
        assert_eq!(account(&story), &before, "a broken fact changes nothing");
        story.when(Operation::from(grant("alice", "lot_9", msat(1)))).rejected_as("stream_frozen");
    }

    #[test]
    fn a_sound_fact_freezes_nothing() {
        let story = holding().fact(&stream(Kind::Account, "alice"), spent(4, vec![part(4, 6, 2)]));
        assert_eq!(story.book.frozen().count(), 0);
    }

    #[test]
    fn what_does_not_add_up_freezes_the_account() {
        freezes(spent(5, vec![part(4, 6, 2)]));
        freezes(spent(4, vec![part(4, 5, 2)]));
        freezes(spent(4, vec![part(4, 6, 3)]));
        freezes(spent(11, vec![part(11, 0, 5)]));
        freezes(spent(8, vec![part(4, 6, 2), part(4, 6, 2)]));
        freezes(spent(4, vec![Part { lot: id("ghost"), ..part(4, 6, 2) }]));
        freezes(spent(4, vec![Part { pool: id("cheap"), ..part(4, 6, 2) }]));
        freezes(Spent { total: money("USD", 4), ..spent(4, vec![part(4, 6, 2)]) });
        freezes(LotExpired { amount: msat(9), part: part(10, 0, 5) });
    }

    #[test]
    fn a_lot_of_nothing_or_of_a_taken_name_freezes_the_account() {
        let minted = |lot: &str, amount| LotMinted {
            lot: id(lot),
            amount: msat(amount),
            source: Source { kind: SourceKind::Grant, id: lot.to_owned() },
            pool: Pool::general(),
            expires_at: None,
            cost: None,
            offer: None,
            payment: None,
            reason: None,
        };
        freezes(minted("lot_2", 0));
        freezes(minted("lot_1", 1));
    }
}

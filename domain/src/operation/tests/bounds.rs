//! What nobody may do with credit, however it is asked for.

use super::*;
use crate::{
    account::{Event as OfAccount, Order},
    billing::{Billing, Mode},
    event::Event,
};

fn bought() -> Story {
    shop().and(top_up("pay_1", "alice", 5_000)).and(invoice("pay_1", 5_000))
}

#[test]
fn credit_that_would_lapse_at_once_is_not_given() {
    let story = shop().and(open_account("alice")).later(100);
    let late = |seconds| until(seconds, deposit("alice", "lot_1", msat(5), msat(5)));
    let story = story.when(late(50)).rejected_as("mint_invalid");
    story.when(late(500)).accepted();
}

#[test]
fn credit_under_the_name_of_a_payment_is_what_its_buyer_was_promised() {
    let by_hand = |account, amount, kind| {
        let source = Source { kind, id: "pay_1".to_owned() };
        Mint { source, ..deposit(account, "lot_9", amount, msat(1)) }
    };
    for kind in [SourceKind::Deposit, SourceKind::Purchase] {
        let story = bought();
        let story = story.when(by_hand("bob", msat(5_000), kind)).rejected_as("mint_invalid");
        let story = story.when(by_hand("alice", msat(4_999), kind)).rejected_as("mint_invalid");
        story.clone().when(by_hand("alice", msat(5_000), kind)).accepted();
        // Somebody who knows may give it in other money.
        story.when(by_hand("alice", money("USD", 7), kind)).accepted();
    }
}

#[test]
fn a_gift_is_not_given_under_the_name_of_a_payment() {
    let named = |name: &str, kind| {
        let source = Source { kind, id: name.to_owned() };
        Mint { source, ..grant("alice", "lot_9", msat(5_000)) }
    };
    for kind in [SourceKind::Grant, SourceKind::CommonsDividend] {
        let story = bought().when(named("pay_1", kind)).rejected_as("mint_invalid");
        let story = story.when(named("nowpay-77", kind)).rejected_as("mint_invalid");
        story.when(named("pay_nobodys", kind)).accepted();
    }
}

#[test]
fn the_lower_of_both_ceilings_bounds_credit_by_hand() {
    let ceilings = [(id("MSAT"), units(10))].into();
    let story = shop().and(bill(Billing { ceilings, ..Billing::default() }));
    let given = |amount, ceiling| Mint { ceiling, ..grant("alice", "lot_1", msat(amount)) };
    let story = story.when(given(11, None)).rejected_as("ceiling_exceeded");
    let story = story.when(given(11, Some(msat(12)))).rejected_as("ceiling_exceeded");
    let story = story.when(given(9, Some(msat(8)))).rejected_as("ceiling_exceeded");
    // Other money is bounded by nobody.
    let story = story.when(given(10, Some(money("USD", 8)))).accepted();
    let other = Mint { lot: id("lot_2"), ..grant("alice", "lot_2", money("USD", 11)) };
    story.when(other).accepted();
}

#[test]
fn credit_that_was_given_before_a_ceiling_sank_is_told_as_given() {
    let ceilings = [(id("MSAT"), units(10))].into();
    let story = shop().and(deposit("alice", "lot_1", msat(11), msat(1)));
    let story = story.and(grant("alice", "lot_2", msat(11)));
    let story = story.and(bill(Billing { ceilings, ..Billing::default() }));
    let anew = |mint: Mint| Mint { lot: id("lot_9"), ..mint };
    let again = anew(deposit("alice", "lot_1", msat(11), msat(1)));
    let story = story.when(again).rejected_as("claim_taken");
    story.when(anew(grant("alice", "lot_2", msat(11)))).rejected_as("claim_taken");
}

#[test]
fn nobody_spends_while_billing_is_off() {
    let story = shop().and(grant("alice", "lot_1", msat(5)));
    let story = story.and(bill(Billing { enabled: false, ..Billing::default() }));
    let story = story.when(spend("alice", msat(1))).rejected_as("billing_off");
    story.and(bill(Billing::default())).when(spend("alice", msat(1))).accepted();
}

#[test]
fn spending_takes_lots_in_the_order_of_its_pool_and_says_so() {
    let story = shop().and(ordered(Mode::Live, "general", Order::PoolAge));
    let story = story.and(grant("alice", "old", msat(5)));
    let story = story.and(until(1_000, grant("alice", "ending", msat(5))));
    let story = story.and(spend("alice", msat(4)));
    let Event::Account(OfAccount::Spent(spent)) = &story.history.last().unwrap().event else {
        panic!()
    };
    assert_eq!((spent.order.as_str(), spent.parts[0].lot.as_str()), ("pool-age.v1", "old"));
}

#[test]
fn nobody_reserves_what_was_never_declared() {
    for mode in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let story = shop().and(billing(mode)).and(open_account("alice"));
        let wish = hold("alice", "res_1", money("ZZZ", 5));
        story
            .when(wish)
            .rejected(&Rejection::CommodityUnknown { field: "amount.commodity", code: id("ZZZ") });
    }
}

#[test]
fn a_newer_rule_of_shares_outlives_an_older_one_that_still_waited() {
    let rule = |story: &Story| {
        let State::Billing(billing) = &story.slot(&stream(Kind::Billing, "acme")).state else {
            panic!()
        };
        billing.rule_at(story.moment()).0
    };
    let other = |story: Story| story.by("key_2");
    let story = other(shop().and(propose(cut(9_999, 1)))).and(approve(1));
    let story =
        other(story.by("key_1").and(propose(cut(500, 7_000)))).and(approve(2)).and(hasten(2));
    assert_eq!(rule(&story), 2);
    let story = story.later(Billing::default().shares_cooldown_seconds + 1);
    assert_eq!(rule(&story), 2, "what was overruled does not come back");
    let story = story.by("key_1").and(propose(cut(0, 0))).and(propose(cut(1, 1)));
    let story = story.by("key_2").and(approve(4)).when(approve(3)).rejected_as("shares_not_open");
    let story = story.when(hasten(1)).rejected_as("shares_not_open");
    assert_eq!(rule(&story), 2);
}

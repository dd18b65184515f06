//! Reservations in every mode, debts, corrections and shares, one behaviour a test; and the bugs
//! that others had with them, each by its number.

use super::*;
use crate::{
    billing::{Billing, CeilingOf, Mode},
    event::Recorded,
    operation::{Finalize, Reserve},
};

fn usd(amount: u64) -> Money {
    money("USD", amount)
}

fn live() -> Story {
    shop().and(billing(Mode::Live))
}

/// An account with 100 in one lot that was paid for.
fn funded(mode: Mode) -> Story {
    shop().and(billing(mode)).and(deposit("alice", "lot_1", usd(100), msat(10)))
}

fn lot<'a>(story: &'a Story, name: &str) -> &'a Lot {
    account(story).lot(&id(name)).unwrap()
}

/// Available, reserved, consumed.
fn amounts(story: &Story, name: &str) -> [u64; 3] {
    let lot = lot(story, name);
    [lot.available.units(), lot.reserved.units(), lot.consumed.units()]
}

fn owed(story: &Story) -> u64 {
    account(story).debts().map(|(_, owed)| owed.units()).sum()
}

fn last(story: &Story) -> &Recorded {
    story.history.last().unwrap()
}

fn finalized(story: &Story) -> &Finalized {
    let of = |fact: &'_ Fact| matches!(fact, Fact::Account(Event::Finalized(_)));
    let found = story.history.iter().rev().find(|recorded| of(&recorded.event));
    let Fact::Account(Event::Finalized(finalized)) = &found.unwrap().event else { panic!() };
    finalized
}

#[test]
fn a_tenant_bills_in_shadow_until_it_says_otherwise() {
    let story = shop().and(grant("alice", "lot_1", usd(5)));
    story.when(hold("alice", "res_1", usd(5))).says(&["credit.shadow_reserved.v1"]);
}

#[test]
fn what_is_reserved_is_charged_and_the_rest_comes_back() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60)));
    assert_eq!(amounts(&story, "lot_1"), [40, 60, 0]);
    let story = story.when(finalize("res_1", usd(45))).says(&["credit.finalized.v1"]);
    assert_eq!(amounts(&story, "lot_1"), [55, 0, 45]);
    assert!(story.book.duties.is_empty());
    assert_eq!(finalized(&story).parts[0].cost, Some(msat(4)));
}

#[test]
fn a_released_reservation_charges_nothing_and_can_be_released_again() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60))).and(give_back("res_1"));
    assert_eq!(amounts(&story, "lot_1"), [100, 0, 0]);
    let story = story.when(give_back("res_1")).nothing();
    let story = story.when(finalize("res_1", usd(1))).rejected(&Rejection::ReservationNotFound);
    story.when(hold("alice", "res_1", usd(1))).rejected(&Rejection::ReservationExists);
}

#[test]
fn a_name_without_a_key_says_which_request_it_is() {
    let wish = || Reserve { ttl_seconds: Some(10), ..hold("alice", "res_1", usd(60)) };
    for mode in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let story = funded(mode).and(wish()).and(open_account("bob"));
        let others = [
            Reserve { amount: usd(61), ..wish() },
            Reserve { amount: msat(60), ..wish() },
            Reserve { is_estimate: true, ..wish() },
            Reserve { account: id("bob"), ..wish() },
            Reserve { pool: id("other"), ..wish() },
            Reserve { ttl_seconds: Some(9), ..wish() },
            Reserve { ttl_seconds: Some(11), ..wish() },
            Reserve { reference: Some("job 1".to_owned()), ..wish() },
        ];
        for ended in [story.clone(), story.clone().and(give_back("res_1")), story.later(11)] {
            let ended = ended.when(wish()).nothing();
            let ended = ended.when(Reserve { ttl_seconds: None, ..wish() }).nothing();
            for other in others.clone() {
                ended.clone().when(other).rejected(&Rejection::ReservationExists);
            }
        }
    }
}

#[test]
fn an_estimate_is_told_from_an_amount_also_where_both_set_as_much_aside() {
    let estimate = || Reserve { is_estimate: true, ..hold("alice", "res_1", usd(60)) };
    let story = funded(Mode::Live).and(estimate());
    let story = story.when(estimate()).nothing();
    story.when(hold("alice", "res_1", usd(60))).rejected(&Rejection::ReservationExists);
}

#[test]
fn a_reservation_that_others_made_room_for_is_known_again() {
    let short = Reserve { ttl_seconds: Some(10), ..hold("alice", "res_1", usd(100)) };
    let next = || Reserve { ttl_seconds: Some(10), ..hold("alice", "res_2", usd(100)) };
    let story = funded(Mode::Live).and(short).later(11);
    let story = story.when(next()).says(&["credit.released.v1", "credit.reserved.v1"]);
    story.when(next()).nothing();
}

#[test]
fn the_same_cost_again_gets_the_same_answer_and_another_is_refused() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60)));
    let story = story.and(finalize("res_1", usd(45)));
    let story = story.when(finalize("res_1", usd(45))).nothing();
    let story = story
        .when(finalize("res_1", usd(46)))
        .rejected(&Rejection::ReservationFinalized { cost: usd(45) });
    story.when(give_back("res_1")).rejected_as("reservation_finalized");
}

#[test]
fn another_accounts_reservation_does_not_exist() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60))).and(open_account("bob"));
    let confused = Finalize { account: Some(id("bob")), ..finalize("res_1", usd(1)) };
    let story = story.when(confused).rejected(&Rejection::ReservationNotFound);
    story.when(finalize("res_2", usd(1))).rejected(&Rejection::ReservationNotFound);
}

#[test]
fn a_reservation_ends_with_its_time_and_never_while_time_rests() {
    let short = || Reserve { ttl_seconds: Some(10), ..hold("alice", "res_1", usd(60)) };
    let story = funded(Mode::Live).and(short()).later(11);
    let story = story.when(finalize("res_1", usd(1))).rejected(&Rejection::ReservationExpired);
    let resting = story.clone().resting();
    let resting =
        resting.when(time_out("alice", "res_1")).rejected(&Rejection::ReservationNotExpired);
    resting.when(finalize("res_1", usd(1))).says(&["credit.finalized.v1"]);
    let story = story.when(time_out("alice", "res_1")).says(&["credit.released.v1"]);
    assert!(story.book.duties.is_empty());
    let story = story.when(time_out("alice", "res_1")).nothing();
    story.when(finalize("res_1", usd(1))).rejected(&Rejection::ReservationExpired);
}

#[test]
fn a_reservation_whose_time_is_over_holds_nobody_up() {
    let short = Reserve { ttl_seconds: Some(10), ..hold("alice", "res_1", usd(100)) };
    let story = funded(Mode::Live).and(short).later(11);
    let story = story
        .when(hold("alice", "res_2", usd(100)))
        .says(&["credit.released.v1", "credit.reserved.v1"]);
    story.when(finalize("res_1", usd(1))).rejected(&Rejection::ReservationExpired);
}

#[test]
fn a_lot_that_expires_while_reserved_is_used_up_to_the_cost_and_lapses_with_what_comes_back() {
    let story = live().and(until(100, grant("alice", "lot_1", usd(100))));
    let story = story.and(hold("alice", "res_1", usd(60))).later(100);
    let story = story.when(expire_lot("alice", "lot_1")).says(&["lot.expired.v1"]);
    assert_eq!(story.book.duties.len(), 2, "its end and the reservation's are still owed");
    let story =
        story.when(finalize("res_1", usd(20))).says(&["credit.finalized.v1", "lot.expired.v1"]);
    assert!(story.book.duties.is_empty());
    assert_eq!(lot(&story, "lot_1").expired, units(80));
}

#[test]
fn an_estimate_is_multiplied_by_the_safety_and_rounded_up() {
    let estimate = Reserve { is_estimate: true, ..hold("alice", "res_1", usd(51)) };
    let story = funded(Mode::Live).and(estimate);
    assert_eq!(amounts(&story, "lot_1"), [43, 57, 0]);
}

#[test]
fn whoever_sets_the_lower_ceiling_is_named() {
    let most = 100_000_000_000;
    let story =
        live().and(grant("alice", "lot_1", usd(most))).and(grant("alice", "lot_2", usd(most)));
    let over = hold("alice", "res_1", usd(most + 1));
    let of = CeilingOf::Setting;
    let refused = Rejection::CeilingExceeded { field: "amount", ceiling: usd(most), of };
    let story = story.when(over.clone()).rejected(&refused);
    let of = CeilingOf::Environment;
    let refused = Rejection::CeilingExceeded { field: "amount", ceiling: usd(50), of };
    let low = Reserve { ceiling: Some(usd(50)), ..hold("alice", "res_1", usd(51)) };
    let story = story.when(low).rejected(&refused);
    story.when(hold("alice", "res_1", usd(most))).says(&["credit.reserved.v1"]);
}

#[test]
fn a_ceiling_bounds_what_a_charge_takes_beyond_its_reservation() {
    let low = |cost| Finalize { ceiling: Some(usd(50)), ..finalize("res_1", usd(cost)) };
    let held = |mode| funded(mode).and(hold("alice", "res_1", usd(60)));
    let story = held(Mode::Live).and(low(61));
    assert_eq!((finalized(&story).charged, finalized(&story).uncollected.units()), (usd(60), 1));
    let story = held(Mode::Soft).when(low(61)).rejected_as("ceiling_exceeded").and(low(60));
    assert_eq!(finalized(&story).charged, usd(60));
    held(Mode::Shadow).when(low(61)).rejected_as("ceiling_exceeded");
}

#[test]
fn billing_that_is_off_refuses_and_what_was_reserved_can_be_released() {
    let off = Billing { enabled: false, mode: Mode::Live, ..Billing::default() };
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60))).and(bill(off));
    let story = story.when(hold("alice", "res_2", usd(1))).rejected(&Rejection::BillingOff);
    let story = story.when(finalize("res_1", usd(1))).rejected(&Rejection::BillingOff);
    story.when(give_back("res_1")).says(&["credit.released.v1"]);
}

#[test]
fn reservations_keep_the_mode_they_were_made_in() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60)));
    let story = story.and(billing(Mode::Shadow)).and(hold("alice", "res_2", usd(10)));
    let story = story.and(billing(Mode::Soft)).and(finalize("res_1", usd(70)));
    assert_eq!((finalized(&story).mode, finalized(&story).charged), (Mode::Live, usd(60)));
    story.when(finalize("res_2", usd(500))).says(&["credit.shadow_finalized.v1"]);
}

#[test]
fn the_order_of_a_pool_can_be_oldest_first() {
    let story = shop().and(ordered(Mode::Live, "general", Order::PoolAge));
    let story = story
        .and(grant("alice", "old", usd(10)))
        .and(until(900, grant("alice", "soon", usd(10))))
        .and(hold("alice", "res_1", usd(15)));
    assert_eq!(amounts(&story, "old"), [0, 10, 0]);
    assert_eq!(amounts(&story, "soon"), [5, 5, 0]);
    let Fact::Account(Event::Reserved(reserved)) = &last(&story).event else { panic!() };
    assert_eq!(reserved.order, Order::PoolAge);
}

#[test]
fn one_micro_and_nothing_are_amounts_like_others() {
    let story = funded(Mode::Live).when(hold("alice", "res_1", usd(0))).rejected_as("amount_zero");
    let story = story.and(hold("alice", "res_1", usd(1))).and(finalize("res_1", usd(0)));
    assert_eq!(amounts(&story, "lot_1"), [100, 0, 0]);
    let story = story.and(hold("alice", "res_2", usd(1))).and(finalize("res_2", usd(1)));
    assert_eq!(amounts(&story, "lot_1"), [99, 0, 1]);
    story.when(hold("ghost", "res_3", usd(1))).rejected(&Rejection::AccountNotFound);
}

#[test]
fn f06_missing_credit_is_a_refusal_with_a_type_and_not_a_word_to_search_for() {
    let short = Rejection::CreditInsufficient { missing: usd(1) };
    funded(Mode::Live).when(hold("alice", "res_1", usd(101))).rejected(&short);
}

#[test]
fn f07_shadow_touches_no_lot_and_no_balance() {
    let story = funded(Mode::Shadow);
    let before = account(&story).clone();
    let story = story.and(hold("alice", "res_1", usd(500)));
    let Fact::Account(Event::ShadowReserved(would)) = &last(&story).event else { panic!() };
    assert_eq!(would.missing, units(400), "a 402, had it been live");
    let story = story.and(finalize("res_1", usd(600)));
    let Fact::Account(Event::ShadowFinalized(would)) = &last(&story).event else { panic!() };
    assert_eq!((would.overrun, would.missing), (units(100), units(500)));
    assert_eq!(account(&story), &before);
    let told = story.history.iter().filter(|fact| fact.event.name().contains("shadow"));
    assert!(told.flat_map(crate::postings::postings).next().is_none());
}

#[test]
fn f08_a_soft_overrun_takes_further_lots_and_what_is_missing_is_owed() {
    let story = funded(Mode::Soft).and(grant("alice", "gift", usd(30)));
    let story = story.and(hold("alice", "res_1", usd(90))).and(finalize("res_1", usd(150)));
    assert!(
        account(&story).lot(&id("lot_1")).is_none() && account(&story).lot(&id("gift")).is_none()
    );
    assert_eq!((owed(&story), finalized(&story).charged), (20, usd(150)));
    // The next deposit repays it first; a gift does not.
    let story = story.and(grant("alice", "gift_2", usd(5)));
    assert_eq!(owed(&story), 20);
    let story = story
        .when(deposit("alice", "lot_2", usd(50), msat(5)))
        .says(&["lot.minted.v1", "debt.repaid.v1"]);
    assert_eq!((owed(&story), amounts(&story, "lot_2")), (0, [30, 0, 20]));
}

#[test]
fn f08_a_soft_reservation_is_partial_and_all_of_the_cost_is_charged() {
    let story = funded(Mode::Soft).and(hold("alice", "res_1", usd(140)));
    assert_eq!(amounts(&story, "lot_1"), [0, 100, 0]);
    let story = story.and(finalize("res_1", usd(130)));
    assert_eq!((owed(&story), finalized(&story).overrun), (30, units(30)));
}

#[test]
fn what_is_owed_counts_against_what_is_there() {
    let story = funded(Mode::Soft).and(hold("alice", "res_1", usd(1)));
    let story = story.and(finalize("res_1", usd(130))).and(grant("alice", "gift", usd(40)));
    let short = Rejection::CreditInsufficient { missing: usd(1) };
    let story = story.when(spend("alice", usd(11))).rejected(&short);
    story.and(billing(Mode::Live)).when(hold("alice", "res_2", usd(11))).rejected(&short);
}

#[test]
fn f09_a_live_overrun_is_told_though_nobody_pays_it() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60)));
    let story = story.and(finalize("res_1", usd(75)));
    let said = finalized(&story);
    assert_eq!((said.charged, said.overrun, said.uncollected), (usd(60), units(15), units(15)));
    assert_eq!((amounts(&story, "lot_1"), owed(&story)), ([40, 0, 60], 0));
}

#[test]
fn f10_an_expired_reservation_is_a_fact_that_gives_back() {
    let story = funded(Mode::Live).and(hold("alice", "res_1", usd(60))).later(301);
    let story = story.and(time_out("alice", "res_1"));
    let Fact::Account(Event::Released(released)) = &last(&story).event else { panic!() };
    assert_eq!((released.why, released.returned[0].amount), (Why::Expired, units(60)));
}

#[test]
fn f11_every_charge_is_shared_and_the_shares_add_up_to_what_was_collected() {
    let all = [(1_000_001, [50_000, 700_000, 250_001]), (1, [0, 0, 1])];
    for (cost, expected) in all {
        let story = live().and(deposit("alice", "lot_1", usd(2_000_000), msat(7)));
        let story = story.and(hold("alice", "res_1", usd(cost))).and(finalize("res_1", usd(cost)));
        let shares = finalized(&story).shares.unwrap();
        let found = [shares.commons, shares.community, shares.foundation].map(Amount::units);
        assert_eq!((found, found.iter().sum::<u64>()), (expected, cost));
        let legs = crate::postings::postings(last(&story));
        let memo = legs.iter().filter(|leg| leg.commodity == usd(0).commodity);
        assert_eq!(memo.map(|leg| leg.amount).sum::<i64>(), 0);
    }
}

#[test]
fn gifts_and_debts_are_not_shared_until_somebody_pays() {
    let story = shop().and(billing(Mode::Soft)).and(grant("alice", "gift", usd(100)));
    let story = story.and(hold("alice", "res_1", usd(100))).and(finalize("res_1", usd(150)));
    assert_eq!(finalized(&story).shares, None);
    let story = story.and(deposit("alice", "lot_1", usd(50), msat(5)));
    let Fact::Account(Event::DebtRepaid(repaid)) = &last(&story).event else { panic!() };
    assert_eq!(repaid.shares.unwrap().base, units(50));
}

#[test]
fn f12_a_clawback_takes_what_is_there_then_what_comes_back_and_owes_what_is_used() {
    let story = funded(Mode::Live)
        .and(hold("alice", "res_1", usd(30)))
        .and(finalize("res_1", usd(30)))
        .and(hold("alice", "res_2", usd(50)));
    let story = story.when(claw_back("alice", "lot_1", None)).says(&["lot.clawed_back.v1"]);
    let state = lot(&story, "lot_1");
    assert_eq!(
        (state.minted, state.clawed_back, state.awaited),
        (units(100), units(20), units(50))
    );
    assert_eq!(owed(&story), 30);
    assert_eq!(account(&story).shared().next().unwrap().1.base, units(0), "all of it went back");
    let story = story.and(finalize("res_2", usd(15)));
    let state = lot(&story, "lot_1");
    assert_eq!((state.clawed_back, state.awaited), (units(55), units(0)));
    assert_eq!(owed(&story), 45);
    story.when(claw_back("alice", "lot_1", Some(1))).rejected_as("clawback_exceeds");
}

#[test]
fn a_clawback_works_in_every_mode_and_also_of_lots_that_are_long_empty() {
    for mode in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let story = shop().and(until(900, deposit("alice", "lot_1", usd(100), msat(10))));
        let story = story.and(spend("alice", usd(60))).later(900);
        let story = story.and(expire_lot("alice", "lot_1")).and(billing(mode));
        assert!(account(&story).lot(&id("lot_1")).is_none(), "nothing is left to remember");
        let story = story.and(claw_back("alice", "lot_1", None));
        assert_eq!(owed(&story), 60, "what lapsed is not owed");
        story.when(claw_back("alice", "lot_1", Some(1))).rejected_as("clawback_exceeds");
    }
}

#[test]
fn f25_refunds_of_a_payment_never_come_to_more_than_was_paid() {
    let story = live()
        .and(top_up("pay_1", "alice", 100_000))
        .and(invoice("pay_1", 100_000))
        .and(status("pay_1", paid()));
    let story = story.when(refund("pay_1", "ref_1", msat(70_000))).says(&[
        "lot.minted.v1",
        "payment.consumed.v1",
        "payment.refunded.v1",
        "lot.clawed_back.v1",
    ]);
    let left = Rejection::RefundExceeds { left: msat(30_000) };
    let story = story.when(refund("pay_1", "ref_2", msat(30_001))).rejected(&left);
    let story = story.when(refund("pay_1", "ref_1", msat(1))).rejected_as("claim_taken");
    let story = story.and(refund("pay_1", "ref_2", msat(30_000)));
    assert_eq!(lot(&story, "pay_1").clawed_back, units(100_000));
    story.when(refund("pay_1", "ref_3", msat(1))).rejected_as("refund_exceeds");
}

#[test]
fn a_doubled_lot_is_voided_unless_some_of_it_is_reserved() {
    let story = funded(Mode::Live).and(deposit("alice", "again", usd(100), msat(10)));
    let story = story.and(hold("alice", "res_1", usd(150)));
    let story = story.when(void("alice", "again")).rejected(&Rejection::LotReserved);
    let story = story.and(finalize("res_1", usd(20))).and(void("alice", "again"));
    let state = lot(&story, "again");
    assert_eq!((state.available, state.voided), (units(0), units(100)));
    let story = story.when(void("alice", "again")).rejected(&Rejection::LotEmpty);
    story.when(void("alice", "ghost")).rejected(&Rejection::LotNotFound);
}

#[test]
fn a_transfer_takes_source_cost_and_expiry_along_and_repays_there() {
    let story = shop().and(until(900, deposit("alice", "lot_1", usd(100), msat(10)))).and(grant(
        "alice",
        "gift",
        usd(5),
    ));
    let story = story.when(transfer("move_1", "alice", "bob", usd(103))).says(&[
        "credit.transferred_out.v1",
        "lot.received.v1",
        "lot.received.v1",
    ]);
    let State::Account(bob) = &story.slot(&stream(Kind::Account, "bob")).state else { panic!() };
    let lots: Vec<_> = bob.lots().map(|lot| (lot.cost, lot.is_paid(), lot.minted)).collect();
    let expected = [(Some(msat(10)), true, units(100)), (None, false, units(3))];
    assert_eq!(lots, expected);
    let story = story.when(transfer("move_1", "alice", "bob", usd(1))).rejected_as("lot_exists");
    let story = story.when(transfer("move_2", "bob", "bob", usd(1))).rejected_as("account_same");
    story.when(transfer("move_2", "alice", "bob", usd(3))).rejected_as("credit_insufficient");
}

#[test]
fn the_tenants_own_accounts_are_nobodys() {
    let story = shop()
        .when(open_account("sys-mine"))
        .rejected(&Rejection::AccountReserved { field: "account" });
    let story = story.when(grant("sys-commons", "lot_1", usd(1))).rejected_as("account_reserved");
    let story = story.when(top_up("pay_1", "sys-commons", 9_000)).rejected_as("account_reserved");
    story.when(transfer("m", "sys-commons", "bob", usd(1))).rejected_as("account_reserved");
}

#[test]
fn a_hot_account_remembers_no_lot_that_is_used_up_or_has_lapsed() {
    let mut story = live();
    for number in 0..200 {
        let name = format!("lot_{number}");
        story = story.and(until(1_000, deposit("alice", &name, usd(2), msat(1))));
    }
    story = story.and(hold("alice", "res_1", usd(200))).and(finalize("res_1", usd(200)));
    assert_eq!(account(&story).lots().count(), 100);
    story = story.later(1_000).when(spend("alice", usd(1))).rejected_as("credit_insufficient");
    for number in 100..200 {
        story = story.and(expire_lot("alice", &format!("lot_{number}")));
    }
    assert_eq!(account(&story).lots().count(), 0);
}

#[test]
fn a_rule_of_shares_needs_two_people_and_a_wait() {
    let story = funded(Mode::Live).and(propose(cut(1_000, 1_000)));
    let story = story.when(propose(cut(9_000, 2_000))).rejected_as("shares_invalid");
    let story = story.when(approve(1)).rejected(&Rejection::FourEyes);
    let story = story.by("key_2").and(approve(1));
    let charge = |story: Story, name: &str| {
        story.and(hold("alice", name, usd(10))).and(finalize(name, usd(10)))
    };
    let story = charge(story, "res_1");
    assert_eq!(finalized(&story).shares.unwrap().rule, 0, "its wait is not over");
    let waited = charge(story.clone().later(48 * 3_600 + 1), "res_2");
    let shares = finalized(&waited).shares.unwrap();
    assert_eq!((shares.rule, shares.commons, shares.foundation), (1, units(1), units(8)));
    waited.clone().when(reject(1)).rejected_as("shares_not_open");
    let hurried = charge(story.clone().and(hasten(1)), "res_2");
    assert_eq!(finalized(&hurried).shares.unwrap().rule, 1);
    hurried.when(reject(1)).rejected_as("shares_not_open");
    let doubted = story.clone().later(48 * 3_600 + 1).resting();
    let doubted = charge(doubted, "res_2");
    assert_eq!(finalized(&doubted).shares.unwrap().rule, 0, "it had not begun before the doubt");
    let doubted = charge(doubted.and(hasten(1)), "res_3");
    assert_eq!(finalized(&doubted).shares.unwrap().rule, 1);
    let began = charge(waited.clone().later(60).resting().later(60), "res_3");
    assert_eq!(finalized(&began).shares.unwrap().rule, 1, "what had begun goes on");
    let stopped = story.and(reject(1)).when(reject(1)).rejected_as("shares_not_open");
    let stopped = stopped.when(hasten(1)).rejected_as("shares_not_open");
    let stopped = charge(stopped.later(48 * 3_600 + 1), "res_2");
    assert_eq!(finalized(&stopped).shares.unwrap().rule, 0);
}

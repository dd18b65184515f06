//! What was shared out goes back as far as it was, and is shared once; and what moves arrives.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    billing::{Billing, Mode},
    operation::Reserve,
};

fn usd(amount: u64) -> Money {
    money("USD", amount)
}

fn live() -> Story {
    shop().and(billing(Mode::Live)).and(open_account("bob"))
}

/// The account's use of so much, charged.
fn used(story: Story, account: &str, name: &str, amount: u64) -> Story {
    story.and(hold(account, name, usd(amount))).and(finalize(name, usd(amount)))
}

/// What the three have of what they got for all accounts' use.
fn shares(story: &Story) -> [u64; 4] {
    let mut sums = [0; 4];
    for name in ["alice", "bob"] {
        let state = &story.slot(&stream(Kind::Account, name)).state;
        let State::Account(account) = state else { continue };
        for (_, sum) in account.shared() {
            let rest = sum.base.units() - sum.commons.units() - sum.community.units();
            let parts = [sum.base.units(), sum.commons.units(), sum.community.units(), rest];
            sums = std::array::from_fn(|part| sums[part] + parts[part]);
        }
    }
    sums
}

#[test]
fn all_that_was_shared_can_go_back_however_small_the_steps_are() {
    let funded = || live().and(deposit("alice", "lot_1", usd(100), msat(10)));
    let mut story = used(funded(), "alice", "res_1", 100);
    for _ in 0..28 {
        story = story.and(claw_back("alice", "lot_1", Some(1)));
    }
    assert_eq!(shares(&story), [72, 5, 67, 0], "the foundation gives no more than it got");
    let story = story.and(claw_back("alice", "lot_1", Some(72)));
    assert_eq!(shares(&story), [0; 4]);

    let story = funded().and(propose(cut(5_000, 5_000))).by("key_2").and(approve(1));
    let story = used(story.and(hasten(1)), "alice", "res_1", 100);
    let story = story.and(claw_back("alice", "lot_1", Some(33)));
    let story = story.and(claw_back("alice", "lot_1", Some(67)));
    assert_eq!(shares(&story), [0; 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn under_any_rule_all_of_it_can_go_back_in_any_steps(
        (commons, rest) in (0..=10_000_u32, 0..=10_000_u32),
        uses in vec(1..40_u64, 1..5),
        steps in vec(1..20_u64, 1..12),
    ) {
        let rule = cut(commons, rest.min(10_000 - commons));
        let total: u64 = uses.iter().sum();
        let story = live().and(deposit("alice", "lot_1", usd(total), msat(total)));
        let story = story.and(propose(rule)).by("key_2").and(approve(1)).and(hasten(1));
        let uses = (0..).zip(uses);
        let mut story = uses.fold(story, |story, (number, amount)| {
            used(story, "alice", &format!("res_{number}"), amount)
        });
        let mut left = total;
        for step in steps {
            let step = step.min(left);
            if step > 0 {
                story = story.and(claw_back("alice", "lot_1", Some(step)));
                left -= step;
            }
            prop_assert_eq!(shares(&story)[0], left);
        }
        if left > 0 {
            story = story.and(claw_back("alice", "lot_1", None));
        }
        prop_assert_eq!(shares(&story), [0; 4]);
    }
}

#[test]
fn credit_that_moved_is_shared_where_it_is_used_and_once() {
    let story = live().and(deposit("alice", "lot_1", usd(100), msat(10)));
    let story = story.and(transfer("move_1", "alice", "bob", usd(100)));
    let story = used(story, "bob", "res_1", 100);
    let story = story.and(claw_back("alice", "lot_1", None));
    assert_eq!(shares(&story), [100, 5, 70, 25], "alice used nothing");
    let story = story.and(deposit("alice", "lot_2", usd(100), msat(10)));
    assert_eq!(shares(&story), [100, 5, 70, 25], "what repays is not shared again");
}

#[test]
fn taking_back_what_moved_leaves_the_shares_of_what_was_used() {
    let story = live().and(deposit("alice", "lot_1", usd(100), msat(10)));
    let story = story.and(transfer("move_1", "alice", "bob", usd(100)));
    let story =
        used(story.and(deposit("alice", "lot_2", usd(100), msat(10))), "alice", "res_1", 100);
    let story = story.and(claw_back("alice", "lot_1", None));
    assert_eq!(shares(&story), [100, 5, 70, 25]);
    let story = story.and(claw_back("alice", "lot_2", None));
    assert_eq!(shares(&story), [0; 4]);
}

#[test]
fn repaying_a_plain_charge_that_was_taken_back_shares_nothing() {
    let story = live().and(deposit("alice", "lot_1", usd(100), msat(10)));
    let story = story.and(spend("alice", usd(100))).and(claw_back("alice", "lot_1", None));
    let story = story.and(deposit("alice", "lot_2", usd(100), msat(10)));
    assert_eq!(shares(&story), [0; 4]);
}

#[test]
fn repaying_what_was_shared_and_taken_back_shares_it_again() {
    let story = live().and(deposit("alice", "lot_1", usd(100), msat(10)));
    let story = used(story, "alice", "res_1", 100).and(claw_back("alice", "lot_1", None));
    assert_eq!(shares(&story), [0; 4]);
    let story = story.and(deposit("alice", "lot_2", usd(100), msat(10)));
    assert_eq!(shares(&story), [100, 5, 70, 25]);
}

#[test]
fn a_gift_stays_a_gift_when_it_moves() {
    let soft = shop().and(billing(Mode::Soft)).and(open_account("bob"));
    let story = used(soft, "bob", "res_1", 90).and(grant("alice", "gift", usd(50)));
    let story = story.when(transfer("move_1", "alice", "bob", usd(50)));
    story.says(&["credit.transferred_out.v1", "lot.received.v1"]);
}

#[test]
fn a_transfer_whose_lots_cannot_be_named_moves_nothing() {
    let mut story = live();
    for number in 0..12 {
        story = story.and(deposit("alice", &format!("lot_{number}"), usd(1), msat(1)));
    }
    for (length, total) in [(80, 1), (79, 1), (78, 12)] {
        let name = "t".repeat(length);
        story = story.when(transfer(&name, "alice", "bob", usd(total))).rejected_as("mint_invalid");
    }
    let story = story.and(transfer(&"t".repeat(78), "alice", "bob", usd(9)));
    story.when(transfer(&"t".repeat(77), "alice", "bob", usd(3))).accepted();
}

#[test]
fn no_number_of_reservations_whose_time_is_over_holds_credit_up() {
    let brief = Billing { mode: Mode::Live, reserve_ttl_seconds: 1, ..Billing::default() };
    let mut story = shop().and(bill(brief)).and(deposit("alice", "lot_1", usd(200), msat(10)));
    for number in 0..200 {
        story = story.and(hold("alice", &format!("res_{number}"), usd(1)));
    }
    let story = story.later(2);
    let wanted: Reserve = hold("alice", "res_all", usd(200));
    let held = story.clone().and(wanted);
    assert_eq!(account(&held).reservations().count(), 1);
    let little = story.clone().and(spend("alice", usd(1)));
    assert_eq!(account(&little).reservations().count(), 136, "the others are a duty");
    story.when(spend("alice", usd(200))).accepted();
}

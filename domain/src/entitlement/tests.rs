//! Uses: counted once, repeated for nothing, given back, earned to the last unit.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "what overflows or is not meant ends the test"
)]

use super::*;
use crate::{book::State, id::Kind, offer::Gives, testing::*};

/// `pay_1` bought so many uses for so much, after which nothing is left to pay.
fn bought(uses: u32, price: u64) -> Story {
    sold(price, Gives::Uses { count: uses })
}

fn sold(price: u64, gives: Gives) -> Story {
    shop()
        .and(publish("report", price, gives))
        .and(buy("pay_1", "report", 1))
        .and(invoice("pay_1", price))
        .and(status("pay_1", paid()))
        .and(fulfil("pay_1"))
}

fn entitlement(story: &Story) -> &Entitlement {
    let State::Entitlement(state) = &story.slot(&stream(Kind::Entitlement, "pay_1")).state else {
        panic!()
    };
    state
}

#[test]
fn a_use_counts_and_the_last_is_the_last() {
    let story = bought(2, 1_000).and(use_once("pay_1", 1));
    assert_eq!(entitlement(&story).left(), Some(1));
    let story = story.and(use_once("pay_1", 2));
    story.when(use_once("pay_1", 3)).rejected(&Rejection::EntitlementUsedUp);
}

#[test]
fn the_same_use_costs_nothing_three_times_within_a_minute() {
    let repeated = |times| [Repeated { number: 1, times }];
    let story = bought(3, 1_000).and(use_once("pay_1", 1));
    let story = story.when(use_once("pay_1", 1)).then(repeated(1));
    let story = story.later(30).when(use_once("pay_1", 1)).then(repeated(2));
    let story = story.later(29).when(use_once("pay_1", 1)).then(repeated(3));
    assert_eq!(entitlement(&story).left(), Some(2));
    let story = story.and(use_once("pay_1", 1));
    assert_eq!(entitlement(&story).left(), Some(1));
}

#[test]
fn the_same_use_after_its_minute_is_another() {
    let story = bought(3, 1_000).and(use_once("pay_1", 1)).later(61);
    story.when(use_once("pay_1", 1)).says(&["entitlement.used.v1"]);
}

#[test]
fn the_last_use_may_be_repeated_though_all_are_used() {
    let story = bought(1, 1_000).and(use_once("pay_1", 1));
    let story = story.when(use_once("pay_1", 1)).says(&["entitlement.repeated.v1"]);
    story.when(use_once("pay_1", 2)).rejected(&Rejection::EntitlementUsedUp);
}

#[test]
fn a_use_given_back_can_be_used_again_under_a_new_number() {
    let story = bought(1, 1_000).and(use_once("pay_1", 1));
    let used = story.history.last().unwrap().envelope.position;
    let story = story.when(release("pay_1", 1)).then([Released {
        number: 1,
        reverses: used,
        earned: msat(1_000),
        left: 1,
        reason: "upstream failed".to_owned(),
    }]);
    let story = story.when(release("pay_1", 1)).nothing();
    let story = story.when(use_once("pay_1", 1)).says(&["entitlement.used.v1"]);
    assert_eq!(entitlement(&story).last, 2);
    story.when(use_once("pay_1", 9)).rejected(&Rejection::EntitlementUsedUp);
}

#[test]
fn a_use_that_never_was_or_is_too_old_is_not_given_back() {
    let mut story = bought(100, 1_000).and(use_once("pay_1", 0));
    for number in [0, 2] {
        story = story.when(release("pay_1", number)).rejected(&Rejection::UseNotFound);
    }
    for same in 1..=64 {
        story = story.and(use_once("pay_1", same));
    }
    let story = story.when(release("pay_1", 1)).rejected(&Rejection::UseNotFound);
    story.when(release("pay_1", 2)).says(&["entitlement.released.v1"]);
}

#[test]
fn what_is_earned_comes_to_the_price_also_after_releases() {
    // Price and uses share no factor, so every share is rounded.
    for given_back in 1..=3 {
        let mut story = bought(3, 1_001);
        for same in 1..=3 {
            story = story.and(use_once("pay_1", same));
        }
        assert_eq!(entitlement(&story).earned, units(1_001));
        for number in 1..=given_back {
            story = story.and(release("pay_1", number));
        }
        for same in 4..4 + u8::try_from(given_back).unwrap() {
            story = story.and(use_once("pay_1", same));
        }
        assert_eq!(entitlement(&story).earned, units(1_001), "{given_back} given back");
        story.when(use_once("pay_1", 99)).rejected(&Rejection::EntitlementUsedUp);
    }
}

#[test]
fn a_pass_says_nothing_and_ends_with_its_time() {
    let story = sold(1_000, Gives::Time { seconds: 60 });
    let story = story.when(use_once("pay_1", 1)).nothing();
    let story = story.later(59).when(use_once("pay_1", 1)).nothing();
    let story = story.later(2).when(use_once("pay_1", 1)).rejected(&Rejection::EntitlementEnded);
    let story = story.when(release("pay_1", 1)).rejected(&Rejection::UseNotFound);
    story.resting().when(use_once("pay_1", 1)).nothing();
}

#[test]
fn a_pass_counts_from_settlement_not_from_fulfilment() {
    let story = shop()
        .and(publish("report", 1_000, Gives::Time { seconds: 60 }))
        .and(buy("pay_1", "report", 2))
        .and(invoice("pay_1", 2_000))
        .and(status("pay_1", paid()));
    let story = story.later(100).and(fulfil("pay_1"));
    let until = entitlement(&story).granted.as_ref().unwrap().until.unwrap();
    assert_eq!(until.seconds(), after(120).seconds());
}

#[test]
fn what_is_revoked_opens_nothing() {
    let wish = || crate::operation::RevokeEntitlement {
        tenant: tenant("acme"),
        entitlement: id("pay_1"),
        reason: "charged back".to_owned(),
    };
    let story = bought(2, 1_000).and(use_once("pay_1", 1)).and(wish());
    let story = story.when(wish()).nothing();
    story.when(use_once("pay_1", 1)).rejected(&Rejection::EntitlementRevoked);
}

#[test]
fn nobody_uses_what_nobody_bought() {
    let story = shop().when(use_once("ghost", 1)).rejected(&Rejection::EntitlementNotFound);
    story.when(release("ghost", 1)).rejected(&Rejection::EntitlementNotFound);
}

#[test]
fn the_quantity_multiplies_uses_and_price() {
    let story = shop()
        .and(publish("report", 1_000, Gives::Uses { count: 3 }))
        .and(buy("pay_1", "report", 4))
        .and(invoice("pay_1", 4_000))
        .and(status("pay_1", paid_msat(4_000)))
        .and(fulfil("pay_1"));
    assert_eq!(entitlement(&story).left(), Some(12));
}

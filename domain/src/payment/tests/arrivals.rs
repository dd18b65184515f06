//! Money that comes in parts, twice, late, too much, too little, in another asset.

use super::*;

#[test]
fn one_settlement_told_by_webhook_and_by_status_is_one() {
    let hook = || settled_webhook("rcpt_1", "pay_1", "set_1", paid_msat(PRICE));
    let first = standing(Status::Pending).and(hook());
    first.when(status_says(paid_msat(PRICE))).nothing();

    let asked = standing(Status::Pending).and(status_says(paid_msat(PRICE)));
    let both = asked.when(hook()).says(&["receipt.recorded.v1", "payment.settlement_named.v1"]);
    assert_eq!(reviews(&both), []);
    // The name is known now: another name is other money, the same name is not.
    let again = settled_webhook("rcpt_2", "pay_1", "set_1", paid_msat(PRICE));
    let both = both.when(again).says(&["receipt.recorded.v1"]);
    let double = both.and(settled_webhook("rcpt_3", "pay_1", "set_2", paid_msat(PRICE)));
    assert_eq!(reviews(&double), [(ReviewKind::Double, PRICE)]);
    double.when(status_says(paid_msat(2 * PRICE))).nothing();
}

#[test]
fn a_name_that_is_the_payments_own_is_a_name() {
    let hook = || settled_webhook("rcpt_1", "pay_1", "inv-pay_1", paid());
    let story = standing(Status::Pending).and(hook());
    let story = story.and(status_says(paid_msat(PRICE)));
    let again = settled_webhook("rcpt_2", "pay_1", "inv-pay_1", paid());
    assert_eq!(reviews(&story.and(again)), []);
}

#[test]
fn a_second_settlement_is_suspended_once() {
    let story = standing(Status::Consumed).and(status_of("pay_1", "set_2", paid()));
    // The status before it had no name: the first name that is heard is its own.
    assert_eq!(reviews(&story), []);
    let story = story.and(status_of("pay_1", "set_3", paid_msat(PRICE)));
    let story = story.and(status_of("pay_1", "set_3", paid_msat(PRICE)));
    assert_eq!(reviews(&story), [(ReviewKind::Double, PRICE)]);
    assert_eq!(payment(&story).status, Status::Consumed);
}

#[test]
fn a_total_above_what_is_known_suspends_the_difference() {
    let story = standing(Status::Paid).and(status_says(paid_msat(PRICE + 7)));
    let story = story.and(status_says(paid_msat(PRICE + 7)));
    assert_eq!(reviews(&story), [(ReviewKind::Double, 7)]);
}

#[test]
fn too_much_settles_and_suspends_the_surplus() {
    let story = standing(Status::Pending)
        .when(status_says(paid_msat(PRICE + 5)))
        .says(&["payment.settled.v1", "payment.review_opened.v1"]);
    assert_eq!(reviews(&story), [(ReviewKind::Over, 5)]);
    story.when(status_says(paid_msat(PRICE + 5))).nothing();
}

#[test]
fn f14_too_little_is_suspended_and_the_rest_settles() {
    let story = standing(Status::Pending).and(status_says(paid_msat(40_000)));
    assert_eq!(reviews(&story), [(ReviewKind::Short, 40_000)]);
    assert_eq!(payment(&story).status, Status::Pending);
    let story = story.when(status_says(paid_msat(40_000))).nothing();
    let story = story.and(status_says(paid_msat(70_000)));
    assert_eq!(reviews(&story), [(ReviewKind::Short, 40_000), (ReviewKind::Short, 30_000)]);
    let story = story.when(status_says(paid_msat(PRICE + 9))).says(&[
        "payment.review_resolved.v1",
        "payment.review_resolved.v1",
        "payment.settled.v1",
        "payment.review_opened.v1",
    ]);
    let settled = payment(&story).settled.clone().unwrap();
    assert_eq!(settled.funding, Funding::Completed { arrived: msat(30_000) });
    assert_eq!(settled.received, msat(PRICE + 9));
    assert_eq!(reviews(&story).last(), Some(&(ReviewKind::Over, 9)));
    assert_eq!(balance(&story, "suspense"), -9);
    assert_eq!(balance(&story, "unapplied"), -100_000);
    assert_eq!(balance(&story, "provider_clearing"), 100_009);
    story.and(fulfil("pay_1")).when(status_says(paid_msat(PRICE + 9))).nothing();
}

#[test]
fn a_named_settlement_may_grow() {
    let story = standing(Status::Pending).and(status_of("pay_1", "set_1", paid_msat(40_000)));
    let story = story.when(status_of("pay_1", "set_1", paid_msat(40_000))).nothing();
    let story = story.and(status_of("pay_1", "set_1", paid_msat(PRICE)));
    assert_eq!(payment(&story).status, Status::Paid);
    story.when(status_of("pay_1", "set_1", paid())).nothing();
}

#[test]
fn two_named_parts_come_to_the_price() {
    let story = standing(Status::Pending).and(status_of("pay_1", "set_1", paid_msat(40_000)));
    let story = story.and(status_of("pay_1", "set_2", paid_msat(60_000)));
    assert_eq!(payment(&story).status, Status::Paid);
    story.when(status_says(paid_msat(PRICE))).nothing();
}

#[test]
fn a_part_that_went_back_does_not_count_for_the_price() {
    let story = standing(Status::Pending).and(status_says(paid_msat(40_000)));
    let story = story.and(resolve("pay_1", 1, ReviewAction::Refund));
    let story = story.and(status_says(paid_msat(PRICE)));
    assert_eq!(reviews(&story), [(ReviewKind::Short, 40_000), (ReviewKind::Short, 60_000)]);
    assert_eq!(payment(&story).status, Status::Pending);
}

#[test]
fn f14_another_asset_is_suspended_once_and_settles_nothing() {
    let euros = || Says::Paid { received: Some(money("EUR", 12)) };
    let story = standing(Status::Pending).and(status_says(euros()));
    let story = story.when(status_says(euros())).nothing();
    assert_eq!(reviews(&story), [(ReviewKind::WrongAsset, 12)]);
    assert_eq!(payment(&story).status, Status::Pending);
    let story = story.and(status_paid());
    assert_eq!(payment(&story).status, Status::Paid);
}

#[test]
fn nothing_received_is_nothing() {
    for says in [paid_msat(0), Says::Paid { received: Some(money("EUR", 0)) }] {
        standing(Status::Pending).when(status_says(says)).nothing();
    }
}

#[test]
fn late_money_is_suspended_and_may_settle_after_all() {
    for status in [Status::Expired, Status::Failed, Status::Abandoned] {
        let story = standing(status).and(status_says(paid_msat(PRICE + 3)));
        assert_eq!(reviews(&story), [(ReviewKind::Late, PRICE), (ReviewKind::Over, 3)]);
        let story = story.when(status_says(paid_msat(PRICE + 3))).nothing();
        assert_eq!(payment(&story).status, status);
        assert_eq!(balance(&story, "suspense"), -100_003);
        let story = story
            .when(resolve("pay_1", 1, ReviewAction::Apply))
            .says(&["payment.review_resolved.v1", "payment.settled.v1"]);
        assert_eq!(duties(&story), [Duty::Fulfil]);
        let story = story.and(fulfil("pay_1"));
        assert_eq!(payment(&story).status, Status::Consumed);
        assert_eq!(balance(&story, "unapplied"), 0);
        assert_eq!(balance(&story, "deferred_revenue"), -100_000);
    }
}

#[test]
fn late_money_may_go_back() {
    let story = standing(Status::Expired).and(status_paid());
    let story =
        story.when(resolve("pay_1", 1, ReviewAction::Refund)).says(&["payment.review_resolved.v1"]);
    assert_eq!(payment(&story).status, Status::Expired);
    assert_eq!(balance(&story, "suspense"), 0);
    assert_eq!(balance(&story, "provider_clearing"), 0);
    let story =
        story.when(resolve("pay_1", 1, ReviewAction::Apply)).rejected(&Rejection::ReviewClosed);
    story.when(resolve("pay_1", 2, ReviewAction::Apply)).rejected(&Rejection::ReviewNotFound);
}

#[test]
fn suspended_money_is_never_dismissed() {
    let story = standing(Status::Expired).and(status_paid());
    let dismissed = story.when(resolve("pay_1", 1, ReviewAction::Dismiss));
    dismissed.rejected(&Rejection::ReviewNotApplicable);
}

#[test]
fn a_surplus_becomes_credit_in_proportion() {
    let story = standing(Status::Consumed).and(status_says(paid_msat(PRICE + 50)));
    let story = story
        .when(resolve("pay_1", 1, ReviewAction::Apply))
        .says(&["payment.review_resolved.v1", "lot.minted.v1"]);
    story.when(spend("alice", msat(PRICE + 50))).says(&["credit.spent.v1"]);
}

#[test]
fn a_surplus_of_a_plain_payment_can_only_go_back() {
    let story = shop().and(plain("pay_1", PRICE)).and(invoice("pay_1", PRICE));
    let story = story.and(status_says(paid_msat(PRICE + 50)));
    let story = story
        .when(resolve("pay_1", 1, ReviewAction::Apply))
        .rejected(&Rejection::ReviewNotApplicable);
    story.when(resolve("pay_1", 1, ReviewAction::Refund)).says(&["payment.review_resolved.v1"]);
}

#[test]
fn a_review_names_the_fact_that_opened_it() {
    let story = standing(Status::Expired).and(status_paid());
    let opener = story.history.last().unwrap().envelope.position;
    let story = story.and(resolve("pay_1", 1, ReviewAction::Refund));
    let last = story.history.last().unwrap();
    let crate::event::Event::Payment(Event::ReviewResolved(resolved)) = &last.event else {
        panic!("{last:?}")
    };
    assert_eq!((resolved.number, resolved.opener), (1, opener));
}

#[test]
fn a_fee_is_an_expense() {
    let heard = Heard { fee: Some(msat(30)), ..heard(paid()) };
    let tenant = tenant("acme");
    let status = crate::operation::HearStatus { tenant, payment: id("pay_1"), heard };
    let story = standing(Status::Pending).and(status);
    assert_eq!(balance(&story, "provider_fees"), 30);
    assert_eq!(balance(&story, "provider_clearing"), 99_970);
}

fn balance(story: &Story, account: &str) -> i64 {
    let legs = story.history.iter().flat_map(crate::postings::postings);
    legs.filter(|leg| leg.account.as_str() == account).map(|leg| leg.amount).sum()
}

#[test]
fn late_money_that_comes_twice_settles_once_and_is_credit_once() {
    let story = standing(Status::Expired).and(status_of("pay_1", "set_1", paid()));
    let story = story.and(status_of("pay_1", "set_2", paid()));
    assert_eq!(reviews(&story), [(ReviewKind::Late, PRICE), (ReviewKind::Late, PRICE)]);
    let story = story.and(resolve("pay_1", 2, ReviewAction::Apply)).and(fulfil("pay_1"));
    let story = story
        .when(resolve("pay_1", 1, ReviewAction::Apply))
        .says(&["payment.review_resolved.v1", "lot.minted.v1"]);
    story.when(spend("alice", msat(2 * PRICE))).says(&["credit.spent.v1"]);
}

#[test]
fn what_was_paid_in_part_and_given_back_ends_with_its_invoice() {
    let part = || status_says(paid_msat(40_000));
    let story = standing(Status::Pending).and(part());
    // While somebody still has to look at it, nothing ends.
    let story = story.later(4_000).when(part()).nothing();
    let story = story.and(resolve("pay_1", 1, ReviewAction::Refund));
    let story = story.when(part()).says(&["payment.expired.v1"]);
    story.when(part()).nothing();
}

#[test]
fn what_was_paid_in_part_and_given_back_may_still_be_paid_in_time() {
    let part = || status_says(paid_msat(40_000));
    let story = standing(Status::Pending).and(part());
    let story = story.and(resolve("pay_1", 1, ReviewAction::Refund));
    story.when(part()).nothing();
}

//! Every status against every wish and every word.

mod arrivals;
mod silence;
mod webhooks;

use super::*;
use crate::{
    draft::Stop,
    duty::Kind as Duty,
    id::{Kind, Stream, TenantId},
    operation::{AnswerReceipt, Operation, ReceiveWebhook},
    testing::*,
};

const PRICE: u64 = 100_000;

/// A shop with payment `pay_1` of [`PRICE`], standing at `status`.
fn standing(status: Status) -> Story {
    let asked = || shop().and(top_up("pay_1", "alice", PRICE));
    let shown = || asked().and(invoice("pay_1", PRICE));
    let late = || shown().later(4_000);
    match status {
        Status::Absent => shop(),
        Status::Requested => asked(),
        Status::Unknown => asked().and(create_unknown("pay_1")),
        Status::Pending => shown(),
        Status::Paid => shown().and(status_paid()),
        Status::Consumed => shown().and(status_paid()).and(fulfil("pay_1")),
        Status::Expired => late().and(status_says(expired())),
        Status::Failed => shown().and(status_says(failed())),
        Status::Abandoned => {
            asked().and(create_unknown("pay_1")).later(1_000).and(abandon("pay_1"))
        }
    }
}

fn status_says(says: Says) -> Operation {
    status("pay_1", says)
}

fn status_paid() -> Operation {
    status_says(paid())
}

fn payment(story: &Story) -> &Payment {
    let crate::book::State::Payment(payment) = &story.slot(&stream(Kind::Payment, "pay_1")).state
    else {
        panic!()
    };
    payment
}

fn reviews(story: &Story) -> Vec<(ReviewKind, u64)> {
    let amount = |review: &Review| review.opened.money.map_or(0, |money| money.amount.units());
    payment(story).reviews.iter().map(|review| (review.opened.kind, amount(review))).collect()
}

const EVERY: [Status; 9] = [
    Status::Absent,
    Status::Requested,
    Status::Unknown,
    Status::Pending,
    Status::Paid,
    Status::Consumed,
    Status::Expired,
    Status::Failed,
    Status::Abandoned,
];

/// What a wish comes to, in one word: wire names, a rejection's code.
fn comes_to(story: Story, wish: Operation) -> String {
    let mut story = story;
    match story.put(wish) {
        Ok(said) => {
            assert_eq!(story.book.frozen().count(), 0, "an accepted fact froze its stream");
            let short = |name: &'static str| name.trim_end_matches(".v1");
            let names: Vec<&str> = said.iter().map(|said| short(said.event.name())).collect();
            names.join(" ")
        }
        Err(Stop::Rejected(rejection)) => rejection.code().to_owned(),
        Err(stop) => panic!("a whole book lacks nothing: {stop:?}"),
    }
}

#[track_caller]
fn check(wish: impl Fn() -> Operation, later: u32, expected: [&str; 9]) {
    for (status, expected) in EVERY.into_iter().zip(expected) {
        let story = standing(status).later(later);
        assert_eq!(comes_to(story, wish()), expected, "at {}", status.as_str());
    }
}

#[test]
fn every_story_stands_where_it_says() {
    for status in EVERY.into_iter().skip(1) {
        assert_eq!(payment(&standing(status)).status, status);
    }
}

#[test]
fn a_payment_is_asked_for_once() {
    let taken = "payment_exists";
    check(
        || top_up("pay_1", "alice", PRICE),
        0,
        ["payment.requested", taken, taken, taken, taken, taken, taken, taken, taken],
    );
}

#[test]
fn an_invoice_is_taken_while_one_is_awaited_and_the_same_again_is_nothing() {
    let created = "payment.instrument_created";
    // Only the abandoned payment has none yet.
    let late = "payment_too_late";
    check(
        || invoice("pay_1", PRICE),
        0,
        ["payment_not_found", created, created, "", "", "", "", "", late],
    );
}

#[test]
fn another_invoice_is_too_late_once_there_is_one() {
    let late = "payment_too_late";
    let wish = || {
        let other = InstrumentCreated {
            provider_id: "other".to_owned(),
            payment_hash: None,
            ..instrument("pay_1", msat(PRICE))
        };
        let tenant = tenant("acme");
        crate::operation::RecordInstrument { tenant, payment: id("pay_1"), created: other }.into()
    };
    let created = "payment.instrument_created";
    check(wish, 0, ["payment_not_found", created, created, late, late, late, late, late, late]);
}

#[test]
fn a_create_call_fails_while_its_answer_is_awaited() {
    let (failed, late) = ("payment.failed", "payment_too_late");
    check(
        || create_failed("pay_1"),
        0,
        ["payment_not_found", failed, failed, late, late, late, late, "", late],
    );
}

#[test]
fn an_answer_is_lost_only_while_it_is_awaited() {
    check(
        || create_unknown("pay_1"),
        0,
        ["payment_not_found", "payment.outcome_unknown", "", "", "", "", "", "", ""],
    );
}

#[test]
fn a_lost_answer_is_abandoned_after_patience_only() {
    let (early, late) = ("payment_too_early", "payment_too_late");
    let mut expected = ["payment_not_found", early, early, late, late, late, late, late, ""];
    check(|| abandon("pay_1"), 899, expected);
    expected[1] = "payment.abandoned";
    expected[2] = "payment.abandoned";
    check(|| abandon("pay_1"), 901, expected);
}

#[test]
fn patience_does_not_run_out_while_time_rests() {
    let story = standing(Status::Unknown).later(10_000).resting();
    story.when(abandon("pay_1")).rejected(&Rejection::PaymentTooEarly);
}

#[test]
fn what_was_promised_is_given_once_and_only_for_money() {
    let unpaid = "payment_not_paid";
    let given = "lot.minted payment.consumed";
    check(
        || fulfil("pay_1"),
        0,
        ["payment_not_found", unpaid, unpaid, unpaid, given, "", unpaid, unpaid, unpaid],
    );
}

#[test]
fn the_word_paid_settles_a_pending_payment_and_is_suspended_where_it_comes_late() {
    let late = "payment.review_opened";
    check(
        status_paid,
        0,
        ["payment_not_found", "", "", "payment.settled", "", "", late, late, late],
    );
}

#[test]
fn the_word_expired_ends_a_pending_payment_after_expiry_and_grace() {
    let refused = "payment.transition_refused";
    let says = || status_says(expired());
    let mut expected = ["payment_not_found", "", "", "", refused, refused, "", "", ""];
    check(says, 3_659, expected);
    expected[3] = "payment.expired";
    check(says, 3_661, expected);
}

#[test]
fn nothing_expires_while_time_rests() {
    standing(Status::Pending).later(10_000).resting().when(status_says(expired())).nothing();
}

#[test]
fn a_pushed_word_expired_only_makes_us_ask() {
    let story = standing(Status::Pending).later(10_000);
    let story = story.and(webhook("rcpt_1", told(Some("evt_1"), "pay_1", expired())));
    assert_eq!(payment(&story).status, Status::Pending);
    assert_eq!(led_to(&story, "rcpt_1"), LedTo::Asks);
    // The answer is owed until it is there.
    assert_eq!(duties(&story), [Duty::Sweep, Duty::Expire, Duty::Match]);
    let stream = stream(Kind::Receipt, "rcpt_1");
    let answer = AnswerReceipt { stream, heard: heard(expired()) };
    let story = story.when(answer).says(&["receipt.matched.v1", "payment.expired.v1"]);
    assert_eq!(duties(&story), []);
}

#[test]
fn the_word_failed_ends_a_pending_payment() {
    let refused = "payment.transition_refused";
    check(
        || status_says(failed()),
        0,
        ["payment_not_found", "", "", "payment.failed", refused, refused, "", "", ""],
    );
}

#[test]
fn a_new_word_for_pending_is_noted_once_and_a_step_back_is_refused() {
    let refused = "payment.transition_refused";
    check(
        || status_says(pending(Some("confirming"))),
        0,
        ["payment_not_found", "", "", "payment.detail_noted", refused, refused, "", "", ""],
    );
    let noted = standing(Status::Pending).and(status_says(pending(Some("confirming"))));
    noted.when(status_says(pending(Some("confirming")))).nothing();
}

#[test]
fn a_provider_that_does_not_know_the_payment_changes_nothing() {
    check(
        || status_says(Says::NotFound {}),
        100_000,
        ["payment_not_found", "", "", "", "", "", "", "", ""],
    );
}

#[test]
fn an_edge_that_a_hint_asks_for_is_not_recorded() {
    let hint = receipt_hint(pending(Some("confirming")));
    let story = standing(Status::Paid).when(hint).says(&["receipt.recorded.v1"]);
    assert_eq!(led_to(&story, "rcpt_1"), LedTo::NoEffect);
}

fn receipt_hint(says: Says) -> Operation {
    let told =
        crate::receipt::Recorded { needs_confirmation: true, ..told(Some("evt_1"), "pay_1", says) };
    webhook("rcpt_1", told)
}

fn led_to(story: &Story, receipt: &str) -> LedTo {
    let crate::book::State::Receipt(state) = &story.slot(&stream(Kind::Receipt, receipt)).state
    else {
        panic!()
    };
    state.recorded.clone().unwrap().led_to
}

fn duties(story: &Story) -> Vec<Duty> {
    story.book.duties.keys().map(|name| name.kind).collect()
}

#[test]
fn each_status_owes_what_it_owes() {
    let (sweep, match_) = ([Duty::Sweep, Duty::Expire].to_vec(), vec![]);
    let owed = |status| duties(&standing(status));
    assert_eq!(owed(Status::Requested), [Duty::Create]);
    assert_eq!(owed(Status::Unknown), [Duty::Create]);
    assert_eq!(owed(Status::Pending), sweep);
    assert_eq!(owed(Status::Paid), [Duty::Fulfil]);
    for status in [Status::Consumed, Status::Expired, Status::Failed, Status::Abandoned] {
        assert_eq!(owed(status), match_, "{}", status.as_str());
    }
}

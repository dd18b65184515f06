//! What providers push: receipts, hints, parked receipts.

use super::*;

fn hook(receipt: &str, event: &str) -> Operation {
    webhook(receipt, told(Some(event), "pay_1", paid_msat(PRICE)))
}

fn parked(story: &Story) -> bool {
    let stream = Stream { tenant: TenantId::roll(), ..stream(Kind::Receipt, "rcpt_1") };
    let crate::book::State::Receipt(state) = &story.slot(&stream).state else { panic!() };
    state.parked
}

#[test]
fn receipt_and_settlement_are_one_append() {
    let story = standing(Status::Pending)
        .when(hook("rcpt_1", "evt_1"))
        .says(&["receipt.recorded.v1", "payment.settled.v1"]);
    assert_eq!(led_to(&story, "rcpt_1"), LedTo::Applied);
}

#[test]
fn the_same_message_again_is_refused() {
    let story = standing(Status::Pending).and(hook("rcpt_1", "evt_1"));
    let story = story.when(hook("rcpt_2", "evt_1")).rejected(&Rejection::EventReceived);
    let story = story.when(hook("rcpt_2", "evt_2")).says(&["receipt.recorded.v1"]);
    assert_eq!(led_to(&story, "rcpt_2"), LedTo::NoEffect);
}

#[test]
fn a_receipts_name_is_taken_once() {
    let story = standing(Status::Pending).and(hook("rcpt_1", "evt_1"));
    story.when(hook("rcpt_1", "evt_2")).rejected(&Rejection::EventReceived);
}

#[test]
fn a_message_before_its_invoice_waits_for_it() {
    let story = standing(Status::Requested).and(hook("rcpt_1", "evt_1"));
    assert!(parked(&story));
    let story = story.when(match_parked("rcpt_1")).nothing();
    let story = story
        .and(invoice("pay_1", PRICE))
        .when(match_parked("rcpt_1"))
        .says(&["receipt.matched.v1", "payment.settled.v1"]);
    assert!(!parked(&story));
    assert_eq!(duties(&story), [Duty::Fulfil]);
    story.when(match_parked("rcpt_1")).rejected(&Rejection::ReceiptNotParked);
}

#[test]
fn a_message_about_nobodys_payment_is_given_up() {
    let story = shop().and(webhook("rcpt_1", told(Some("evt_1"), "ghost", paid())));
    assert_eq!(duties(&story), [Duty::Match]);
    let story = story.later(3_600).when(match_parked("rcpt_1")).says(&["receipt.matched.v1"]);
    assert_eq!(duties(&story), []);
}

#[test]
fn a_message_by_its_own_url_waits_for_the_invoice_too() {
    let anonymous = crate::receipt::Recorded {
        lookup: crate::receipt::Lookup { provider_id: None, payment_hash: None },
        ..told(Some("evt_1"), "pay_1", paid())
    };
    let by_token = Some(payment_ref("pay_1"));
    let wish = ReceiveWebhook { receipt: id("rcpt_1"), told: anonymous, by_token };
    let story = standing(Status::Requested).and(Operation::from(wish));
    assert_eq!(led_to(&story, "rcpt_1"), LedTo::Parked);
    let stream = stream(Kind::Receipt, "rcpt_1");
    let found = crate::operation::MatchReceipt { stream, give_up_after: after(9_999) };
    let story = story.and(invoice("pay_1", PRICE)).and(found);
    assert_eq!(payment(&story).status, Status::Paid);
}

#[test]
fn a_hint_moves_nothing_until_the_provider_is_asked() {
    for status in [Status::Pending, Status::Expired, Status::Failed] {
        let story = standing(status).when(receipt_hint(paid())).says(&["receipt.recorded.v1"]);
        assert_eq!(led_to(&story, "rcpt_1"), LedTo::Asks);
        assert!(duties(&story).contains(&Duty::Match), "late money must not be forgotten");
        let stream = stream(Kind::Receipt, "rcpt_1");
        let answer = || AnswerReceipt { stream: stream.clone(), heard: heard(paid()) };
        let story = story.and(answer());
        assert!(!duties(&story).contains(&Duty::Match));
        let booked = payment(&story).status == Status::Paid || !reviews(&story).is_empty();
        assert!(booked, "{}", status.as_str());
        story.when(answer()).rejected(&Rejection::ReceiptNotParked);
    }
}

#[test]
fn a_hint_nobody_answers_is_given_up() {
    let story = standing(Status::Expired).and(receipt_hint(paid()));
    let stream = stream(Kind::Receipt, "rcpt_1");
    let matching =
        || crate::operation::MatchReceipt { stream: stream.clone(), give_up_after: after(9_000) };
    let story = story.when(matching()).nothing();
    let story = story.later(9_000).when(matching()).says(&["receipt.matched.v1"]);
    assert_eq!(duties(&story), []);
}

#[test]
fn a_connection_speaks_for_its_own_payments_only() {
    let foreign = crate::receipt::Recorded {
        connection: id("other"),
        lookup: crate::receipt::Lookup {
            provider_id: None,
            payment_hash: Some(payment_hash("pay_1")),
        },
        ..told(Some("evt_1"), "pay_1", paid())
    };
    let story = standing(Status::Pending).and(declare_connection("other"));
    let story = story.when(webhook("rcpt_1", foreign)).says(&["receipt.recorded.v1"]);
    assert_eq!(payment(&story).status, Status::Pending);
    assert_eq!(led_to(&story, "rcpt_1"), LedTo::NoEffect);
}

#[test]
fn a_payment_is_found_by_its_hash_and_settles_for_its_own_tenant() {
    let by_hash = crate::receipt::Recorded {
        lookup: crate::receipt::Lookup {
            provider_id: None,
            payment_hash: Some(payment_hash("pay_1")),
        },
        ..told(Some("evt_1"), "pay_1", paid())
    };
    let story = standing(Status::Pending).and(open_tenant("rival"));
    let story = story.and(webhook("rcpt_1", by_hash));
    assert_eq!(payment(&story).status, Status::Paid);
    let rival = |said: &&crate::event::Recorded| said.envelope.tenant == tenant("rival");
    assert_eq!(story.history.iter().filter(rival).count(), 1, "only its own opening");
}

#[test]
fn two_payments_never_share_an_invoice() {
    let story = standing(Status::Pending).and(plain("pay_2", PRICE));
    let created = instrument("pay_1", msat(PRICE));
    let tenant = tenant("acme");
    let wish = crate::operation::RecordInstrument { tenant, payment: id("pay_2"), created };
    story.when(wish).rejected_as("claim_taken");
}

#[test]
fn an_illegal_edge_of_a_proved_sender_is_recorded_each_time() {
    let story = standing(Status::Consumed);
    let story = story
        .when(webhook("rcpt_1", told(Some("evt_1"), "pay_1", failed())))
        .says(&["receipt.recorded.v1", "payment.transition_refused.v1"]);
    assert_eq!(led_to(&story, "rcpt_1"), LedTo::Violation);
    story
        .when(webhook("rcpt_2", told(Some("evt_2"), "pay_1", failed())))
        .says(&["receipt.recorded.v1", "payment.transition_refused.v1"]);
}

//! Webhooks that come before the roll knows whom they are about.

use piperoll_domain::{duty::Kind, payment::Status};

use super::house::{House, SECOND, key};
use crate::{
    providers::sandbox::{CreateFault, Faults, PayOptions},
    service::Error,
};

fn answer_lost() -> Faults {
    Faults { create: CreateFault::AnswerLost, ..Faults::default() }
}

/// A payment whose invoice is made, paid and told of before the roll has it.
async fn paid_before_it_is_known(
    house: &House,
) -> (piperoll_domain::id::PaymentId, crate::providers::sandbox::Delivery) {
    house.faults(answer_lost());
    let ask = House::top_up("alice", 9_000);
    let error = house.service.checkout(&key("acme"), ask, None).await.unwrap_err();
    let Error::OutcomeUnknown { payment } = error else { panic!("{error}") };
    house.faults(Faults::default());
    let asked = crate::providers::CreateInvoice {
        reference: format!("{payment}.1"),
        amount_msat: 9_000,
        description: None,
        expiry_seconds: 3_600,
        webhook_url: None,
    };
    let invoice = house.sandbox().find(&asked).unwrap().unwrap();
    let now = house.clock.now();
    let paid = house.sandbox().pay(&invoice.payment_request, PayOptions::default(), now).await;
    (payment, paid.unwrap().deliveries.remove(0))
}

#[tokio::test]
async fn f31_a_webhook_before_its_invoice_is_parked_and_matched() {
    let house = House::new().await;
    let (payment, delivery) = paid_before_it_is_known(&house).await;
    let answer = house.deliver(&delivery).await;
    assert!(answer.accepted && answer.unknown_payment && !answer.applied, "{answer:?}");
    assert_eq!(house.owes(Kind::Match), 1);

    let house = house.killed().await;
    assert_eq!(house.react_to(Kind::Match).await, 1);
    assert_eq!(house.payment(&payment).await.status, Status::Unknown);
    house.pass(31);
    house.react_to(Kind::Create).await;
    assert_eq!(house.payment(&payment).await.status, Status::Pending);
    house.react().await;
    assert_eq!(house.owes(Kind::Match), 0);
    house.react().await;
    assert_eq!(house.payment(&payment).await.status, Status::Consumed);
    assert_eq!(house.credit("alice").await, 9_000);
    let settled = house.payment(&payment).await.settled.unwrap();
    assert!(settled.receipt.is_some(), "the receipt is what told us");
}

#[tokio::test]
async fn a_receipt_of_nobody_is_given_up_after_a_day() {
    let house = House::new().await;
    let stranger = House::new().await;
    let challenge = stranger.challenge("/one").await;
    let paid = stranger.pay(&challenge).await;
    assert!(house.deliver(&paid.deliveries[0]).await.unknown_payment);
    house.pass(23 * 3_600);
    house.react().await;
    assert_eq!((house.owes(Kind::Match), house.count("receipt.matched.v1").await), (1, 0));
    house.pass(2 * 3_600);
    house.react().await;
    assert_eq!((house.owes(Kind::Match), house.count("receipt.matched.v1").await), (0, 1));
}

#[tokio::test]
async fn nothing_is_given_up_by_a_clock_that_is_in_doubt() {
    let house = House::new().await;
    let stranger = House::new().await;
    let challenge = stranger.challenge("/one").await;
    let paid = stranger.pay(&challenge).await;
    house.deliver(&paid.deliveries[0]).await;
    house.clock.advance(48 * 3_600 * SECOND, 0);
    house.react().await;
    assert_eq!(house.owes(Kind::Match), 1);
}

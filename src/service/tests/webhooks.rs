//! Webhooks that are lost, doubled, late, forged, reordered, cut off: told once, believed once.

use std::time::Duration;

use piperoll_domain::{duty::Kind, id::ConnectionId, payment::Status};

use super::house::{House, headers};
use crate::{
    engine,
    providers::{
        Refusal,
        sandbox::{Faults, PayOptions, WebhookFaults},
    },
    roll::Fault,
    service::Error,
};

fn webhook(webhook: WebhookFaults) -> PayOptions {
    PayOptions { faults: Some(Faults { webhook, ..Faults::default() }), ..PayOptions::default() }
}

#[tokio::test]
async fn f01_a_crash_between_receipt_and_transition_swallows_nothing() {
    // The append is lost on its way to the disk, as if the process had died before it.
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    house.roll.inject(Fault::RefuseAppend);
    let answer = house.try_deliver(&paid.deliveries[0]).await;
    let Err(Error::Engine(engine::Error::NotWritten)) = answer else { panic!("{answer:?}") };

    let house = house.killed().await;
    assert_eq!(house.count("receipt.recorded.v1").await, 0);
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(answer.applied && !answer.duplicate, "{answer:?}");
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Paid);

    // And right after it: the redelivery is a duplicate, what is owed is done.
    let house = house.killed().await;
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(answer.accepted && answer.duplicate, "{answer:?}");
    assert_eq!(house.owes(Kind::Fulfil), 1);
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Consumed);
    assert_eq!(house.count("payment.settled.v1").await, 1);
}

#[tokio::test]
async fn f01_a_receipt_and_what_it_leads_to_are_one_append() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    house.deliver(&paid.deliveries[0]).await;
    let last = house.service.engine().head().position;
    let block = house.service.engine().roll().block_at(last).await.unwrap().unwrap();
    assert_eq!((block.first(), block.last()), (last - 1, last));
    let settled = house.service.fact(last).await.unwrap();
    let receipt = house.service.fact(last - 1).await.unwrap();
    assert_eq!(settled.event.name(), "payment.settled.v1");
    assert_eq!(receipt.event.name(), "receipt.recorded.v1");
    assert_eq!(settled.envelope.correlation, receipt.envelope.correlation);
}

#[tokio::test]
async fn an_append_of_unknown_outcome_settles_once() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    house.roll.inject(Fault::LoseAnswer);
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(answer.applied, "{answer:?}");
    assert!(house.deliver(&paid.deliveries[0]).await.duplicate);
    assert_eq!(house.count("payment.settled.v1").await, 1);
}

#[tokio::test]
async fn f02_a_doubled_webhook_is_told_once_and_counted_once() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let doubled = WebhookFaults { doubled: true, ..WebhookFaults::default() };
    let paid = house.pay_with(&challenge, webhook(doubled)).await;
    let (first, second) =
        tokio::join!(house.deliver(&paid.deliveries[0]), house.deliver(&paid.deliveries[1]));
    assert_eq!([first.applied, second.applied].iter().filter(|applied| **applied).count(), 1);
    assert_eq!([first.duplicate, second.duplicate].iter().filter(|twice| **twice).count(), 1);
    assert_eq!(house.count("receipt.recorded.v1").await, 1);
    assert_eq!(house.count("payment.settled.v1").await, 1);
}

#[tokio::test]
async fn a_lost_webhook_is_made_up_for_by_the_sweep() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let lost = WebhookFaults { lost: true, ..WebhookFaults::default() };
    let paid = house.pay_with(&challenge, webhook(lost)).await;
    assert!(paid.deliveries.is_empty());
    house.pass(301);
    let run = house.service.reconcile().await.unwrap();
    assert_eq!((run.checked, run.paid, run.errors), (1, 1, 0));
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Paid);
}

#[tokio::test]
async fn a_forged_webhook_is_refused_told_of_and_moves_nothing() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let forged = WebhookFaults { forged: true, ..WebhookFaults::default() };
    let paid = house.pay_with(&challenge, webhook(forged)).await;
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(!answer.accepted, "{answer:?}");
    assert_eq!(answer.refused, Some(Refusal::BadSignature));
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Pending);
    assert_eq!(house.count("receipt.recorded.v1").await, 0);
    assert_eq!(house.count("receipts.refused.v1").await, 1);
}

#[tokio::test]
async fn f04_the_signature_is_over_the_raw_bytes() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let mut delivery = house.pay(&challenge).await.deliveries.remove(0);
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    let genuine = std::mem::replace(&mut delivery.body, serde_json::to_vec_pretty(&body).unwrap());
    assert_eq!(house.deliver(&delivery).await.refused, Some(Refusal::BadSignature));
    delivery.body = genuine;
    assert!(house.deliver(&delivery).await.applied);
}

#[tokio::test]
async fn a_late_webhook_of_what_is_known_changes_nothing() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let late = WebhookFaults { late: Some(Duration::from_mins(15)), ..WebhookFaults::default() };
    let paid = house.pay_with(&challenge, webhook(late)).await;
    house.let_in("/one", paid.credential.clone()).await.unwrap();
    house.pass(900);
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(answer.accepted && !answer.applied && !answer.duplicate, "{answer:?}");
    assert_eq!(answer.reason, Some("no_effect"));
    assert_eq!(house.count("payment.settled.v1").await, 1);
    assert_eq!(house.count("payment.review_opened.v1").await, 0, "it is the same money");
}

#[tokio::test]
async fn f31_webhooks_in_another_order_settle_each_its_own() {
    let house = House::new().await;
    let (one, two) = (house.challenge("/one").await, house.challenge("/one").await);
    let held = WebhookFaults { reordered: true, ..WebhookFaults::default() };
    let first = house.pay_with(&one, webhook(held)).await;
    let second = house.pay(&two).await;
    assert_eq!((first.deliveries.len(), second.deliveries.len()), (0, 2));
    for delivery in &second.deliveries {
        assert!(house.deliver(delivery).await.applied);
    }
    for challenge in [one, two] {
        assert_eq!(house.payment(&challenge.payment).await.status, Status::Paid);
    }
}

#[tokio::test]
async fn f31_another_connections_webhook_moves_nothing() {
    let house = House::new().await;
    let other: ConnectionId = "shop".parse().unwrap();
    let account = super::house::sandbox_account();
    house
        .cli(piperoll_domain::operation::DeclareConnection { connection: other.clone(), account })
        .await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    let delivery = &paid.deliveries[0];
    let answer = house.service.receive(&other, None, &headers(delivery), &delivery.body).await;
    let answer = answer.unwrap();
    assert!(answer.accepted && !answer.applied, "{answer:?}");
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Pending);
    assert!(house.deliver(delivery).await.applied, "its own connection's is another event");
}

#[tokio::test]
async fn a_connection_that_nobody_declared_is_not_found() {
    let house = House::new().await;
    let nowhere = "nowhere".parse().unwrap();
    let answer = house.service.receive(&nowhere, None, &<_>::default(), b"{}").await;
    assert_eq!(answer.unwrap_err().rejection().unwrap().code(), "connection_not_found");
}

#[tokio::test]
async fn a_body_is_kept_sealed_and_no_longer_than_it_may_be() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    let answer = house.deliver(&paid.deliveries[0]).await;
    let stream = format!("receipt-acme-{}", answer.receipt.unwrap()).parse().unwrap();
    let slot = house.service.engine().look(&stream).await.unwrap().unwrap();
    let piperoll_domain::book::State::Receipt(receipt) = slot.state else { panic!() };
    let body = house.service.webhook_body(&receipt.recorded.unwrap()).await.unwrap();
    assert_eq!(body.as_deref(), Some(&paid.deliveries[0].body[..]));
}

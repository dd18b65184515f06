//! Creates whose answers are lost, slow, or never come: found, shown once, or given up.

use std::time::Duration;

use piperoll_domain::{bytes::Bytes, duty::Kind, event::Idempotency, payment::Status};

use super::{
    house::{House, Plan, key},
    node::Node,
};
use crate::{
    providers::sandbox::{CreateFault, Faults},
    roll::Fault,
    service::{Checkout, Error},
};

fn fault(create: CreateFault) -> Faults {
    Faults { create, ..Faults::default() }
}

fn keyed() -> Idempotency {
    let (operation, key) = ("topup".into(), "order-7".into());
    Idempotency { operation, key, fingerprint: Bytes([1; 33]) }
}

async fn ask(house: &House) -> Result<Checkout, Error> {
    house.service.checkout(&key("acme"), House::top_up("alice", 9_000), Some(keyed())).await
}

#[tokio::test]
async fn a_lost_answer_is_found_and_the_repeat_gets_the_first_invoice() {
    let house = House::new().await;
    house.faults(Faults { status_unreachable: true, ..fault(CreateFault::AnswerLost) });
    let error = ask(&house).await.unwrap_err();
    let Error::OutcomeUnknown { payment } = error else { panic!("{error}") };
    assert_eq!(house.payment(&payment).await.status, Status::Unknown);
    // Nobody can be asked what became of it.
    let error = ask(&house).await.unwrap_err();
    assert!(
        matches!(&error, Error::InProgress { payment: same, .. } if *same == payment),
        "{error}"
    );

    let house = house.killed().await;
    house.pass(31);
    house.react().await;
    let shown = ask(&house).await.unwrap();
    assert!(shown.replayed && shown.payment == payment && shown.challenge.is_some());
    assert_eq!(house.owes(Kind::Create), 0);
    assert_eq!(house.count("payment.requested.v1").await, 1);
    let paid = house.pay(&shown).await;
    assert!(house.deliver(&paid.deliveries[0]).await.applied);
}

#[tokio::test]
async fn a_lost_answer_is_found_at_once_by_whoever_asks_for_the_payment() {
    let house = House::new().await;
    house.faults(fault(CreateFault::AnswerLost));
    let Err(Error::OutcomeUnknown { payment }) = ask(&house).await else { panic!() };
    let state = house.service.sync(&super::house::acme(), &payment).await.unwrap();
    assert_eq!(state.status, Status::Pending);
}

#[tokio::test]
async fn a_create_that_never_was_is_abandoned_when_patience_ends() {
    let house = House::new().await;
    house.faults(fault(CreateFault::Unreachable));
    let error = ask(&house).await.unwrap_err();
    assert!(matches!(error, Error::ProviderUnavailable { .. }), "{error}");
    // The repeat gets the first answer, though the provider is back.
    house.faults(Faults::default());
    let again = ask(&house).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    assert_eq!(house.count("payment.requested.v1").await, 1);
}

#[tokio::test]
async fn a_request_that_a_crash_cut_off_is_abandoned_only_after_its_patience() {
    let house = House::new().await;
    // The process dies after the request is on disk and before the provider is called.
    let wish = piperoll_domain::operation::RequestPayment {
        tenant: super::house::acme(),
        payment: "pay_cut".parse().unwrap(),
        purpose: House::top_up("alice", 9_000).purpose,
        connection: None,
        expiry_seconds: None,
        reference: None,
        metadata: None,
    };
    house.service.execute(&key("acme"), wish, Some(keyed())).await.unwrap();
    let house = house.killed().await;
    let payment = "pay_cut".parse().unwrap();
    house.pass(60);
    house.react().await;
    assert_eq!(house.payment(&payment).await.status, Status::Requested);
    house.faults(Faults { status_unreachable: true, ..Faults::default() });
    house.pass(15 * 60);
    house.react().await;
    assert_eq!(house.payment(&payment).await.status, Status::Abandoned);
    let error = ask(&house).await.unwrap_err();
    assert!(matches!(error, Error::Abandoned { .. }), "{error}");
}

#[tokio::test]
async fn an_invoice_that_could_not_be_written_down_is_not_shown_and_found_later() {
    let house = House::new().await;
    let before = house.service.engine().head().position;
    for fault in [Fault::LoseAnswer, Fault::LoseBlock] {
        house.roll.inject(fault);
    }
    let shown = ask(&house).await.unwrap();
    assert_eq!(house.service.engine().head().position, before + 2);
    assert_eq!(house.payment(&shown.payment).await.instruments.len(), 1);
}

#[tokio::test]
async fn whoever_asks_while_the_first_is_at_the_provider_waits_for_it() {
    let plan = Plan { create_wait: Duration::from_secs(5), ..Plan::default() };
    let house = House::planned(plan).await;
    let node = Node::start(&house).await;
    node.slow(Duration::from_millis(300));
    let (first, second) = tokio::join!(ask_node(&house), async {
        node.has_created().await;
        ask_node(&house).await
    });
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.payment, first.invoice), (second.payment.clone(), second.invoice.clone()));
    assert!(second.replayed);
    assert_eq!(node.created(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_cut_its_request_off() {
    let house = House::new().await;
    let node = Node::start(&house).await;
    node.slow(Duration::from_millis(200));
    tokio::select! {
        biased;
        () = node.has_created() => {}
        answer = ask_node(&house) => panic!("it was answered: {answer:?}"),
    }
    let shown = ask_node(&house).await.unwrap();
    assert!(shown.replayed && shown.invoice.is_some());
    assert_eq!((node.created(), house.count("payment.requested.v1").await), (1, 1));
}

#[tokio::test]
async fn a_provider_that_is_too_slow_made_its_invoice_once_all_the_same() {
    let plan = Plan { provider_timeout: Duration::from_millis(200), ..Plan::default() };
    let house = House::planned(plan).await;
    let node = Node::start(&house).await;
    node.slow(Duration::from_millis(400));
    let error = ask_node(&house).await.unwrap_err();
    let Error::OutcomeUnknown { payment } = error else { panic!("{error}") };
    node.slow(Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(300)).await;
    house.pass(31);
    house.react().await;
    let shown = ask_node(&house).await.unwrap();
    assert_eq!((shown.payment, node.created()), (payment, 1));
}

async fn ask_node(house: &House) -> Result<Checkout, Error> {
    let connection = Some("node".parse().unwrap());
    let ask = crate::service::Ask { connection, ..House::top_up("alice", 9_000) };
    house.service.checkout(&key("acme"), ask, Some(keyed())).await
}

//! The sweep: what it asks about, what it counts, and whom it leaves alone.

use piperoll_domain::{duty::Kind, payment::Status};

use super::house::{House, key};
use crate::providers::sandbox::{Faults, PayOptions, WebhookFaults};

fn unheard() -> PayOptions {
    let webhook = WebhookFaults { lost: true, ..WebhookFaults::default() };
    PayOptions { faults: Some(Faults { webhook, ..Faults::default() }), ..PayOptions::default() }
}

#[tokio::test]
async fn a_sweep_counts_what_it_finds_and_tells_only_if_it_asked() {
    let house = House::new().await;
    let (paid, expired, pending) = (
        house.challenge("/one").await,
        house.challenge("/one").await,
        house.service.checkout(&key("acme"), House::top_up("alice", 9_000), None).await.unwrap(),
    );
    house.pay_with(&paid, unheard()).await;
    let run = house.service.reconcile().await.unwrap();
    assert_eq!(run.checked, 0, "nothing is stale yet");
    assert_eq!(house.count("reconciliation.finished.v1").await, 0);

    house.pass(700);
    let run = house.service.reconcile().await.unwrap();
    assert_eq!((run.checked, run.paid, run.expired, run.failed, run.errors), (3, 1, 1, 0, 0));
    assert_eq!(house.count("reconciliation.finished.v1").await, 1);
    for (checkout, status) in
        [(&paid, Status::Paid), (&expired, Status::Expired), (&pending, Status::Pending)]
    {
        assert_eq!(house.payment(&checkout.payment).await.status, status);
    }
    let again = house.service.reconcile().await.unwrap();
    assert_eq!((again.checked, again.paid), (1, 0));
}

#[tokio::test]
async fn those_who_sweep_at_once_share_one_run() {
    let house = House::new().await;
    house.challenge("/one").await;
    house.pass(301);
    let (one, two) = tokio::join!(house.service.reconcile(), house.service.reconcile());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(house.count("reconciliation.finished.v1").await, 1);
}

#[tokio::test]
async fn a_dead_provider_is_left_alone_for_the_rest_of_a_sweep() {
    let house = House::new().await;
    for _ in 0..30 {
        house.challenge("/one").await;
    }
    house.pass(301);
    house.faults(Faults { status_unreachable: true, ..Faults::default() });
    let run = house.service.reconcile().await.unwrap();
    assert_eq!((run.checked, run.errors), (30, 30));
    house.faults(Faults::default());
    let run = house.service.reconcile().await.unwrap();
    assert_eq!((run.checked, run.errors), (30, 0));
}

#[tokio::test]
async fn an_invoice_expires_only_after_its_grace_and_the_providers_word() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    house.pass(620);
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Pending, "it has a grace");
    house.pass(60);
    house.faults(Faults { status_unreachable: true, ..Faults::default() });
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Pending, "nobody said so");
    house.faults(Faults::default());
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Expired);
    assert_eq!((house.owes(Kind::Expire), house.owes(Kind::Sweep)), (0, 0));
}

#[tokio::test]
async fn an_invoice_that_was_paid_in_its_last_second_is_paid_and_not_expired() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    house.pass(599);
    house.pay_with(&challenge, unheard()).await;
    house.pass(100);
    house.react().await;
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Consumed);
}

#[tokio::test]
async fn a_lot_lapses_when_its_time_is_over_and_not_before() {
    let house = House::new().await;
    let mint = piperoll_domain::operation::Mint {
        tenant: super::house::acme(),
        account: "alice".parse().unwrap(),
        lot: "gift".parse().unwrap(),
        amount: super::house::msat(700),
        source: piperoll_domain::account::Source {
            kind: piperoll_domain::account::SourceKind::Grant,
            id: "gift".into(),
        },
        pool: piperoll_domain::id::Pool::general(),
        expires_at: Some(super::house::START.plus_seconds(1_000)),
        cost: None,
        reason: "welcome".into(),
        ceiling: None,
    };
    house.cli(mint).await;
    house.pass(900);
    house.react().await;
    assert_eq!(house.credit("alice").await, 700);
    house.pass(101);
    house.react().await;
    assert_eq!((house.credit("alice").await, house.owes(Kind::Lapse)), (0, 0));
}

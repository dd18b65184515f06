//! Money that comes late, twice, in parts: never lost, never believed twice.

use piperoll_domain::{
    operation::ResolveReview,
    payment::{ReviewAction, ReviewKind, Status},
};

use super::house::{House, acme};
use crate::{
    providers::sandbox::{Faults, PayOptions},
    service::Refusal,
};

fn tolerant() -> Faults {
    Faults { accepts_late: true, accepts_double: true, ..Faults::default() }
}

#[tokio::test]
async fn f32_a_late_settlement_does_not_vanish() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    house.pass(700);
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Expired);
    house.faults(tolerant());
    let paid = house.pay(&challenge).await;
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(answer.accepted && !answer.applied, "{answer:?}");
    assert_eq!(answer.reason, Some("review"));
    let payment = house.payment(&challenge.payment).await;
    assert_eq!(payment.status, Status::Expired);
    assert_eq!(payment.reviews[0].opened.kind, ReviewKind::Late);

    // Whoever paid late is not asked to pay again while an operator may still decide.
    let answer = house.let_in("/one", paid.credential.clone()).await;
    assert!(matches!(answer, Err(Refusal::Unsettled(_))), "{answer:?}");
    let apply = ResolveReview {
        tenant: acme(),
        payment: challenge.payment.clone(),
        review: 1,
        action: ReviewAction::Apply,
        reference: None,
        reason: "it was his money".into(),
    };
    house.cli(apply).await;
    house.let_in("/one", paid.credential).await.unwrap();
    assert_eq!(house.count("payment.settled.v1").await, 1);
}

#[tokio::test]
async fn f32_a_late_settlement_is_found_by_the_one_who_paid_it() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    house.pass(700);
    house.react().await;
    house.faults(tolerant());
    let paid = house.pay(&challenge).await;
    let answer = house.let_in("/one", paid.credential).await;
    assert!(matches!(answer, Err(Refusal::Unsettled(_))), "{answer:?}");
    assert_eq!(house.count("payment.review_opened.v1").await, 1);
}

#[tokio::test]
async fn paid_twice_is_used_once_and_the_rest_is_an_operators() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    house.faults(tolerant());
    let first = house.pay(&challenge).await;
    let second = house.pay(&challenge).await;
    assert!(house.deliver(&first.deliveries[0]).await.applied);
    let answer = house.deliver(&second.deliveries[0]).await;
    assert_eq!(answer.reason, Some("review"), "{answer:?}");
    let payment = house.payment(&challenge.payment).await;
    assert_eq!(payment.status, Status::Paid);
    assert_eq!(payment.reviews[0].opened.kind, ReviewKind::Double);
    house.let_in("/one", first.credential).await.unwrap();
    let answer = house.let_in("/one", second.credential).await;
    assert!(matches!(answer, Err(Refusal::UsedUp(_))), "{answer:?}");
}

#[tokio::test]
async fn too_little_opens_nothing() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let options = PayOptions { amount_msat: Some(4_999), ..PayOptions::default() };
    let paid = house.pay_with(&challenge, options).await;
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert_eq!(answer.reason, Some("review"), "{answer:?}");
    let answer = house.let_in("/one", paid.credential).await;
    assert!(matches!(answer, Err(Refusal::Unsettled(_))), "{answer:?}");
    assert_eq!(house.count("entitlement.granted.v1").await, 0);
}

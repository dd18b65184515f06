//! The story that the demo tells, from a challenge to a use, with credit beside it.

use piperoll_domain::{duty::Kind, payment::Status};

use super::house::{House, acme, key};
use crate::{
    idempotency,
    service::{Opens, Principal, Refusal},
};

#[tokio::test]
async fn a_challenge_is_paid_and_opens_what_it_was_sold_for() {
    let house = House::new().await;
    let challenge = house.challenge("/one?q=1").await;
    let lines = challenge.challenge.clone().unwrap().lines();
    let token = challenge.token.clone().unwrap();
    assert!(lines[0].starts_with(&format!("LSAT macaroon=\"{token}\", invoice=\"lnbcrt")));
    assert!(lines[1].starts_with(&format!("L402 macaroon=\"{token}\", invoice=\"lnbcrt")));

    let paid = house.pay(&challenge).await;
    let answer = house.deliver(&paid.deliveries[0]).await;
    assert!(answer.accepted && answer.applied && !answer.duplicate, "{answer:?}");

    let redeemed = house.let_in("/one?q=1", paid.credential.clone()).await.unwrap();
    assert_eq!((&redeemed.tenant, &redeemed.payment), (&acme(), &challenge.payment));
    assert!(matches!(redeemed.opens, Opens::Use { number: 1, left: 0, repeated: false, .. }));
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Consumed);
    let again = house.let_in("/one?q=1", paid.credential).await;
    let Err(Refusal::UsedUp(fresh)) = again else { panic!("{again:?}") };
    assert_ne!(fresh.payment, challenge.payment);
}

#[tokio::test]
async fn the_facts_of_a_sale_are_in_order_and_of_one_request() {
    let house = House::new().await;
    let before = house.facts().await.len();
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    house.deliver(&paid.deliveries[0]).await;
    house.let_in("/one", paid.credential).await.unwrap();
    let facts = house.facts().await;
    assert_eq!(
        facts[before..],
        [
            "payment.requested.v1",
            "payment.instrument_created.v1",
            "receipt.recorded.v1",
            "payment.settled.v1",
            "entitlement.granted.v1",
            "payment.consumed.v1",
            "entitlement.used.v1",
        ]
    );
    let position = u64::try_from(before).unwrap();
    let fact = async |after: u64| house.service.fact(position + after).await.unwrap().envelope;
    let (requested, created) = (fact(1).await, fact(2).await);
    assert_eq!(created.correlation, requested.correlation);
    assert_eq!(created.causation, Some(requested.id));
    assert_eq!(fact(5).await.correlation, requested.correlation);
}

#[tokio::test]
async fn a_top_up_is_credited_by_the_reactor_and_by_its_credential_once() {
    let house = House::new().await;
    let ask = House::top_up("alice", 9_000);
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let paid = house.pay(&checkout).await;
    house.deliver(&paid.deliveries[0]).await;
    assert_eq!((house.owes(Kind::Fulfil), house.credit("alice").await), (1, 0));
    house.react().await;
    assert_eq!((house.owes(Kind::Fulfil), house.credit("alice").await), (0, 9_000));

    let request = crate::service::UseRequest {
        who: key("acme"),
        service: crate::service::TOPUPS.parse().unwrap(),
        method: "POST".into(),
        path: crate::service::TOPUPS_PATH.into(),
        request_id: None,
        body_digest: None,
        buyer: crate::service::For::Application,
    };
    for _ in 0..3 {
        let redeemed =
            house.service.redeem(paid.credential.clone(), request.clone()).await.unwrap();
        assert!(matches!(redeemed.opens, Opens::Credit { .. }), "{redeemed:?}");
    }
    assert_eq!(house.credit("alice").await, 9_000);
    assert_eq!(house.count("lot.minted.v1").await, 1);
}

#[tokio::test]
async fn metadata_and_invoice_are_sealed_in_the_roll_and_open_when_shown() {
    let house = House::new().await;
    let metadata = Some(b"{\"order\":7}".to_vec());
    let ask = crate::service::Ask { metadata: metadata.clone(), ..House::top_up("alice", 9_000) };
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let view = house.service.render(&acme(), &checkout.payment).await.unwrap();
    assert_eq!((view.metadata, view.invoice.clone()), (metadata, checkout.invoice.clone()));
    assert_eq!(view.challenge, checkout.challenge);

    let payment = house.payment(&checkout.payment).await;
    let sealed = payment.instrument_shown().unwrap().invoice.clone().unwrap();
    assert_eq!(payment.request.unwrap().metadata.unwrap().subject, sealed.subject);
    house.service.keyring().destroy(sealed.subject).await.unwrap();
    let view = house.service.render(&acme(), &checkout.payment).await.unwrap();
    assert_eq!((view.metadata, view.invoice, view.challenge), (None, None, None));
}

#[tokio::test]
async fn keys_and_operators_are_known_by_what_they_present() {
    let house = House::new().await;
    let known = house.service.authenticate("key-of-acme").unwrap();
    assert_eq!(known.tenant(), Some(&acme()));
    assert!(matches!(
        house.service.authenticate("the-operators-token"),
        Some(Principal::Admin { .. })
    ));
    for stranger in ["", "key-of-acm", "key-of-acme ", "the-operators-toke"] {
        assert_eq!(house.service.authenticate(stranger), None, "{stranger}");
    }
}

#[tokio::test]
async fn a_repeat_with_the_same_key_gets_the_same_invoice_and_another_request_does_not() {
    let house = House::new().await;
    let key_of = |units: u64| piperoll_domain::event::Idempotency {
        operation: "topup".into(),
        key: "order-7".into(),
        fingerprint: idempotency::fingerprint(&units).unwrap(),
    };
    let ask = async |units| {
        let ask = House::top_up("alice", units);
        house.service.checkout(&key("acme"), ask, Some(key_of(units))).await
    };
    let first = ask(9_000).await.unwrap();
    let again = ask(9_000).await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!((again.payment, again.invoice), (first.payment, first.invoice));
    assert_eq!(again.challenge, first.challenge);
    let error = ask(8_000).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().code(), "idempotency_mismatch");
    assert_eq!(house.count("payment.requested.v1").await, 1);
}

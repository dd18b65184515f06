//! Every row of the table: what a credential meets, in the order in which it is looked at.

use std::time::Duration;

use piperoll_domain::{
    bytes::Bytes,
    offer::Gives,
    operation::{RevokeEntitlement, WithdrawOffer},
    payment::Status,
};

use super::house::{House, Plan, acme, credential, forwarded, key, terms};
use crate::{
    l402::credential::{Credential, CredentialError},
    providers::sandbox::{CreateFault, Faults},
    service::{Authorized, Error, Opens, Refusal},
};

fn lies_for(seconds: u64) -> Faults {
    Faults { status_lies_for: Some(Duration::from_secs(seconds)), ..Faults::default() }
}

#[tokio::test]
async fn without_a_credential_there_is_a_challenge_or_a_denial_if_that_is_asked_for() {
    let house = House::new().await;
    assert_eq!(house.challenge("/one").await.instrument.amount, super::house::msat(5_000));
    let denied = crate::service::Forwarded { deny_401: true, ..forwarded("/one", None) };
    let answer = house.service.authorize(&key("acme"), denied).await;
    assert!(matches!(answer, Err(Refusal::Denied)), "{answer:?}");
    assert_eq!(house.count("payment.requested.v1").await, 1);
}

#[tokio::test]
async fn a_malformed_credential_mints_nothing() {
    let house = House::new().await;
    let malformed = Credential::read([&b"L402 nonsense"[..]], []);
    let request = crate::service::Forwarded { credential: malformed, ..forwarded("/one", None) };
    let answer = house.service.authorize(&key("acme"), request).await;
    let Err(Refusal::Malformed(CredentialError::Malformed(_))) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(house.count("payment.requested.v1").await, 0);
}

#[tokio::test]
async fn f03_a_wrong_preimage_of_a_paid_invoice_opens_nothing() {
    let house = House::new().await;
    let (one, other) = (house.challenge("/one").await, house.challenge("/one").await);
    let (paid, another) = (house.pay(&one).await, house.pay(&other).await);
    house.deliver(&paid.deliveries[0]).await;
    house.deliver(&another.deliveries[0]).await;
    let crossed = Credential {
        token: paid.credential.token.clone(),
        preimage: another.credential.preimage.clone(),
    };
    for wrong in [credential(&one, &"00".repeat(32)), crossed] {
        let answer = house.let_in("/one", wrong).await;
        assert!(matches!(answer, Err(Refusal::Invalid)), "{answer:?}");
    }
    assert_eq!(house.count("entitlement.used.v1").await, 0);
    house.let_in("/one", paid.credential).await.unwrap();
}

#[tokio::test]
async fn a_forged_token_opens_nothing_and_mints_nothing() {
    let house = House::new().await;
    let stranger =
        House::planned(Plan { tokens: vec!["somebody-elses-secret"], ..Plan::default() });
    let stranger = stranger.await;
    let challenge = stranger.challenge("/one").await;
    let paid = stranger.pay(&challenge).await;
    let before = house.facts().await.len();
    let answer = house.let_in("/one", paid.credential).await;
    assert!(matches!(answer, Err(Refusal::Invalid)), "{answer:?}");
    assert_eq!(house.facts().await.len(), before);
}

#[tokio::test]
async fn a_right_preimage_of_an_unpaid_invoice_opens_nothing() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    // The node lies about the payment: for us nobody has paid, and yet the preimage is out.
    house.faults(lies_for(3_600));
    let paid = house.pay(&challenge).await;
    let answer = house.let_in("/one", paid.credential.clone()).await;
    let Err(Refusal::Unsettled(same)) = answer else { panic!("{answer:?}") };
    assert_eq!((&same.payment, &same.invoice), (&challenge.payment, &challenge.invoice));
    assert_eq!(same.challenge, challenge.challenge);
    assert_eq!(house.count("payment.requested.v1").await, 1);
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Pending);

    house.pass(3_601);
    // It had been paid in time, and the provider says so at last.
    house.let_in("/one", paid.credential).await.unwrap();
}

#[tokio::test]
async fn who_paid_and_comes_at_once_is_let_in_though_the_webhook_was_lost() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    house.let_in("/one", paid.credential).await.unwrap();
    assert_eq!(house.count("receipt.recorded.v1").await, 0);
}

#[tokio::test]
async fn patience_waits_for_a_webhook_that_comes_meanwhile() {
    let plan = Plan { settle_wait: Duration::from_secs(5), ..Plan::default() };
    let house = House::planned(plan).await;
    let challenge = house.challenge("/one").await;
    house.faults(lies_for(3_600));
    let paid = house.pay(&challenge).await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        house.deliver(&paid.deliveries[0]).await
    };
    let (let_in, answer) = tokio::join!(house.let_in("/one", paid.credential.clone()), later);
    assert!(answer.applied);
    let_in.unwrap();
}

#[tokio::test]
async fn a_provider_out_of_reach_is_no_reason_for_another_invoice() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    house.faults(Faults { status_unreachable: true, ..Faults::default() });
    let answer = house.let_in("/one", paid.credential.clone()).await;
    let Err(Refusal::ProviderUnavailable(Error::ProviderUnavailable { .. })) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(house.count("payment.requested.v1").await, 1);
    house.faults(Faults::default());
    house.let_in("/one", paid.credential).await.unwrap();
}

#[tokio::test]
async fn a_token_opens_nothing_but_what_it_was_sold_for() {
    let house = House::new().await;
    let challenge = house.challenge("/three/a").await;
    let paid = house.pay(&challenge).await;
    let answer = house.let_in("/one", paid.credential.clone()).await;
    assert!(matches!(answer, Err(Refusal::WrongScope(_))), "{answer:?}");
    assert_eq!(house.count("entitlement.used.v1").await, 0);
    house.let_in("/three/anything", paid.credential).await.unwrap();
}

#[tokio::test]
async fn a_path_that_climbs_out_is_refused_before_anything_is_looked_at() {
    let house = House::new().await;
    let answer = house.ask("/three/..%2f..%2fone", None).await;
    assert!(matches!(answer, Err(Refusal::Path(_))), "{answer:?}");
}

#[tokio::test]
async fn a_pass_ends_with_its_time_and_a_fresh_challenge() {
    let house = House::new().await;
    let challenge = house.challenge("/hour").await;
    let paid = house.pay(&challenge).await;
    house.deliver(&paid.deliveries[0]).await;
    let before = house.let_in("/hour", paid.credential.clone()).await.unwrap();
    assert!(matches!(before.opens, Opens::Pass { until: Some(_), .. }), "{before:?}");
    let facts = house.facts().await.len();
    house.pass(3_590);
    house.let_in("/hour", paid.credential.clone()).await.unwrap();
    assert_eq!(house.facts().await.len(), facts, "a pass for a time is no event");
    house.pass(20);
    let answer = house.let_in("/hour", paid.credential.clone()).await;
    let Err(Refusal::Expired(fresh)) = answer else { panic!("{answer:?}") };
    assert_ne!(fresh.payment, challenge.payment);
    // Its caveat ends later than the time itself, and says the same.
    house.pass(10_000);
    let answer = house.let_in("/hour", paid.credential).await;
    assert!(matches!(answer, Err(Refusal::Expired(_))), "{answer:?}");
}

#[tokio::test]
async fn while_the_clock_is_in_doubt_nothing_counts_as_expired() {
    let house = House::new().await;
    let challenge = house.challenge("/hour").await;
    let paid = house.pay(&challenge).await;
    house.deliver(&paid.deliveries[0]).await;
    house.clock.advance(40_000 * super::house::SECOND, 0);
    house.let_in("/hour", paid.credential.clone()).await.unwrap();
    house.clock.accept();
    let answer = house.let_in("/hour", paid.credential).await;
    assert!(matches!(answer, Err(Refusal::Expired(_))), "{answer:?}");
}

#[tokio::test]
async fn what_was_revoked_is_sold_again_and_not_opened() {
    let house = House::new().await;
    let challenge = house.challenge("/three/a").await;
    let paid = house.pay(&challenge).await;
    let redeemed = house.let_in("/three/a", paid.credential.clone()).await.unwrap();
    let Opens::Use { entitlement, left: 2, .. } = redeemed.opens else { panic!("{redeemed:?}") };
    house.cli(RevokeEntitlement { tenant: acme(), entitlement, reason: "abuse".into() }).await;
    let answer = house.let_in("/three/a", paid.credential).await;
    let Err(Refusal::Revoked(fresh)) = answer else { panic!("{answer:?}") };
    assert_ne!(fresh.payment, challenge.payment);
}

#[tokio::test]
async fn what_is_sold_no_more_stays_good_for_those_who_have_it() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    let offer = "one".parse().unwrap();
    house.offer("two", terms("/one", Gives::Uses { count: 2 })).await;
    house.cli(WithdrawOffer { tenant: acme(), offer, reason: "old".into() }).await;
    house.let_in("/one", paid.credential.clone()).await.unwrap();
    // Used up: what it was sold under is not for sale any more.
    let answer = house.let_in("/one", paid.credential).await;
    let Err(Refusal::Error(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.rejection().unwrap().code(), "offer_not_found");
}

#[tokio::test]
async fn an_invoice_that_ended_unpaid_is_answered_with_a_fresh_one() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    house.pass(700);
    house.react().await;
    assert_eq!(house.payment(&challenge.payment).await.status, Status::Expired);
    let preimage = preimage_of(&challenge).await;
    let answer = house.let_in("/one", credential(&challenge, &preimage)).await;
    let Err(Refusal::Expired(fresh)) = answer else { panic!("{answer:?}") };
    assert_ne!(fresh.payment, challenge.payment);
}

/// What the node of this seed hides in the invoice; nobody paid for it.
async fn preimage_of(challenge: &crate::service::Checkout) -> String {
    let twin = House::new().await;
    let sandbox = twin.sandbox();
    let asked = crate::providers::CreateInvoice {
        reference: format!("{}.1", challenge.payment),
        amount_msat: 5_000,
        description: None,
        expiry_seconds: 600,
        webhook_url: None,
    };
    let invoice = sandbox.create(&asked, twin.clock.now()).await.unwrap();
    assert_eq!(Some(invoice.payment_hash), challenge.instrument.payment_hash);
    let options = crate::providers::sandbox::PayOptions::default();
    let paid = sandbox.pay(&invoice.payment_request, options, twin.clock.now()).await.unwrap();
    hex::encode(paid.preimage.reveal())
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_apart_from_one_that_refuses() {
    let house = House::new().await;
    house.faults(Faults { create: CreateFault::Unreachable, ..Faults::default() });
    let answer = house.ask("/one", None).await;
    assert!(matches!(answer, Err(Refusal::Error(Error::ProviderUnavailable { .. }))), "{answer:?}");
    house.faults(Faults { create: CreateFault::Refused, ..Faults::default() });
    let answer = house.ask("/one", None).await;
    assert!(matches!(answer, Err(Refusal::Error(Error::ProviderRefused { .. }))), "{answer:?}");
    assert_eq!(house.count("payment.failed.v1").await, 2);
}

#[tokio::test]
async fn the_narrowest_offer_covers_a_request() {
    let house = House::new().await;
    let host = Some("api.example".to_owned());
    let wide = terms("/*", Gives::Uses { count: 1 });
    house.offer("wide", wide.clone()).await;
    house.offer("hosted", terms("/*", wide.gives.clone())).await;
    let posts = piperoll_domain::offer::Terms {
        methods: vec!["POST".into()],
        host,
        ..terms("/three/*", Gives::Uses { count: 9 })
    };
    house.offer("posts", posts).await;
    let offer_of = async |path: &str, method: &str| {
        let request = crate::service::Forwarded { method: method.into(), ..forwarded(path, None) };
        match house.service.authorize(&key("acme"), request).await {
            Err(Refusal::NoCredential(checkout)) => {
                checkout.requested.offer.unwrap().id.to_string()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(offer_of("/one", "GET").await, "one");
    assert_eq!(offer_of("/three/x", "GET").await, "three");
    assert_eq!(offer_of("/three/x", "POST").await, "posts");
    assert_eq!(offer_of("/elsewhere", "GET").await, "hosted");
    let request = crate::service::Forwarded {
        service: "nothing".parse().unwrap(),
        ..forwarded("/one", None)
    };
    let answer = house.service.authorize(&key("acme"), request).await;
    let Err(Refusal::Error(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.rejection().unwrap().code(), "offer_not_found");
}

#[tokio::test]
async fn those_outside_a_rollout_pass_unmetered() {
    let house = House::new().await;
    let nobody = piperoll_domain::offer::Terms {
        enforcement_percent: 0,
        ..terms("/trial", Gives::Uses { count: 1 })
    };
    house.offer("trial", nobody).await;
    let answer = house.ask("/trial", None).await.unwrap();
    assert!(matches!(answer, Authorized::Unmetered { offer } if offer.as_str() == "trial"));
}

#[tokio::test]
async fn a_token_that_was_minted_and_never_recorded_opens_nothing() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    // Another token over the same invoice, under our own secret: the roll does not know it.
    let scope = crate::l402::scope::Scope {
        service: super::house::api(),
        methods: crate::l402::caveat::Methods::Any,
        path: "/*".parse().unwrap(),
        tenant: acme(),
        amount_msat: challenge.instrument.amount.amount,
        valid_until: crate::l402::caveat::VALID_FOR_EVER,
    };
    let hash = challenge.instrument.payment_hash.unwrap();
    let token =
        crate::l402::token::Token::mint(&house.service.0.tokens, hash, [9; 28], &scope).unwrap();
    assert_ne!(token.identifier().token_id, Bytes([0; 32]));
    let unknown = Credential { token, preimage: paid.credential.preimage.clone() };
    let answer = house.let_in("/one", unknown).await;
    assert!(matches!(answer, Err(Refusal::Invalid)), "{answer:?}");
}

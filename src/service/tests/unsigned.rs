//! Webhooks that nobody signs: a reason to ask, and never more.

use std::time::Duration;

use piperoll_domain::{
    duty::Kind,
    id::ConnectionId,
    payment::{Status, Truth},
};

use super::{
    house::{House, key},
    node::Node,
};
use crate::{
    providers::Refusal,
    service::{Ask, Checkout, WebhookAnswer},
};

fn node() -> ConnectionId {
    "node".parse().unwrap()
}

async fn checkout(house: &House) -> Checkout {
    let ask = Ask { connection: Some(node()), ..House::top_up("alice", 9_000) };
    house.service.checkout(&key("acme"), ask, None).await.unwrap()
}

async fn receive(house: &House, token: Option<&str>, body: &[u8]) -> WebhookAnswer {
    house.service.receive(&node(), token, &<_>::default(), body).await.unwrap()
}

fn token_of(url: &str) -> &str {
    let token = url.strip_prefix("http://127.0.0.1:4020/webhooks/node/");
    token.unwrap_or_else(|| panic!("{url}"))
}

async fn settles(house: &House, checkout: &Checkout) -> bool {
    for _ in 0..100 {
        if house.payment(&checkout.payment).await.status.is_settled() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn the_token_in_the_url_proves_the_sender_and_the_status_settles() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let checkout = checkout(&house).await;
    assert!(house.payment(&checkout.payment).await.instrument_shown().unwrap().callback.is_some());
    let (url, body) = wallet.paid();
    let answer = receive(&house, Some(token_of(&url)), &body).await;
    assert!(answer.accepted && !answer.applied, "{answer:?}");
    assert_eq!(answer.reason, Some("needs_confirmation"));
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Pending);
    // What the hint is owed survives the process.
    let house = house.killed().await;
    assert_eq!((house.owes(Kind::Match), wallet.asked()), (1, 0));
    house.react_to(Kind::Match).await;
    let payment = house.payment(&checkout.payment).await;
    assert_eq!(payment.status, Status::Paid);
    let settled = payment.settled.unwrap();
    assert_eq!((settled.truth, settled.receipt), (Truth::Status, answer.receipt));
    assert_eq!((house.owes(Kind::Match), wallet.asked()), (0, 1));
}

#[tokio::test]
async fn a_lying_webhook_with_the_right_token_settles_nothing() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let checkout = checkout(&house).await;
    let (url, body) = wallet.paid();
    wallet.tells("pending");
    receive(&house, Some(token_of(&url)), &body).await;
    house.react_to(Kind::Match).await;
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Pending);
    assert_eq!(house.owes(Kind::Match), 0, "asked once, and answered");

    // It was only early: the repeat is a duplicate and asks again.
    let (_, again) = wallet.paid();
    let answer = receive(&house, Some(token_of(&url)), &again).await;
    assert!(answer.duplicate, "{answer:?}");
    assert!(settles(&house, &checkout).await);
}

#[tokio::test]
async fn a_hint_about_a_known_payment_asks_the_provider() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let checkout = checkout(&house).await;
    let (url, body) = wallet.paid();
    let (most, last) = token_of(&url).split_at(token_of(&url).len() - 1);
    let wrong = format!("{most}{}", if last == "0" { "1" } else { "0" });
    for token in [None, Some("nonsense"), Some(wrong.as_str())] {
        let answer = receive(&house, token, &body).await;
        assert!(answer.accepted && !answer.applied && !answer.unknown_payment, "{answer:?}");
        assert_eq!(answer.reason, Some("hint"));
    }
    assert!(settles(&house, &checkout).await);
    assert_eq!(house.count("receipt.recorded.v1").await, 0, "a hint claims nothing");
    assert_eq!(house.count("receipts.refused.v1").await, 1);
}

#[tokio::test]
async fn many_hints_at_once_ask_once_and_fill_nothing() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let checkout = checkout(&house).await;
    let (_, body) = wallet.tells("pending");
    let before = house.facts().await.len();
    let began = std::time::Instant::now();
    for _ in 0..200 {
        receive(&house, None, &body).await;
    }
    while wallet.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One more for each pause that a slow machine may have lived through.
    let (asked, pauses) = (wallet.asked(), began.elapsed().as_secs() / 2);
    assert!(u64::try_from(asked).unwrap() <= 2 + pauses, "{asked}");
    assert_eq!(house.facts().await.len(), before + 1);
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Pending);
    house.pass(61);
    assert_eq!(house.service.tell_refusals(false).await, 1);
    assert_eq!(house.facts().await.len(), before + 2);
}

#[tokio::test]
async fn a_token_of_one_payment_does_not_speak_for_another() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let mine = checkout(&house).await;
    let (url, _) = wallet.tells("pending");
    let garbage = b"{\"payment_hash\":\"00\"}";
    let answer = receive(&house, Some(token_of(&url)), garbage).await;
    assert_eq!(answer.refused, Some(Refusal::Malformed));
    let stolen = token_of(&url).replace("acme.", "other.");
    let answer = receive(&house, Some(&stolen), &wallet.paid().1).await;
    assert_eq!(answer.reason, Some("hint"));
    assert!(settles(&house, &mine).await);
}

#[tokio::test]
async fn f05_a_404_is_not_a_failure_and_a_day_of_it_is_somebodys_to_look_at() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let checkout = checkout(&house).await;
    wallet.forgets(true);
    house.pass(600);
    let run = house.service.reconcile().await.unwrap();
    assert_eq!((run.checked, run.paid, run.failed, run.errors), (1, 0, 0, 0));
    house.pass(3_600);
    house.react().await;
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Pending);
    assert_eq!(house.count("payment.review_opened.v1").await, 0);

    house.pass(24 * 3_600);
    house.service.reconcile().await.unwrap();
    house.react().await;
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Pending);
    assert_eq!(house.count("payment.review_opened.v1").await, 1);

    wallet.forgets(false);
    wallet.paid();
    house.pass(600);
    house.service.reconcile().await.unwrap();
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Paid);
}

#[tokio::test]
async fn a_silent_provider_opens_one_review_after_a_day_and_loses_nothing() {
    let house = House::new().await;
    let wallet = Node::start(&house).await;
    let checkout = checkout(&house).await;
    wallet.down(true);
    house.pass(3_600);
    let run = house.service.reconcile().await.unwrap();
    assert_eq!((run.checked, run.errors), (1, 1));
    assert_eq!(house.count("payment.review_opened.v1").await, 0);
    house.pass(24 * 3_600);
    for _ in 0..2 {
        house.pass(600);
        house.service.reconcile().await.unwrap();
        house.react().await;
    }
    assert_eq!(house.count("payment.review_opened.v1").await, 1);
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Pending);
}

//! A reservation's name in place of an idempotency key.

use piperoll_domain::{
    billing::{Billing, Mode},
    money::Amount,
};
use serde_json::{Value, json};

use super::{Answer, Shop, bill, holds, shop, usd};

const RESERVATIONS: &str = "/v1/accounts/alice/reservations";

async fn keyless(shop: &Shop, path: &str, body: &Value) -> Answer {
    shop.ask("POST", path).key(&shop.keys.key).json(body).await
}

#[tokio::test]
async fn the_same_reservation_again_gives_the_same_answer_without_a_key() {
    for mode in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let shop = shop(mode).await;
        let body = json!({"reservation": "job_1", "amount": usd(60), "reference": "job 1"});
        let first = keyless(&shop, RESERVATIONS, &body).await.must_be(201);
        assert_eq!(first.header("idempotency-replayed"), "");
        let (reserved, before) = (holds(&shop).await, shop.head());
        let again = keyless(&shop, RESERVATIONS, &body).await.must_be(201);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.json(), first.json());
        for (path, body) in [
            ("/v1/reservations/job_1/finalize", json!({"cost": usd(45)})),
            ("/v1/reservations/job_1/finalize", json!({"cost": usd(45), "account": "alice"})),
        ] {
            keyless(&shop, path, &body).await.must_be(200);
        }
        let again = keyless(&shop, RESERVATIONS, &body).await.must_be(201);
        assert_eq!(again.json(), first.json(), "as it was made, not as it is now");
        assert_eq!(shop.head(), before + 1, "one fact, the charge");
        assert_eq!(holds(&shop).await == reserved, mode == Mode::Shadow);
        shop.app.stop().await;
    }
}

#[tokio::test]
async fn another_request_under_that_name_is_refused_and_so_is_another_key() {
    let shop = shop(Mode::Live).await;
    let body = json!({"reservation": "job_1", "amount": usd(60), "ttl_seconds": 60});
    keyless(&shop, RESERVATIONS, &body).await.must_be(201);
    let head = shop.head();
    for (name, value) in [
        ("amount", usd(59)),
        ("pool", json!("agent:7")),
        ("ttl_seconds", json!(61)),
        ("reference", json!("job 1")),
    ] {
        let mut other = body.clone();
        other[name] = value;
        keyless(&shop, RESERVATIONS, &other).await.must_be_problem(409, "reservation_exists");
    }
    let estimate = json!({"reservation": "job_1", "estimate": usd(60), "ttl_seconds": 60});
    keyless(&shop, RESERVATIONS, &estimate).await.must_be_problem(409, "reservation_exists");
    let elsewhere = "/v1/accounts/bob/reservations";
    keyless(&shop, elsewhere, &body).await.must_be_problem(409, "reservation_exists");
    shop.post(RESERVATIONS, &body).await.must_be_problem(409, "reservation_exists");
    assert_eq!(shop.head(), head);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_nobody_named_needs_a_key() {
    let shop = shop(Mode::Live).await;
    let (head, body) = (shop.head(), json!({"amount": usd(1)}));
    let refused = keyless(&shop, RESERVATIONS, &body).await;
    refused.must_be_problem(400, "idempotency_key_missing");
    let null = json!({"amount": usd(1), "reservation": null});
    keyless(&shop, RESERVATIONS, &null).await.must_be_problem(400, "idempotency_key_missing");
    assert_eq!(shop.head(), head);
    shop.app.stop().await;
}

#[tokio::test]
async fn the_same_answer_is_given_whatever_changed_since() {
    let shop = shop(Mode::Live).await;
    let body = json!({"reservation": "job_1", "estimate": usd(60)});
    let first = keyless(&shop, RESERVATIONS, &body).await.must_be(201).json();
    let least = Amount::new(1).unwrap();
    bill(
        &shop,
        Billing {
            mode: Mode::Shadow,
            reserve_ttl_seconds: 7,
            safety_multiplier_bps: 20_000,
            ceilings: [("USD".parse().unwrap(), least)].into(),
            ..Billing::default()
        },
    )
    .await;
    assert_eq!(keyless(&shop, RESERVATIONS, &body).await.must_be(201).json(), first);
    shop.app.stop().await;
}

#[tokio::test]
async fn many_who_ask_at_once_under_one_name_get_one_reservation() {
    let shop = shop(Mode::Live).await;
    let before = shop.head();
    let body = json!({"reservation": "job_1", "amount": usd(60)});
    let asked = (0..20).map(async |_| {
        let held = keyless(&shop, RESERVATIONS, &body).await.must_be(201).json();
        let release = "/v1/reservations/job_1/release";
        (held, keyless(&shop, release, &json!({})).await.must_be(200).json())
    });
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(shop.head(), before + 2, "one was made, and one given back");
    assert_eq!(holds(&shop).await, ["100", "0", "0"]);
    shop.app.stop().await;
}

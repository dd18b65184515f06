//! A real nginx, configured as docs/deploy says, between a client and an API that charges.

mod gateway;

use reqwest::Method;
use serde_json::json;

use self::gateway::Gateway;
use crate::server::{Answer, Ask, msat};

/// Two uses of everything under `/paid/`, and something dearer beside it.
async fn open() -> Option<Gateway> {
    let gateway = Gateway::up().await?;
    let offer = |path: &str, price: i64, uses: u32| {
        json!({ "service": "reports", "path": path, "price": msat(price),
            "gives": { "uses": { "count": uses } } })
    };
    gateway
        .piperoll
        .write(Method::PUT, "/v1/offers/report", "o-1", &offer("/paid/*", 3_000, 2))
        .await
        .is(200);
    gateway
        .piperoll
        .write(Method::PUT, "/v1/offers/dear", "o-2", &offer("/dear/*", 900_000, 1))
        .await
        .is(200);
    Some(gateway)
}

/// Asks for something, pays what it costs, and gives the credential.
async fn credential(gateway: &Gateway, path: &str) -> String {
    let challenge = gateway.ask(Method::GET, path).answer().await.is(402);
    let preimage = gateway.piperoll.pay(&challenge.word("/payment_request")).await;
    format!("L402 {}:{preimage}", challenge.token())
}

/// A challenge as a client must get it: both lines, one invoice, and nothing of the proxy's own.
#[track_caller]
fn is_challenge(answer: Answer) -> Answer {
    let answer = answer.is(402);
    let lines = answer.lines("www-authenticate");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("LSAT macaroon=\""), "{lines:?}");
    assert!(lines[1].starts_with("L402 macaroon=\""), "{lines:?}");
    let invoice = format!("invoice=\"{}\"", answer.word("/payment_request"));
    assert!(lines.iter().all(|line| line.contains(&invoice)), "{lines:?}");
    assert_eq!(answer.lines("content-type"), ["application/problem+json"]);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_who_pays_is_let_through_as_often_as_was_paid_for() {
    let Some(gateway) = open().await else { return };
    let challenge = is_challenge(gateway.ask(Method::GET, "/paid/report?page=1").answer().await);
    assert_eq!(challenge.body["amount_msat"], 3_000);
    assert_eq!(gateway.payments().await, 1, "one request without a credential, one invoice");
    assert!(gateway.heard().is_empty(), "the API is not asked before it is paid");
    let preimage = gateway.piperoll.pay(&challenge.word("/payment_request")).await;
    let paid = format!("L402 {}:{preimage}", challenge.token());
    let ask = |method, path| gateway.ask(method, path).header("authorization", &paid);

    ask(Method::GET, "/paid/report?page=1&q=a%20b").answer().await.is(200);
    ask(Method::POST, "/paid/orders").body("so and so many").answer().await.is(200);
    let heard = gateway.heard();
    let asked: Vec<_> = heard
        .iter()
        .map(|one| (one.method.as_str(), one.uri.as_str(), one.body.as_str()))
        .collect();
    let expected =
        [("GET", "/paid/report?page=1&q=a%20b", ""), ("POST", "/paid/orders", "so and so many")];
    assert_eq!(asked, expected);
    let left: Vec<_> = heard.iter().map(|one| one.header("piperoll-remaining")).collect();
    assert_eq!(left, [Some("1"), Some("0")]);
    assert!(heard.iter().all(|one| one.header("piperoll-entitlement").is_some()));

    let used_up = is_challenge(ask(Method::GET, "/paid/report").answer().await);
    assert_ne!(used_up.body["payment"], challenge.body["payment"], "a fresh challenge");
    assert_eq!(gateway.heard().len(), 2, "the API is not asked once more");
    gateway.piperoll.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_nobody_speaks_in_the_proxys_name() {
    let Some(gateway) = open().await else { return };
    let paid = credential(&gateway, "/paid/report").await;
    let own_key = gateway.piperoll.door().key.clone();
    let forged = [
        ("piperoll-entitlement", "ent_of_somebody"),
        ("piperoll-remaining", "1000000"),
        ("piperoll-key", own_key.as_str()),
        ("x-original-uri", "/paid/report"),
        ("x-original-method", "GET"),
        ("x-forwarded-uri", "/paid/report"),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-request-id", "always-the-same"),
        ("forwarded", "for=203.0.113.9;host=evil"),
    ];
    let ask = |path| {
        let ask = gateway.ask(Method::GET, path);
        forged.iter().fold(ask, |ask, (name, value)| ask.header(*name, *value))
    };
    // Without a credential, or with one for something cheaper, the lies open nothing.
    is_challenge(ask("/paid/report").answer().await);
    let dear = ask("/dear/report").header("authorization", &paid).answer().await;
    assert_eq!(dear.status, 403, "{}", dear.text);
    assert!(gateway.heard().is_empty());
    // With a good one the request passes, and the lies do not.
    ask("/paid/report").header("authorization", &paid).answer().await.is(200);
    let heard = gateway.heard().remove(0);
    assert_ne!(heard.header("piperoll-entitlement"), Some("ent_of_somebody"));
    assert_eq!(heard.header("piperoll-remaining"), Some("1"));
    assert_ne!(heard.header("x-request-id"), Some("always-the-same"));
    assert_eq!(heard.header("x-forwarded-for"), Some("127.0.0.1"));
    for name in ["authorization", "piperoll-key", "x-original-uri", "x-forwarded-uri", "forwarded"]
    {
        assert_eq!(heard.header(name), None, "{name} ends at the proxy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_a_denial_mints_one_invoice_and_asking_alone_mints_none() {
    let Some(gateway) = open().await else { return };
    for _ in 0..5 {
        let denied = gateway.authorize("/paid/report").answer().await.is(401);
        assert_eq!(denied.lines("www-authenticate"), ["L402"]);
    }
    assert_eq!(gateway.payments().await, 0, "deny=401 asks nobody for an invoice");
    let paid = credential(&gateway, "/paid/report").await;
    assert_eq!(gateway.payments().await, 1);
    let (token, _) = paid.rsplit_once(':').unwrap();
    let wrong = format!("{token}:{}", "00".repeat(32));
    let wrong = gateway.authorize("/paid/report").header("authorization", &wrong);
    wrong.answer().await.is(401);
    assert_eq!(gateway.payments().await, 1, "nor does a forged credential");
    let garbage = gateway.ask(Method::GET, "/paid/report").header("authorization", "L402 x:y");
    is_challenge(garbage.answer().await);
    assert_eq!(gateway.payments().await, 2, "the second step is the one that mints");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_nothing_is_given_away_while_piperoll_is_gone() {
    let Some(mut gateway) = open().await else { return };
    let paid = credential(&gateway, "/paid/report").await;
    gateway.piperoll.kill();
    for ask in [gateway.ask(Method::GET, "/paid/report"), gateway.ask(Method::GET, "/elsewhere")] {
        let away = ask.header("authorization", &paid).answer().await.is(503);
        assert_eq!(away.lines("retry-after"), ["1"]);
    }
    assert!(gateway.heard().is_empty());
    gateway.piperoll.open().await;
    let ask = gateway.ask(Method::GET, "/paid/report").header("authorization", &paid);
    ask.answer().await.is(200);
}

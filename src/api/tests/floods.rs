//! Credentials that open nothing, one after the other: told to wait, and nobody else is.

use super::{Asking, Shop, billing};

const LIMIT: (&str, &str) = ("PIPEROLL_LIMITS__WRONG_CREDENTIALS_PER_ADDRESS_PER_MINUTE", "1");
/// What is taken at once; there is another a minute later.
const BURST: usize = 1;

fn guess<'a>(shop: &'a Shop, path: &str, peer: &str) -> Asking<'a> {
    shop.ask("GET", path).header("authorization", "Bearer prk_guessed").from(peer)
}

/// How many were told to wait, here and by all others in this process.
async fn counted(shop: &Shop) -> u64 {
    let metrics = shop.operate("GET", "/metrics").await.must_be(200);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let name = "rate_limited_total{scope=\"credentials\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_guesses_is_told_to_wait_and_who_knows_is_let_in() {
    let shop = Shop::with(&[LIMIT]).await;
    let (peer, before) = ("198.51.100.7:4711", counted(&shop).await);
    for _ in 0..BURST {
        let wrong = guess(&shop, "/v1/admin/tenants", peer).await;
        wrong.must_be_problem(401, "unauthenticated");
    }
    // Of every kind of route, for one credential is tried at all of them.
    for path in ["/v1/admin/tenants", "/v1/payments", "/admin/billing/config", "/metrics"] {
        let wait = guess(&shop, path, peer).await.must_be_problem(429, "rate_limited");
        let seconds: u32 = wait.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert!(!wait.json().to_string().contains("guessed"));
    }
    shop.operate("GET", "/v1/admin/tenants").from(peer).await.must_be(200);
    shop.get("/v1/payments").from(peer).await.must_be(200);
    // Nobody tried: nothing is counted.
    shop.ask("GET", "/v1/payments").from(peer).await.must_be_problem(401, "unauthenticated");
    // A household has one address; others have their own.
    guess(&shop, "/v1/payments", "198.51.100.8:4711").await.must_be(401);
    assert!(counted(&shop).await >= before + 4);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_right_is_never_counted() {
    let shop = Shop::with(&[LIMIT]).await;
    for _ in 0..BURST * 5 {
        shop.operate("GET", "/v1/admin/tenants").await.must_be(200);
        shop.get("/v1/admin/tenants").await.must_be_problem(403, "forbidden");
    }
    guess(&shop, "/v1/payments", "203.0.113.7:1").await.must_be(401);
    shop.app.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_that_is_believed_each_client_has_an_address() {
    let shop = Shop::with(&[LIMIT, ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    let by = |client: &str| {
        let ask = guess(&shop, "/v1/payments", "10.1.2.3:4711");
        ask.header("x-forwarded-for", client)
    };
    for _ in 0..BURST {
        by("198.51.100.7").await.must_be(401);
    }
    by("198.51.100.7").await.must_be_problem(429, "rate_limited");
    by("198.51.100.8").await.must_be(401);
    // A stranger's word about somebody else's address counts for nothing.
    for turn in 0..=BURST {
        let ask = guess(&shop, "/v1/payments", "192.0.2.1:4711");
        let status = ask.header("x-forwarded-for", &format!("198.51.100.{turn}")).await.status;
        assert_eq!(status, if turn < BURST { 401 } else { 429 });
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_believed_counts_and_one_that_is_does_not() {
    let shop = billing::open_with(&[LIMIT]).await;
    let config = |authorization: &str| {
        let ask = shop.ask("GET", "/admin/billing/config");
        ask.header("authorization", authorization)
    };
    let forged = billing::admin("ada") + "x";
    for _ in 0..BURST {
        config(&forged).await.must_be_problem(401, "unauthenticated");
    }
    config(&forged).await.must_be_problem(429, "rate_limited");
    config(&billing::admin("ada")).await.must_be(200);
    shop.app.stop().await;
}

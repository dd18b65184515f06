//! Forward-auth, as each of the usual proxies asks.

use serde_json::json;

use super::{Answer, Asking, Shop, msat};

const PROXY: &str = "10.0.0.9:1000";

async fn guarded(shop: &Shop) -> String {
    let offer = json!({"service": "weather", "path": "/forecast/*", "methods": ["GET"],
        "price": msat(1_000), "gives": {"uses": {"count": 2}}});
    let put = shop.ask("PUT", "/v1/offers/day").key(&shop.keys.key).json(&offer).fresh();
    put.await.must_be(200);
    shop.key_of("dev", "proxy", json!([])).await
}

async fn shop() -> Shop {
    Shop::with(&[("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8")]).await
}

fn nginx<'a>(shop: &'a Shop, key: &str, path: &str, how: &str) -> Asking<'a> {
    shop.ask("GET", format!("/v1/l402/{path}/weather{how}"))
        .from(PROXY)
        .key(key)
        .header("x-original-method", "GET")
        .header("x-original-uri", "/forecast/zurich?day=1")
        .header("x-forwarded-for", "198.51.100.4")
}

fn credential(answer: &Answer, preimage: &str) -> String {
    let line =
        answer.headers.get_all("www-authenticate").iter().next_back().unwrap().to_str().unwrap();
    let token = line.split_once("macaroon=\"").unwrap().1.split_once('"').unwrap().0;
    format!("L402 {token}:{preimage}")
}

#[tokio::test]
async fn nginx_denies_bare_charges_apart_and_lets_the_payer_in() {
    let shop = shop().await;
    let key = guarded(&shop).await;
    let before = shop.head();
    let denied = nginx(&shop, &key, "authorize", "?deny=401").await.must_be(401);
    assert_eq!(denied.header("www-authenticate"), "L402");
    assert_eq!(shop.head(), before);
    let charged = nginx(&shop, &key, "challenge", "").await;
    let charged = charged.must_be_problem(402, "payment_required");
    let body = json!({"invoice": charged.json()["payment_request"]});
    let paid = shop.operate("POST", "/v1/admin/sandbox/pay").json(&body).await.must_be(200).json();
    let shown = credential(&charged, paid["preimage"].as_str().unwrap());
    for left in ["1", "0"] {
        let passed = nginx(&shop, &key, "authorize", "?deny=401");
        let passed = passed.header("authorization", &shown).await.must_be(200);
        assert_eq!(passed.header("piperoll-remaining"), left);
        assert_ne!(passed.header("piperoll-entitlement"), "");
    }
    let over = nginx(&shop, &key, "authorize", "?deny=401").header("authorization", &shown).await;
    over.must_be(401);
    let anew = nginx(&shop, &key, "challenge", "").header("authorization", &shown).await;
    anew.must_be(402);
    shop.app.stop().await;
}

async fn paid(shop: &Shop, key: &str) -> String {
    let charged = nginx(shop, key, "authorize", "").await.must_be(402);
    let body = json!({"invoice": charged.json()["payment_request"]});
    let paid = shop.operate("POST", "/v1/admin/sandbox/pay").json(&body).await.must_be(200).json();
    credential(&charged, paid["preimage"].as_str().unwrap())
}

#[tokio::test]
async fn each_dialect_has_its_own_no() {
    for (compat, used_up, forged) in
        [("standard", 402, 401), ("wordclaw", 403, 401), ("aperture", 402, 402)]
    {
        let trusted = ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8");
        let shop = Shop::with(&[trusted, ("PIPEROLL_L402__COMPAT", compat)]).await;
        let key = guarded(&shop).await;
        let shown = paid(&shop, &key).await;
        let ask = |shown: &str| nginx(&shop, &key, "authorize", "").header("authorization", shown);
        for _ in 0..2 {
            ask(&shown).await.must_be(200);
        }
        let answer = ask(&shown).await.must_be(used_up);
        let lines = answer.headers.get_all("www-authenticate").iter().count();
        if compat == "wordclaw" {
            assert_eq!((answer.json()["error"].as_str(), lines), (Some("PAYMENT_CONSUMED"), 0));
        } else {
            assert_eq!((answer.code(), lines), ("entitlement_used_up".to_owned(), 2));
        }
        let (token, _) = shown.rsplit_once(':').unwrap();
        let answer = ask(&format!("{token}:{}", "00".repeat(32))).await.must_be(forged);
        let lines = answer.headers.get_all("www-authenticate").iter().count();
        assert_eq!(lines, if forged == 402 { 2 } else { 1 }, "{compat}");
        shop.app.stop().await;
    }
}

#[tokio::test]
async fn one_line_can_be_left_out_for_clients_that_stumble_over_it() {
    let trusted = ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8");
    let shop = Shop::with(&[trusted, ("PIPEROLL_L402__DROP_LSAT_LINE", "true")]).await;
    let key = guarded(&shop).await;
    let charged = nginx(&shop, &key, "authorize", "").await.must_be(402);
    let lines: Vec<_> = charged.headers.get_all("www-authenticate").iter().collect();
    assert!(lines.len() == 1 && lines[0].to_str().unwrap().starts_with("L402 "), "{lines:?}");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_query_behind_the_appended_path_is_the_buyers_and_commands_nobody() {
    let shop = shop().await;
    let key = guarded(&shop).await;
    let path = "/v1/l402/authorize/weather/forecast/bern?deny=401&account=mine";
    let charged = shop.ask("GET", path).from(PROXY).key(&key).await;
    charged.must_be_problem(402, "payment_required");
    shop.app.stop().await;
}

#[tokio::test]
async fn envoy_appends_the_path_and_keeps_the_method() {
    let shop = shop().await;
    let key = guarded(&shop).await;
    let ask = |method: &str, path: &str| {
        shop.ask(method, format!("/v1/l402/authorize/weather{path}")).from(PROXY).key(&key)
    };
    ask("GET", "/forecast/bern?day=2").await.must_be_problem(402, "payment_required");
    // Nothing is sold there, so nothing is let in and no invoice is made.
    let elsewhere = ask("GET", "/else").await;
    assert!(elsewhere.status.is_client_error() && elsewhere.status != 402, "{elsewhere:?}");
    shop.app.stop().await;
}

#[tokio::test]
async fn strangers_are_not_believed_about_the_original_request() {
    let shop = shop().await;
    let key = guarded(&shop).await;
    let refused = nginx(&shop, &key, "authorize", "").from("203.0.113.7:99").await;
    refused.must_be_problem(422, "field_invalid");
    let two = nginx(&shop, &key, "authorize", "").header("x-forwarded-uri", "/free").await;
    two.must_be_problem(422, "field_invalid");
    nginx(&shop, &key, "authorize", "?deny=500").await.must_be_problem(422, "field_invalid");
    shop.app.stop().await;
}

#[tokio::test]
async fn https_is_demanded_where_it_is_configured() {
    let shop = Shop::with(&[
        ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("PIPEROLL_L402__REQUIRE_HTTPS", "true"),
    ])
    .await;
    let key = guarded(&shop).await;
    let plain = nginx(&shop, &key, "authorize", "").await;
    plain.must_be_problem(403, "https_required");
    let safe = nginx(&shop, &key, "authorize", "").header("x-forwarded-proto", "https").await;
    safe.must_be(402);
    shop.app.stop().await;
}

#[tokio::test]
async fn who_asks_for_too_many_invoices_is_told_to_wait() {
    let shop = Shop::with(&[
        ("PIPEROLL_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("PIPEROLL_LIMITS__CHALLENGES_PER_ADDRESS_PER_MINUTE", "4"),
    ])
    .await;
    let key = guarded(&shop).await;
    nginx(&shop, &key, "authorize", "").await.must_be(402);
    let limited = nginx(&shop, &key, "authorize", "").await.must_be_problem(429, "rate_limited");
    assert!(limited.header("retry-after").parse::<u32>().unwrap() >= 1);
    // Another client is not held up by the first.
    let other = shop.ask("GET", "/v1/l402/authorize/weather/forecast/bern").from(PROXY).key(&key);
    other.header("x-forwarded-for", "192.0.2.1").await.must_be(402);
    let metrics = shop.operate("GET", "/metrics").await.must_be(200);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains(r#"rate_limited_total{scope="invoices"}"#));
    shop.app.stop().await;
}

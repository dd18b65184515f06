//! Another service charges what its work cost, under each of the paths that callers know.

use serde_json::{Value, json};

use super::{INTERNAL, INTERNAL_BEFORE, admin, now, open, signed};
use crate::api::{
    finalize::PATHS,
    tests::{Answer, Shop},
};

const USD: u64 = 1_000_000;

fn claims() -> Value {
    let now = now();
    json!({ "iss": "loa-finn", "aud": "arrakis-internal", "sub": "any-tenant", "iat": now,
        "exp": now + 300, "tenant_id": "another", "purpose": "billing_finalize" })
}

fn peer() -> String {
    signed(INTERNAL, &claims())
}

async fn mode(shop: &Shop, mode: &str) {
    let body = json!({ "mode": mode, "reason": "test", "override": "it is a test" });
    let put = shop.ask("PUT", "/admin/billing/config").header("authorization", &admin("ada"));
    put.json(&body).await.must_be(200);
}

/// Ten dollars of alice's, in this mode.
async fn rich(mode: &str) -> Shop {
    let shop = open().await;
    let body = json!({ "amountMicro": "10000000", "description": "rich", "sourceId": "once" });
    let mint = shop.ask("POST", "/admin/billing/accounts/alice/mint");
    mint.header("authorization", &admin("ada")).json(&body).await.must_be(201);
    self::mode(&shop, mode).await;
    shop
}

async fn reserve(shop: &Shop, name: &str, micro: u64) {
    let amount = json!({ "commodity": "USD", "amount": micro.to_string() });
    let body = json!({ "reservation": name, "amount": amount });
    shop.post("/v1/accounts/alice/reservations", &body).await.must_be(201);
}

async fn ask(shop: &Shop, path: &str, body: &Value) -> Answer {
    shop.ask("POST", path).header("authorization", &peer()).json(body).await
}

fn charge(reservation: &str, micro: u64) -> Value {
    json!({ "reservationId": reservation, "actualCostMicro": micro.to_string() })
}

async fn finalize(shop: &Shop, reservation: &str, micro: u64) -> Answer {
    ask(shop, PATHS[0], &charge(reservation, micro)).await
}

async fn available(shop: &Shop) -> String {
    shop.settle().await;
    let balance = shop.get("/v1/accounts/alice/balance").await.must_be(200).json();
    balance["balances"][0]["available"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_of_the_paths_charges_once_and_tells_the_stored_answer_again() {
    let shop = rich("live").await;
    for (number, path) in PATHS.into_iter().enumerate() {
        let name = format!("res_{number}");
        reserve(&shop, &name, 2 * USD).await;
        let body = json!({ "reservationId": name, "actualCostMicro": "1500000",
            "accountId": "alice", "identity_anchor": "0xabc", "traceId": "trace-7" });
        let first = ask(&shop, path, &body).await.must_be(200);
        let told = first.json();
        assert_eq!(told["reservationId"], name.as_str());
        assert_eq!(told["accountId"], "alice");
        assert_eq!(
            (&told["finalizedMicro"], &told["releasedMicro"]),
            (&json!("1500000"), &json!("500000"))
        );
        assert_eq!((&told["overrunMicro"], &told["billingMode"]), (&json!("0"), &json!("live")));
        assert!(told["finalizedAt"].as_str().unwrap().ends_with('Z'), "{told}");
        // Also under another path, and without the account.
        for path in PATHS {
            let again = ask(&shop, path, &charge(&name, 1_500_000)).await.must_be(200);
            assert_eq!(
                (again.json(), again.header("idempotency-replayed")),
                (told.clone(), "true")
            );
        }
    }
    assert_eq!(available(&shop).await, "5500000");
    let events = shop.get("/v1/events?limit=1000").await.json().to_string();
    assert!(events.contains("loa-finn") && !events.contains("any-tenant"), "{events}");
    shop.app.stop().await;
}

#[tokio::test]
async fn f17_a_conflict_is_another_amount_and_nothing_else() {
    let shop = rich("live").await;
    reserve(&shop, "done", USD).await;
    reserve(&shop, "released", USD).await;
    finalize(&shop, "done", USD).await.must_be(200);
    shop.post("/v1/reservations/released/release", &json!({})).await.must_be(200);
    let other = finalize(&shop, "done", USD - 1).await;
    let other = other.must_be_problem(409, "reservation_finalized").json();
    assert_eq!(other["cost"]["amount"], "1000000");
    finalize(&shop, "released", USD).await.must_be_problem(404, "reservation_not_found");
    finalize(&shop, "unknown", USD).await.must_be_problem(404, "reservation_not_found");
    let metrics = shop.operate("GET", "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("billing_finalize_conflicts_total"), "{metrics}");
    shop.app.stop().await;
}

#[tokio::test]
async fn another_accounts_reservation_is_nobodys_to_charge() {
    let shop = rich("live").await;
    reserve(&shop, "alices", USD).await;
    let mut body = charge("alices", USD);
    body["accountId"] = "mallory".into();
    let told = ask(&shop, PATHS[2], &body).await.must_be_problem(403, "forbidden").json();
    assert_eq!(told["field"], "accountId");
    assert!(told["detail"].as_str().unwrap().contains("another account"), "{told}");
    body["accountId"] = "alice".into();
    ask(&shop, PATHS[2], &body).await.must_be(200);
    body["accountId"] = "mallory".into();
    let told = ask(&shop, PATHS[2], &body).await.must_be_problem(403, "forbidden").json();
    assert_eq!(told["field"], "accountId");
    // Another tenant's does not exist, whatever the token says of tenants.
    let key = shop.tenant("another", json!(["credit"])).await;
    let opened = shop.ask("POST", "/v1/accounts").key(&key).fresh();
    opened.json(&json!({ "account": "bob" })).await.must_be(201);
    let amount = json!({ "commodity": "USD", "amount": "1" });
    let theirs = shop.ask("POST", "/v1/accounts/bob/reservations").key(&key).fresh();
    let theirs = theirs.json(&json!({ "reservation": "theirs", "amount": amount })).await;
    theirs.must_be(201);
    finalize(&shop, "theirs", 1).await.must_be_problem(404, "reservation_not_found");
    shop.app.stop().await;
}

#[tokio::test]
async fn the_mode_of_a_reservation_is_the_one_it_was_made_in() {
    let shop = rich("live").await;
    reserve(&shop, "live", 2 * USD).await;
    mode(&shop, "shadow").await;
    reserve(&shop, "shadow", 2 * USD).await;
    mode(&shop, "soft").await;
    reserve(&shop, "soft", 2 * USD).await;
    mode(&shop, "shadow").await;
    let told = |answer: Answer| {
        let body = answer.must_be(200).json();
        ["billingMode", "finalizedMicro", "releasedMicro", "overrunMicro"]
            .map(|name| body[name].as_str().unwrap().to_owned())
    };
    // Live: no more than was set aside.
    let live = told(finalize(&shop, "live", 3 * USD).await);
    assert_eq!(live, ["live", "2000000", "0", "1000000"]);
    // Shadow: told, and nothing touched.
    let shadow = told(finalize(&shop, "shadow", 3 * USD).await);
    assert_eq!(shadow, ["shadow", "3000000", "0", "1000000"]);
    // Soft: all of it.
    let soft = told(finalize(&shop, "soft", 3 * USD).await);
    assert_eq!(soft, ["soft", "3000000", "0", "1000000"]);
    assert_eq!(available(&shop).await, "5000000");
    shop.app.stop().await;
}

#[tokio::test]
async fn only_a_token_that_is_made_for_this_finalizes() {
    let shop = rich("live").await;
    reserve(&shop, "mine", USD).await;
    let by = |bearer: &str| {
        let ask = shop.ask("POST", PATHS[1]).header("authorization", bearer);
        ask.json(&charge("mine", USD)).send()
    };
    let but = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signed(INTERNAL, &claims)
    };
    for wrong in [
        String::new(),
        "Bearer x.y.z".to_owned(),
        signed(super::ADMIN, &claims()),
        admin("ada"),
        but("iss", json!("loa-fin")),
        but("aud", json!("arrakis")),
        but("exp", json!(now() + 310)),
        but("exp", json!(now() - 60)),
        but("exp", Value::Null),
        but("iat", json!(now() + 60)),
    ] {
        by(&wrong).await.must_be_problem(401, "unauthenticated");
    }
    for other in [&shop.keys.key, &shop.keys.admin_token] {
        by(&format!("Bearer {other}")).await.must_be_problem(403, "forbidden");
    }
    assert_eq!(available(&shop).await, "9000000", "nothing was charged");
    by(&signed(INTERNAL_BEFORE, &claims())).await.must_be(200);
    let metrics = shop.operate("GET", "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = r#"jwt_secret_used_total{audience="internal",key="previous"}"#;
    assert!(metrics.contains(line), "{metrics}");
    shop.app.stop().await;
}

#[tokio::test]
async fn f18_the_rate_is_a_services_whomever_it_asks_for() {
    let settings = [
        ("BILLING_INTERNAL_JWT_SECRET", INTERNAL),
        ("PIPEROLL_INTERNAL_JWT__TENANT", "dev"),
        ("PIPEROLL_INTERNAL_JWT__ISSUERS", "loa-finn,loa-other"),
        ("PIPEROLL_LIMITS__FINALIZES_PER_ISSUER_PER_MINUTE", "3"),
    ];
    let shop = Shop::with(&settings).await;
    let by = |issuer: &str, subject: &str| {
        let mut claims = claims();
        (claims["iss"], claims["sub"]) = (issuer.into(), subject.into());
        let ask = shop.ask("POST", PATHS[0]).header("authorization", &signed(INTERNAL, &claims));
        ask.json(&charge("nothing", 1)).send()
    };
    // What is refused before anybody is known counts for nobody.
    by("stranger", "a").await.must_be(401);
    for subject in ["a", "b", "c"] {
        by("loa-finn", subject).await.must_be(404);
    }
    let limited = by("loa-finn", "d").await.must_be_problem(429, "rate_limited");
    let wait: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    by("loa-other", "a").await.must_be(404);
    let metrics = shop.operate("GET", "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains(r#"rate_limited_total{scope="finalizes"}"#), "{metrics}");
    shop.app.stop().await;
}

#[tokio::test]
async fn nothing_is_charged_while_billing_is_off() {
    let shop = rich("live").await;
    reserve(&shop, "mine", USD).await;
    let off = |enabled: bool| json!({ "enabled": enabled, "reason": "an incident" });
    let put = |body: Value| shop.operate("PUT", "/admin/billing/config").json(&body).send();
    put(off(false)).await.must_be(200);
    let refused = finalize(&shop, "mine", USD).await.must_be_problem(503, "billing_off");
    assert!(!refused.header("retry-after").is_empty());
    put(off(true)).await.must_be(200);
    finalize(&shop, "mine", USD).await.must_be(200);
    shop.app.stop().await;
    let shop = Shop::with(&[
        ("FEATURE_BILLING_ENABLED", "false"),
        ("BILLING_INTERNAL_JWT_SECRET", INTERNAL),
        ("PIPEROLL_INTERNAL_JWT__TENANT", "dev"),
    ])
    .await;
    finalize(&shop, "mine", USD).await.must_be_problem(503, "billing_off");
    shop.app.stop().await;
}

#[tokio::test]
async fn bad_charges_name_the_field() {
    let shop = rich("soft").await;
    reserve(&shop, "mine", USD).await;
    for (name, value) in [
        ("reservationId", json!("a b")),
        ("reservationId", json!(7)),
        ("actualCostMicro", json!("1.5")),
        ("actualCostMicro", json!(-1)),
        ("actualCostMicro", json!(null)),
        ("accountId", json!("")),
        ("traceId", json!("a\nb")),
        ("tenant", json!("another")),
    ] {
        let mut body = charge("mine", USD);
        body[name] = value.clone();
        let told = ask(&shop, PATHS[0], &body).await.must_be(422).json();
        assert_eq!(told["field"], name, "{value}");
    }
    let ask = || shop.ask("POST", PATHS[0]).header("authorization", &peer());
    ask().raw("{").header("content-type", "application/json").await.must_be(400);
    ask().raw("{}").header("content-type", "text/plain").await.must_be(415);
    let above = finalize(&shop, "mine", 100_000 * USD + 1).await;
    let above = above.must_be_problem(422, "ceiling_exceeded").json();
    assert_eq!(above["field"], "actualCostMicro");
    assert_eq!(finalize(&shop, "mine", 0).await.must_be(200).json()["releasedMicro"], "1000000");
    shop.app.stop().await;
}

//! Credit by hand under the runbooks' path: once for each source, whatever happens in between.

use serde_json::{Value, json};

use super::{ADMIN_BEFORE, admin, claims, open, signed};
use crate::api::tests::{Answer, Shop, WEBHOOK_SECRET, msat, webhook};

pub(super) const PATH: &str = "/admin/billing/accounts/alice/mint";

pub(super) fn deposit() -> Value {
    json!({ "amountMicro": "5000000", "sourceType": "deposit", "description": "Manual recovery" })
}

pub(super) fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut body = deposit();
    body[name] = value.into();
    body
}

pub(super) async fn mint(shop: &Shop, body: &Value) -> Answer {
    shop.ask("POST", PATH).header("authorization", &admin("ada")).json(body).await
}

pub(super) async fn lots(shop: &Shop) -> usize {
    shop.settle().await;
    let lots = shop.get("/v1/accounts/alice/lots").await;
    if lots.status == 404 { 0 } else { lots.json()["items"].as_array().unwrap().len() }
}

#[tokio::test]
async fn the_runbooks_own_call_gives_credit_and_warns() {
    let shop = open().await;
    // As `curl -d` sends it: no key, and a body that is said to be a form.
    let said = r#"{"amountMicro": "5000000", "sourceType": "deposit", "description": "Manual NOWPayments recovery"}"#;
    let ask = || shop.ask("POST", PATH).header("authorization", &admin("ada")).raw(said);
    let form = || ask().header("content-type", "application/x-www-form-urlencoded");
    let given = form().await.must_be(201).json();
    assert_eq!(given["accountId"], "alice");
    assert_eq!(given["amountMicro"], "5000000");
    assert_eq!(given["poolId"], "general");
    assert_eq!(given["alreadyMinted"], false);
    assert!(given["sourceId"].as_str().unwrap().starts_with("manual:"), "{given}");
    assert!(given["warning"].as_str().unwrap().contains("Idempotency-Key"), "{given}");
    let doubted = form().await.must_be_problem(409, "possible_duplicate").json();
    assert!(doubted["position"].is_u64(), "{doubted}");
    ask().await.must_be_problem(409, "possible_duplicate");
    mint(&shop, &deposit()).await.must_be_problem(409, "possible_duplicate");
    assert_eq!(lots(&shop).await, 1);
    let other = json!({ "amountMicro": 5_000_001, "sourceType": "deposit", "description": "x" });
    mint(&shop, &other).await.must_be(201);
    let gift = json!({ "amountMicro": "5000000", "description": "x" });
    assert_eq!(mint(&shop, &gift).await.must_be(201).json()["sourceType"], "grant");
    assert_eq!(lots(&shop).await, 3);
    shop.app.stop().await;
}

#[tokio::test]
async fn force_needs_a_reason_and_both_stand_in_the_roll() {
    let shop = open().await;
    mint(&shop, &deposit()).await.must_be(201);
    let bare = mint(&shop, &with("force", true)).await.must_be_problem(422, "reason_needed");
    assert_eq!(bare.json()["field"], "reason");
    let alone = mint(&shop, &with("reason", "two")).await.must_be_problem(422, "field_invalid");
    assert_eq!(alone.json()["field"], "reason");
    let mut forced = with("force", true);
    forced["reason"] = "two payments of the same amount".into();
    mint(&shop, &forced).await.must_be(201);
    let told = shop.get("/v1/events?limit=1000").await.must_be(200).json().to_string();
    assert!(told.contains("Manual recovery; once more: two payments of the same amount"));
    assert!(
        told.contains(r#""id":"ada","kind":"admin""#) || told.contains(r#""id":"ada""#),
        "{told}"
    );
    assert_eq!(lots(&shop).await, 2);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_named_source_gives_one_lot_however_often_it_is_asked_for() {
    let shop = open().await;
    let named = with("sourceId", "wire-2026-11-21");
    let first = mint(&shop, &named).await.must_be(201).json();
    assert!(first.get("warning").is_none(), "{first}");
    let again = mint(&shop, &named).await.must_be(200).json();
    assert_eq!((&again["lotId"], &again["alreadyMinted"]), (&first["lotId"], &json!(true)));
    let mut more = named.clone();
    more["amountMicro"] = "5000001".into();
    let other = mint(&shop, &more).await.must_be_problem(409, "claim_taken").json();
    let there = json!({ "commodity": "USD", "amount": "5000000" });
    assert_eq!((&other["lotId"], &other["amount"]), (&first["lotId"], &there));
    assert_eq!(other["field"], "sourceId");
    let mut elsewhere = named.clone();
    elsewhere["poolId"] = "jobs".into();
    mint(&shop, &elsewhere).await.must_be_problem(409, "claim_taken");
    let elsewhere = shop.ask("POST", "/admin/billing/accounts/bob/mint");
    let elsewhere = elsewhere.header("authorization", &admin("ada")).json(&named).await;
    elsewhere.must_be_problem(409, "claim_taken");
    // A purchase of that name is the same money.
    let mut purchase = named.clone();
    purchase["sourceType"] = "purchase".into();
    mint(&shop, &purchase).await.must_be(200);
    assert_eq!(lots(&shop).await, 1);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_key_gives_the_first_answer_again_under_both_its_names() {
    let shop = open().await;
    let keyed = |name: &'static str, key: &'static str, body: &Value| {
        let ask = shop.ask("POST", PATH).header("authorization", &admin("ada"));
        ask.header(name, key).json(body).send()
    };
    let first = keyed("idempotency-key", "k1", &deposit()).await.must_be(201);
    let again = keyed("x-idempotency-key", "k1", &deposit()).await.must_be(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), first.json());
    keyed("idempotency-key", "k1", &with("poolId", "prepaid"))
        .await
        .must_be_problem(422, "idempotency_mismatch");
    // Another key is another gift, and none of them is doubted.
    keyed("idempotency-key", "k2", &deposit()).await.must_be(201);
    let two = shop.ask("POST", PATH).header("authorization", &admin("ada"));
    let two = two.header("idempotency-key", "a").header("x-idempotency-key", "b");
    two.json(&deposit()).await.must_be_problem(400, "idempotency_key_invalid");
    assert_eq!(lots(&shop).await, 2);
    shop.app.stop().await;
}

/// A top-up of alice's: our name for it, its hash, and how the provider calls it.
pub(super) async fn topup(shop: &Shop) -> [String; 3] {
    let body = json!({ "account": "alice", "amount": msat(9_000) });
    let payment = shop.post("/v1/topups", &body).await.must_be(402).json();
    let text = |name: &str| payment[name].as_str().unwrap().to_owned();
    [text("payment"), text("payment_hash"), provider_of(shop).await]
}

/// How the provider calls the one payment that there is.
async fn provider_of(shop: &Shop) -> String {
    let events = shop.get("/v1/events?limit=1000").await.must_be(200).json();
    let events = events["events"].as_array().unwrap();
    let made = events.iter().find(|event| event["type"] == "payment.instrument_created.v1");
    made.unwrap()["data"]["provider_id"].as_str().unwrap().to_owned()
}

/// Its webhook, perhaps late.
pub(super) async fn settled(shop: &Shop, payment: &str, hash: &str) {
    let body = json!({ "eventId": "evt_1", "paymentHash": hash, "status": "paid" });
    webhook::tell(shop, "/webhooks/default", &body, WEBHOOK_SECRET).await.must_be(202);
    shop.until(&format!("/v1/payments/{payment}"), |body| body["status"] == "consumed").await;
}

#[tokio::test]
async fn f13_a_recovery_by_hand_and_a_late_webhook_give_one_lot() {
    let shop = open().await;
    let [payment, hash, provider] = topup(&shop).await;
    let recovery = with("providerPaymentId", provider.as_str());
    let given = mint(&shop, &recovery).await.must_be(201).json();
    assert_eq!(given["sourceId"], payment.as_str());
    settled(&shop, &payment, &hash).await;
    assert_eq!(lots(&shop).await, 1);
    assert_eq!(mint(&shop, &recovery).await.must_be(200).json()["lotId"], given["lotId"]);
    // As the runbook names it.
    let named = with("sourceId", format!("nowpay-{provider}"));
    assert_eq!(mint(&shop, &named).await.must_be(200).json()["alreadyMinted"], true);
    assert_eq!(lots(&shop).await, 1);
    shop.app.stop().await;
}

#[tokio::test]
async fn f13_a_webhook_and_then_a_recovery_by_hand_give_one_lot() {
    let shop = open().await;
    let [payment, hash, provider] = topup(&shop).await;
    settled(&shop, &payment, &hash).await;
    // It gave millisatoshi, so micro USD are another amount.
    let recovery = with("providerPaymentId", provider.as_str());
    let told = mint(&shop, &recovery).await.must_be_problem(409, "claim_taken").json();
    assert_eq!(
        (&told["accountId"], &told["field"]),
        (&json!("alice"), &json!("providerPaymentId"))
    );
    let named = with("sourceId", format!("nowpay-{provider}"));
    mint(&shop, &named).await.must_be_problem(409, "claim_taken");
    assert_eq!(lots(&shop).await, 1);
    let elsewhere = shop.ask("POST", "/admin/billing/accounts/bob/mint");
    let elsewhere = elsewhere.header("authorization", &admin("ada")).json(&recovery).await;
    let refused = elsewhere.must_be_problem(422, "field_invalid").json();
    assert_eq!(refused["field"], "providerPaymentId");
    shop.app.stop().await;
}

#[tokio::test]
async fn f13_a_pack_that_its_webhook_gave_is_found_and_not_given_again() {
    let shop = open().await;
    let gives = json!({ "credit": { "amount": { "commodity": "USD", "amount": "5000000" } } });
    let offer =
        json!({ "service": "packs", "path": "/pack", "price": msat(9_000), "gives": gives });
    shop.ask("PUT", "/v1/offers/pack").key(&shop.keys.key).json(&offer).fresh().await.must_be(200);
    let bought = json!({ "offer": "pack", "account": "alice" });
    let payment = shop.post("/v1/payments", &bought).await.must_be(201).json();
    let [payment, hash] =
        ["payment", "payment_hash"].map(|name| payment[name].as_str().unwrap().to_owned());
    let provider = provider_of(&shop).await;
    settled(&shop, &payment, &hash).await;
    let found = mint(&shop, &with("providerPaymentId", provider.as_str())).await.must_be(200);
    let found = found.json();
    assert_eq!((&found["alreadyMinted"], &found["sourceType"]), (&json!(true), &json!("purchase")));
    assert_eq!(lots(&shop).await, 1);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_payment_that_only_its_provider_knows_is_named_after_it() {
    let shop = open().await;
    let given = mint(&shop, &with("providerPaymentId", "5077125051")).await.must_be(201).json();
    assert_eq!(given["sourceId"], "nowpay-5077125051");
    mint(&shop, &with("sourceId", "nowpay-5077125051")).await.must_be(200);
    assert_eq!(lots(&shop).await, 1);
    shop.app.stop().await;
}

#[tokio::test]
async fn only_an_administrators_own_token_gives_credit() {
    let shop = open().await;
    let by = |bearer: String| {
        shop.ask("POST", PATH).header("authorization", &bearer).json(&deposit()).send()
    };
    let but = |name: &str, value: Value| {
        let mut claims = claims("ada");
        claims[name] = value;
        signed(super::ADMIN, &claims)
    };
    by(String::new()).await.must_be_problem(401, "unauthenticated");
    by(signed(super::INTERNAL, &claims("ada"))).await.must_be_problem(401, "unauthenticated");
    for wrong in [
        but("iss", json!("loa-finn")),
        but("aud", json!("arrakis-internal")),
        but("exp", json!(super::now() + 310)),
        but("iat", json!(super::now() + 120)),
        but("sub", Value::Null),
        // No letter is sure to be in a token that was drawn, but one digit more makes another one.
        format!("Bearer {}0", shop.keys.admin_token),
    ] {
        by(wrong).await.must_be_problem(401, "unauthenticated");
    }
    // The operators' token names nobody: enough for settings, not for money.
    by(format!("Bearer {}", shop.keys.admin_token)).await.must_be_problem(403, "forbidden");
    by(format!("Bearer {}", shop.keys.key)).await.must_be_problem(403, "forbidden");
    assert_eq!(lots(&shop).await, 0);
    by(but("aud", json!(["arrakis-admin"]))).await.must_be(201);
    // A secret on its way out still signs.
    let mut other = deposit();
    other["amountMicro"] = "7".into();
    let bearer = signed(ADMIN_BEFORE, &claims("ada"));
    shop.ask("POST", PATH).header("authorization", &bearer).json(&other).await.must_be(201);
    let metrics = shop.operate("GET", "/metrics").await.must_be(200);
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        r#"jwt_secret_used_total{audience="admin",key="previous"}"#,
        r#"jwt_refused_total{audience="admin",reason="signature"}"#,
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    // It opens nothing else.
    for path in ["/v1/admin/tenants", "/v1/payments"] {
        let other = shop.ask("GET", path).header("authorization", &admin("ada")).await;
        other.must_be_problem(401, "unauthenticated");
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn bad_input_names_the_field_and_gives_nothing() {
    let shop = open().await;
    let refused = |name: &'static str, value: Value| {
        let (shop, body) = (&shop, with(name, value));
        async move {
            let told = mint(shop, &body).await.must_be(422).json();
            (
                told["code"].as_str().unwrap().to_owned(),
                told["field"].as_str().unwrap_or_default().to_owned(),
            )
        }
    };
    let invalid = |field: &str| ("field_invalid".to_owned(), field.to_owned());
    for amount in [
        json!("-1"),
        json!("1.5"),
        json!(1.5),
        json!("1e6"),
        json!(""),
        json!(" 5"),
        json!("9223372036854775808"),
        json!(null),
    ] {
        assert_eq!(
            refused("amountMicro", amount.clone()).await,
            invalid("amountMicro"),
            "{amount}"
        );
    }
    let none = refused("amountMicro", json!("0")).await;
    assert_eq!(none, ("amount_zero".to_owned(), "amountMicro".to_owned()));
    let above = refused("amountMicro", json!("1000000000001")).await;
    assert_eq!(above, ("ceiling_exceeded".to_owned(), "amountMicro".to_owned()));
    assert_eq!(refused("sourceType", json!("airdrop")).await, invalid("sourceType"));
    for text in [json!(""), json!("  "), json!("a\u{202e}b"), json!("x".repeat(501)), json!(7)] {
        assert_eq!(refused("description", text).await, invalid("description"));
    }
    assert_eq!(refused("sourceId", json!("")).await, invalid("sourceId"));
    assert_eq!(refused("sourceId", json!("manual:1")).await, invalid("sourceId"));
    for gift in ["grant", "commons_dividend"] {
        let mut paid = with("providerPaymentId", "np_9");
        paid["sourceType"] = gift.into();
        let told = mint(&shop, &paid).await.must_be(422).json();
        assert_eq!(told["field"], "sourceType", "of one payment there is one lot");
    }
    assert_eq!(refused("providerPaymentId", json!("a\nb")).await, invalid("providerPaymentId"));
    assert_eq!(refused("poolId", json!("a b")).await, invalid("poolId"));
    assert_eq!(
        refused("tenant", json!("other")).await,
        ("unknown_field".to_owned(), "tenant".to_owned())
    );
    let mut both = with("sourceId", "a");
    both["providerPaymentId"] = "b".into();
    let told = mint(&shop, &both).await.must_be(422).json();
    assert_eq!(told["field"], "providerPaymentId");
    assert_eq!(lots(&shop).await, 0);
    shop.app.stop().await;
}

#[tokio::test]
async fn the_lower_of_both_ceilings_bounds_what_is_given_and_says_whose_it_is() {
    let shop = open().await;
    let of = |micro: &str| with("amountMicro", micro);
    let above = mint(&shop, &of("100000000001")).await.must_be_problem(422, "ceiling_exceeded");
    let above = above.json();
    assert_eq!((&above["set_by"], &above["field"]), (&json!("setting"), &json!("amountMicro")));
    mint(&shop, &of("100000000000")).await.must_be(201);
    let config = json!({ "ceiling_micro": "2000000000000", "reason": "a large customer" });
    let ask = shop.ask("PUT", "/admin/billing/config").header("authorization", &admin("ada"));
    ask.json(&config).await.must_be(200);
    mint(&shop, &of("1000000000000")).await.must_be(201);
    let above = mint(&shop, &of("1000000000001")).await.must_be_problem(422, "ceiling_exceeded");
    assert_eq!(above.json()["set_by"], "environment");
    shop.app.stop().await;
}

#[tokio::test]
async fn the_ceilings_bound_credit_by_hand_wherever_it_is_given() {
    let shop = open().await;
    let lot = json!({ "amount": { "commodity": "USD", "amount": "100000000001" }, "reason": "x" });
    let path = "/v1/admin/tenants/dev/accounts/alice/mint";
    let above = shop.operate("POST", path).fresh().json(&lot).await;
    let above = above.must_be_problem(422, "ceiling_exceeded").json();
    assert_eq!((&above["field"], &above["set_by"]), (&json!("amount"), &json!("setting")));
    let mut item = lot.clone();
    for (name, value) in [("operation", "lot.mint"), ("account", "alice"), ("idempotency_key", "k")]
    {
        item[name] = value.into();
    }
    let batch = json!({ "mode": "independent", "items": [item] });
    let ask = shop.ask("POST", "/v1/batch").header("authorization", &admin("ada")).fresh();
    let answer = ask.json(&batch).await.must_be(200).json();
    let told = &answer["items"][0]["problem"];
    assert_eq!(
        (&told["code"], &told["field"]),
        (&json!("ceiling_exceeded"), &json!("items.0.amount"))
    );
    assert_eq!(lots(&shop).await, 0);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_no_json_and_what_is_the_tenants_own_is_refused() {
    let shop = open().await;
    let ask = || shop.ask("POST", PATH).header("authorization", &admin("ada"));
    ask()
        .raw("amountMicro=5&description=x")
        .header("content-type", "application/x-www-form-urlencoded")
        .await
        .must_be_problem(400, "malformed_json");
    ask()
        .raw("{}")
        .header("content-type", "text/plain")
        .await
        .must_be_problem(415, "unsupported_media_type");
    let system = shop.ask("POST", "/admin/billing/accounts/sys-commons/mint");
    let system = system.header("authorization", &admin("ada")).json(&deposit()).await;
    system.must_be_problem(403, "account_reserved");
    assert_eq!(lots(&shop).await, 0);
    shop.app.stop().await;
}

#[tokio::test]
async fn of_many_at_once_without_a_name_one_gets_through() {
    let shop = open().await;
    let body = deposit();
    let all = futures_util::future::join_all((0..12).map(|_| mint(&shop, &body))).await;
    let given = all.iter().filter(|answer| answer.status == 201).count();
    let doubted = all.iter().filter(|answer| answer.code() == "possible_duplicate").count();
    assert_eq!((given, doubted), (1, 11));
    assert_eq!(lots(&shop).await, 1);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_tenant_that_is_not_open_has_no_accounts() {
    let shop = Shop::with(&[("BILLING_ADMIN_JWT_SECRET", super::ADMIN)]).await;
    mint(&shop, &deposit()).await.must_be_problem(404, "tenant_not_found");
    shop.app.stop().await;
}

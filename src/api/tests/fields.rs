//! What the rules refuse is told by the name that the request has for it, and changes nothing.

use piperoll_domain::billing::Mode;
use serde_json::{Value, json};

use super::{
    Answer, Shop,
    metering::{hold, shop, switch, usd},
    msat,
};

/// A commodity that nobody declared.
fn euro() -> Value {
    json!({"commodity": "EUR", "amount": "1"})
}

fn must_name(answer: &Answer, code: &str, field: &str) {
    assert!(answer.status.is_client_error(), "{answer:?}");
    let told = answer.json();
    assert_eq!((&told["code"], &told["field"]), (&json!(code), &json!(field)), "{told}");
}

#[tokio::test]
async fn a_reservation_that_cannot_be_names_what_was_said_of_it() {
    let shop = shop(Mode::Live).await;
    hold(&shop, "taken", 10).await.must_be(201);
    let before = shop.head();
    let above = json!({"commodity": "USD", "amount": "100000000001"});
    for (body, code, field) in [
        (json!({"amount": usd(0)}), "amount_zero", "amount"),
        (json!({"estimate": usd(0)}), "amount_zero", "estimate"),
        (json!({"amount": euro()}), "commodity_unknown", "amount.commodity"),
        (json!({"estimate": euro()}), "commodity_unknown", "estimate.commodity"),
        (json!({"amount": above}), "ceiling_exceeded", "amount"),
        (json!({"estimate": above}), "ceiling_exceeded", "estimate"),
        (json!({"amount": usd(1), "ttl_seconds": 0}), "duration_out_of_range", "ttl_seconds"),
        (json!({"amount": usd(1), "reservation": "taken"}), "reservation_exists", "reservation"),
    ] {
        must_name(&shop.post("/v1/accounts/alice/reservations", &body).await, code, field);
    }
    let path = "/v1/reservations/taken/finalize";
    let foreign = shop.post(path, &json!({"cost": msat(1)})).await;
    must_name(&foreign, "commodity_foreign", "cost.commodity");
    let spent = shop.post("/v1/accounts/alice/spend", &json!({"amount": usd(0)})).await;
    must_name(&spent, "amount_zero", "amount");
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn credit_by_hand_that_cannot_be_names_what_was_said_of_it() {
    let shop = shop(Mode::Live).await;
    let before = shop.head();
    let path = "/v1/admin/tenants/dev/accounts/alice/mint";
    for (name, value, code, field) in [
        ("amount", usd(0), "amount_zero", "amount"),
        ("amount", euro(), "commodity_unknown", "amount.commodity"),
        ("cost", euro(), "commodity_unknown", "cost.commodity"),
        ("expires_at", json!("2001-01-01T00:00:00Z"), "mint_invalid", "expires_at"),
        ("source_id", json!("paid"), "claim_taken", "source_id"),
        ("source", json!("grant"), "cost_of_gift", "cost"),
        ("reason", json!(" "), "reason_needed", "reason"),
    ] {
        let mut body = json!({"amount": usd(1), "source": "deposit", "source_id": "new",
            "cost": usd(1), "reason": "test"});
        body[name] = value;
        must_name(&shop.operate("POST", path).json(&body).fresh().await, code, field);
    }
    let path = "/v1/admin/tenants/dev/accounts/sys-commons/mint";
    let body = json!({"amount": usd(1), "reason": "test"});
    let system = shop.operate("POST", path).json(&body).fresh().await;
    must_name(&system, "account_reserved", "account");
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_payment_that_cannot_be_asked_for_names_what_was_said_of_it() {
    let shop = Shop::open().await;
    let terms = json!({"service": "dev", "path": "/*", "price": msat(1_000),
        "gives": {"uses": {"count": 1}}});
    let publish =
        |terms: &Value| shop.ask("PUT", "/v1/offers/look").key(&shop.keys.key).json(terms).fresh();
    publish(&terms).await.must_be(200);
    let before = shop.head();
    for (body, code, field) in [
        (json!({"amount": msat(0)}), "amount_zero", "amount"),
        (json!({"amount": usd(1)}), "commodity_foreign", "amount.commodity"),
        (json!({"amount": msat(1)}), "amount_out_of_range", "amount"),
        (json!({"offer": "look", "quantity": 0}), "amount_zero", "quantity"),
        (json!({"offer": "look", "quantity": u32::MAX}), "amount_out_of_range", "quantity"),
        (json!({"amount": msat(1_000), "expiry_seconds": 0}), "field_invalid", "expiry_seconds"),
    ] {
        must_name(&shop.post("/v1/payments", &body).await, code, field);
    }
    let topup = json!({"account": "alice", "amount": msat(1_000), "expires_after_seconds": 0});
    let topup = shop.post("/v1/topups", &topup).await;
    must_name(&topup, "duration_out_of_range", "expires_after_seconds");
    for (name, value, field) in [
        ("price", msat(0), "price.amount"),
        ("gives", json!({"uses": {"count": 0}}), "gives.uses.count"),
        ("expiry_seconds", json!(0), "expiry_seconds"),
    ] {
        let mut terms = terms.clone();
        terms[name] = value;
        must_name(&publish(&terms).await, "offer_invalid", field);
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn in_a_batch_it_is_the_field_of_the_item() {
    let shop = shop(Mode::Live).await;
    hold(&shop, "held", 10).await.must_be(201);
    switch(&shop, Mode::Soft).await;
    let before = shop.head();
    let item = |body: Value| {
        let mut item = json!({"operation": "reservation.finalize", "idempotency_key": "k",
            "reservation": "held"});
        item.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        item
    };
    let wrong = item(json!({"cost": msat(1)}));
    for mode in ["atomic", "independent"] {
        let body = json!({"mode": mode, "items": [wrong]});
        let told = shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await.json();
        let told = if mode == "atomic" { &told } else { &told["items"][0]["problem"] };
        assert_eq!(
            (&told["code"], &told["field"]),
            (&json!("commodity_foreign"), &json!("items.0.cost.commodity")),
            "{told}"
        );
    }
    let many = vec![wrong; 1_001];
    let body = json!({"mode": "atomic", "items": many});
    let long = shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await;
    must_name(&long, "batch_too_long", "items");
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

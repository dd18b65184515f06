//! How a tenant bills is seen and changed at once, by those who may, in their name.

use serde_json::{Value, json};

use super::{admin, open};
use crate::api::tests::Shop;

const CONFIG: &str = "/admin/billing/config";
const DEV: &str = "/v1/admin/tenants/dev/billing";

async fn put(shop: &Shop, body: Value) -> crate::api::tests::Answer {
    shop.ask("PUT", CONFIG).header("authorization", &admin("ada")).json(&body).await
}

#[tokio::test]
async fn a_tenant_bills_in_shadow_until_somebody_says_otherwise() {
    let shop = open().await;
    let config = shop.operate("GET", CONFIG).await.must_be(200).json();
    assert_eq!((&config["mode"], &config["version"]), (&json!("shadow"), &json!(0)));
    assert_eq!(config["ceiling_micro"], "100000000000");
    assert_eq!(config["ceiling_set_by"], "setting");
    assert_eq!(config["commons_rate_bps"], 500);
    let changed = put(&shop, json!({ "mode": "live", "reason": "launch", "override": "a test" }))
        .await
        .must_be(200);
    assert_eq!((&changed.json()["mode"], &changed.json()["version"]), (&json!("live"), &json!(1)));
    // By the engine's own word, without a restart and without waiting for a view.
    let mode = shop.operate("GET", DEV).await.must_be(200).json()["billing"]["mode"].clone();
    assert_eq!(mode, "live");
    let soft = json!({ "billing_mode": "soft", "reserve_ttl_seconds": 600, "reason": "402 spike" });
    let soft = put(&shop, soft).await.must_be(200).json();
    assert_eq!((&soft["mode"], &soft["reserve_ttl_seconds"]), (&json!("soft"), &json!(600)));
    let same = put(&shop, json!({ "mode": "soft", "reason": "again" })).await.must_be(200).json();
    assert_eq!(same["version"], 2, "the same again is no change");
    let events = shop.get("/v1/events?limit=1000").await.json().to_string();
    assert!(events.contains("402 spike") && events.contains(r#""id":"ada""#), "{events}");
    shop.app.stop().await;
}

#[tokio::test]
async fn the_lower_of_two_ceilings_holds_and_says_whose_it_is() {
    let shop = open().await;
    let above = json!({ "ceiling_micro": "2000000000000", "reason": "whale" });
    let above = put(&shop, above).await.must_be(200).json();
    assert_eq!(above["ceiling_micro"], "2000000000000");
    assert_eq!(above["ceiling_micro_in_force"], "1000000000000");
    assert_eq!(above["ceiling_set_by"], "environment");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_bound_that_is_said_to_be_null_is_none_and_one_that_is_left_out_stays() {
    let shop = open().await;
    let keyed = |body: Value| {
        let ask = shop.ask("PUT", CONFIG).header("authorization", &admin("ada"));
        ask.header("idempotency-key", "k").json(&body).send()
    };
    let stays = put(&shop, json!({ "reserve_ttl_seconds": 77, "reason": "x" })).await;
    assert_eq!(stays.must_be(200).json()["ceiling_micro"], "100000000000");
    let none = json!({ "ceiling_micro": null, "reason": "whale" });
    let unbound = keyed(none.clone()).await.must_be(200).json();
    assert_eq!(
        (&unbound["version"], &unbound["ceiling_micro"], &unbound["ceiling_set_by"]),
        (&json!(2), &Value::Null, &json!("environment"))
    );
    assert_eq!(unbound["reserve_ttl_seconds"], 77);
    let held = shop.operate("GET", DEV).await.must_be(200).json();
    assert_eq!(held["billing"]["ceilings"], json!({}));
    // The same key for what says nothing of it is another request.
    keyed(json!({ "reason": "whale" })).await.must_be_problem(422, "idempotency_mismatch");
    assert_eq!(keyed(none).await.must_be(200).header("idempotency-replayed"), "true");
    let bound = put(&shop, json!({ "ceiling_micro": 5, "reason": "x" })).await.must_be(200).json();
    assert_eq!(bound["ceiling_micro"], "5");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_others_change_at_the_same_time_stays_changed() {
    let shop = open().await;
    let changes = [
        json!({ "mode": "soft", "reason": "a", "override": "a test" }),
        json!({ "reserve_ttl_seconds": 77, "reason": "b" }),
        json!({ "safety_multiplier_bps": 12_000, "reason": "c" }),
        json!({ "ceiling_micro": 5_000, "reason": "d" }),
        json!({ "share_gifts": true, "reason": "e" }),
    ];
    let all = changes.into_iter().map(|body| put(&shop, body));
    for answer in futures_util::future::join_all(all).await {
        answer.must_be(200);
    }
    let config = shop.operate("GET", CONFIG).await.must_be(200).json();
    assert_eq!(config["version"], 5);
    assert_eq!((&config["mode"], &config["reserve_ttl_seconds"]), (&json!("soft"), &json!(77)));
    assert_eq!((&config["ceiling_micro"], &config["share_gifts"]), (&json!("5000"), &json!(true)));
    assert_eq!(config["safety_multiplier_bps"], 12_000);
    shop.app.stop().await;
}

#[tokio::test]
async fn the_whole_is_changed_out_of_the_version_that_it_was_read_at() {
    let shop = open().await;
    let mut held = shop.operate("GET", DEV).await.must_be(200).json();
    held.as_object_mut().unwrap().remove("tenant");
    held["reason"] = "calm".into();
    held["override"] = "a test".into();
    held["billing"]["mode"] = "soft".into();
    held["billing"]["ceilings"] = json!({ "USD": "5", "MSAT": "7" });
    let ask = |body: &Value| shop.operate("PUT", DEV).json(body).fresh().send();
    let changed = ask(&held).await.must_be(200).json();
    assert_eq!((&changed["version"], &changed["billing"]), (&json!(1), &held["billing"]));
    held["billing"]["mode"] = "live".into();
    let late = ask(&held).await.must_be_problem(409, "billing_changed").json();
    assert_eq!(late["version"], 1);
    held.as_object_mut().unwrap().remove("version");
    assert_eq!(ask(&held).await.must_be(200).json()["billing"]["mode"], "live");
    held["billing"]["mode"] = "strict".into();
    assert_eq!(ask(&held).await.must_be(422).json()["field"], "billing.mode");
    held["billing"]["mode"] = "live".into();
    held["billing"]["reserve_ttl_seconds"] = 0.into();
    let brief = ask(&held).await.must_be_problem(422, "settings_contradict").json();
    assert_eq!(brief["field"], "billing.reserve_ttl_seconds");
    held["billing"]["reserve_ttl_seconds"] = 300.into();
    held["billing"]["ceilings"] = json!({ "USDT": "5" });
    let unknown = ask(&held).await.must_be_problem(422, "commodity_unknown").json();
    assert_eq!(unknown["field"], "billing.ceilings");
    held["reason"] = " ".into();
    ask(&held).await.must_be_problem(422, "reason_needed");
    held.as_object_mut().unwrap().remove("billing");
    assert_eq!(ask(&held).await.must_be(422).json()["field"], "billing");
    shop.app.stop().await;
}

#[tokio::test]
async fn an_administrator_has_one_tenant_and_an_operator_all() {
    let shop = open().await;
    shop.tenant("acme", json!([])).await;
    let path = "/v1/admin/tenants/acme/billing";
    shop.operate("GET", path).await.must_be(200);
    let theirs = shop.ask("GET", path).header("authorization", &admin("ada")).await;
    let theirs = theirs.must_be_problem(404, "tenant_not_found").json();
    assert_eq!(theirs["detail"], "the tenant `acme` does not exist");
    let change =
        json!({ "billing": shop.operate("GET", path).await.json()["billing"], "reason": "x" });
    let theirs = shop.ask("PUT", path).header("authorization", &admin("ada")).json(&change).fresh();
    theirs.await.must_be_problem(404, "tenant_not_found");
    let nobody = shop.operate("GET", "/v1/admin/tenants/nobody/billing").await;
    nobody.must_be_problem(404, "tenant_not_found");
    let body = json!({ "amount": { "commodity": "USD", "amount": "5" }, "reason": "x" });
    for (method, path) in [
        ("GET", "/v1/admin/tenants/nobody/billing"),
        ("GET", "/v1/admin/tenants/nobody/keys"),
        ("GET", "/v1/admin/tenants/nobody/campaigns"),
        ("POST", "/v1/admin/tenants/nobody/accounts/alice/mint"),
        ("POST", "/v1/admin/tenants/nobody/batch"),
    ] {
        let asked = shop.operate(method, path);
        let asked = if method == "GET" { asked } else { asked.json(&body).fresh() };
        let told = asked.await.must_be_problem(404, "tenant_not_found").json();
        assert_eq!(told["detail"], "the tenant `nobody` does not exist", "{path}");
    }
    let own = shop.ask("GET", DEV).header("authorization", &admin("ada")).await;
    own.must_be(200);
    let header = shop.ask("GET", CONFIG).header("x-admin-token", &shop.keys.admin_token).await;
    header.must_be(200);
    for key in [&shop.keys.key, "prk_nobody"] {
        let refused = shop.ask("PUT", CONFIG).key(key).json(&json!({ "reason": "x" })).await;
        assert!([401, 403].contains(&refused.status.as_u16()));
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn bad_settings_name_the_field() {
    let shop = open().await;
    for (body, field) in [
        (json!({ "mode": "LIVE", "reason": "x" }), "mode"),
        (json!({ "mode": "live" }), "reason"),
        (json!({ "mode": "live", "reason": "" }), "reason"),
        (json!({ "reserve_ttl_seconds": -1, "reason": "x" }), "reserve_ttl_seconds"),
        (json!({ "ceiling_micro": "1.5", "reason": "x" }), "ceiling_micro"),
        (json!({ "modes": "live", "reason": "x" }), "modes"),
    ] {
        assert_eq!(put(&shop, body.clone()).await.must_be(422).json()["field"], field, "{body}");
    }
    let none = json!({ "ceiling_micro": "0", "reason": "x" });
    let none = put(&shop, none).await.must_be_problem(422, "settings_contradict").json();
    assert_eq!(none["field"], "ceiling_micro");
    assert_eq!(shop.operate("GET", CONFIG).await.json()["version"], 0);
    shop.app.stop().await;
}

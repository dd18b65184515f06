//! A stricter mode wants its checklist, or somebody who overrules it and says why.

use std::cell::Cell;

use piperoll_domain::{
    billing::{Billing, InForce, Mode},
    operation::ChangeBilling,
};
use serde_json::{Value, json};

use super::{admin, open};
use crate::{
    api::{
        admin::billing::judged::{self, Said},
        tests::{Answer, Shop},
    },
    service::Principal,
};

const CONFIG: &str = "/admin/billing/config";
const DEV: &str = "/v1/admin/tenants/dev/billing";

async fn put(shop: &Shop, body: Value) -> Answer {
    shop.ask("PUT", CONFIG).header("authorization", &admin("ada")).json(&body).await
}

async fn mode(shop: &Shop) -> String {
    let held = shop.operate("GET", DEV).await.must_be(200).json();
    held["billing"]["mode"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stricter_mode_is_refused_until_its_checklist_holds() {
    let shop = open().await;
    shop.settle().await;
    for stricter in ["soft", "live"] {
        let body = json!({ "mode": stricter, "reason": "launch" });
        let refused = put(&shop, body).await.must_be_problem(409, "billing_not_ready");
        let told = refused.json().to_string();
        assert!(told.contains("lasted: 0 days and 0 hours of shadow"), "{told}");
    }
    assert_eq!(mode(&shop).await, "shadow");
    let held = shop.operate("GET", DEV).await.must_be(200).json();
    let mut whole = json!({ "billing": held["billing"], "version": 0, "reason": "launch" });
    whole["billing"]["mode"] = json!("live");
    let change = |body: &Value| {
        shop.ask("PUT", DEV).header("authorization", &admin("ada")).fresh().json(body)
    };
    change(&whole).await.must_be_problem(409, "billing_not_ready");
    for nothing in ["", "  "] {
        let refused =
            put(&shop, json!({ "mode": "soft", "reason": "launch", "override": nothing }));
        assert_eq!(refused.await.must_be(422).json()["field"], "override");
        whole["override"] = json!(nothing);
        assert_eq!(change(&whole).await.must_be(422).json()["field"], "override");
    }
    assert_eq!(mode(&shop).await, "shadow");
    whole["override"] = json!("the new staging house");
    change(&whole).await.must_be(200);
    assert_eq!(mode(&shop).await, "live");
    let events = shop.get("/v1/events?limit=1000").await.json().to_string();
    assert!(events.contains("launch (not asked whether it is ready: the new staging house)"));
    shop.app.stop().await;
}

#[tokio::test]
async fn a_promotion_asked_again_after_a_demotion_gets_its_first_answer() {
    let shop = open().await;
    put(&shop, json!({ "mode": "live", "reason": "a", "override": "b" })).await.must_be(200);
    let held = shop.operate("GET", DEV).await.must_be(200).json();
    let mut whole = json!({ "billing": held["billing"], "reason": "all of it" });
    whole["billing"]["reserve_ttl_seconds"] = json!(88);
    let part = json!({ "mode": "live", "reserve_ttl_seconds": 77, "reason": "part of it" });
    let asks = [(DEV, whole), (CONFIG, part)];
    let ask = |path: &str, key: &str, body: &Value| {
        let ask = shop.ask("PUT", path).header("authorization", &admin("ada"));
        ask.header("idempotency-key", key).json(body).send()
    };
    let mut first = vec![];
    for (path, body) in &asks {
        first.push(ask(path, "k1", body).await.must_be(200).json());
    }
    put(&shop, json!({ "mode": "shadow", "reason": "402 spike" })).await.must_be(200);
    let before = shop.head();
    for ((path, body), first) in asks.iter().zip(first) {
        let again = ask(path, "k1", body).await.must_be(200);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.json(), first, "{path}");
        let mut other = body.clone();
        other["reason"] = json!("another");
        ask(path, "k1", &other).await.must_be_problem(422, "idempotency_mismatch");
        ask(path, "k2", body).await.must_be_problem(409, "billing_not_ready");
    }
    assert_eq!((shop.head(), mode(&shop).await.as_str()), (before, "shadow"));
    shop.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_that_sank_since_it_was_looked_at_is_asked_about_again() {
    let shop = open().await;
    put(&shop, json!({ "mode": "live", "reason": "a", "override": "b" })).await.must_be(200);
    let (who, tenant) = (Principal::Reactor("guard"), "dev".parse().unwrap());
    let is_first = Cell::new(true);
    let sink = |held: &InForce| {
        let billing = Billing { mode: Mode::Shadow, ..held.billing.clone() };
        let tenant = "dev".parse().unwrap();
        let wish = ChangeBilling { tenant, billing, over: None, reason: "a guard".to_owned() };
        let sunk = shop.app.service.execute(&who, wish, None);
        let here = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| here.block_on(sunk)).unwrap();
    };
    let made = |held: &InForce| {
        if is_first.take() {
            sink(held);
        }
        Ok(Billing { mode: Mode::Live, reserve_ttl_seconds: 77, ..held.billing.clone() })
    };
    let said = Said { mode: Some(Mode::Live), reason: "a ceiling", overruling: None };
    let refused = judged::put(shop.app.api(), &who, &tenant, &said, made, None).await;
    assert_eq!(refused.unwrap_err().code().as_str(), "billing_not_ready");
    assert_eq!(mode(&shop).await, "shadow");
    // Whoever says no mode changes the rest of what holds by then.
    is_first.set(true);
    let made = |held: &InForce| {
        if is_first.take() {
            sink(&InForce {
                billing: Billing { safety_multiplier_bps: 12_000, ..held.billing.clone() },
                ..held.clone()
            });
        }
        Ok(Billing { reserve_ttl_seconds: 77, ..held.billing.clone() })
    };
    let said = Said { mode: None, reason: "shorter", overruling: None };
    judged::put(shop.app.api(), &who, &tenant, &said, made, None).await.unwrap();
    let held = shop.operate("GET", DEV).await.json();
    let told = ["reserve_ttl_seconds", "safety_multiplier_bps"].map(|name| &held["billing"][name]);
    assert_eq!(told, [77, 12_000]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_milder_mode_is_never_refused() {
    let shop = open().await;
    put(&shop, json!({ "mode": "live", "reason": "a", "override": "b" })).await.must_be(200);
    for milder in ["live", "soft", "shadow"] {
        put(&shop, json!({ "mode": milder, "reason": "402 spike" })).await.must_be(200);
        assert_eq!(mode(&shop).await, milder);
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn the_report_says_that_the_environment_switched_billing_off() {
    let shop = Shop::with(&[("FEATURE_BILLING_ENABLED", "false")]).await;
    shop.settle().await;
    let report = shop.operate("GET", format!("{DEV}/doctor")).await.must_be(200).json();
    assert_eq!((&report["healthy"], &report["enabled"]), (&json!(false), &json!(false)));
    let finding = report["findings"][0].as_str().unwrap();
    assert!(finding.starts_with("FEATURE_BILLING_ENABLED is off"), "{finding}");
    shop.app.stop().await;
}

#[tokio::test]
async fn the_checklist_and_the_report_are_shown() {
    let shop = open().await;
    shop.settle().await;
    let list = shop.operate("GET", format!("{DEV}/readiness?to=live")).await.must_be(200).json();
    assert_eq!(
        (&list["mode"], &list["to"], &list["ready"]),
        (&json!("shadow"), &json!("live"), &json!(false))
    );
    let names: Vec<_> = list["points"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    let wanted =
        ["lasted", "overrun_rate", "payment_required", "refund", "lot_invariant", "dead_letters"];
    assert_eq!(names, wanted);
    let report = shop.operate("GET", format!("{DEV}/doctor")).await.must_be(200).json();
    assert_eq!((&report["healthy"], &report["mode"]), (&json!(true), &json!("shadow")));
    assert_eq!((&report["lots_broken"], &report["accounts_with_drift"]), (&json!(0), &json!(0)));
    assert_eq!(report["enabled"], true);
    for look in ["readiness", "doctor"] {
        let path = format!("/v1/admin/tenants/nobody/billing/{look}");
        shop.operate("GET", &path).await.must_be_problem(404, "tenant_not_found");
        shop.get(format!("{DEV}/{look}")).await.must_be_problem(403, "forbidden");
    }
    shop.app.stop().await;
}

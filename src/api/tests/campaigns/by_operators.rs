//! Campaigns of any tenant's, as an operator manages them: the same as the tenant itself, and nobody else.

use serde_json::{Value, json};

use super::{command, item, items, plan, results, statuses};
use crate::api::tests::{Answer, Asking, Shop, msat};

const DEV: &str = "/v1/admin/tenants/dev/campaigns";
const WELCOME: &str = "/v1/admin/tenants/dev/campaigns/welcome";

async fn go(shop: &Shop, verb: &str) -> Answer {
    let reason = json!({"reason": "a test"});
    shop.operate("POST", format!("{WELCOME}/{verb}")).json(&reason).fresh().await
}

async fn begun(budget: u64) -> Shop {
    let shop = Shop::open().await;
    shop.operate("POST", DEV).json(&plan(budget)).fresh().await.must_be(201);
    go(&shop, "activate").await.must_be(200);
    shop
}

fn give<'a>(shop: &'a Shop, mode: &str, items: &[Value]) -> Asking<'a> {
    let body = json!({"mode": mode, "items": items});
    shop.operate("POST", format!("{WELCOME}/grants")).json(&body)
}

#[tokio::test]
async fn an_operator_plans_begins_gives_pauses_and_ends_and_the_tenant_sees_the_same() {
    let shop = Shop::open().await;
    let planned = shop.operate("POST", DEV).json(&plan(1_000)).fresh().await.must_be(201).json();
    assert_eq!((&planned["status"], &planned["left"]), (&json!("draft"), &msat(1_000)));
    for (verb, status) in [("activate", "active"), ("pause", "paused"), ("activate", "active")] {
        assert_eq!(go(&shop, verb).await.must_be(200).json()["status"], status);
    }
    let given = give(&shop, "atomic", &[item("k1", "alice", 600), item("k2", "bob", 300)]).await;
    let told = results(&given.must_be(200));
    go(&shop, "complete").await.must_be(200);
    shop.settle().await;
    for (ours, theirs) in [
        ("/v1/campaigns", DEV.to_owned()),
        ("/v1/campaigns/welcome", WELCOME.to_owned()),
        ("/v1/campaigns/welcome/grants", format!("{WELCOME}/grants")),
    ] {
        let seen = shop.operate("GET", theirs).await.must_be(200).json();
        assert_eq!(seen, shop.get(ours).await.must_be(200).json());
    }
    let page = shop.operate("GET", format!("{WELCOME}/grants?limit=1")).await.must_be(200).json();
    assert_eq!(page["items"], json!([told[0]]));
    let next = format!("{WELCOME}/grants?after={}", page["next"].as_str().unwrap());
    let rest = shop.operate("GET", next).await.must_be(200).json();
    assert_eq!(rest, json!({"items": [told[1]], "next": null}));
    shop.app.stop().await;
}

#[tokio::test]
async fn items_of_an_operator_are_answered_one_by_one_up_to_a_thousand() {
    let shop = begun(1_000).await;
    let grant = |n: u32| item(&format!("k{n}"), &format!("account-{n}"), 1);
    let mut all: Vec<Value> = (0..998).map(grant).collect();
    all.extend([item("over", "alice", 3), item("sys", "sys-commons", 1)]);
    let answer = give(&shop, "independent", &all).await.must_be(200);
    let told = statuses(&answer);
    assert!(told[..998].iter().all(|status| *status == 201), "{told:?}");
    assert_eq!(told[998..], [422, 403]);
    let over = &items(&answer)[998]["problem"];
    assert_eq!((&over["code"], &over["left"]), (&json!("budget_exceeded"), &msat(2)));
    all.push(grant(1_000));
    let too_many = give(&shop, "independent", &all).await;
    too_many.must_be_problem(422, "batch_too_long");
    // Among commands of all kinds the same key is the same request.
    let body = json!({"mode": "independent", "items": [command(grant(0))]});
    let batch = shop.operate("POST", "/v1/admin/tenants/dev/batch").json(&body).await;
    let batch = batch.must_be(200);
    assert_eq!(items(&batch)[0]["replayed"], true);
    assert_eq!(results(&batch)[0], results(&answer)[0]);
    shop.app.stop().await;
}

#[tokio::test]
async fn lines_are_taken_and_an_atomic_request_is_all_or_nothing() {
    let shop = begun(100).await;
    let before = shop.head();
    let over = [item("k0", "alice", 60), item("k1", "bob", 41)];
    let refused = give(&shop, "atomic", &over).await.must_be_problem(422, "budget_exceeded");
    assert_eq!(refused.json()["field"], "items.1.amount");
    assert_eq!(shop.head(), before);
    let lines = format!("{}\n{}\n", item("k0", "alice", 60), item("k1", "bob", 40));
    let ask = shop.operate("POST", format!("{WELCOME}/grants?mode=atomic")).raw(lines);
    let answer = ask.header("content-type", "application/x-ndjson").await.must_be(200);
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    shop.app.stop().await;
}

#[tokio::test]
async fn the_tenants_key_and_the_operators_share_what_was_done() {
    let shop = begun(100).await;
    let body = json!({"mode": "atomic", "items": [item("k0", "alice", 1)]});
    let ours = shop.ask("POST", "/v1/campaigns/welcome/grants").key(&shop.keys.key).json(&body);
    let ours = ours.await.must_be(200);
    let theirs = give(&shop, "atomic", &[item("k0", "alice", 1)]).await.must_be(200);
    assert_eq!(theirs.header("idempotency-replayed"), "true");
    assert_eq!(results(&theirs), results(&ours));
    let other = give(&shop, "atomic", &[item("k0", "alice", 2)]).await;
    other.must_be_problem(422, "idempotency_mismatch");
    shop.app.stop().await;
}

/// Every route of theirs, with a body that would do something.
fn asks(tenant: &str, campaign: &str) -> Vec<(&'static str, String, Value)> {
    let all = format!("/v1/admin/tenants/{tenant}/campaigns");
    let one = format!("{all}/{campaign}");
    let reason = || json!({"reason": "a test"});
    let grants = json!({"mode": "atomic", "items": [item("k0", "alice", 1)]});
    let new = json!({"campaign": "more", "budget": msat(1)});
    vec![
        ("GET", all.clone(), json!({})),
        ("GET", one.clone(), json!({})),
        ("GET", format!("{one}/grants"), json!({})),
        ("POST", all, new),
        ("POST", format!("{one}/activate"), reason()),
        ("POST", format!("{one}/pause"), reason()),
        ("POST", format!("{one}/complete"), reason()),
        ("POST", format!("{one}/grants"), grants),
    ]
}

#[tokio::test]
async fn nobody_but_an_operator_gets_in_and_nothing_happens() {
    let shop = begun(100).await;
    let rival = shop.tenant("rival", json!(["read", "credit", "operate", "admin"])).await;
    let before = shop.head();
    for (method, path, body) in asks("dev", "welcome") {
        let ask = || {
            let ask = shop.ask(method, path.clone()).fresh();
            if method == "GET" { ask } else { ask.json(&body) }
        };
        ask().await.must_be_problem(401, "unauthenticated");
        ask().key("no-token-of-anybody").await.must_be_problem(401, "unauthenticated");
        for key in [&shop.keys.key, &rival] {
            ask().key(key).await.must_be_problem(403, "forbidden");
        }
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_tenant_or_a_campaign_that_is_not_there_is_told_apart_and_nothing_happens() {
    let shop = begun(100).await;
    shop.settle().await;
    let before = shop.head();
    for (tenant, campaign, code) in
        [("nobody", "welcome", "tenant_not_found"), ("dev", "nothing", "campaign_not_found")]
    {
        for (method, path, body) in asks(tenant, campaign) {
            if path.ends_with("/dev/campaigns") {
                continue;
            }
            let ask = shop.operate(method, path).fresh();
            let ask = if method == "GET" { ask } else { ask.json(&body) };
            ask.await.must_be_problem(404, code);
        }
    }
    let path = "/v1/admin/tenants/a%20b/campaigns";
    shop.operate("GET", path).await.must_be_problem(422, "field_invalid");
    let path = "/v1/admin/tenants/nobody/reservations";
    shop.operate("GET", path).await.must_be_problem(404, "tenant_not_found");
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_an_operator_says_wrongly_names_the_field() {
    let shop = begun(100).await;
    let before = shop.head();
    for (wrong, code, field) in [
        (json!({"budget": 5}), "field_invalid", Some("budget")),
        (json!({"budget": msat(1), "tenant": "dev"}), "unknown_field", Some("tenant")),
        (json!({"budget": msat(0)}), "campaign_invalid", Some("budget.amount")),
    ] {
        let answer = shop.operate("POST", DEV).json(&wrong).fresh().await;
        assert_eq!(answer.must_be_problem(422, code).json()["field"].as_str(), field);
    }
    let keyless = shop.operate("POST", DEV).json(&plan(1)).await;
    keyless.must_be_problem(400, "idempotency_key_missing");
    let silent = shop.operate("POST", format!("{WELCOME}/pause")).json(&json!({"reason": " "}));
    silent.fresh().await.must_be_problem(422, "reason_needed");
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

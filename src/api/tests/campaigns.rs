//! Campaigns at the edge: who may what, what each item is answered with, what can be looked at.

mod by_operators;

use serde_json::{Value, json};

use super::{Answer, Shop, msat};

async fn begun(body: &Value) -> Shop {
    let shop = Shop::open().await;
    shop.post("/v1/campaigns", body).await.must_be(201);
    go(&shop, "activate").await.must_be(200);
    shop
}

fn plan(budget: u64) -> Value {
    json!({"campaign": "welcome", "budget": msat(budget)})
}

async fn go(shop: &Shop, verb: &str) -> Answer {
    shop.post(format!("/v1/campaigns/welcome/{verb}"), &json!({"reason": "a test"})).await
}

fn item(key: &str, account: &str, amount: u64) -> Value {
    json!({"idempotency_key": key, "account": account, "amount": msat(amount)})
}

/// The same, as it stands among commands of all kinds.
fn command(mut item: Value) -> Value {
    (item["operation"], item["campaign"]) = (json!("campaign.grant"), json!("welcome"));
    item
}

async fn give(shop: &Shop, mode: &str, items: &[Value]) -> Answer {
    let body = json!({"mode": mode, "items": items});
    shop.ask("POST", "/v1/campaigns/welcome/grants").key(&shop.keys.key).json(&body).await
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.json()["items"].as_array().unwrap().clone()
}

fn results(answer: &Answer) -> Vec<Value> {
    items(answer).iter().map(|item| item["result"].clone()).collect()
}

fn statuses(answer: &Answer) -> Vec<u64> {
    items(answer).iter().map(|item| item["status"].as_u64().unwrap()).collect()
}

async fn shown(shop: &Shop) -> Value {
    shop.settle().await;
    shop.get("/v1/campaigns/welcome").await.must_be(200).json()
}

#[tokio::test]
async fn a_campaign_is_planned_begun_paused_and_ended() {
    let shop = Shop::open().await;
    let planned = shop.post("/v1/campaigns", &plan(1_000)).await.must_be(201).json();
    assert_eq!((&planned["status"], &planned["left"]), (&json!("draft"), &msat(1_000)));
    shop.post("/v1/campaigns", &plan(1)).await.must_be_problem(409, "campaign_exists");
    let refused = give(&shop, "atomic", &[item("k1", "alice", 1)]).await;
    let refused = refused.must_be_problem(409, "campaign_not_active").json();
    assert_eq!(
        (&refused["campaign_status"], &refused["field"]),
        (&json!("draft"), &json!("items.0"))
    );
    go(&shop, "pause").await.must_be_problem(409, "campaign_wrong_status");
    for (verb, status) in [
        ("activate", "active"),
        ("activate", "active"),
        ("pause", "paused"),
        ("activate", "active"),
        ("complete", "completed"),
        ("complete", "completed"),
    ] {
        assert_eq!(go(&shop, verb).await.must_be(200).json()["status"], status);
        assert_eq!(shown(&shop).await["status"], status);
    }
    go(&shop, "activate").await.must_be_problem(409, "campaign_wrong_status");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_campaign_tells_what_it_gave() {
    let mut body = plan(1_000);
    (body["purpose"], body["pool"]) = (json!("referral"), json!("campaign:welcome"));
    body["lots_expire_after_seconds"] = json!(86_400);
    let shop = begun(&body).await;
    let given = give(&shop, "atomic", &[item("k1", "alice", 600), item("k2", "bob", 300)]).await;
    let told = results(&given.must_be(200));
    assert_eq!((&told[0]["total"], &told[1]["pool"]), (&msat(600), &json!("campaign:welcome")));
    assert!(told[1]["expires_at"].is_string());
    let seen = shown(&shop).await;
    assert_eq!((&seen["spent"], &seen["left"]), (&msat(900), &msat(100)));
    assert_eq!((&seen["grants"], &seen["purpose"]), (&json!(2), &json!("referral")));
    assert!(seen["threshold_reached_at"].is_string(), "{seen}");
    let first = shop.get("/v1/campaigns/welcome/grants?limit=1").await.must_be(200).json();
    assert_eq!(first["items"], json!([told[0]]));
    let next = first["next"].as_str().unwrap();
    let second = shop.get(format!("/v1/campaigns/welcome/grants?after={next}")).await.json();
    assert_eq!(second, json!({"items": [told[1]], "next": null}));
    let lots = shop.get("/v1/accounts/alice/lots").await.must_be(200).json();
    assert_eq!(lots["items"][0]["lot"], told[0]["lot"]);
    assert_eq!(lots["items"][0]["source"], "grant");
    let list = shop.get("/v1/campaigns").await.must_be(200).json();
    assert_eq!(list["items"], json!([seen]));
    shop.app.stop().await;
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_the_name_that_was_made_up() {
    let shop = Shop::open().await;
    let ask = |body| {
        let ask = shop.ask("POST", "/v1/campaigns").key(&shop.keys.key).json(&body);
        ask.header("idempotency-key", "again")
    };
    let first = ask(json!({"budget": msat(5)})).await.must_be(201);
    let again = ask(json!({"budget": msat(5)})).await.must_be(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), first.json());
    ask(json!({"budget": msat(6)})).await.must_be_problem(422, "idempotency_mismatch");
    shop.app.stop().await;
}

#[tokio::test]
async fn items_are_given_as_far_as_budget_and_cap_go_and_refused_by_themselves() {
    let mut body = plan(100);
    body["account_cap"] = msat(60);
    let shop = begun(&body).await;
    let mut named = item("k4", "alice", 1);
    named["campaign"] = json!("another");
    let mut foreign = item("k5", "alice", 1);
    foreign["amount"]["commodity"] = json!("USD");
    let mut answers = vec![];
    for (one, code) in [
        (item("k0", "alice", 60), "done"),
        (item("k1", "alice", 1), "cap_exceeded"),
        (item("k2", "bob", 41), "budget_exceeded"),
        (item("k3", "bob", 40), "done"),
        (named, "unknown_field"),
        (foreign, "commodity_foreign"),
        (item("k6", "sys-commons", 1), "account_reserved"),
        (json!({"account": "alice", "amount": msat(1)}), "idempotency_key_missing"),
        (item("k8", "carol", 0), "amount_zero"),
        (item("k0", "alice", 60), "done"),
        (item("k0", "alice", 59), "idempotency_mismatch"),
        (json!(7), "field_invalid"),
    ] {
        let answer = give(&shop, "independent", &[one]).await.must_be(200);
        let told = items(&answer).remove(0);
        assert_eq!(told["problem"]["code"].as_str().unwrap_or("done"), code, "{told}");
        answers.push(told);
    }
    assert_eq!(answers[1]["problem"]["left"], msat(0));
    assert_eq!(answers[2]["problem"]["left"], msat(40));
    assert_eq!(answers[9]["replayed"], true);
    assert_eq!(answers[9]["result"], answers[0]["result"]);
    assert_eq!(shown(&shop).await["spent"], msat(100));
    shop.app.stop().await;
}

#[tokio::test]
async fn an_atomic_request_is_all_or_nothing_and_its_repeat_gives_the_same_answers() {
    let shop = begun(&plan(100)).await;
    let before = shop.head();
    let over = [item("k0", "alice", 60), item("k1", "bob", 41)];
    let refused = give(&shop, "atomic", &over).await.must_be_problem(422, "budget_exceeded");
    let refused = refused.json();
    assert_eq!((&refused["field"], &refused["left"]), (&json!("items.1.amount"), &msat(40)));
    assert_eq!(shop.head(), before);
    let fitting = [item("k0", "alice", 60), item("k1", "bob", 40)];
    let first = give(&shop, "atomic", &fitting).await.must_be(200);
    assert_eq!(shop.head(), before + 7, "three facts a grant, and the threshold once");
    let again = give(&shop, "atomic", &fitting).await.must_be(200);
    assert_eq!(shop.head(), before + 7);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(results(&again), results(&first));
    // The same key among commands of all kinds is the same request.
    let body = json!({"mode": "independent", "items": [command(item("k0", "alice", 60))]});
    let batch = shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await.must_be(200);
    assert_eq!(items(&batch)[0]["replayed"], true);
    assert_eq!(results(&batch)[0], results(&first)[0]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_thousand_grants_land_at_once_and_no_more_are_taken() {
    let shop = begun(&plan(1_000)).await;
    let grant = |n: u32| item(&format!("k{n}"), &format!("account-{n}"), 1);
    let mut all: Vec<Value> = (0..1_000).map(grant).collect();
    let given = give(&shop, "atomic", &all).await.must_be(200);
    assert!(statuses(&given).iter().all(|status| *status == 201));
    let seen = shown(&shop).await;
    assert_eq!((&seen["left"], &seen["grants"]), (&msat(0), &json!(1_000)));
    all.push(grant(1_000));
    give(&shop, "independent", &all).await.must_be_problem(422, "batch_too_long");
    shop.app.stop().await;
}

#[tokio::test]
async fn who_plans_and_who_gives_may_be_two() {
    let shop = begun(&plan(100)).await;
    let clerk = shop.key_of("dev", "clerk", json!(["credit"])).await;
    let owner = shop.key_of("dev", "owner", json!(["operate"])).await;
    let reader = shop.key_of("dev", "reader", json!(["read"])).await;
    let body = json!({"mode": "atomic", "items": [item("k0", "alice", 1)]});
    let grants = "/v1/campaigns/welcome/grants";
    for (key, status) in [(&owner, 403), (&reader, 403), (&clerk, 200)] {
        shop.ask("POST", grants).key(key).json(&body).await.must_be(status);
    }
    let reason = json!({"reason": "a test"});
    for (key, status) in [(&clerk, 403), (&reader, 403), (&owner, 200)] {
        let ask = shop.ask("POST", "/v1/campaigns/welcome/pause").key(key).json(&reason).fresh();
        ask.await.must_be(status);
    }
    shop.settle().await;
    shop.ask("GET", grants).key(&reader).await.must_be(200);
    // An item among commands of all kinds is refused as its own route would refuse it.
    let batch = json!({"mode": "independent", "items": [command(item("k1", "alice", 1))]});
    let answer = shop.ask("POST", "/v1/batch").key(&owner).json(&batch).await.must_be(200);
    assert_eq!(statuses(&answer), [403]);
    shop.app.stop().await;
}

#[tokio::test]
async fn another_tenants_campaign_does_not_exist() {
    let shop = begun(&plan(100)).await;
    let rival = shop.tenant("rival", json!(["read", "credit", "operate"])).await;
    shop.settle().await;
    for path in ["/v1/campaigns/welcome", "/v1/campaigns/welcome/grants"] {
        shop.ask("GET", path).key(&rival).await.must_be_problem(404, "campaign_not_found");
    }
    let body = json!({"mode": "atomic", "items": [item("k0", "alice", 1)]});
    let ask = shop.ask("POST", "/v1/campaigns/welcome/grants").key(&rival).json(&body);
    ask.await.must_be_problem(404, "campaign_not_found");
    let ask = shop.ask("POST", "/v1/campaigns/welcome/pause").key(&rival);
    let answer = ask.json(&json!({"reason": "a test"})).fresh().await;
    answer.must_be_problem(404, "campaign_not_found");
    shop.ask("POST", "/v1/campaigns").key(&rival).json(&plan(1)).fresh().await.must_be(201);
    assert_eq!(shown(&shop).await["status"], "active");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_planned_names_the_field_and_leaves_nothing() {
    let shop = Shop::open().await;
    let head = shop.head();
    let with = |name: &str, value: Value| json!({"budget": msat(1), name: value});
    let past = json!("2001-01-01T00:00:00Z");
    let dollar = json!({"commodity": "USD", "amount": "1"});
    let euro = json!({"commodity": "EUR", "amount": "1"});
    for (wrong, code, field) in [
        (json!({"budget": msat(0)}), "campaign_invalid", Some("budget.amount")),
        (json!({"budget": 5}), "field_invalid", Some("budget")),
        (json!({}), "field_invalid", Some("budget")),
        (json!({"budget": euro}), "commodity_unknown", Some("budget.commodity")),
        (with("colour", json!(1)), "unknown_field", Some("colour")),
        (with("campaign", json!("a b")), "field_invalid", Some("campaign")),
        (with("purpose", json!("fun")), "field_invalid", Some("purpose")),
        (with("ends_at", json!("soon")), "field_invalid", Some("ends_at")),
        (with("ends_at", past), "campaign_invalid", Some("ends_at")),
        (with("threshold_percent", json!(0)), "campaign_invalid", Some("threshold_percent")),
        (with("threshold_percent", json!(-1)), "field_invalid", Some("threshold_percent")),
        (with("account_cap", dollar), "field_invalid", Some("account_cap.commodity")),
        (with("account_cap", msat(2)), "campaign_invalid", Some("account_cap")),
    ] {
        let answer = shop.post("/v1/campaigns", &wrong).await.must_be_problem(422, code).json();
        assert_eq!(answer["field"].as_str(), field, "{answer}");
    }
    let nothing = json!({"reason": " "});
    shop.post("/v1/campaigns/x/pause", &nothing).await.must_be_problem(422, "reason_needed");
    assert_eq!(shop.head(), head);
    shop.app.stop().await;
}

#[tokio::test]
async fn the_share_of_the_budget_is_measured_until_the_campaign_ends() {
    let shop = begun(&plan(200)).await;
    give(&shop, "atomic", &[item("k0", "alice", 190)]).await.must_be(200);
    for (verb, value) in [("pause", "0.95"), ("complete", "NaN")] {
        go(&shop, verb).await.must_be(200);
        shop.settle().await;
        let answer = shop.operate("GET", "/metrics").await.must_be(200);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let series = r#"campaign_budget_spent_ratio{tenant="dev",campaign="welcome"}"#;
        assert!(text.contains(&format!("{series} {value}\n")), "{text}");
    }
    shop.app.stop().await;
}

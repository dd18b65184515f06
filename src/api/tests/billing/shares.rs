//! Rules of shares are made by two people, and hold after a wait.

use serde_json::{Value, json};

use super::{admin, open};
use crate::api::tests::{Answer, Shop};

const SHARES: &str = "/v1/admin/tenants/dev/billing/shares";

fn cut(commons: u32, community: u32, foundation: u32) -> Value {
    json!({ "commons_bps": commons, "community_bps": community, "foundation_bps": foundation,
        "reason": "more for all" })
}

async fn by(shop: &Shop, who: &str, path: &str, body: &Value) -> Answer {
    let ask = shop.ask("POST", format!("{SHARES}{path}"));
    ask.header("authorization", &admin(who)).json(body).fresh().await
}

async fn decide(shop: &Shop, who: &str, rule: u32, how: &str) -> Answer {
    by(shop, who, &format!("/{rule}/{how}"), &json!({ "reason": "looked into it" })).await
}

async fn rules(shop: &Shop) -> Vec<Value> {
    let all = shop.operate("GET", SHARES).await.must_be(200).json();
    all["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn one_proposes_another_approves_and_a_third_hastens() {
    let shop = open().await;
    let proposed = by(&shop, "ada", "", &cut(1_000, 6_000, 3_000)).await.must_be(201).json();
    assert_eq!((&proposed["rule"], &proposed["stage"]), (&json!(1), &json!("proposed")));
    assert_eq!(proposed["proposed_by"], "ada");
    decide(&shop, "ada", 1, "approve").await.must_be_problem(403, "four_eyes");
    let approved = decide(&shop, "bob", 1, "approve").await.must_be(200).json();
    assert_eq!(approved["stage"], "approved");
    assert_eq!(approved["in_force"], false, "it waits for two days");
    decide(&shop, "bob", 1, "approve").await.must_be_problem(409, "shares_not_open");
    assert_eq!(rules(&shop).await[0]["in_force"], true);
    let hastened = decide(&shop, "cleo", 1, "hasten").await.must_be(200).json();
    assert_eq!(hastened["in_force"], true);
    let rules = rules(&shop).await;
    assert_eq!((&rules[0]["in_force"], &rules[1]["in_force"]), (&json!(false), &json!(true)));
    let config = shop.operate("GET", "/admin/billing/config").await.json();
    assert_eq!((&config["shares_rule"], &config["commons_rate_bps"]), (&json!(1), &json!(1_000)));
    shop.app.stop().await;
}

#[tokio::test]
async fn operators_who_share_a_token_are_one_person() {
    let shop = open().await;
    let ask = |path: &str, body: &Value| {
        shop.operate("POST", format!("{SHARES}{path}")).json(body).fresh().send()
    };
    ask("", &cut(500, 7_000, 2_500)).await.must_be(201);
    let reason = json!({ "reason": "looks good" });
    ask("/1/approve", &reason).await.must_be_problem(403, "four_eyes");
    ask("/1/reject", &reason).await.must_be(200);
    decide(&shop, "ada", 1, "approve").await.must_be_problem(409, "shares_not_open");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_was_approved_is_stopped_while_it_waits() {
    let shop = open().await;
    by(&shop, "ada", "", &cut(500, 7_000, 2_500)).await.must_be(201);
    decide(&shop, "bob", 1, "approve").await.must_be(200);
    let stopped = decide(&shop, "eve", 1, "reject").await.must_be(200).json();
    assert_eq!((&stopped["stage"], &stopped["from"]), (&json!("rejected"), &Value::Null));
    decide(&shop, "bob", 1, "hasten").await.must_be_problem(409, "shares_not_open");
    by(&shop, "ada", "", &cut(400, 7_000, 2_600)).await.must_be(201);
    decide(&shop, "bob", 2, "approve").await.must_be(200);
    decide(&shop, "bob", 2, "hasten").await.must_be(200);
    decide(&shop, "eve", 2, "reject").await.must_be_problem(409, "shares_not_open");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_cannot_hold_is_refused() {
    let shop = open().await;
    let above = by(&shop, "ada", "", &cut(500, 7_000, 2_501)).await;
    let above = above.must_be_problem(422, "shares_invalid").json();
    assert_eq!(above["field"], "foundation_bps");
    by(&shop, "ada", "", &cut(u32::MAX, u32::MAX, 1)).await.must_be_problem(422, "shares_invalid");
    let missing = by(&shop, "ada", "", &json!({ "commons_bps": 1, "reason": "x" })).await;
    assert_eq!(missing.must_be(422).json()["field"], "community_bps");
    for how in ["approve", "reject", "hasten"] {
        decide(&shop, "ada", 7, how).await.must_be_problem(404, "shares_not_found");
    }
    let path = format!("{SHARES}/x/approve");
    let bad = shop.operate("POST", path).json(&json!({ "reason": "x" })).fresh().await;
    assert_eq!(bad.must_be(422).json()["field"], "rule");
    by(&shop, "ada", "", &cut(0, 0, 10_000)).await.must_be(201);
    decide(&shop, "bob", 1, "hasten").await.must_be_problem(409, "shares_not_open");
    assert_eq!(rules(&shop).await.len(), 2);
    shop.app.stop().await;
}

#[tokio::test]
async fn the_answer_to_a_repeat_is_the_first_one() {
    let shop = open().await;
    by(&shop, "ada", "", &cut(0, 0, 10_000)).await.must_be(201);
    let approve = || {
        let ask = shop.ask("POST", format!("{SHARES}/1/approve"));
        let ask = ask.header("authorization", &admin("bob")).header("idempotency-key", "k");
        ask.json(&json!({ "reason": "yes" })).send()
    };
    let adjust = || {
        let ask = shop.ask("PUT", "/admin/billing/config").header("authorization", &admin("bob"));
        let body = json!({ "reserve_ttl_seconds": 77, "reason": "shorter" });
        ask.header("idempotency-key", "k").json(&body).send()
    };
    let first = [approve().await.must_be(200).json(), adjust().await.must_be(200).json()];
    decide(&shop, "cleo", 1, "hasten").await.must_be(200);
    let again = [approve().await.must_be(200), adjust().await.must_be(200)];
    for (again, first) in again.iter().zip(&first) {
        assert_eq!((again.header("idempotency-replayed"), &again.json()), ("true", first));
    }
    // Its wait was not over then, and another rule shared out.
    assert_eq!((&first[0]["in_force"], &first[1]["shares_rule"]), (&json!(false), &json!(0)));
    shop.app.stop().await;
}

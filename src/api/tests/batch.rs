//! Many commands in one request: as if each had come alone, or as if none had come.

use serde_json::{Value, json};

use super::{Answer, Shop, msat};

async fn bank() -> Shop {
    let shop = Shop::open().await;
    for account in ["alice", "bob"] {
        let path = format!("/v1/admin/tenants/dev/accounts/{account}/mint");
        let lot = json!({"amount": msat(100), "source_id": account, "reason": "test"});
        shop.operate("POST", path).json(&lot).fresh().await.must_be(201);
    }
    shop
}

fn spend(key: &str, account: &str, amount: u64) -> Value {
    json!({"operation": "account.spend", "idempotency_key": key, "account": account,
        "amount": msat(amount)})
}

fn open(key: &str, account: &str) -> Value {
    json!({"operation": "account.open", "idempotency_key": key, "account": account})
}

async fn put(shop: &Shop, mode: &str, items: &[Value]) -> Answer {
    let body = json!({"mode": mode, "items": items});
    shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.json()["items"].as_array().unwrap().clone()
}

fn statuses(answer: &Answer) -> Vec<u64> {
    items(answer).iter().map(|item| item["status"].as_u64().unwrap()).collect()
}

async fn available(shop: &Shop, account: &str) -> String {
    shop.settle().await;
    let answer = shop.get(format!("/v1/accounts/{account}/balance")).await.must_be(200);
    answer.json()["balances"][0]["available"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn items_taken_by_themselves_are_refused_by_themselves_and_answered_in_order() {
    let shop = bank().await;
    let mut wrong = spend("k3", "alice", 1);
    wrong["amount"] = json!({"commodity": "MSAT", "amount": "1.5"});
    let mut unknown = spend("k4", "alice", 1);
    unknown["colour"] = json!("red");
    let all = [
        spend("k0", "alice", 30),
        spend("k1", "alice", 101),
        open("k2", "carol"),
        wrong,
        unknown,
        spend("k5", "nobody", 1),
        json!(7),
        json!({"operation": "roll.burn", "idempotency_key": "k7"}),
        json!({"operation": "account.open", "account": "dave"}),
        spend("k\n", "alice", 1),
        spend("k0", "alice", 30),
        spend("k0", "alice", 31),
    ];
    let answer = put(&shop, "independent", &all).await.must_be(200);
    assert_eq!(statuses(&answer), [201, 402, 201, 422, 422, 404, 422, 422, 400, 400, 201, 422]);
    let told = items(&answer);
    assert_eq!(told[0]["result"]["parts"][0]["left"], "70");
    assert_eq!(told[2]["result"], json!({"account": "carol"}));
    assert_eq!((&told[0]["replayed"], &told[10]["replayed"]), (&json!(false), &json!(true)));
    assert_eq!(told[0]["result"], told[10]["result"]);
    assert_eq!(told[0]["position"], answer.header("piperoll-position"));
    for (at, code, field) in [
        (1, "credit_insufficient", "items.1"),
        (3, "field_invalid", "items.3.amount.amount"),
        (4, "unknown_field", "items.4.colour"),
        (5, "account_not_found", "items.5"),
        (6, "field_invalid", "items.6"),
        (7, "field_invalid", "items.7.operation"),
        (8, "idempotency_key_missing", "items.8.idempotency_key"),
        (9, "idempotency_key_invalid", "items.9.idempotency_key"),
        (11, "idempotency_mismatch", "items.11"),
    ] {
        let problem = &told[at]["problem"];
        assert_eq!(
            (&problem["code"], &problem["field"]),
            (&json!(code), &json!(field)),
            "{problem}"
        );
        assert_eq!(problem["status"], told[at]["status"]);
    }
    assert_eq!(available(&shop, "alice").await, "70");
    shop.app.stop().await;
}

#[tokio::test]
async fn an_atomic_batch_is_all_or_nothing_and_its_repeat_gives_the_same_answers() {
    let shop = bank().await;
    let before = shop.head();
    let short = [spend("k0", "alice", 60), spend("k1", "bob", 1), spend("k2", "alice", 41)];
    let refused = put(&shop, "atomic", &short).await.must_be_problem(402, "credit_insufficient");
    assert_eq!(refused.json()["field"], "items.2");
    assert_eq!(shop.head(), before);

    let fitting = [spend("k0", "alice", 60), open("k1", "alice"), spend("k2", "bob", 40)];
    let first = put(&shop, "atomic", &fitting).await.must_be(200);
    assert_eq!(shop.head(), before + 2, "an account that is open is not opened");
    let again = put(&shop, "atomic", &fitting).await.must_be(200);
    assert_eq!(shop.head(), before + 2);
    for (one, other) in items(&first).iter().zip(items(&again)) {
        assert_eq!(one["result"], other["result"]);
    }
    let replayed: Vec<_> = items(&again).iter().map(|item| item["replayed"].clone()).collect();
    assert_eq!(replayed, [true, false, true]);
    assert_eq!(available(&shop, "alice").await, "40");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_batch_that_repeats_a_part_of_another_does_the_rest_or_nothing() {
    let shop = bank().await;
    let alone = shop.ask("POST", "/v1/accounts/alice/spend").key(&shop.keys.key);
    let alone = alone.header("idempotency-key", "k0").json(&json!({"amount": msat(60)}));
    let alone = alone.await.must_be(201);
    let before = shop.head();

    let short = [spend("k0", "alice", 60), spend("k1", "bob", 101)];
    let refused = put(&shop, "atomic", &short).await.must_be_problem(402, "credit_insufficient");
    assert_eq!(refused.json()["field"], "items.1", "as it stands in the whole");
    let other = [spend("k1", "bob", 1), spend("k0", "alice", 61)];
    let refused = put(&shop, "atomic", &other).await.must_be_problem(422, "idempotency_mismatch");
    assert_eq!(refused.json()["field"], "items.1");
    assert_eq!(shop.head(), before);

    let rest = [spend("k1", "bob", 40), spend("k0", "alice", 60)];
    let done = put(&shop, "atomic", &rest).await.must_be(200);
    let told = items(&done);
    assert_eq!((&told[0]["replayed"], &told[1]["replayed"]), (&json!(false), &json!(true)));
    assert_eq!(told[1]["result"], alone.json());
    assert_eq!(told[1]["position"], alone.header("piperoll-position"));
    assert_eq!(shop.head(), before + 1);

    let alone = shop.ask("POST", "/v1/accounts/bob/spend").key(&shop.keys.key);
    let alone = alone.header("idempotency-key", "k1").json(&json!({"amount": msat(40)})).await;
    assert_eq!(alone.header("idempotency-replayed"), "true", "and the other way round");
    assert_eq!(alone.json(), told[0]["result"]);
    let all = put(&shop, "atomic", &rest).await.must_be(200);
    assert_eq!(all.header("idempotency-replayed"), "true");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_atomic_batch_is_told_before_anything_is_done() {
    let shop = bank().await;
    let before = shop.head();
    let mut wrong = spend("k1", "alice", 1);
    wrong["amount"]["commodity"] = json!("no such");
    for (items, status, code, field) in [
        (vec![spend("k0", "alice", 1), wrong], 422, "field_invalid", "items.1.amount.commodity"),
        (
            vec![spend("k0", "alice", 1), spend("k0", "bob", 1)],
            422,
            "field_invalid",
            "items.1.idempotency_key",
        ),
        (vec![], 422, "field_invalid", "items"),
    ] {
        let refused = put(&shop, "atomic", &items).await.must_be_problem(status, code);
        assert_eq!(refused.json()["field"], field);
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn lines_come_in_and_lines_go_out() {
    let shop = bank().await;
    let lines = format!("{}\n\n{{\r\n{}", spend("k0", "alice", 1), spend("k1", "bob", 2));
    let ask = |path: &str| {
        let ask = shop.ask("POST", path).key(&shop.keys.key).raw(lines.clone());
        ask.header("content-type", "application/x-ndjson; charset=utf-8")
    };
    ask("/v1/batch").await.must_be_problem(422, "field_invalid");
    ask("/v1/batch?mode=both").await.must_be_problem(422, "field_invalid");
    ask("/v1/batch?mode=atomic").await.must_be_problem(400, "malformed_json");
    let answer = ask("/v1/batch?mode=independent").await.must_be(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told[1]["problem"]["code"], "malformed_json");
    assert_eq!(told[2]["result"]["account"], "bob");
    shop.app.stop().await;
}

#[tokio::test]
async fn bodies_that_are_no_batch_are_refused_and_too_much_is_too_much() {
    let shop = bank().await;
    let before = shop.head();
    let ask = |body: String| {
        let ask = shop.ask("POST", "/v1/batch").key(&shop.keys.key).raw(body);
        ask.header("content-type", "application/json")
    };
    for (body, status, code) in [
        ("", 400, "malformed_json"),
        ("[]", 422, "field_invalid"),
        ("{}", 422, "field_invalid"),
        (r#"{"items":[{}]}"#, 422, "field_invalid"),
        (r#"{"mode":"atomic","items":{}}"#, 422, "field_invalid"),
        (r#"{"mode":"atomic","items":[{}],"items":[{}]}"#, 422, "field_invalid"),
        (r#"{"mode":"atomic","items":[{}],"tenant":"x"}"#, 422, "unknown_field"),
        (r#"{"mode":"atomic","items":[{}]} {}"#, 400, "malformed_json"),
        (r#"{"mode":"atomic","items":[{]}"#, 400, "malformed_json"),
    ] {
        ask(body.to_owned()).await.must_be_problem(status, code);
    }
    let deep = format!(r#"{{"mode":"atomic","items":[{}]}}"#, "[".repeat(200) + &"]".repeat(200));
    ask(deep).await.must_be_problem(400, "too_deep");
    let many: Vec<Value> = (0..1_001).map(|n| spend(&format!("k{n}"), "alice", 1)).collect();
    let refused = put(&shop, "independent", &many).await.must_be_problem(422, "batch_too_long");
    assert_eq!(refused.json()["most"], 1_000);
    let lines = many.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let ask_lines = shop.ask("POST", "/v1/batch?mode=independent").key(&shop.keys.key).raw(lines);
    let refused = ask_lines.header("content-type", "application/x-ndjson").await;
    refused.must_be_problem(422, "batch_too_long");
    let long = format!(r#"{{"mode":"atomic","items":["{}"]}}"#, "x".repeat(1024 * 1024));
    ask(long).await.must_be_problem(413, "body_too_large");
    assert_eq!(shop.head(), before);
    put(&shop, "atomic", &many[..1_000]).await.must_be_problem(402, "credit_insufficient");
    let fitting = put(&shop, "atomic", &many[..100]).await.must_be(200);
    assert_eq!(statuses(&fitting), vec![201; 100]);
    shop.app.stop().await;
}

#[tokio::test]
async fn who_may_not_do_it_alone_may_not_do_it_in_a_batch() {
    let shop = bank().await;
    let before = shop.head();
    for roles in [json!([]), json!(["read", "sell", "operate"])] {
        let key = shop.key_of("dev", &format!("k{}", roles.as_array().unwrap().len()), roles).await;
        let ask = |mode: &str| {
            let body = json!({"mode": mode, "items": [spend("k0", "alice", 1)]});
            shop.ask("POST", "/v1/batch").key(&key).json(&body)
        };
        let refused = ask("atomic").await.must_be_problem(403, "forbidden");
        assert_eq!(refused.json()["field"], "items.0.operation");
        let answer = ask("independent").await.must_be(200);
        assert_eq!(statuses(&answer), [403]);
    }
    let admin = json!({"mode": "atomic", "items": [spend("k0", "alice", 1)]});
    shop.operate("POST", "/v1/batch").json(&admin).await.must_be_problem(403, "forbidden");
    let stranger = shop.tenant("rival", json!(["credit"])).await;
    let body = json!({"mode": "atomic", "items": [spend("k0", "alice", 1)]});
    let refused = shop.ask("POST", "/v1/batch").key(&stranger).json(&body).await;
    refused.must_be_problem(404, "account_not_found");
    assert_eq!(shop.head(), before + 4, "two keys, a tenant and its key");
    shop.app.stop().await;
}

fn held(key: &str, name: &str, amount: u64) -> Value {
    json!({"operation": "reservation.reserve", "idempotency_key": key, "account": "alice",
        "reservation": name, "amount": msat(amount)})
}

fn charged(key: &str, name: &str, cost: u64) -> Value {
    json!({"operation": "reservation.finalize", "idempotency_key": key, "reservation": name,
        "account": "alice", "cost": msat(cost)})
}

fn given_back(key: &str, name: &str) -> Value {
    json!({"operation": "reservation.release", "idempotency_key": key, "reservation": name})
}

async fn live_bank() -> Shop {
    let shop = bank().await;
    super::metering::switch(&shop, piperoll_domain::billing::Mode::Live).await;
    shop
}

#[tokio::test]
async fn metered_items_are_answered_as_alone() {
    let shop = live_bank().await;
    let all = [held("k0", "res_1", 30), held("k1", "res_2", 30), held("k2", "res_3", 50)];
    let answer = put(&shop, "independent", &all).await.must_be(200);
    assert_eq!(statuses(&answer), [201, 201, 402]);
    assert_eq!(items(&answer)[0]["result"]["reserved"], msat(30));
    let ends = [charged("k3", "res_1", 20), given_back("k4", "res_2"), charged("k5", "res_9", 1)];
    let answer = put(&shop, "independent", &ends).await.must_be(200);
    assert_eq!(statuses(&answer), [200, 200, 404]);
    let told = items(&answer);
    assert_eq!(
        (&told[0]["result"]["charged"], &told[1]["result"]["status"]),
        (&msat(20), &json!("released"))
    );
    // Under other keys: the stored answers, and no other cost.
    let again = [charged("k6", "res_1", 20), charged("k7", "res_1", 21), given_back("k8", "res_2")];
    let answer = put(&shop, "independent", &again).await.must_be(200);
    assert_eq!(statuses(&answer), [200, 409, 200]);
    assert_eq!(
        (&items(&answer)[0]["result"], &items(&answer)[0]["replayed"]),
        (&told[0]["result"], &json!(true))
    );
    assert_eq!(available(&shop, "alice").await, "80");
    shop.app.stop().await;
}

#[tokio::test]
async fn what_an_atomic_batch_holds_it_may_charge() {
    let shop = live_bank().await;
    let all = [held("k0", "res_1", 30), charged("k1", "res_1", 30), spend("k2", "alice", 70)];
    let answer = put(&shop, "atomic", &all).await.must_be(200);
    assert_eq!(statuses(&answer), [201, 200, 201]);
    let again = put(&shop, "atomic", &all).await.must_be(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    for (one, other) in items(&answer).iter().zip(items(&again)) {
        assert_eq!(one["result"], other["result"]);
    }
    assert_eq!(available(&shop, "alice").await, "0");
    shop.app.stop().await;
}

#[tokio::test]
async fn credit_is_given_in_operators_batches_and_in_no_others() {
    let shop = bank().await;
    let mint = |key: &str, account: &str, source: &str| {
        json!({"operation": "lot.mint", "idempotency_key": key, "account": account,
            "amount": msat(7), "source_id": source, "reason": "test"})
    };
    let refused = put(&shop, "atomic", &[mint("k0", "carol", "a")]).await;
    assert_eq!(refused.must_be_problem(403, "forbidden").json()["field"], "items.0.operation");
    let all = [
        mint("k0", "carol", "a"),
        mint("k1", "dora", "b"),
        mint("k2", "dora", "a"),
        spend("k3", "alice", 1),
    ];
    let body = json!({"mode": "independent", "items": all});
    let ask = || shop.operate("POST", "/v1/admin/tenants/dev/batch").json(&body).send();
    let answer = ask().await.must_be(200);
    assert_eq!(statuses(&answer), [201, 201, 409, 403]);
    let again = ask().await.must_be(200);
    assert_eq!(items(&answer)[1]["result"]["lot"], items(&again)[1]["result"]["lot"]);
    assert_eq!(available(&shop, "dora").await, "7");
    shop.app.stop().await;
}

#[tokio::test]
async fn with_billing_switched_off_only_what_charges_is_refused() {
    let shop = Shop::with(&[("FEATURE_BILLING_ENABLED", "false")]).await;
    let all = [
        open("k0", "alice"),
        spend("k1", "alice", 1),
        held("k2", "res_1", 1),
        charged("k3", "res_1", 1),
        given_back("k4", "res_1"),
        open("k5", "bob"),
    ];
    let answer = put(&shop, "independent", &all).await.must_be(200);
    assert_eq!(statuses(&answer), [201, 503, 503, 503, 503, 201]);
    put(&shop, "atomic", &all).await.must_be_problem(503, "billing_off");
    shop.app.stop().await;
}

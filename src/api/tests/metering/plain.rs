//! The plain body of a 402, beside what every problem tells: what there was for whoever was short.

use piperoll_domain::billing::{Billing, Mode};
use serde_json::{Value, json};

use super::{bill, finalize, hold, sells, shop, switch, usd};
use crate::api::tests::{Answer, Shop, msat};

const RESERVATIONS: &str = "/v1/accounts/alice/reservations";

/// A 402 that tells this balance in micro USD, and by how much it was short.
#[track_caller]
fn must_tell(answer: Answer, balance: i64, missing: u64) -> Value {
    let told = answer.must_be_problem(402, "credit_insufficient").json();
    must_be(&told, balance, missing);
    told
}

#[track_caller]
fn must_be(problem: &Value, balance: i64, missing: u64) {
    assert_eq!(problem["error"], "insufficient_credits", "{problem}");
    assert_eq!(problem["balance_micro"], balance.to_string(), "{problem}");
    let sum = json!({"commodity": "USD", "amount": balance.to_string()});
    assert_eq!((&problem["balance"], &problem["missing"]), (&sum, &usd(missing)), "{problem}");
}

async fn mint(shop: &Shop, pool: &str, units: u64) {
    let lot = json!({"amount": usd(units), "pool": pool, "source_id": pool, "reason": "test"});
    let path = "/v1/admin/tenants/dev/accounts/alice/mint";
    shop.operate("POST", path).json(&lot).fresh().await.must_be(201);
}

async fn ask(shop: &Shop, more: Value) -> Answer {
    let mut body = json!({"amount": usd(1_000)});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shop.post(RESERVATIONS, &body).await
}

async fn spend(shop: &Shop, units: u64) -> Answer {
    shop.post("/v1/accounts/alice/spend", &json!({"amount": usd(units)})).await
}

#[tokio::test]
async fn the_plain_body_stands_beside_the_problem_wherever_credit_is_demanded() {
    let shop = shop(Mode::Live).await;
    let told = must_tell(hold(&shop, "res_1", 130).await, 100, 30);
    assert_eq!(told["type"], "urn:piperoll:problem:credit_insufficient");
    assert_eq!(
        (&told["status"], &told["title"]),
        (&json!(402), &json!("The credit is not enough"))
    );
    must_tell(spend(&shop, 101).await, 100, 1);
    let body = json!({"from": "alice", "to": "bob", "amount": usd(140), "reason": "one person"});
    must_tell(shop.post("/v1/transfers", &body).await, 100, 40);
    let path = "/v1/admin/tenants/dev/transfers";
    must_tell(shop.operate("POST", path).json(&body).fresh().await, 100, 40);
    hold(&shop, "res_1", 70).await.must_be(201);
    must_tell(hold(&shop, "res_2", 40).await, 30, 10);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_another_pool_holds_is_not_there_and_the_general_one_always_is() {
    let shop = shop(Mode::Live).await;
    mint(&shop, "reports", 20).await;
    must_tell(ask(&shop, json!({})).await, 100, 900);
    must_tell(ask(&shop, json!({"pool": "reports"})).await, 120, 880);
    must_tell(ask(&shop, json!({"pool": "unused"})).await, 100, 900);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_owed_is_not_there_and_more_than_there_is_is_below_zero() {
    let shop = shop(Mode::Soft).await;
    hold(&shop, "res_1", 100).await.must_be(201);
    finalize(&shop, "res_1", 150).await.must_be(200);
    switch(&shop, Mode::Live).await;
    must_tell(hold(&shop, "res_2", 10).await, -50, 60);
    must_tell(spend(&shop, 1).await, -50, 51);
    // A gift repays nothing, and is of no use before it is more than what is owed.
    mint(&shop, "reports", 70).await;
    must_tell(ask(&shop, json!({"pool": "reports"})).await, 20, 980);
    must_tell(ask(&shop, json!({})).await, -50, 1_050);
    shop.app.stop().await;
}

#[tokio::test]
async fn an_estimate_is_measured_with_the_tenants_safety() {
    let shop = shop(Mode::Live).await;
    let safety_multiplier_bps = 15_000;
    let billing = Billing { mode: Mode::Live, safety_multiplier_bps, ..Billing::default() };
    bill(&shop, billing).await;
    let short = shop.post(RESERVATIONS, &json!({"estimate": usd(67)})).await;
    must_tell(short, 100, 1);
    shop.post(RESERVATIONS, &json!({"estimate": usd(66)})).await.must_be(201);
    let items = [2, 4].map(|units| {
        json!({"operation": "reservation.reserve", "idempotency_key": units.to_string(),
            "account": "alice", "estimate": usd(units)})
    });
    let body = json!({"mode": "independent", "items": items});
    let answer = shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await.must_be(200);
    must_be(&answer.json()["items"][0]["problem"], 1, 2);
    must_be(&answer.json()["items"][1]["problem"], 1, 5);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_held_by_work_whose_time_is_over_is_there_though_nobody_swept_it() {
    let shop = shop(Mode::Live).await;
    let rest = json!({"worker": "sweeper", "paused": true, "reason": "test"});
    shop.operate("PUT", "/v1/admin/workers").json(&rest).fresh().await.must_be(200);
    let body = json!({"reservation": "res_1", "amount": usd(60), "ttl_seconds": 1});
    shop.post(RESERVATIONS, &body).await.must_be(201);
    loop {
        let told = ask(&shop, json!({})).await.must_be_problem(402, "credit_insufficient").json();
        match told["balance_micro"].as_str().unwrap() {
            "40" => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            _ => break must_be(&told, 100, 900),
        }
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn other_commodities_are_told_under_their_own_name_and_never_as_micro() {
    let shop = shop(Mode::Live).await;
    let euro = shop.operate("PUT", "/v1/admin/commodities/EUR").json(&json!({"scale": 2}));
    assert!(euro.fresh().await.status.is_success());
    for (amount, commodity) in
        [(msat(9), "MSAT"), (json!({"commodity": "EUR", "amount": 9}), "EUR")]
    {
        let told = shop.post(RESERVATIONS, &json!({"amount": amount})).await;
        let told = told.must_be_problem(402, "credit_insufficient").json();
        assert_eq!(told["balance"], json!({"commodity": commodity, "amount": "0"}));
        assert_eq!(told["error"], "insufficient_credits");
        assert_eq!(told.get("balance_micro"), None, "{told}");
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn an_empty_account_is_short_of_all_and_one_that_does_not_exist_is_no_402() {
    let shop = shop(Mode::Live).await;
    shop.post("/v1/accounts", &json!({"account": "bob"})).await.must_be(201);
    let body = json!({"amount": usd(5)});
    must_tell(shop.post("/v1/accounts/bob/reservations", &body).await, 0, 5);
    for path in ["/v1/accounts/nobody/reservations", "/v1/accounts/nobody/spend"] {
        let told = shop.post(path, &body).await.must_be_problem(404, "account_not_found").json();
        assert_eq!((told.get("error"), told.get("balance_micro")), (None, None), "{told}");
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn the_plain_body_and_the_offer_to_top_up_are_one_answer() {
    let shop = shop(Mode::Live).await;
    sells(&shop, "small", 10, 2_000).await;
    let answer = hold(&shop, "res_1", 135).await;
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 2);
    let told = must_tell(answer, 100, 35);
    assert_eq!((&told["offer"], &told["amount_msat"]), (&json!("small"), &json!(8_000)));
    assert!(told["payment_request"].is_string() && told["payment"].is_string(), "{told}");
    shop.app.stop().await;
}

#[tokio::test]
async fn an_item_of_a_batch_tells_what_there_was_for_it() {
    let shop = shop(Mode::Live).await;
    let item = |key: &str, units: u64| {
        json!({"operation": "account.spend", "idempotency_key": key, "account": "alice",
            "amount": usd(units)})
    };
    let put = async |mode: &str, items: [Value; 3]| {
        let body = json!({"mode": mode, "items": items});
        shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await
    };
    // After those before it: nothing of them happened either.
    let refused = put("atomic", [item("a", 50), item("b", 30), item("c", 25)]).await;
    assert_eq!(must_tell(refused, 20, 5)["field"], "items.2");
    let answer = put("independent", [item("a", 101), item("b", 100), item("c", 0)]).await;
    let told = answer.must_be(200).json();
    must_be(&told["items"][0]["problem"], 100, 1);
    assert_eq!(
        (&told["items"][0]["status"], &told["items"][1]["status"]),
        (&json!(402), &json!(201))
    );
    assert_eq!(told["items"][2]["problem"].get("error"), None, "it is not about credit");
    shop.app.stop().await;
}

//! Items of a batch that stands or falls as one see each other, and are told as they would be alone.

use piperoll_domain::billing::Mode;
use serde_json::{Value, json};

use super::{hold, holds, shop, usd};
use crate::api::tests::{Answer, Shop, msat};

fn item(operation: &str, key: &str, more: &Value) -> Value {
    let mut item = json!({"operation": operation, "idempotency_key": key});
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

fn charge(key: &str, cost: u64) -> Value {
    let more = json!({"reservation": "res_1", "cost": usd(cost)});
    item("reservation.finalize", key, &more)
}

fn release(key: &str) -> Value {
    item("reservation.release", key, &json!({"reservation": "res_1"}))
}

fn reserve(key: &str, account: &str) -> Value {
    let more = json!({"account": account, "reservation": "res_1", "amount": usd(10)});
    item("reservation.reserve", key, &more)
}

async fn together(shop: &Shop, items: &[Value]) -> Answer {
    let body = json!({"mode": "atomic", "items": items});
    shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&body).await
}

#[tokio::test]
async fn a_reservation_that_ends_twice_in_a_batch_is_told_as_it_ended_first() {
    let shop = shop(Mode::Live).await;
    hold(&shop, "res_1", 10).await.must_be(201);
    let before = shop.head();
    for (items, status, code) in [
        ([charge("a", 3), charge("b", 4)], 409, "reservation_finalized"),
        ([charge("a", 3), release("b")], 409, "reservation_finalized"),
        ([release("a"), charge("b", 3)], 404, "reservation_not_found"),
    ] {
        together(&shop, &items).await.must_be_problem(status, code);
    }
    assert_eq!(shop.head(), before);
    let same = together(&shop, &[charge("a", 3), charge("b", 3)]).await.must_be(200).json();
    for (index, replayed) in [(0, false), (1, true)] {
        let told = &same["items"][index];
        assert_eq!((&told["status"], &told["replayed"]), (&json!(200), &json!(replayed)));
        assert_eq!(told["result"]["charged"], usd(3));
    }
    assert_eq!(holds(&shop).await, ["97", "0", "3"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_reserved_in_a_batch_is_charged_in_it() {
    let shop = shop(Mode::Live).await;
    let done = together(&shop, &[reserve("a", "alice"), charge("b", 7)]).await.must_be(200).json();
    assert_eq!(done["items"][1]["result"]["charged"], usd(7));
    let mut other = charge("c", 7);
    other["account"] = "bob".into();
    let refused = together(&shop, &[reserve("d", "alice"), other]).await;
    refused.must_be_problem(409, "reservation_exists");
    assert_eq!(holds(&shop).await, ["93", "0", "7"]);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_name_that_two_items_take_is_named_in_the_second() {
    let shop = shop(Mode::Live).await;
    super::deposit(&shop, "bob", "bobs", 100).await;
    let plan = json!({"campaign": "gifts", "budget": msat(100)});
    shop.post("/v1/campaigns", &plan).await.must_be(201);
    let why = json!({"reason": "go"});
    shop.post("/v1/campaigns/gifts/activate", &why).await.must_be(200);
    let before = shop.head();
    let mint = |key| {
        let more = json!({"account": "bob", "amount": usd(1), "source_id": "one",
            "reason": "test"});
        item("lot.mint", key, &more)
    };
    let grant = |key, account| {
        let more = json!({"campaign": "gifts", "grant": "one", "account": account,
            "amount": msat(1)});
        item("campaign.grant", key, &more)
    };
    let operators = "/v1/admin/tenants/dev/batch";
    let minted = json!({"mode": "atomic", "items": [mint("a"), mint("b")]});
    let minted = shop.operate("POST", operators).json(&minted).await;
    let granted = together(&shop, &[grant("a", "alice"), grant("b", "bob")]).await;
    let reserved = together(&shop, &[reserve("a", "alice"), reserve("b", "bob")]).await;
    for (answer, code, field) in [
        (minted, "claim_taken", "items.1.source_id"),
        (granted, "grant_exists", "items.1.grant"),
        (reserved, "reservation_exists", "items.1.reservation"),
    ] {
        let told = answer.must_be_problem(409, code).json();
        assert_eq!(told["field"], field);
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

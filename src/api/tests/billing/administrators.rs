//! What whoever administrates billing may do with a token of their own: all about credit, for one tenant.

use serde_json::{Value, json};

use super::{ADMIN_BEFORE, admin, claims, open, signed};
use crate::api::{
    routes::{Needs, ROUTES},
    tests::{Answer, Shop, msat, routes::filled},
};

const OF: &str = "/v1/admin/tenants/dev";

async fn ask(shop: &Shop, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    shop.ask(method, path).header("authorization", token).json(body).fresh().await
}

async fn post(shop: &Shop, path: &str, body: &Value) -> Answer {
    ask(shop, "POST", &format!("{OF}{path}"), &admin("ada"), body).await
}

/// Gives 500 of this source, and tells the lot.
async fn mint(shop: &Shop, source: &str) -> String {
    let body = json!({ "amount": msat(500), "source": source, "source_id": source,
        "reason": "a test" });
    let given = post(shop, "/accounts/alice/mint", &body).await.must_be(201).json();
    given["lot"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn campaigns_grants_lots_and_voids_are_an_administrators_too() {
    let shop = open().await;
    let (why, plan) =
        (json!({ "reason": "a test" }), json!({ "campaign": "c", "budget": msat(9) }));
    post(&shop, "/campaigns", &plan).await.must_be(201);
    post(&shop, "/campaigns/c/activate", &why).await.must_be(200);
    let item = json!({ "idempotency_key": "k1", "account": "alice", "amount": msat(5) });
    let grants = json!({ "mode": "atomic", "items": [item] });
    post(&shop, "/campaigns/c/grants", &grants).await.must_be(200);
    let lot = mint(&shop, "deposit").await;
    post(&shop, &format!("/accounts/alice/lots/{lot}/void"), &why).await.must_be(201);
    let item = json!({ "operation": "lot.mint", "idempotency_key": "k2", "account": "bob",
        "amount": msat(1), "reason": "a test" });
    let done = post(&shop, "/batch", &json!({ "mode": "atomic", "items": [item] })).await;
    assert_eq!(done.must_be(200).json()["items"][0]["status"], 201);
    shop.settle().await;
    let before = signed(ADMIN_BEFORE, &claims("bob"));
    let lots = ask(&shop, "GET", &format!("{OF}/accounts/alice/lots"), &before, &json!({})).await;
    let lots = lots.must_be(200).json();
    let sources: Vec<_> =
        lots["items"].as_array().unwrap().iter().map(|lot| &lot["source"]).collect();
    assert_eq!(sources, ["grant", "deposit"]);
    shop.settle().await;
    let all = shop.get("/v1/events?limit=1000").await.must_be(200).json();
    let all = all["events"].as_array().unwrap().clone();
    let void = all.iter().find(|event| event["type"] == "lot.voided.v1").unwrap();
    assert_eq!((&void["actor"]["kind"], &void["actor"]["id"]), (&json!("admin"), &json!("ada")));
    shop.app.stop().await;
}

#[tokio::test]
async fn a_batch_takes_whose_credit_it_is_from_the_token_and_who_may_what_from_each_item() {
    let shop = open().await;
    let mint = json!({ "operation": "lot.mint", "idempotency_key": "k1", "account": "bob",
        "amount": msat(9), "reason": "a test" });
    let hold = json!({ "operation": "reservation.reserve", "idempotency_key": "k2",
        "account": "bob", "amount": msat(2) });
    let both = json!({ "mode": "independent", "items": [mint, hold] });
    let statuses = |answer: Answer| {
        let items = answer.must_be(200).json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["status"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let hers = ask(&shop, "POST", "/v1/batch", &admin("ada"), &both).await;
    assert_eq!(statuses(hers), [201, 403]);
    let key = format!("Bearer {}", shop.keys.key);
    assert_eq!(statuses(ask(&shop, "POST", "/v1/batch", &key, &both).await), [403, 201]);
    let together = json!({ "mode": "atomic", "items": [mint] });
    let again = ask(&shop, "POST", "/v1/batch", &admin("ada"), &together).await.must_be(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    // What is given there is given in the tenant's own path too: one key, one lot.
    let there = post(&shop, "/batch", &together).await.must_be(200);
    assert_eq!(there.json(), again.json());
    let operator = shop.operate("POST", "/v1/batch").json(&together).fresh().await;
    operator.must_be_problem(403, "forbidden");
    let forged = format!("{}x", admin("ada"));
    ask(&shop, "POST", "/v1/batch", &forged, &together).await.must_be(401);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_dividend_of_the_commons_is_a_lot_without_a_cost() {
    let shop = open().await;
    let lot = mint(&shop, "commons_dividend").await;
    shop.settle().await;
    let shown = shop.get(format!("/v1/lots/{lot}")).await.must_be(200).json();
    assert_eq!((&shown["source"], &shown["cost"]), (&json!("commons_dividend"), &Value::Null));
    let sold = json!({ "amount": msat(5), "source": "commons_dividend", "source_id": "d2",
        "cost": msat(5), "reason": "a test" });
    post(&shop, "/accounts/alice/mint", &sold).await.must_be_problem(422, "cost_of_gift");
    shop.app.stop().await;
}

#[tokio::test]
async fn an_administrator_reaches_all_that_is_theirs_and_nothing_of_another_tenants() {
    let shop = open().await;
    let other = json!({ "tenant": "other" });
    shop.operate("POST", "/v1/admin/tenants").json(&other).fresh().await.must_be(201);
    let theirs =
        ROUTES.iter().filter(|route| route.path.starts_with("/v1/admin/tenants/{tenant}/"));
    for route in theirs {
        let path = |tenant: &str| {
            filled(route.path, |name| match name {
                "tenant" => tenant.to_owned(),
                "number" | "rule" => "1".to_owned(),
                _ => "alice".to_owned(),
            })
        };
        let status = async |tenant: &str| {
            ask(&shop, route.method, &path(tenant), &admin("ada"), &json!({})).await
        };
        let may = route.needs == Needs::OperatorOrAdministrator;
        let own = status("dev").await.status.as_u16();
        assert_eq!(own == 401, !may, "{} {own}", route.path);
        if may {
            for other in ["other", "othe%72", "nobody"] {
                status(other).await.must_be_problem(404, "tenant_not_found");
            }
        }
    }
    shop.app.stop().await;
}

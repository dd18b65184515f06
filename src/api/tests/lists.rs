//! A list is no object, though its items be an object's values in order: it is refused by the field
//! where it stands, and changes nothing.

use piperoll_domain::billing::Mode;
use serde_json::{Value, json};

use super::{
    Shop,
    metering::{shop, usd},
};

/// The fields of how a tenant bills, in the order in which the rules define them.
const BILLING: [&str; 8] = [
    "enabled",
    "mode",
    "reserve_ttl_seconds",
    "safety_multiplier_bps",
    "ceilings",
    "orders",
    "share_gifts",
    "shares_cooldown_seconds",
];

/// A shop with a campaign that gives.
async fn generous() -> Shop {
    let shop = shop(Mode::Live).await;
    let campaign = json!({"campaign": "welcome", "budget": usd(100)});
    shop.post("/v1/campaigns", &campaign).await.must_be(201);
    let begin = json!({"reason": "a test"});
    shop.post("/v1/campaigns/welcome/activate", &begin).await.must_be(200);
    shop
}

fn spend(key: &str, amount: &Value) -> Value {
    json!({"operation": "account.spend", "idempotency_key": key, "account": "alice",
        "amount": amount})
}

/// Refused by that field as a list, and nothing changed; as an object carried out.
async fn must_be_objects(shop: &Shop, method: &str, path: &str, cases: &[(Value, &str, Value)]) {
    let ask = |body: &Value| {
        // An operator's token opens what is theirs, the tenant's key all else.
        let admin = path.starts_with("/v1/admin/");
        let key = if admin { &shop.keys.admin_token } else { &shop.keys.key };
        let asked = shop.ask(method, path).key(key).json(body);
        let many = path.ends_with("/batch") || path.ends_with("/grants");
        if many { asked } else { asked.fresh() }
    };
    for (list, field, object) in cases {
        let before = shop.head();
        let refused = ask(list).await.must_be_problem(422, "field_invalid").json();
        assert_eq!(refused["field"], *field, "{refused}");
        if field.is_empty() {
            assert_eq!(refused["detail"], "the body must be an object");
        }
        assert_eq!(shop.head(), before, "{path} {list}");
        assert!(ask(object).await.status.is_success(), "{path} {object}");
        assert!(shop.head() > before, "{path} {object}");
    }
}

#[tokio::test]
async fn many_commands_in_a_list_are_refused() {
    let shop = generous().await;
    let many = |mode: &str, item: &Value| json!({"mode": mode, "items": [item]});
    let (listed, first, second) =
        (spend("first", &json!(["USD", "5"])), spend("first", &usd(5)), spend("second", &usd(5)));
    let batches = [
        (many("atomic", &listed), "items.0.amount", many("atomic", &first)),
        (json!(["independent", [second]]), "", many("independent", &second)),
    ];
    must_be_objects(&shop, "POST", "/v1/batch", &batches).await;
    let grant = json!({"idempotency_key": "k", "account": "alice", "amount": usd(5)});
    let grants = [(json!(["atomic", [grant]]), "", many("atomic", &grant))];
    must_be_objects(&shop, "POST", "/v1/campaigns/welcome/grants", &grants).await;
    shop.app.stop().await;
}

#[tokio::test]
async fn money_in_a_list_is_refused() {
    let shop = generous().await;
    let holds = ["amount", "estimate"]
        .map(|name| (json!({name: ["USD", "5"]}), name, json!({name: usd(5)})));
    must_be_objects(&shop, "POST", "/v1/accounts/alice/reservations", &holds).await;
    shop.app.stop().await;
}

#[tokio::test]
async fn how_a_tenant_bills_is_no_list() {
    let shop = generous().await;
    let path = "/v1/admin/tenants/dev/billing";
    let mut billing = shop.operate("GET", path).await.must_be(200).json()["billing"].take();
    billing["reserve_ttl_seconds"] = json!(77);
    let said = |billing: Value| json!({"billing": billing, "reason": "a test"});
    let list = BILLING.map(|name| billing[name].clone());
    assert_eq!(billing.as_object().unwrap().len(), list.len(), "all of it is listed");
    let change = [(said(json!(list)), "billing", said(billing))];
    must_be_objects(&shop, "PUT", path, &change).await;
    shop.app.stop().await;
}

#[tokio::test]
async fn what_is_no_json_stays_no_json_in_a_batch() {
    let shop = Shop::open().await;
    for (body, status, code) in [
        ("", 400, "malformed_json"),
        ("[", 400, "malformed_json"),
        ("[]]", 400, "malformed_json"),
        ("nul", 400, "malformed_json"),
        ("{", 400, "malformed_json"),
        ("null", 422, "field_invalid"),
        ("7", 422, "field_invalid"),
        (" \n[]", 422, "field_invalid"),
        (" \n{}", 422, "field_invalid"),
    ] {
        let asked = shop.ask("POST", "/v1/batch").key(&shop.keys.key).raw(body);
        let refused = asked.header("content-type", "application/json").await;
        refused.must_be_problem(status, code);
    }
    shop.app.stop().await;
}

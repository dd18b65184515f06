//! Nobody sees or moves what belongs to another, whatever a request says of itself.

use serde_json::{Value, json};

use super::{Shop, msat, routes};

/// Stands in everything that `alpha` has.
const OURS: &str = "only-for-alpha";

struct Alpha {
    key: String,
    payment: String,
    position: String,
    lot: String,
}

async fn alpha(shop: &Shop) -> Alpha {
    let key = shop.tenant("alpha", json!(["admin"])).await;
    let by = |method: &str, path: &str, body: Value| {
        shop.ask(method, path).key(&key).json(&body).fresh()
    };
    let reference = OURS;
    let offer = json!({"service": "weather", "host": OURS, "path": "/x", "price": msat(1_000)});
    by("PUT", "/v1/offers/gold", offer).await.must_be(200);
    let payment = json!({"amount": msat(9_000), "reference": reference, "account": "vault"});
    let payment = by("POST", "/v1/payments", payment).await.must_be(201);
    let path = "/v1/admin/tenants/alpha/accounts/vault/mint";
    let lot = json!({"amount": msat(5_000), "source_id": OURS, "reason": OURS});
    let minted = shop.operate("POST", path).json(&lot).fresh().await.must_be(201);
    let lot = minted.json()["lot"].as_str().unwrap().to_owned();
    let hold = json!({"amount": msat(1), "reservation": "held", "reference": OURS});
    by("POST", "/v1/accounts/vault/reservations", hold).await.must_be(201);
    let usage = json!({"amount": msat(1_000), "reference": reference});
    let spent = by("POST", "/v1/accounts/vault/spend", usage).await.must_be(201);
    let plan = json!({"campaign": "gift", "budget": msat(9), "pool": OURS});
    by("POST", "/v1/campaigns", plan).await.must_be(201);
    let reason = json!({"reason": OURS});
    by("POST", "/v1/campaigns/gift/activate", reason).await.must_be(200);
    shop.settle().await;
    let (_, position) = spent.header("piperoll-position").split_once(':').unwrap();
    let (position, _) = position.split_once(':').unwrap();
    let payment = payment.json()["payment"].as_str().unwrap().to_owned();
    Alpha { position: position.to_owned(), payment, lot, key: key.clone() }
}

async fn history(shop: &Shop, key: &str) -> Vec<u8> {
    let all = shop.ask("GET", "/v1/events?limit=1000").key(key).await.must_be(200);
    all.json()["events"].to_string().into_bytes()
}

/// Bodies that would do something, were the caller who they pretend to be.
fn body(template: &str) -> Value {
    match template {
        "/v1/topups" => json!({"account": "vault", "amount": msat(2_000)}),
        "/v1/payments" => json!({"offer": "gold", "account": "vault"}),
        "/v1/l402/challenge" => json!({"offer": "gold"}),
        "/v1/l402/redeem" => json!({"authorization": "L402 x:y", "service": "weather",
            "method": "GET", "path": "/x"}),
        "/v1/l402/release" => json!({"entitlement": "e", "number": 1, "reason": "r"}),
        "/v1/accounts/{account}/spend" | "/v1/accounts/{account}/reservations" => {
            json!({"amount": msat(1)})
        }
        "/v1/reservations/{reservation}/finalize" => json!({"cost": msat(1)}),
        "/v1/reservations/{reservation}/release" => json!({}),
        "/v1/payments/{payment}/refunds" => json!({"amount": msat(1), "reason": "r"}),
        "/v1/transfers" => json!({"from": "vault", "to": "own", "amount": msat(1), "reason": "r"}),
        "/v1/batch" => json!({"mode": "atomic", "items": [{"operation": "account.spend",
            "idempotency_key": "theirs", "account": "vault", "amount": msat(1)}]}),
        "/v1/campaigns/{campaign}/grants" => json!({"mode": "atomic", "items": [
            {"idempotency_key": "theirs", "account": "own", "amount": msat(1)}]}),
        "/v1/accounts" => json!({"account": "its-own"}),
        "/v1/reviews/{payment}/{number}" => json!({"action": "refund", "reason": "r"}),
        "/v1/keys" => json!({"key": "k9", "roles": []}),
        _ => json!({"reason": "because"}),
    }
}

#[tokio::test]
async fn no_route_shows_or_moves_what_belongs_to_another_tenant() {
    let shop = Shop::open().await;
    let alpha = alpha(&shop).await;
    let beta = shop.tenant("beta", json!(["read", "sell", "credit", "operate", "admin"])).await;
    let before = history(&shop, &alpha.key).await;
    for (method, template) in routes::documented() {
        let path = routes::filled(&template, |name| match name {
            "payment" => alpha.payment.clone(),
            "position" => alpha.position.clone(),
            "lot" => alpha.lot.clone(),
            "reservation" => "held".to_owned(),
            "campaign" => "gift".to_owned(),
            "account" => "vault".to_owned(),
            "offer" => "gold".to_owned(),
            "key" => "k1".to_owned(),
            "tenant" => "alpha".to_owned(),
            "number" => "1".to_owned(),
            "service" => "weather".to_owned(),
            "connection" | "provider" => "default".to_owned(),
            "code" => "MSAT".to_owned(),
            _ => "x".to_owned(),
        });
        let mut ask = shop.ask(&method, path.clone()).key(&beta).fresh();
        for (name, value) in [
            ("x-tenant", "alpha"),
            ("x-tenant-id", "alpha"),
            ("piperoll-tenant", "alpha"),
            ("x-forwarded-user", "alpha"),
        ] {
            ask = ask.header(name, value);
        }
        // Giving its own key back would end the test early.
        if (&*method, &*template) == ("DELETE", "/v1/keys/{key}") {
            continue;
        }
        let ask = if method == "GET" { ask } else { ask.json(&body(&template)) };
        let answer = ask.await;
        let told = String::from_utf8_lossy(&answer.body);
        assert!(!told.contains(OURS), "{method} {path}: {told}");
        assert!(answer.status != 500, "{method} {path}: {told}");
        let named = ["payment", "account", "position", "reservation", "campaign"].iter();
        let named = named.filter(|name| template.contains(&format!("{{{name}}}"))).count() > 0;
        if named {
            assert!([403, 404].contains(&answer.status.as_u16()), "{method} {path}: {told}");
        }
    }
    assert_eq!(history(&shop, &alpha.key).await, before);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_tenant_in_a_body_or_a_query_is_no_tenant() {
    let shop = Shop::open().await;
    let beta = shop.tenant("beta", json!(["admin"])).await;
    let body = json!({"account": "a", "tenant": "dev"});
    let post = shop.ask("POST", "/v1/accounts").key(&beta).json(&body).fresh().await;
    post.must_be_problem(422, "unknown_field");
    let get = shop.ask("GET", "/v1/payments?tenant=dev").key(&beta).await;
    get.must_be_problem(422, "unknown_field");
    shop.app.stop().await;
}

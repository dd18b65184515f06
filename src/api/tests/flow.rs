//! A purchase, the whole way: a 402, the payment, the credit, its use.

use serde_json::{Value, json};

use super::{Answer, Shop, msat};

/// What a 402 asks for: token and invoice.
fn asked(answer: &Answer) -> (String, String) {
    let lines: Vec<_> =
        answer.headers.get_all("www-authenticate").iter().map(|l| l.to_str().unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("LSAT macaroon=\"") && lines[1].starts_with("L402 macaroon=\""));
    let part = |name: &str| {
        let rest = lines[1].split_once(&format!("{name}=\"")).unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    };
    (part("macaroon"), part("invoice"))
}

async fn pay(shop: &Shop, invoice: &str) -> String {
    let body = json!({"invoice": invoice});
    let paid = shop.operate("POST", "/v1/admin/sandbox/pay").json(&body).await.must_be(200);
    paid.json()["preimage"].as_str().unwrap().to_owned()
}

fn top_up(account: &str) -> Value {
    json!({"account": account, "amount": msat(50_000), "reference": "order-7"})
}

#[tokio::test]
async fn credit_is_bought_seen_and_used() {
    let shop = Shop::open().await;
    let first = shop.post("/v1/topups", &top_up("alice")).await;
    let first = first.must_be_problem(402, "payment_required");
    assert_eq!(first.header("cache-control"), "no-store");
    assert!(first.header("access-control-expose-headers").contains("WWW-Authenticate"));
    let body = first.json();
    assert_eq!(body["amount_msat"], 50_000);
    assert!(body["payment_hash"].as_str().is_some() && body["expires_at"].as_str().is_some());
    let payment = body["payment"].as_str().unwrap().to_owned();
    let (token, invoice) = asked(&first);
    let preimage = pay(&shop, &invoice).await;
    let credential = format!("L402 {token}:{preimage}");
    let paid = shop.post("/v1/topups", &top_up("alice")).header("authorization", &credential).await;
    let lot = paid.must_be(201).json();
    assert_eq!((&lot["account"], &lot["payment"]), (&json!("alice"), &json!(payment)));
    let again = shop.post("/v1/topups", &top_up("alice")).header("authorization", &credential);
    assert_eq!(again.await.must_be(201).json(), lot);
    used(&shop).await;
    let stands = shop.get(format!("/v1/payments/{payment}")).await.must_be(200).json();
    assert_eq!((&stands["status"], &stands["reference"]), (&json!("consumed"), &json!("order-7")));
    shop.app.stop().await;
}

async fn used(shop: &Shop) {
    let body = json!({"amount": msat(20_000), "reference": "call-1"});
    let key = "the same";
    let ask = || shop.ask("POST", "/v1/accounts/alice/spend").key(&shop.keys.key).json(&body);
    let spent = ask().header("idempotency-key", key).await.must_be(201);
    let again = ask().header("idempotency-key", key).await.must_be(201);
    assert_eq!(spent.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(spent.header("idempotency-replayed"), "");
    let position = spent.header("piperoll-position").to_owned();
    let balance = shop.get("/v1/accounts/alice/balance").header("piperoll-min-position", &position);
    let balance = balance.await.must_be(200).json()["balances"][0].clone();
    assert_eq!(balance["available"], "30000", "{balance}");
    assert_eq!(balance["consumed"], "20000");
    let other = json!({"amount": msat(20_001), "reference": "call-1"});
    let other = shop.ask("POST", "/v1/accounts/alice/spend").key(&shop.keys.key).json(&other);
    other.header("idempotency-key", key).await.must_be_problem(422, "idempotency_mismatch");
    // The same key and body for another account is another request.
    let other = shop.ask("POST", "/v1/accounts/bob/spend").key(&shop.keys.key).json(&body);
    other.header("idempotency-key", key).await.must_be_problem(422, "idempotency_mismatch");
    let much = json!({"amount": msat(30_001)});
    let short = shop.post("/v1/accounts/alice/spend", &much).await;
    let short = short.must_be_problem(402, "credit_insufficient");
    assert_eq!(short.json()["missing"], msat(1));
    let entries = shop.get("/v1/accounts/alice/entries").await.must_be(200).json();
    assert_eq!(entries["items"].as_array().unwrap().len(), 2, "{entries}");
    let before = shop.get("/v1/accounts/alice/balance?as_of=1").await.must_be(200).json();
    assert_eq!(before["balances"], json!([]));
}

#[tokio::test]
async fn a_bad_credential_makes_no_invoice() {
    let shop = Shop::open().await;
    let first = shop.post("/v1/topups", &top_up("alice")).await.must_be(402);
    let (token, invoice) = asked(&first);
    let preimage = pay(&shop, &invoice).await;
    let before = shop.head();
    // Well inside the signature, so that the form stays what it was.
    let at = token.len() - 12;
    let flipped = if token[at..].starts_with('A') { 'B' } else { 'A' };
    let tampered = format!("{}{flipped}{}", &token[..at], &token[at + 1..]);
    for (credential, code) in [
        (format!("L402 {}:{preimage}", &token[..token.len() / 2]), "credential_malformed"),
        (format!("L402 {token}:{}", &preimage[..62]), "credential_malformed"),
        (format!("L402 {token}"), "credential_malformed"),
        ("L402 :".to_owned(), "credential_malformed"),
        (format!("L402 {token}:{}", "00".repeat(32)), "credential_invalid"),
        (format!("L402 {tampered}:{preimage}"), "credential_invalid"),
    ] {
        let refused = shop.post("/v1/topups", &top_up("alice"));
        let refused = refused.header("authorization", &credential).await;
        let refused = refused.must_be_problem(401, code);
        assert_eq!(refused.header("www-authenticate"), "L402", "{credential}");
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_credential_of_one_tenant_opens_nothing_of_another() {
    let shop = Shop::open().await;
    let stranger = shop.tenant("beta", json!(["sell", "read"])).await;
    let (token, invoice) = asked(&shop.post("/v1/topups", &top_up("alice")).await.must_be(402));
    let preimage = pay(&shop, &invoice).await;
    let before = shop.head();
    let stolen = shop.ask("POST", "/v1/topups").key(&stranger).json(&top_up("mallory")).fresh();
    let stolen = stolen.header("authorization", &format!("L402 {token}:{preimage}")).await;
    assert!([401, 403].contains(&stolen.status.as_u16()), "{stolen:?}");
    assert_eq!(shop.get("/v1/accounts/mallory/balance").await.status, 404);
    assert!(shop.head() >= before);
    shop.app.stop().await;
}

#[tokio::test]
async fn a_payment_of_ones_own_is_made_listed_and_found() {
    let shop = Shop::open().await;
    let body = json!({"amount": msat(7_000), "reference": "r-1", "metadata": {"cart": [1, 2]}});
    let ask = || shop.ask("POST", "/v1/payments").key(&shop.keys.key).json(&body);
    let made = ask().header("idempotency-key", "p").await.must_be(201);
    let again = ask().header("idempotency-key", "p").await.must_be(201);
    assert_eq!(made.json(), again.json());
    assert_eq!(again.header("idempotency-replayed"), "true");
    let payment = made.json()["payment"].as_str().unwrap().to_owned();
    let stands = shop.get(format!("/v1/payments/{payment}")).await.must_be(200).json();
    assert_eq!(stands["metadata"], json!({"cart": [1, 2]}));
    assert_eq!(stands["status"], "pending");
    shop.settle().await;
    for path in [
        "/v1/payments?status=pending&reference=r-1",
        "/api/payments?status=pending",
        "/v1/payments?order=oldest&limit=1",
    ] {
        let listed = shop.get(path).await.must_be(200).json();
        assert_eq!(listed["items"][0]["payment"], json!(payment), "{path}");
    }
    let old = shop.get("/api/payments?status=pending&older_than=15m").await.must_be(200).json();
    assert_eq!(old["items"], json!([]));
    let all = shop.operate("GET", "/api/payments?status=pending").await.must_be(200).json();
    assert_eq!(all["items"][0]["tenant"], "dev");
    shop.app.stop().await;
}

#[tokio::test]
async fn events_are_told_in_order_as_facts_as_lines_and_as_bytes() {
    let shop = Shop::open().await;
    shop.post("/v1/accounts", &json!({"account": "alice"})).await.must_be(201);
    let events = shop.get("/v1/events?limit=2").await.must_be(200).json();
    assert_eq!(events["events"][0]["type"], "tenant.opened.v1", "{events}");
    let next = events["next"].as_str().unwrap();
    let rest = shop.get(format!("/v1/events?after={next}")).await.must_be(200).json();
    assert_eq!(rest["events"][0]["type"], "account.opened.v1", "{rest}");
    assert_eq!(rest["end"], true);
    let position = &rest["events"][0]["position"];
    let one = shop.get(format!("/v1/events/{position}")).await.must_be(200).json();
    assert_eq!(one, rest["events"][0]);
    let raw = shop.get("/v1/events?raw=true&type=account.opened.v1").await.must_be(200).json();
    assert!(raw["events"][0]["record"].as_str().is_some(), "{raw}");
    let lines = shop.get("/v1/events").header("accept", "application/x-ndjson").await.must_be(200);
    let lines = String::from_utf8(lines.body.to_vec()).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let wanted = shop.get("/v1/events?type=tenant.*&limit=1");
    let wanted = wanted.header("accept", "application/x-ndjson").await.must_be(200);
    let wanted = String::from_utf8(wanted.body.to_vec()).unwrap();
    assert!(wanted.lines().count() == 1 && lines.starts_with(&wanted), "{wanted}");
    let alike = shop.get("/v1/events?type=account.*").await.must_be(200).json();
    assert_eq!(alike["events"].as_array().unwrap().len(), 1, "{alike}");
    shop.get("/v1/events?type=accounts.*").await.must_be_problem(422, "field_invalid");
    // The roll's own events are nobody's.
    shop.get("/v1/events/1").await.must_be_problem(404, "not_found");
    shop.operate("GET", "/v1/admin/events").await.must_be(200);
    shop.app.stop().await;
}

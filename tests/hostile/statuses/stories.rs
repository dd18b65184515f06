//! What has to be brought about before it can be answered: successes, conflicts, and providers that
//! fail.

mod billing;
pub(super) mod broken;
mod campaigns;
mod floods;
mod metered;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Document, Keys, Statuses};
use crate::server::{Answer, Ask, Door, client, msat};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Asked by proxies, about what others ask for.
const FORWARDED: [&str; 4] = [
    "/v1/l402/authorize/api",
    "/v1/l402/challenge/api",
    "/v1/l402/authorize/api/paid/x",
    "/v1/l402/challenge/api/paid/x",
];

/// Somebody who asks, and remembers what he was answered.
struct Teller<'a> {
    door: &'a Door,
    document: &'a Document,
    reached: Statuses,
}

impl Teller<'_> {
    async fn hear(&mut self, method: Method, path: &str, ask: RequestBuilder) -> Answer {
        let answer = ask.answer().await;
        let name = (method.to_string(), self.document.template(path));
        self.reached.entry(name).or_default().insert(answer.status);
        answer
    }

    async fn as_shop(&mut self, key: &str, method: Method, path: &str, body: &Value) -> Answer {
        let ask = self.door.shop(&client(), method.clone(), path).json(body);
        self.hear(method, path, ask.header("idempotency-key", key)).await
    }

    async fn shop(&mut self, method: Method, path: &str, body: Value) -> Answer {
        self.as_shop(&fresh(), method, path, &body).await
    }

    async fn operator(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let ask = self.door.operator(&client(), method.clone(), path).json(&body);
        self.hear(method, path, ask.header("idempotency-key", fresh())).await
    }

    /// Shows a credential, where one can stand in `Authorization`.
    async fn show(
        &mut self,
        key: &str,
        method: Method,
        path: &str,
        credential: &str,
        body: &Value,
    ) -> Answer {
        let ask = self.door.shop(&client(), method.clone(), path).json(body);
        let ask = ask.header("idempotency-key", key).header("authorization", credential);
        self.hear(method, path, ask).await
    }

    async fn faults(&mut self, faults: Value) {
        self.operator(PUT, "/v1/admin/sandbox/default/faults", faults).await.is(200);
    }

    async fn paid(&mut self, challenge: &Answer) -> String {
        let invoice = json!({ "invoice": challenge.word("/payment_request") });
        let preimage = self.operator(POST, "/v1/admin/sandbox/pay", invoice).await.is(200);
        format!("L402 {}:{}", challenge.token(), preimage.word("/preimage"))
    }

    /// Pays for what was sold by an application: the token stands in the answer's body.
    async fn bought(&mut self, sold: &Answer) -> String {
        let invoice = json!({ "invoice": sold.word("/payment_request") });
        let paid = self.operator(POST, "/v1/admin/sandbox/pay", invoice).await.is(200);
        let token = sold.body["token"].as_str().or(sold.body["macaroon"].as_str()).unwrap();
        format!("L402 {token}:{}", paid.word("/preimage"))
    }
}

/// Shown by a buyer who has no challenge that he could be shown again.
fn by_another(shown: &Value) -> Value {
    let mut shown = shown.clone();
    shown["buyer"] = fresh().into();
    shown
}

fn fresh() -> String {
    uuid::Uuid::new_v4().to_string()
}

pub(super) async fn told(document: &Document, keys: &Keys) -> Statuses {
    let mut teller = Teller { door: &keys.door, document, reached: Statuses::new() };
    names(&mut teller).await;
    money(&mut teller).await;
    billing::told(&mut teller).await;
    billing::finalized(&mut teller).await;
    webhooks(&mut teller).await;
    let used_up = access(&mut teller).await;
    operation(&mut teller).await;
    reviews(&mut teller).await;
    patience(&mut teller).await;
    failures(&mut teller, &used_up).await;
    floods::told(&mut teller, &used_up).await;
    teller.reached
}

/// Tenants, keys, offers, connections, commodities, settings: made, made again, looked at, ended.
async fn names(teller: &mut Teller<'_>) {
    for path in ["/health", "/ready", "/openapi.json"] {
        let ask = teller.door.ask(&client(), GET, path);
        teller.hear(GET, path, ask).await.is(200);
    }
    for status in [201, 409] {
        teller.operator(POST, "/v1/admin/tenants", json!({ "tenant": "acme" })).await.is(status);
        let key = json!({ "key": "one", "roles": ["read"] });
        teller.operator(POST, "/v1/admin/tenants/acme/keys", key.clone()).await.is(status);
        teller.shop(POST, "/v1/keys", key).await.is(status);
    }
    let key = json!({ "key": "one", "roles": [] });
    teller.operator(POST, "/v1/admin/tenants/nobody/keys", key).await.is(404);
    teller.operator(GET, "/v1/admin/tenants/nobody/keys", json!({})).await.is(404);
    for (path, status) in [("one", 200), ("nobody", 404)] {
        let reason = json!({ "reason": "over" });
        let path = format!("/v1/keys/{path}");
        teller.shop(DELETE, &path, reason.clone()).await.is(status);
        let path = path.replace("/v1/", "/v1/admin/tenants/acme/");
        teller.operator(DELETE, &path, reason).await.is(status);
    }
    let wallet = |network: &str| json!({ "kind": "sandbox", "network": network });
    let (once, path) = (json!({ "reason": "over" }), "/v1/admin/connections/more");
    teller.operator(DELETE, path, once.clone()).await.is(404);
    teller.operator(PUT, path, wallet("regtest")).await.is(200);
    teller.operator(DELETE, path, once).await.is(200);
    for (scale, status) in [(2, 200), (2, 200), (3, 409)] {
        let path = "/v1/admin/commodities/XTS";
        teller.operator(PUT, path, json!({ "scale": scale })).await.is(status);
    }
    teller.operator(GET, "/v1/admin/commodities/NONE", json!({})).await.is(404);
    let settings = teller.operator(GET, "/v1/admin/settings", json!({})).await.is(200).body;
    teller.operator(PUT, "/v1/admin/settings", settings).await.is(200);
    let offer = json!({ "service": "api", "path": "/paid/*", "price": msat(1_000) });
    teller.shop(PUT, "/v1/offers/paid", offer.clone()).await.is(200);
    teller.shop(PUT, "/v1/offers/over", offer.clone()).await.is(200);
    let elsewhere =
        json!({ "service": "api", "path": "/x", "price": msat(1_000), "connection": "nope" });
    teller.shop(PUT, "/v1/offers/lost", elsewhere).await;
    let nobodys = json!({ "invoice": include_str!("../../fuzz/corpus/bolt11/fake-wallet").trim() });
    teller.operator(POST, "/v1/admin/sandbox/pay", nobodys).await.is(404);
    let reason = json!({ "reason": "over" });
    teller.operator(PUT, "/v1/admin/sandbox/nobody/faults", json!({})).await.is(404);
    teller.shop(DELETE, "/v1/offers/over", reason.clone()).await.is(200);
    teller.shop(DELETE, "/v1/offers/never", reason).await.is(404);
    teller.shop(GET, "/v1/offers/paid", json!({})).await.is(200);
    teller.shop(GET, "/v1/offers/never", json!({})).await.is(404);
}

/// Accounts and payments.
async fn money(teller: &mut Teller<'_>) {
    teller.shop(POST, "/v1/accounts", json!({ "account": "bob" })).await.is(201);
    let topup = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = teller.as_shop("bought", POST, "/v1/topups", &topup).await.is(402);
    let credential = teller.paid(&challenge).await;
    teller.show("bought", POST, "/v1/topups", &credential, &topup).await.is(201);
    for (account, amount, status) in
        [("alice", 1_000, 201), ("alice", 9_000, 402), ("nobody", 1, 404)]
    {
        let path = format!("/v1/accounts/{account}/spend");
        teller.shop(POST, &path, json!({ "amount": msat(amount) })).await.is(status);
    }
    for what in ["balance", "lots", "entries"] {
        for (account, status) in [("alice", 200), ("nobody", 404)] {
            let path = format!("/v1/accounts/{account}/{what}");
            let head = teller.shop(GET, "/v1/offers", json!({})).await.lines("piperoll-position");
            let ask = teller.door.shop(&client(), GET, &path);
            teller.hear(GET, &path, ask.header("piperoll-min-position", &head[0])).await.is(status);
        }
    }
    let elsewhere = json!({ "account": "alice", "amount": msat(5_000), "connection": "nope" });
    teller.shop(POST, "/v1/topups", elsewhere.clone()).await.is(404);
    teller.shop(POST, "/v1/payments", elsewhere).await.is(404);
    let payment = json!({ "amount": msat(5_000) });
    let payment = teller.shop(POST, "/v1/payments", payment).await.is(201).word("/payment");
    for (payment, status) in [(payment.as_str(), 200), ("nobody", 404)] {
        teller.shop(GET, &format!("/v1/payments/{payment}"), json!({})).await.is(status);
        teller.shop(POST, &format!("/v1/payments/{payment}/sync"), json!({})).await.is(status);
    }
    let batch = json!({ "mode": "independent", "items": [{ "op": "account.open", "key": "b", "account": "carol" }] });
    teller.shop(POST, "/v1/batch", batch).await;
    for (tenant, source, status) in [("dev", "a", 201), ("dev", "a", 409), ("nobody", "a", 404)] {
        let path = format!("/v1/admin/tenants/{tenant}/accounts/alice/mint");
        let lot = json!({ "amount": msat(1), "source_id": source, "reason": "a gift" });
        teller.operator(POST, &path, lot).await.is(status);
    }
    metered::told(teller).await;
    campaigns::told(teller).await;
    lists(teller).await;
}

/// Lists, and looks at what was before.
async fn lists(teller: &mut Teller<'_>) {
    for what in ["lots", "entries"] {
        let path = format!("/v1/accounts/alice/{what}?after=x");
        teller.shop(GET, &path, json!({})).await.is(400);
    }
    let events = teller.shop(GET, "/v1/events", json!({})).await.is(200);
    let position = events.body["events"][0]["position"].as_u64().unwrap();
    teller.shop(GET, &format!("/v1/events/{position}"), json!({})).await.is(200);
    for path in [
        "/v1/payments",
        "/v1/receipts",
        "/v1/reviews",
        "/v1/entitlements",
        "/v1/keys",
        "/v1/offers",
        "/v1/connections",
        "/v1/events",
        "/v1/ledger/journal",
        "/v1/ledger/trial-balance",
        "/api/payments",
        "/v1/events/999999",
    ] {
        teller.shop(GET, path, json!({})).await;
    }
    teller.shop(GET, "/v1/events?after=main:1:00000000", json!({})).await.is(409);
    for path in ["/v1/admin/events", "/v1/admin/ledger/trial-balance", "/v1/admin/receipts/refused"]
    {
        teller.operator(GET, path, json!({})).await.is(200);
    }
    teller.operator(GET, "/v1/admin/events?after=main:1:00000000", json!({})).await.is(409);
    for path in ["/v1/ledger/journal", "/v1/ledger/trial-balance", "/v1/accounts/alice/balance"] {
        teller.shop(GET, &format!("{path}?as_of=main:1:00000000"), json!({})).await.is(409);
    }
}

/// A late payment opens a review; it is decided, and cannot be decided again.
async fn webhooks(teller: &mut Teller<'_>) {
    let body =
        json!({ "eventId": "1", "paymentHash": "ab".repeat(32), "status": "paid" }).to_string();
    let signed = |secret: &str, body: &str| {
        let secret = piperoll::providers::Secret::try_new(secret).unwrap();
        piperoll::providers::signature::sign_hex(&secret, body.as_bytes())
    };
    let secret = super::WEBHOOK_SECRET;
    for path in [
        "/webhooks/default",
        "/api/payments/webhooks/default/settled",
        "/webhooks/default/dev.pay_1.00",
    ] {
        for (body, secret, status) in
            [(body.as_str(), secret, 202), ("{", secret, 400), (&body, "another", 401)]
        {
            let ask = teller.door.ask(&client(), POST, path).body(body.to_owned());
            let ask = ask.header("x-wordclaw-payment-signature", signed(secret, body));
            teller.hear(POST, path, ask).await.is(status);
        }
        let nobody = path.replace("/default", "/nobody");
        let ask = teller.door.ask(&client(), POST, &nobody).body("{}");
        teller.hear(POST, path, ask).await.is(404);
    }
}

/// Money that comes twice opens a review; it is decided, and cannot be decided again.
async fn reviews(teller: &mut Teller<'_>) {
    teller.faults(json!({ "accepts_double": true })).await;
    for operator in [false, true] {
        let payment = json!({ "amount": msat(5_000) });
        let asked = teller.shop(POST, "/v1/payments", payment).await.is(201);
        let (payment, invoice) =
            (asked.word("/payment"), json!({ "invoice": asked.word("/payment_request") }));
        for _ in 0..2 {
            teller.operator(POST, "/v1/admin/sandbox/pay", invoice.clone()).await.is(200);
        }
        let shown = format!("/v1/payments/{payment}");
        for _ in 0..100 {
            let answer = teller.shop(GET, &shown, json!({})).await.is(200);
            if !answer.body["reviews"].as_array().is_none_or(Vec::is_empty) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let decision = json!({ "action": "refund", "reference": "r-1", "reason": "paid twice" });
        for (payment, status) in [(payment.as_str(), 200), (&payment, 409), ("nobody", 404)] {
            if operator {
                let path = format!("/v1/admin/tenants/dev/reviews/{payment}/1");
                teller.operator(POST, &path, decision.clone()).await.is(status);
            } else {
                let path = format!("/v1/reviews/{payment}/1");
                teller.shop(POST, &path, decision.clone()).await.is(status);
            }
        }
    }
    teller.faults(json!({})).await;
}

/// While the first request with a key waits for a provider, the next is told to come back.
async fn patience(teller: &mut Teller<'_>) {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let wallet =
        json!({ "kind": "lnbits", "network": "regtest", "base_url": url, "key_from": "SHOP_KEY" });
    teller.operator(PUT, "/v1/admin/connections/deaf", wallet).await.is(200);
    let bills = [
        ("/v1/topups", json!({ "account": "alice", "amount": msat(5_000), "connection": "deaf" })),
        ("/v1/payments", json!({ "amount": msat(5_000), "connection": "deaf" })),
        ("/v1/l402/challenge", json!({ "offer": "paid", "connection": "deaf" })),
    ];
    let ask = |(path, body): &(&str, Value)| {
        teller
            .door
            .shop(&client(), POST, path)
            .header("idempotency-key", "slow")
            .json(body)
            .answer()
    };
    let first: Vec<_> = bills.iter().map(|bill| tokio::spawn(ask(bill))).collect();
    // It takes their calls and says nothing, so that each of them waits for it.
    let mut calls = vec![];
    for _ in &bills {
        calls.push(deaf.accept().await.unwrap());
    }
    let second = futures_util::future::join_all(bills.iter().map(ask)).await;
    for ((path, _), answer) in bills.iter().zip(second) {
        let name = ("POST".to_owned(), (*path).to_owned());
        teller.reached.entry(name).or_default().insert(answer.is(409).status);
    }
    first.iter().for_each(tokio::task::JoinHandle::abort);
    drop(calls);
}

/// What credentials open, and what they do not.
async fn access(teller: &mut Teller<'_>) -> Value {
    let wanted = json!({ "offer": "paid", "buyer": "bob", "method": "GET", "path": "/paid/x" });
    let sold = teller.shop(POST, "/v1/l402/challenge", wanted.clone()).await.is(201);
    let lost = json!({ "offer": "nope" });
    teller.shop(POST, "/v1/l402/challenge", lost).await.is(404);
    let credential = teller.bought(&sold).await;
    let redeem = |authorization: &str| {
        json!({ "authorization": authorization, "service": "api",
        "method": "GET", "path": "/paid/x", "buyer": "bob" })
    };
    let opened = teller.shop(POST, "/v1/l402/redeem", redeem(&credential)).await.is(200);
    teller.shop(POST, "/v1/l402/redeem", redeem(&credential)).await.is(402);
    let entitlement = opened.word("/opens/entitlement");
    let path = format!("/v1/entitlements/{entitlement}");
    let head = opened.lines("piperoll-position");
    let ask = teller.door.shop(&client(), GET, &path).header("piperoll-min-position", &head[0]);
    teller.hear(GET, &path, ask).await.is(200);
    teller.shop(GET, "/v1/entitlements/nobody", json!({})).await.is(404);
    for (number, status) in [(1, 200), (9, 404)] {
        let body = json!({ "entitlement": entitlement, "number": number, "reason": "lost" });
        teller.shop(POST, "/v1/l402/release", body).await.is(status);
    }
    for (path, number) in [("/v1/l402/authorize/api", 2), ("/v1/l402/authorize/api/paid/x", 3)] {
        let ask = teller.door.shop(&client(), GET, path).header("authorization", &credential);
        let ask = ask.header("x-forwarded-uri", "/paid/x").header("x-forwarded-method", "GET");
        teller.hear(GET, path, ask).await.is(200);
        let body = json!({ "entitlement": entitlement, "number": number, "reason": "lost" });
        teller.shop(POST, "/v1/l402/release", body).await.is(200);
    }
    let reason = json!({ "reason": "over" });
    teller.shop(DELETE, &path, reason.clone()).await.is(200);
    teller.shop(DELETE, "/v1/entitlements/nobody", reason).await.is(404);
    teller.shop(POST, "/v1/l402/redeem", redeem(&credential)).await;
    for path in FORWARDED {
        for method in [GET, POST] {
            for uri in ["/paid/x", "/nowhere"] {
                let ask = teller
                    .door
                    .shop(&client(), method.clone(), path)
                    .header("x-forwarded-uri", uri)
                    .header("x-forwarded-method", "GET");
                teller.hear(method.clone(), path, ask).await;
            }
        }
    }
    let sold = teller.shop(POST, "/v1/l402/challenge", json!({ "offer": "paid" })).await.is(201);
    let credential = teller.bought(&sold).await;
    teller.shop(POST, "/v1/l402/redeem", redeem(&credential)).await.is(200);
    redeem(&credential)
}

/// What operators do.
async fn operation(teller: &mut Teller<'_>) {
    for path in [
        "/v1/admin/tenants",
        "/v1/admin/tenants/dev/keys",
        "/v1/admin/connections",
        "/v1/admin/clock",
        "/v1/admin/duties",
        "/v1/admin/reviews",
        "/v1/admin/reconciliation/ledger",
        "/v1/admin/reconciliation/payments/runs",
        "/v1/admin/tenants/dev/billing/doctor",
        "/v1/admin/tenants/dev/billing/readiness",
        "/metrics",
        "/api/payments",
        "/v1/admin/commodities/MSAT",
        "/v1/admin/dead-letters",
        "/v1/admin/workers",
    ] {
        teller.operator(GET, path, json!({})).await.is(200);
    }
    for path in [
        "/v1/admin/reconciliation/payments/run",
        "/admin/reconciliation/payments/run",
        "/v1/admin/clock/accept",
    ] {
        teller.operator(POST, path, json!({})).await.is(200);
    }
    teller.operator(POST, "/v1/admin/clock/correct", json!({ "reason": "set" })).await.is(200);
    teller.operator(POST, "/v1/admin/views/rebuild", json!({})).await;
    let anomaly = json!({ "stream": "payment-dev-nobody", "position": 1, "reason": "seen" });
    teller.operator(POST, "/v1/admin/anomalies/acknowledge", anomaly).await.is(404);
    teller.operator(GET, "/v1/admin/dead-letters/fulfil.1", json!({})).await.is(404);
    let retry = json!({ "reason": "again" });
    teller.operator(POST, "/v1/admin/dead-letters/fulfil.1/retry", retry).await.is(404);
    let resolve = json!({ "outcome": "failed", "reason": "lost" });
    teller.operator(POST, "/v1/admin/dead-letters/fulfil.1/resolve", resolve).await.is(404);
    for paused in [true, false] {
        let switch = json!({ "worker": "dlq", "paused": paused, "reason": "maintenance" });
        teller.operator(PUT, "/v1/admin/workers", switch).await.is(200);
    }
    let duties = teller.operator(GET, "/v1/admin/duties", json!({})).await.is(200);
    let stream =
        duties.body["oldest"][0]["stream"].as_str().unwrap_or("payment-dev-nobody").to_owned();
    let kind = duties.body["oldest"][0]["kind"].as_str().unwrap_or("sweep").to_owned();
    for (stream, _status) in [(stream.as_str(), 200), ("payment-dev-nobody", 404)] {
        let body = json!({ "kind": kind, "stream": stream, "reason": "by hand" });
        teller.operator(POST, "/v1/admin/duties/waive", body).await;
    }
}

/// Providers that refuse, cannot be reached, or do not answer.
async fn failures(teller: &mut Teller<'_>, used_up: &Value) {
    let bills = [
        ("/v1/topups", json!({ "account": "alice", "amount": msat(5_000) })),
        ("/v1/payments", json!({ "amount": msat(5_000) })),
        ("/v1/l402/challenge", json!({ "offer": "paid" })),
    ];
    for (fault, status) in [("refused", 502), ("answer_lost", 504)] {
        teller.faults(json!({ "create": fault })).await;
        for (path, body) in &bills {
            let key = format!("{fault}{path}");
            teller.as_shop(&key, POST, path, body).await.is(status);
            teller.as_shop(&key, POST, path, body).await;
        }
        teller.shop(POST, "/v1/l402/redeem", by_another(used_up)).await;
        for path in FORWARDED {
            for method in [GET, POST] {
                let ask = teller
                    .door
                    .shop(&client(), method.clone(), path)
                    .header("x-forwarded-uri", "/paid/x")
                    .header("x-forwarded-method", "GET");
                teller.hear(method.clone(), path, ask).await;
            }
        }
    }
    teller.faults(json!({})).await;
}

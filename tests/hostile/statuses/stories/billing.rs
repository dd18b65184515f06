//! Billing: what operators and administrators do about it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{GET, POST, PUT, Teller, fresh};
use crate::{
    hostile::statuses::{administrator, peer},
    server::{Answer, client},
};

/// As one service asks.
const FINALIZE: [&str; 3] =
    ["/api/internal/billing/finalize", "/api/billing/internal/finalize", "/api/internal/finalize"];

impl Teller<'_> {
    async fn peer(&mut self, issuer: &str, path: &str, body: Value) -> Answer {
        let ask = self.door.ask(&client(), POST, path).json(&body).bearer_auth(peer(issuer));
        self.hear(POST, path, ask).await
    }

    /// With a token of an administrator's own.
    pub(super) async fn administrator(
        &mut self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Answer {
        let ask = self.door.ask(&client(), method.clone(), path).json(&body);
        let ask = ask.bearer_auth(administrator("ada")).header("idempotency-key", fresh());
        self.hear(method, path, ask).await
    }
}

/// How tenants bill, and credit that administrators of it give by hand.
pub(super) async fn told(teller: &mut Teller<'_>) {
    let path = |tenant: &str| format!("/v1/admin/tenants/{tenant}/billing");
    let held = teller.operator(GET, &path("dev"), json!({})).await.is(200).body["billing"].clone();
    teller.operator(GET, &path("nobody"), json!({})).await.is(404);
    for (tenant, version, status) in [("dev", 0, 200), ("dev", 7, 409), ("nobody", 0, 404)] {
        let body = json!({ "billing": held, "version": version, "reason": "calm" });
        teller.operator(PUT, &path(tenant), body).await.is(status);
    }
    for (tenant, status) in [("dev", 201), ("dev", 201), ("nobody", 404)] {
        let cut = json!({ "commons_bps": 0, "community_bps": 0, "foundation_bps": 10_000,
            "reason": "try" });
        let status_of_list = if status == 201 { 200 } else { 404 };
        let path = path(tenant) + "/shares";
        teller.operator(POST, &path, cut).await.is(status);
        teller.operator(GET, &path, json!({})).await.is(status_of_list);
    }
    for (rule, how, status) in [
        (1, "hasten", 409),
        (1, "approve", 200),
        (1, "approve", 409),
        (1, "hasten", 200),
        (2, "reject", 200),
        (2, "reject", 409),
        (9, "approve", 404),
        (9, "reject", 404),
        (9, "hasten", 404),
    ] {
        let path = format!("{}/shares/{rule}/{how}", path("dev"));
        teller.administrator(POST, &path, json!({ "reason": "seen" })).await.is(status);
    }
    let config = "/admin/billing/config";
    teller.operator(GET, config, json!({})).await.is(200);
    teller.operator(PUT, config, json!({ "reason": "as it is" })).await.is(200);
    teller.operator(PUT, config, json!({ "mode": "live", "reason": "now" })).await.is(409);
    for (tenant, status) in [("dev", 200), ("nobody", 404)] {
        for look in ["readiness", "doctor"] {
            let path = format!("{}/{look}", path(tenant));
            teller.operator(GET, &path, json!({})).await.is(status);
        }
    }
    let mint = "/admin/billing/accounts/alice/mint";
    for (id, amount, status) in [("wire", "5", 201), ("wire", "5", 200), ("wire", "6", 409)] {
        let body = json!({ "amountMicro": amount, "description": "a wire", "sourceId": id });
        teller.administrator(POST, mint, body).await.is(status);
    }
}

/// What other services charge, under each of their paths, and until one of them asks too often.
pub(super) async fn finalized(teller: &mut Teller<'_>) {
    for (number, path) in FINALIZE.into_iter().enumerate() {
        let name = format!("peers_{number}");
        let amount = json!({ "commodity": "USD", "amount": "5" });
        let body = json!({ "reservation": name, "amount": amount });
        teller.shop(POST, "/v1/accounts/alice/reservations", body).await.is(201);
        for (name, cost, status) in [(&*name, "4", 200), (&*name, "5", 409), ("none", "5", 404)] {
            let body = json!({ "reservationId": name, "actualCostMicro": cost });
            teller.peer("loa-finn", path, body).await.is(status);
        }
    }
    let body = json!({ "reservationId": "none", "actualCostMicro": "1" });
    for _ in 0..200 {
        teller.peer("loa-hasty", FINALIZE[0], body.clone()).await.is(404);
    }
    for path in FINALIZE {
        teller.peer("loa-hasty", path, body.clone()).await.is(429);
    }
}

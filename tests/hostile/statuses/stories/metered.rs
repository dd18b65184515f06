//! Credit that is set aside, charged and given back.

use serde_json::json;

use super::{GET, POST, Teller};
use crate::server::msat;

pub(super) async fn told(teller: &mut Teller<'_>) {
    reservations(teller).await;
    ends(teller).await;
    looks(teller).await;
}

async fn reservations(teller: &mut Teller<'_>) {
    for (account, name, status) in
        [("alice", "one", 201), ("alice", "one", 409), ("nobody", "two", 404)]
    {
        let path = format!("/v1/accounts/{account}/reservations");
        let body = json!({ "reservation": name, "amount": msat(10) });
        teller.shop(POST, &path, body).await.is(status);
    }
    for name in ["two", "three"] {
        let body = json!({ "reservation": name, "amount": msat(10) });
        teller.shop(POST, "/v1/accounts/alice/reservations", body).await.is(201);
    }
}

async fn ends(teller: &mut Teller<'_>) {
    for (name, cost, status) in [("one", 5, 200), ("one", 6, 409), ("nobody", 5, 404)] {
        let path = format!("/v1/reservations/{name}/finalize");
        teller.shop(POST, &path, json!({ "cost": msat(cost) })).await.is(status);
    }
    for (name, status) in [("two", 200), ("one", 409), ("nobody", 404)] {
        teller.shop(POST, &format!("/v1/reservations/{name}/release"), json!({})).await.is(status);
    }
    for (name, status) in [("three", 200), ("one", 409), ("nobody", 404)] {
        let path = format!("/v1/admin/tenants/dev/reservations/{name}/release");
        teller.operator(POST, &path, json!({})).await.is(status);
    }
}

async fn looks(teller: &mut Teller<'_>) {
    for (name, status) in [("one", 200), ("nobody", 404)] {
        teller.shop(GET, &format!("/v1/reservations/{name}"), json!({})).await.is(status);
        let path = format!("/v1/admin/tenants/dev/reservations/{name}");
        teller.operator(GET, &path, json!({})).await.is(status);
    }
    teller.shop(GET, "/v1/reservations?status=pending", json!({})).await.is(200);
    teller.operator(GET, "/v1/admin/tenants/dev/reservations", json!({})).await.is(200);
}

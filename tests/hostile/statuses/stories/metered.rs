//! Credit that is set aside, charged and given back.

use serde_json::json;

use super::{GET, POST, Teller};
use crate::server::msat;

pub(super) async fn told(teller: &mut Teller<'_>) {
    reservations(teller).await;
    ends(teller).await;
    looks(teller).await;
    batches(teller).await;
    corrections(teller).await;
    transfers(teller).await;
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
    let path = "/v1/admin/tenants/dev/accounts/alice/lots?after=x";
    teller.operator(GET, path, json!({})).await.is(400);
    for (account, status) in [("alice", 200), ("nobody", 404)] {
        for what in ["lots", "balance"] {
            let path = format!("/v1/admin/tenants/dev/accounts/{account}/{what}");
            teller.operator(GET, &path, json!({})).await.is(status);
        }
    }
}

async fn batches(teller: &mut Teller<'_>) {
    let spend = |key: &str, account: &str, amount: i64| {
        json!({ "mode": "atomic", "items": [{ "operation": "account.spend",
            "idempotency_key": key, "account": account, "amount": msat(amount) }] })
    };
    let finalize = |name: &str| {
        json!({ "mode": "atomic", "items": [{ "operation": "reservation.finalize",
            "idempotency_key": "other", "reservation": name, "cost": msat(99) }] })
    };
    for (body, status) in [
        (spend("fits", "alice", 1), 200),
        (spend("beyond", "alice", 1_000_000), 402),
        (spend("nobody", "nobody", 1), 404),
        (finalize("one"), 409),
    ] {
        teller.shop(POST, "/v1/batch", body).await.is(status);
    }
    for (tenant, source, status) in
        [("dev", "batched", 200), ("dev", "a", 409), ("nobody", "batched", 404)]
    {
        let body = json!({ "mode": "atomic", "items": [{ "operation": "lot.mint",
            "idempotency_key": source, "account": "alice", "amount": msat(1),
            "source_id": source, "reason": "a gift" }] });
        teller.operator(POST, &format!("/v1/admin/tenants/{tenant}/batch"), body).await.is(status);
    }
}

/// The ways to a lot, and to a payment: the tenant's own and the operator's.
const WAYS: [(bool, &str); 2] = [(false, "/v1"), (true, "/v1/admin/tenants/dev")];

async fn corrections(teller: &mut Teller<'_>) {
    let gift = "/v1/admin/tenants/dev/accounts/alice/mint";
    let asked = json!({ "account": "alice", "amount": msat(5_000) });
    let unpaid = teller.shop(POST, "/v1/payments", asked).await.is(201).word("/payment");
    let payments = teller.shop(GET, "/v1/payments?status=consumed", json!({})).await.is(200);
    let paid = payments.body["items"][0]["payment"].as_str().unwrap().to_owned();
    for (operator, way) in WAYS {
        for (payment, status) in [(&*paid, 201), (&*unpaid, 409), ("nobody", 404)] {
            let path = format!("{way}/payments/{payment}/refunds");
            let body = json!({ "amount": msat(1), "reason": "was down" });
            correct(teller, operator, &path, body).await.is(status);
        }
        for what in ["clawback", "void"] {
            let body =
                json!({ "amount": msat(5), "source_id": format!("{way}{what}"), "reason": "x" });
            let lot = teller.operator(POST, gift, body).await.is(201).word("/lot");
            for (lot, status) in [(&*lot, 200), ("nobody", 404)] {
                let path = format!("{way}/lots/{lot}");
                if operator {
                    teller.operator(GET, &path, json!({})).await.is(status);
                } else {
                    teller.shop(GET, &path, json!({})).await.is(status);
                }
            }
            for (lot, status) in [(&*lot, 201), (&*lot, 409), ("nobody", 404)] {
                let path = format!("{way}/accounts/alice/lots/{lot}/{what}");
                correct(teller, operator, &path, json!({ "reason": "double" })).await.is(status);
            }
        }
    }
}

async fn transfers(teller: &mut Teller<'_>) {
    for (operator, way) in WAYS {
        let path = format!("{way}/transfers");
        for (name, from, to, amount, status) in [
            ("one", "alice", "bob", 1, 201),
            ("one", "alice", "bob", 1, 409),
            ("two", "alice", "bob", 1_000_000, 402),
            ("two", "nobody", "bob", 1, 404),
            ("two", "alice", "sys-commons", 1, 403),
        ] {
            let body = json!({ "transfer": format!("{name}-{operator}"), "from": from, "to": to,
                "amount": msat(amount), "reason": "moved" });
            correct(teller, operator, &path, body).await.is(status);
        }
    }
}

async fn correct(
    teller: &mut Teller<'_>,
    operator: bool,
    path: &str,
    body: serde_json::Value,
) -> crate::server::Answer {
    if operator {
        teller.operator(POST, path, body).await
    } else {
        teller.shop(POST, path, body).await
    }
}

//! A house of its own: an account that a bug broke, a duty that nobody can do, an administrators' tenant
//! that is not there, credit that is demanded, and at last a full disk.

use serde_json::json;

use super::{GET, POST, PUT, Teller};
use crate::{
    faults::{Shim, full_disk},
    hostile::statuses::{ADMIN_SECRET, Document, Statuses},
    letters::{Broken, broken, until},
    server::{Server, msat},
};

pub(in crate::hostile::statuses) async fn told(document: &Document) -> Statuses {
    let mut server = Server::new(&[
        ("BILLING_ADMIN_JWT_SECRET", ADMIN_SECRET),
        ("PIPEROLL_ADMIN_JWT__TENANT", "nobody"),
        ("PIPEROLL_LIMITS__REQUEST_TIMEOUT", "5s"),
    ]);
    let mut shim = Shim::under(&mut server);
    let house = broken(server).await;
    let mut teller = Teller { door: house.server.door(), document, reached: Statuses::new() };
    elsewhere(&mut teller).await;
    demanded(&mut teller).await;
    letter(&mut teller, &house).await;
    let accepted = json!({ "stream": house.stream.to_string(), "position": house.position,
        "reason": "a bug of an old release" });
    teller.operator(POST, "/v1/admin/anomalies/acknowledge", accepted).await.is(200);
    shim.fail(full_disk());
    teller.shop(POST, "/v1/accounts", json!({ "account": "late" })).await.is(503);
    teller.operator(GET, "/ready", json!({})).await.is(503);
    teller.reached
}

/// Administrators of billing whose tenant was never opened.
async fn elsewhere(teller: &mut Teller<'_>) {
    let config = "/admin/billing/config";
    teller.administrator(GET, config, json!({})).await.is(404);
    teller.administrator(PUT, config, json!({ "reason": "as it is" })).await.is(404);
    let credit = json!({ "amountMicro": "5", "description": "a wire", "sourceId": "wire" });
    teller.administrator(POST, "/admin/billing/accounts/alice/mint", credit).await.is(404);
}

/// Reservations are refused where credit is demanded and there is none.
async fn demanded(teller: &mut Teller<'_>) {
    let path = "/v1/admin/tenants/dev/billing";
    let mut billing = teller.operator(GET, path, json!({})).await.is(200).body["billing"].clone();
    billing["mode"] = "live".into();
    let change = json!({ "billing": billing, "reason": "now", "override": "a test" });
    teller.operator(PUT, path, change).await.is(200);
    teller.shop(POST, "/v1/accounts", json!({ "account": "poor" })).await.is(201);
    let body = json!({ "reservation": "much", "amount": msat(10) });
    teller.shop(POST, "/v1/accounts/poor/reservations", body).await.is(402);
}

/// A dead letter is looked at, tried again and given up; then nothing more can be done about it.
async fn letter(teller: &mut Teller<'_>, house: &Broken) {
    let resume = json!({ "worker": "all", "paused": false, "reason": "done" });
    teller.operator(PUT, "/v1/admin/workers", resume).await.is(200);
    let letter = until(&house.server, "pending").await;
    let path = format!("/v1/admin/dead-letters/{}", letter["id"].as_str().unwrap());
    let (retry, resolve) = (format!("{path}/retry"), format!("{path}/resolve"));
    teller.operator(GET, &path, json!({})).await.is(200);
    teller.operator(POST, &retry, json!({ "reason": "again" })).await.is(200);
    let given_up = json!({ "outcome": "failed", "reason": "paid back by hand" });
    // While an attempt is under way it is busy.
    while teller.operator(POST, &resolve, given_up.clone()).await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    teller.operator(POST, &resolve, given_up).await.is(409);
    teller.operator(POST, &retry, json!({ "reason": "again" })).await.is(409);
}

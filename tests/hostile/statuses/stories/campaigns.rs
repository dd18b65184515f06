//! Campaigns: what they answer while they are planned, while they give, and once they have ended.

use serde_json::{Value, json};

use super::{GET, POST, Teller};
use crate::server::{Answer, client, msat};

/// By the tenant itself, and by an operator.
pub(super) async fn told(teller: &mut Teller<'_>) {
    of(teller, Way { operator: false, all: "/v1/campaigns", prefix: "our" }).await;
    let all = "/v1/admin/tenants/dev/campaigns";
    of(teller, Way { operator: true, all, prefix: "their" }).await;
    let plan = json!({ "campaign": "welcome", "budget": msat(100) });
    let nobodys = "/v1/admin/tenants/nobody/campaigns";
    teller.operator(POST, nobodys, plan).await.is(404);
    teller.operator(GET, nobodys, json!({})).await.is(404);
    let nobodys = "/v1/admin/tenants/nobody/reservations";
    teller.operator(GET, nobodys, json!({})).await.is(404);
}

/// A way to campaigns, and what those are called that were made on it.
#[derive(Clone, Copy)]
struct Way {
    operator: bool,
    all: &'static str,
    prefix: &'static str,
}

impl Way {
    fn name(self, campaign: &str) -> String {
        format!("{}-{campaign}", self.prefix)
    }

    fn one(self, campaign: &str) -> String {
        format!("{}/{}", self.all, self.name(campaign))
    }

    async fn post(self, teller: &mut Teller<'_>, path: &str, body: Value) -> Answer {
        if self.operator {
            teller.operator(POST, path, body).await
        } else {
            teller.shop(POST, path, body).await
        }
    }

    async fn get(self, teller: &mut Teller<'_>, path: &str) -> Answer {
        if self.operator {
            teller.operator(GET, path, json!({})).await
        } else {
            teller.shop(GET, path, json!({})).await
        }
    }

    /// Looks once everything that was written is to be seen.
    async fn look(self, teller: &mut Teller<'_>, path: &str) -> Answer {
        let head = teller.shop(GET, "/v1/offers", json!({})).await.lines("piperoll-position");
        let ask = if self.operator {
            teller.door.operator(&client(), GET, path)
        } else {
            teller.door.shop(&client(), GET, path)
        };
        teller.hear(GET, path, ask.header("piperoll-min-position", &head[0])).await
    }
}

/// A campaign that gives, and one that is not there.
async fn of(teller: &mut Teller<'_>, way: Way) {
    for (campaign, status) in [("welcome", 201), ("welcome", 409), ("late", 201)] {
        let plan = json!({ "campaign": way.name(campaign), "budget": msat(100) });
        way.post(teller, way.all, plan).await.is(status);
    }
    let reason = json!({ "reason": "a test" });
    let grants = |key: &str| {
        let key = way.name(key);
        let item = json!({ "idempotency_key": key, "account": "alice", "amount": msat(1) });
        json!({ "mode": "atomic", "items": [item] })
    };
    for (campaign, status) in [("late", 409), ("nothing", 404)] {
        let path = way.one(campaign);
        way.post(teller, &format!("{path}/grants"), grants(campaign)).await.is(status);
        for verb in ["pause", "complete"] {
            way.post(teller, &format!("{path}/{verb}"), reason.clone()).await.is(status);
        }
    }
    for (campaign, status) in [("welcome", 200), ("nothing", 404)] {
        let path = way.one(campaign);
        way.post(teller, &format!("{path}/activate"), reason.clone()).await.is(status);
        way.post(teller, &format!("{path}/grants"), grants(campaign)).await.is(status);
        for path in [path.clone(), format!("{path}/grants")] {
            way.look(teller, &path).await.is(status);
        }
        for verb in ["pause", "complete"] {
            way.post(teller, &format!("{path}/{verb}"), reason.clone()).await.is(status);
        }
    }
    let path = way.one("welcome");
    way.post(teller, &format!("{path}/activate"), reason).await.is(409);
    way.get(teller, way.all).await.is(200);
    way.get(teller, &format!("{path}/grants?after=x")).await.is(400);
}

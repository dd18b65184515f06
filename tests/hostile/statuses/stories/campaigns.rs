//! Campaigns: what they answer while they are planned, while they give, and once they have ended.

use serde_json::json;

use super::{GET, POST, Teller};
use crate::server::{client, msat};

/// A campaign that gives, and one that is not there.
pub(super) async fn told(teller: &mut Teller<'_>) {
    for (campaign, status) in [("welcome", 201), ("welcome", 409), ("late", 201)] {
        let plan = json!({ "campaign": campaign, "budget": msat(100) });
        teller.shop(POST, "/v1/campaigns", plan).await.is(status);
    }
    let reason = json!({ "reason": "a test" });
    let grants = |key: &str| {
        let item = json!({ "idempotency_key": key, "account": "alice", "amount": msat(1) });
        json!({ "mode": "atomic", "items": [item] })
    };
    for (campaign, status) in [("late", 409), ("nothing", 404)] {
        let path = format!("/v1/campaigns/{campaign}");
        teller.shop(POST, &format!("{path}/grants"), grants(campaign)).await.is(status);
        for verb in ["pause", "complete"] {
            teller.shop(POST, &format!("{path}/{verb}"), reason.clone()).await.is(status);
        }
    }
    for (campaign, status) in [("welcome", 200), ("nothing", 404)] {
        let path = format!("/v1/campaigns/{campaign}");
        teller.shop(POST, &format!("{path}/activate"), reason.clone()).await.is(status);
        teller.shop(POST, &format!("{path}/grants"), grants(campaign)).await.is(status);
        for path in [path.clone(), format!("{path}/grants")] {
            let head = teller.shop(GET, "/v1/offers", json!({})).await.lines("piperoll-position");
            let ask = teller.door.shop(&client(), GET, &path);
            teller.hear(GET, &path, ask.header("piperoll-min-position", &head[0])).await.is(status);
        }
        for verb in ["pause", "complete"] {
            teller.shop(POST, &format!("{path}/{verb}"), reason.clone()).await.is(status);
        }
    }
    teller.shop(POST, "/v1/campaigns/welcome/activate", reason).await.is(409);
    teller.shop(GET, "/v1/campaigns", json!({})).await.is(200);
    teller.shop(GET, "/v1/campaigns/welcome/grants?after=x", json!({})).await.is(400);
}

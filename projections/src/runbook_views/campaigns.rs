//! Campaigns under the runbook's names: one tenant, micro USD.

use super::{TENANT, View, time};

/// The views, in order.
pub(super) fn views() -> Vec<View> {
    vec![("credit_campaigns", campaigns()), ("credit_grants", grants())]
}

fn campaigns() -> String {
    let [expires_at, reached_at, created_at] =
        ["ends_at", "threshold_reached_at", "created_at"].map(time);
    format!(
        "SELECT campaign AS id, purpose AS type, status, budget AS budget_micro, \
         spent AS spent_micro, account_cap AS per_wallet_cap_micro, pool AS pool_id, grants, \
         threshold_percent, {reached_at} AS threshold_reached_at, {expires_at} AS expires_at, \
         {created_at} AS created_at FROM campaigns WHERE commodity = 'USD' AND tenant = {TENANT}"
    )
}

/// A grant whose lot was taken back as one that should never have been is revoked.
fn grants() -> String {
    let (expires_at, created_at) = (time("g.expires_at"), time("g.granted_at"));
    format!(
        "SELECT g.grant_id AS id, g.campaign AS campaign_id, g.account AS account_id, \
         g.lot AS lot_id, g.amount AS amount_micro, g.pool AS pool_id, \
         CASE WHEN l.voided > 0 THEN 'revoked' ELSE 'granted' END AS status, \
         {expires_at} AS expires_at, {created_at} AS created_at FROM grants AS g \
         LEFT JOIN lots AS l ON l.tenant = g.tenant AND l.account = g.account AND l.lot = g.lot \
         WHERE g.commodity = 'USD' AND g.tenant = {TENANT}"
    )
}

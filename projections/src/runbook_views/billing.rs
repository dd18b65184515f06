//! How the runbook's tenant bills, its payments, the names that were taken, and what wrote the roll.

use std::fmt::Write as _;

use piperoll_domain::chart::Chart;

use super::{TENANT, View, time};
use crate::reservations::OVERRUNS_ALERT_PERCENT;

/// The views, in order.
pub(super) fn views() -> Vec<View> {
    vec![
        ("runbook_tenant", tenant().to_owned()),
        ("ledger_drift", drift()),
        ("ledger_reconciliation", reconciliation()),
        ("billing_config", config()),
        ("billing_idempotency_keys", idempotency_keys()),
        ("crypto_payments", crypto_payments()),
        ("migrations", migrations()),
    ]
}

/// `default` if there is a tenant of that name, else the one that was opened first.
const fn tenant() -> &'static str {
    "SELECT b.tenant FROM billing AS b CROSS JOIN accounts AS a \
     ON a.tenant = b.tenant AND a.account = 'sys-commons' \
     ORDER BY b.tenant = 'default' DESC, a.opened_at, b.tenant LIMIT 1"
}

/// What an account holds that its lots do not add up to. Sums are taken in halves, as SQL's own give
/// up beyond 64 bits. The three who share hold no lots.
fn drift() -> String {
    let mut conditions = String::new();
    for column in
        ["available", "reserved", "consumed", "expired", "clawed_back", "voided", "moved", "minted"]
    {
        let or = if conditions.is_empty() { "" } else { " OR " };
        let high = format!(
            "coalesce(sum(l.{column} >> 31), 0) - ((b.{column}_over << 31) + (b.{column} >> 31))"
        );
        let low = format!("coalesce(sum(l.{column} & 2147483647), 0) - (b.{column} & 2147483647)");
        let _ =
            write!(conditions, "{or}({low}) & 2147483647 <> 0 OR ({high}) + (({low}) >> 31) <> 0");
    }
    format!(
        "SELECT b.tenant, b.account, b.commodity, b.pool, \
         b.available + (b.available_over << 62) AS held, \
         (coalesce(sum(l.available >> 31), 0) << 31) + coalesce(sum(l.available & 2147483647), 0) \
         AS of_lots FROM balances AS b LEFT JOIN lots AS l \
         ON l.tenant = b.tenant AND l.account = b.account AND l.commodity = b.commodity \
         AND l.pool = b.pool WHERE b.account NOT LIKE 'sys-%' \
         GROUP BY b.tenant, b.account, b.commodity, b.pool HAVING {conditions} \
         UNION ALL SELECT l.tenant, l.account, l.commodity, l.pool, 0, l.available \
         FROM lots AS l WHERE NOT EXISTS (SELECT 1 FROM balances AS b WHERE b.tenant = l.tenant \
         AND b.account = l.account AND b.commodity = l.commodity AND b.pool = l.pool)"
    )
}

/// The comparison of the ledger with itself, made anew whenever it is looked at. Both ends of a transfer
/// are taken in together, so that nothing is ever seen under way.
fn reconciliation() -> String {
    let transit = Chart::CreditInTransit.number();
    format!(
        "SELECT (SELECT count(*) FROM accounts) AS accounts, \
         (SELECT count(*) FROM (SELECT DISTINCT tenant, account FROM ledger_drift)) \
         AS accounts_with_drift, (SELECT count(*) FROM lot_invariant) AS lots_broken, \
         (SELECT count(*) FROM ledger WHERE account = {transit} \
         AND (debit, debit_over) <> (credit, credit_over)) AS in_transit"
    )
}

/// The end of the present millisecond, in microseconds: SQLite knows no finer time, and what has begun
/// must not look as if it had not.
const NOW: &str = "strftime('%s', 'now') * 1000000 + substr(strftime('%f', 'now'), 4) * 1000 + 999";

/// One row a setting, each value as text. The rule of shares is the one that holds now: the newest
/// that has begun, or the one that stands from the beginning. Now is what this machine's clock says:
/// while the roll's own clock is in doubt, what is charged goes by the rule that had begun before.
fn config() -> String {
    let of_billing = |key: &str, value: &str| {
        format!("SELECT '{key}' AS key, {value} AS value FROM billing WHERE tenant = {TENANT}")
    };
    let rule = |part: &str, at_first: u32| {
        format!(
            "SELECT '{part}_rate_bps', CAST(coalesce((SELECT {part}_bps FROM share_rules WHERE tenant = {TENANT} \
             AND state = 'approved' AND holds_from <= {NOW} \
             ORDER BY rule DESC LIMIT 1), {at_first}) AS TEXT)"
        )
    };
    let always = |key: &str, value: &str| format!("SELECT '{key}', {value}");
    let result = "(SELECT json_object('timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), \
                  'passed', json(iif(lots_broken + accounts_with_drift + in_transit = 0, 'true', 'false')), \
                  'accounts', accounts, 'checks', json_array(json_object('name', 'lot_invariant', \
                  'passed', json(iif(lots_broken = 0, 'true', 'false')), 'violations', lots_broken), \
                  json_object('name', 'lots_and_balances', \
                  'passed', json(iif(accounts_with_drift = 0, 'true', 'false')), \
                  'violations', accounts_with_drift), json_object('name', 'credit_in_transit', \
                  'passed', json(iif(in_transit = 0, 'true', 'false')), \
                  'violations', in_transit))) FROM ledger_reconciliation)";
    [
        of_billing("billing_mode", "mode"),
        of_billing("enabled", "iif(enabled = 1, 'true', 'false')"),
        of_billing("ceiling_micro", "CAST(ceiling_micro AS TEXT)"),
        of_billing("reserve_ttl_seconds", "CAST(reserve_ttl_seconds AS TEXT)"),
        of_billing("safety_multiplier", "CAST(safety_multiplier_bps / 10000.0 AS TEXT)"),
        of_billing("shares_cooldown_seconds", "CAST(shares_cooldown_seconds AS TEXT)"),
        of_billing("share_gifts", "iif(share_gifts = 1, 'true', 'false')"),
        rule("commons", 500),
        rule("community", 7_000),
        rule("foundation", 2_500),
        always("commons_account_id", "'sys-commons'"),
        always("community_account_id", "'sys-community-pool'"),
        always("foundation_account_id", "'sys-foundation'"),
        always("overrun_alert_threshold_pct", &format!("'{OVERRUNS_ALERT_PERCENT}'")),
        always("last_reconciliation_at", "datetime('now')"),
        always("last_reconciliation_result", result),
    ]
    .join(" UNION ALL ")
}

/// The sources that money comes in by.
const SOLD: &str = "'deposit', 'purchase'";
/// The sources of what was given, not sold.
const GIVEN: &str = "'grant', 'commons_dividend'";

/// The names that money has taken: each once and for ever. Lots by their source, with the key that a
/// caller sent; reservations, their ends, refunds, and webhooks by their own names. `mint` is another
/// name of `deposit`; neither is about credit that was there before, as what a transfer brought.
fn idempotency_keys() -> String {
    let of_lots = |scope: &str, which: &str| {
        let created_at = time("minted_at");
        format!(
            "SELECT '{scope}' AS scope, coalesce(idempotency, source_id) AS idempotency_key, \
             source_kind AS source_type, source_id, lot AS lot_id, NULL AS response_hash, \
             NULL AS expires_at, {created_at} AS created_at FROM lots \
             WHERE source_kind IN ({which}) AND tenant = {TENANT}"
        )
    };
    let of_reservations = |scope: &str, at: &str, which: &str| {
        let created_at = time(at);
        format!(
            "SELECT '{scope}', reservation, 'reservation', reservation, NULL, NULL, NULL, \
             {created_at} FROM reservations WHERE {which} AND tenant = {TENANT}"
        )
    };
    let received_at = time("recorded_at");
    [
        of_lots("deposit", SOLD),
        of_lots("mint", SOLD),
        of_lots("grant", GIVEN),
        of_reservations("reserve", "reserved_at", "status IS NOT NULL"),
        of_reservations("finalize", "ended_at", "status = 'finalized'"),
        of_reservations("release", "ended_at", "status IN ('released', 'expired')"),
        format!(
            "SELECT 'refund', coalesce(idempotency, refund), 'payment', payment, NULL, NULL, NULL, \
             {} FROM refunds WHERE tenant = {TENANT}",
            time("refunded_at")
        ),
        format!(
            "SELECT 'distribute', coalesce(reference, CAST(position AS TEXT)), 'shares', \
             CAST(position AS TEXT), NULL, NULL, NULL, {received_at} \
             FROM shares WHERE tenant = {TENANT}"
        ),
        format!(
            "SELECT 'webhook', connection || ':' || event_id, 'receipt', receipt, NULL, digest, \
             NULL, {received_at} FROM receipts WHERE event_id IS NOT NULL \
             AND payment_tenant = {TENANT}"
        ),
    ]
    .join(" UNION ALL ")
}

/// A payment that was recovered by hand shows its lot too, also one that was empty by then and is found
/// by its mint: whether there is one tells whether to mint.
/// The `+` keeps the tenant out of the choice of an index: it would win over the provider's name.
fn crypto_payments() -> String {
    let [created_at, expires_at, finished_at] =
        ["requested_at", "expires_at", "coalesce(consumed_at, settled_at)"].map(time);
    format!(
        "SELECT payment AS id, connection AS provider, provider_id AS provider_payment_id, status, \
         detail AS provider_status, protocol, network, payment_hash, \
         commodity AS price_currency, price AS price_amount, received AS actually_paid, \
         CASE commodity WHEN 'USD' THEN price END AS amount_usd_micro, \
         refunded AS refunded_amount, account AS account_id, reference AS order_id, \
         CASE gave_kind WHEN 'lot' THEN gave WHEN 'recovered' THEN coalesce(gave, \
         (SELECT l.lot FROM lots AS l WHERE l.tenant = payments.tenant \
         AND l.account = payments.gave_account AND l.minted_position = payments.gave_minted)) \
         END AS lot_id, {created_at} AS created_at, \
         {expires_at} AS expires_at, {finished_at} AS finished_at \
         FROM payments WHERE +tenant = {TENANT}"
    )
}

/// What the roll was written by, each with its beginning.
fn migrations() -> String {
    let applied_at = time("min(recorded_at)");
    format!(
        "SELECT min(position) AS id, name, kind, {applied_at} AS applied_at \
         FROM steps GROUP BY kind, name"
    )
}

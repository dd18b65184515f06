//! Read-only SQL views: what the runbooks and an auditor ask for by name.

use std::fmt::Write as _;

use piperoll_domain::chart::Chart;

/// Views that need nothing filled in.
const WORDS: &[(&str, &str)] = &[
    (
        "lot_invariant",
        "SELECT tenant, account, lot, minted, available, reserved, consumed, expired, clawed_back, \
         voided, moved FROM lots \
         WHERE minted IS NULL OR available < 0 OR reserved < 0 \
         OR available + reserved + consumed + expired + clawed_back + voided + moved <> minted",
    ),
    (
        "pending_over_15m",
        "SELECT tenant, payment, connection, provider_id, commodity, price, requested_at, expires_at \
         FROM payments WHERE status = 'pending' AND requested_at <= \
         CAST(unixepoch('subsec') * 1000000 AS INTEGER) - 900000000",
    ),
    (
        "payment_provider_events",
        "SELECT receipt AS id, connection AS provider, event_id, payment_hash, says AS status, \
         scheme || ':' || scheme_key AS signature, NULL AS payload, \
         strftime('%Y-%m-%dT%H:%M:%fZ', recorded_at / 1000000.0, 'unixepoch') AS received_at \
         FROM receipts",
    ),
    (
        "billing_dlq",
        "SELECT letter AS id, operation_type, \
         json_object('duty', duty, 'stream', stream, 'item', item, 'opener', opener) AS payload, \
         error_code || ': ' || error_message AS error_message, retry_count, max_retries, status, \
         CASE WHEN status IN ('pending', 'processing') \
         THEN datetime(next_retry_at / 1000000, 'unixepoch') END AS next_retry_at, \
         CASE WHEN status = 'processing' \
         THEN datetime(lease_until / 1000000, 'unixepoch') END AS lease_until, \
         CASE WHEN status IN ('completed', 'failed') THEN ended END AS resolution, reason, \
         datetime(created_at / 1000000, 'unixepoch') AS created_at, \
         datetime(updated_at / 1000000, 'unixepoch') AS updated_at, tenant FROM dead_letters",
    ),
    (
        "payment_provider_events_doubled",
        "SELECT connection AS provider, event_id, count(*) AS times FROM receipts \
         WHERE event_id IS NOT NULL GROUP BY connection, event_id HAVING count(*) > 1",
    ),
    (
        "crypto_payments",
        "SELECT tenant, payment AS id, connection AS provider, provider_id, payment_hash, status, \
         commodity, price, received, account, reference, requested_at, settled_at, consumed_at \
         FROM payments",
    ),
    (
        "credit_accounts",
        "SELECT tenant, account AS id, commodity, pool, available, reserved, consumed, expired, \
         minted FROM balances",
    ),
    (
        "credit_lots",
        "SELECT tenant, account, lot AS id, commodity, pool, source_kind, source_id, \
         minted AS original, available, reserved, consumed, expired, expires_at, minted_at FROM lots",
    ),
    (
        "credit_ledger",
        "SELECT tenant, account, position, leg, kind, amount, commodity, pool, lot, reference, \
         recorded_at, effective_at FROM entries WHERE kind IS NOT NULL",
    ),
    (
        "credit_campaigns",
        "SELECT tenant, campaign AS id, purpose AS type, status, commodity, budget, spent, \
         account_cap, CASE commodity WHEN 'USD' THEN budget END AS budget_micro, \
         CASE commodity WHEN 'USD' THEN spent END AS spent_micro, \
         CASE commodity WHEN 'USD' THEN account_cap END AS per_wallet_cap_micro, \
         pool AS pool_id, grants, threshold_percent, threshold_reached_at, \
         strftime('%Y-%m-%dT%H:%M:%fZ', ends_at / 1000000.0, 'unixepoch') AS expires_at, \
         strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000000.0, 'unixepoch') AS created_at \
         FROM campaigns",
    ),
    (
        "credit_grants",
        "SELECT g.tenant, g.grant_id AS id, g.campaign AS campaign_id, g.account AS account_id, \
         g.lot AS lot_id, g.commodity, g.amount, \
         CASE g.commodity WHEN 'USD' THEN g.amount END AS amount_micro, \
         CASE WHEN l.voided > 0 THEN 'revoked' ELSE 'granted' END AS status, \
         strftime('%Y-%m-%dT%H:%M:%fZ', g.granted_at / 1000000.0, 'unixepoch') AS created_at \
         FROM grants AS g \
         LEFT JOIN lots AS l ON l.tenant = g.tenant AND l.account = g.account AND l.lot = g.lot",
    ),
    (
        "journal_entries",
        "SELECT p.tenant, e.value ->> 0 AS position, e.value ->> 1 AS event, e.value -> 5 AS legs, \
         e.value ->> 2 AS recorded_at, e.value ->> 3 AS effective_at, e.value ->> 4 AS correlation \
         FROM journal_pages AS p, \
         json_each('[' || replace(rtrim(p.entries, char(10)), char(10), ',') || ']') AS e",
    ),
    (
        "journal",
        "SELECT e.tenant, e.position, l.key AS leg, l.value ->> 0 AS account, c.name AS account_name, \
         l.value ->> 1 AS holder, l.value ->> 2 AS commodity, l.value ->> 3 AS amount, e.event, \
         e.recorded_at, e.effective_at, e.correlation \
         FROM journal_entries AS e, json_each(e.legs) AS l \
         LEFT JOIN chart AS c ON c.number = l.value ->> 0",
    ),
    (
        "trial_balance",
        "SELECT l.tenant, l.account, c.name AS account_name, l.commodity, sum(l.debit) AS debit, \
         sum(l.credit) AS credit FROM ledger AS l LEFT JOIN chart AS c ON c.number = l.account \
         GROUP BY l.tenant, l.account, l.commodity",
    ),
];

/// The statements that make the views, in order.
pub fn create() -> Vec<String> {
    let views = WORDS.iter().map(|(name, select)| format!("CREATE VIEW {name} AS {select}"));
    std::iter::once(chart()).chain(views).collect()
}

/// The chart of accounts, so that SQL can show names.
fn chart() -> String {
    let mut rows = String::new();
    for (account, number, name, _) in Chart::TABLE {
        let comma = if rows.is_empty() { "" } else { ", " };
        let class = class_word(account);
        let _ = write!(rows, "{comma}({number}, '{name}', '{class}')");
    }
    format!("CREATE VIEW chart (number, name, class) AS VALUES {rows}")
}

/// The word for the kind of an account.
pub fn class_word(account: Chart) -> &'static str {
    use piperoll_domain::chart::Class;
    match account.class() {
        Class::Asset => "asset",
        Class::Liability => "liability",
        Class::Income => "income",
        Class::Expense => "expense",
        Class::Memo => "memo",
    }
}

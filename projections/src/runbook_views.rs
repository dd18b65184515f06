//! Read-only SQL views: what the runbooks and an auditor ask for by name.
//!
//! The names of the credit runbook (`credit_…`, `billing_…`, `crypto_payments`) show one tenant, in
//! micro USD and UTC, as its queries expect; whoever wants more asks the tables, which know tenants,
//! commodities and microseconds. A write to any of these views is refused with the command to use.

mod billing;
mod campaigns;
mod credit;
mod refusals;

use std::fmt::Write as _;

use piperoll_domain::chart::Chart;

use crate::credit::unbalanced;

/// Views that need nothing filled in.
const WORDS: &[(&str, &str)] = &[
    (
        "lot_invariant",
        // Word for word the condition of `lots_broken`, so that it is answered from there.
        concat!(
            "SELECT tenant, account, lot, minted, available, reserved, consumed, expired, \
             clawed_back, voided, moved FROM lots WHERE ",
            unbalanced!()
        ),
    ),
    (
        "pending_over_15m",
        "SELECT tenant, payment, connection, provider_id, commodity, price, requested_at, expires_at \
         FROM payments WHERE status = 'pending' AND requested_at <= \
         strftime('%s', 'now') * 1000000 - 900000000",
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
];

/// A view: its name and its words.
type View = (&'static str, String);

/// The tenant that the runbook's names show.
const TENANT: &str = "(SELECT tenant FROM runbook_tenant)";

/// The statements that make the views, in order.
pub fn create() -> Vec<String> {
    let fixed = WORDS.iter().map(|(name, select)| (*name, (*select).to_owned()));
    let views = fixed.chain([("trial_balance", trial_balance())]);
    let views = views.chain(billing::views()).chain(credit::views()).chain(campaigns::views());
    let views = views.map(|(name, select)| format!("CREATE VIEW {name} AS {select}"));
    std::iter::once(chart()).chain(views).chain(refusals::create()).collect()
}

/// Both sides of each account, exact. A side beyond 64 bits fails with `integer overflow`, as SQL's own
/// sums do, and only where it is read: ask for the others by tenant or commodity, and the API or the
/// command line for that one.
fn trial_balance() -> String {
    // Sums are taken in halves, since the parts of a wide sum can themselves add up beyond 64 bits.
    let halves = |side: &str| {
        format!(
            "(sum(l.{side}_over) << 31) + sum(l.{side} >> 31) \
             + (sum(l.{side} & 2147483647) >> 31) AS {side}_high, \
             sum(l.{side} & 2147483647) & 2147483647 AS {side}_low"
        )
    };
    // The smallest number has no absolute value; it is made of a column so that it is not made ahead.
    let whole = |side: &str| {
        format!(
            "CASE WHEN {side}_high BETWEEN 0 AND 4294967295 THEN ({side}_high << 31) + {side}_low \
             ELSE abs((({side}_high & 0) | 1) << 63) END AS {side}"
        )
    };
    format!(
        "SELECT s.tenant, s.account, c.name AS account_name, s.commodity, {}, {} \
         FROM (SELECT l.tenant, l.account, l.commodity, {}, {} FROM ledger AS l \
         GROUP BY l.tenant, l.account, l.commodity) AS s LEFT JOIN chart AS c ON c.number = s.account",
        whole("debit"),
        whole("credit"),
        halves("debit"),
        halves("credit")
    )
}

/// A column of microseconds as the runbook compares it: seconds in UTC, as `datetime('now')` writes
/// them.
fn time(column: &str) -> String {
    format!("datetime({column} / 1000000, 'unixepoch')")
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

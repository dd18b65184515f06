//! Credit under the runbook's names: one tenant, micro USD.

use super::{TENANT, View, time};

/// The views, in order.
pub(super) fn views() -> Vec<View> {
    vec![
        ("credit_accounts", accounts()),
        ("credit_balances", balances()),
        ("credit_lots", lots()),
        ("credit_reservations", reservations()),
        ("credit_ledger", ledger()),
    ]
}

fn accounts() -> String {
    let created_at = time("coalesce(opened_at, minted_at)");
    format!(
        "SELECT account AS id, CASE account WHEN 'sys-commons' THEN 'commons' \
         WHEN 'sys-community-pool' THEN 'community' WHEN 'sys-foundation' THEN 'foundation' \
         ELSE 'person' END AS entity_type, CASE account WHEN 'sys-commons' THEN 'pool' \
         WHEN 'sys-community-pool' THEN 'revenue-pool' WHEN 'sys-foundation' THEN 'revenue' \
         ELSE account END AS entity_id, {created_at} AS created_at \
         FROM accounts WHERE tenant = {TENANT}"
    )
}

fn balances() -> String {
    let wide = |(name, shown)| format!("{name} + {name}_over * 4611686018427387904 AS {shown}");
    let [available, reserved, debt] =
        [("available", "available_micro"), ("reserved", "reserved_micro"), ("owed", "debt_micro")]
            .map(wide);
    format!(
        "SELECT account AS account_id, pool AS pool_id, {available}, {reserved}, {debt} \
         FROM balances WHERE commodity = 'USD' AND tenant = {TENANT}"
    )
}

/// What is void counts as used; what lapsed, was taken back or went elsewhere counts as never
/// minted. So what is there and what was used always add up to the original.
fn lots() -> String {
    let (expires_at, created_at) = (time("expires_at"), time("minted_at"));
    format!(
        "SELECT lot AS id, account AS account_id, pool AS pool_id, source_kind AS source_type, \
         source_id, minted - expired - clawed_back - moved AS original_micro, \
         available AS available_micro, reserved AS reserved_micro, \
         consumed + voided AS consumed_micro, minted AS minted_micro, expired AS expired_micro, \
         clawed_back AS clawed_back_micro, voided AS voided_micro, moved AS moved_micro, \
         payment AS payment_id, {expires_at} AS expires_at, {created_at} AS created_at \
         FROM lots WHERE commodity = 'USD' AND tenant = {TENANT}"
    )
}

fn reservations() -> String {
    let [expires_at, ended_at, created_at] = ["expires_at", "ended_at", "reserved_at"].map(time);
    format!(
        "SELECT reservation AS id, account AS account_id, pool AS pool_id, \
         CASE mode WHEN 'shadow' THEN wanted ELSE reserved END AS total_reserved_micro, \
         status, mode AS billing_mode, cost AS actual_cost_micro, charged AS charged_micro, \
         overrun AS overrun_micro, uncollected AS uncollected_micro, owed AS debt_micro, \
         coalesce(idempotency, reservation) AS idempotency_key, {expires_at} AS expires_at, \
         CASE status WHEN 'finalized' THEN {ended_at} END AS finalized_at, \
         {created_at} AS created_at \
         FROM reservations WHERE commodity = 'USD' AND tenant = {TENANT}"
    )
}

/// What moved, what would have moved, and who shared: three kinds of rows under one name.
fn ledger() -> String {
    let arms = [moved(), shadow_reserved(), shadow_ended(), shared()];
    arms.join(" UNION ALL ")
}

/// An account's own entries, found by walking back from its last one: however long the roll is, the
/// entries of others are not read.
fn moved() -> String {
    let created_at = time("e.recorded_at");
    format!(
        "SELECT e.position || '.' || e.leg AS id, a.account AS account_id, e.pool AS pool_id, \
         e.lot AS lot_id, CASE WHEN e.kind IN ('reserved', 'released', 'finalized') \
         THEN e.reference END AS reservation_id, e.position AS entry_seq, \
         CASE e.kind WHEN 'minted' THEN iif((SELECT source_kind FROM lots AS l \
         WHERE l.tenant = a.tenant AND l.account = a.account AND l.lot = e.lot) = 'grant', \
         'grant', 'deposit') \
         WHEN 'received' THEN 'transfer_in' WHEN 'sent' THEN 'transfer_out' \
         WHEN 'reserved' THEN 'reserve' WHEN 'released' THEN 'release' \
         WHEN 'finalized' THEN 'finalize' WHEN 'clawed_back' THEN 'refund' \
         WHEN 'spent' THEN 'spend' WHEN 'expired' THEN 'expire' WHEN 'voided' THEN 'void' \
         WHEN 'owed' THEN 'debt' WHEN 'repaid' THEN 'repay' WHEN 'settled' THEN 'settle' \
         ELSE e.kind END AS entry_type, e.amount AS amount_micro, e.reference AS description, \
         CASE e.kind WHEN 'released' THEN (SELECT json_object('reason', r.status) \
         FROM reservations AS r WHERE r.tenant = a.tenant AND r.reservation = e.reference) \
         END AS metadata, {created_at} AS created_at \
         FROM accounts AS a CROSS JOIN entries AS e WHERE a.tenant = {TENANT} \
         AND e.account = a.account AND e.tenant = a.tenant AND e.commodity = 'USD' \
         AND e.position IN (WITH RECURSIVE walk(at) AS (SELECT l.position FROM entries AS l \
         WHERE l.leg = 0 AND l.account = a.account AND l.tenant = a.tenant AND l.position = \
         (SELECT max(b.position) FROM balances AS b \
         WHERE b.tenant = a.tenant AND b.account = a.account) UNION ALL SELECT p.previous FROM walk CROSS JOIN entries AS p \
         WHERE p.position = walk.at AND p.leg = 0 AND p.previous > 0) SELECT at FROM walk)"
    )
}

fn shadow_reserved() -> String {
    let created_at = time("reserved_at");
    format!(
        "SELECT reservation || '.reserve', account, pool, NULL, reservation, reserved_position, \
         'shadow_reserve', wanted, reference, \
         json_object('would_have_402', json(iif(missing > 0, 'true', 'false')), \
         'missing_micro', CAST(missing AS TEXT)), {created_at} \
         FROM reservations WHERE mode = 'shadow' AND commodity = 'USD' AND tenant = {TENANT}"
    )
}

fn shadow_ended() -> String {
    let created_at = time("ended_at");
    format!(
        "SELECT reservation || '.end', account, pool, NULL, reservation, position, \
         iif(status = 'finalized', 'shadow_finalize', 'shadow_release'), coalesce(cost, wanted), \
         reference, json_object('reason', status, 'overrun_micro', CAST(overrun AS TEXT), \
         'missing_micro', CAST(missing_at_end AS TEXT)), {created_at} \
         FROM reservations WHERE mode = 'shadow' AND commodity = 'USD' AND ended_at IS NOT NULL \
         AND tenant = {TENANT}"
    )
}

fn shared() -> String {
    let created_at = time("recorded_at");
    let arm = |(account, kind, column): (&str, &str, &str)| {
        format!(
            "SELECT position || '.{column}', '{account}', 'general', NULL, reference, position, \
             '{kind}', {column}, account, json_object('rule', rule), {created_at} \
             FROM shares WHERE commodity = 'USD' AND tenant = {TENANT}"
        )
    };
    [
        ("sys-commons", "commons_contribution", "commons"),
        ("sys-community-pool", "revenue_share", "community"),
        ("sys-foundation", "revenue_share", "foundation"),
    ]
    .map(arm)
    .join(" UNION ALL ")
}

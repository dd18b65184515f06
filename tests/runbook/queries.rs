//! What the credit runbook asks, word for word: the part, and the query.

/// Which migrations were applied last.
pub(crate) const MIGRATIONS: &str = "SELECT * FROM migrations ORDER BY applied_at DESC LIMIT 5;";
/// Part 1: lots that break the invariant, counted.
pub(crate) const BROKEN_LOTS: &str = "SELECT COUNT(*) FROM credit_lots
WHERE available_micro + reserved_micro + consumed_micro != original_micro;";
/// Part 4: the same, one by one.
pub(crate) const BROKEN_LOTS_ALL: &str = "SELECT * FROM credit_lots
   WHERE available_micro + reserved_micro + consumed_micro != original_micro;";
/// Part 1: the mode that is seeded.
pub(crate) const SEEDED_MODE: &str =
    "SELECT key, value FROM billing_config WHERE key = 'billing_mode';";
/// Part 4: the mode.
pub(crate) const MODE: &str = "SELECT value FROM billing_config WHERE key = 'billing_mode';";
/// Part 1: the three accounts of the house.
pub(crate) const SYSTEM_ACCOUNTS: &str =
    "SELECT id, entity_type FROM credit_accounts WHERE id LIKE 'sys-%';";
/// Part 2: the modes, set by hand.
pub(crate) const SET_SOFT: &str =
    "UPDATE billing_config SET value = 'soft' WHERE key = 'billing_mode';";
/// Part 2.
pub(crate) const SET_LIVE: &str =
    "UPDATE billing_config SET value = 'live' WHERE key = 'billing_mode';";
/// Part 3.
pub(crate) const RECONCILIATION: &str =
    "SELECT value FROM billing_config WHERE key = 'last_reconciliation_result';";
/// Part 3.
pub(crate) const PENDING: &str =
    "SELECT COUNT(*) FROM credit_reservations WHERE status = 'pending';";
/// Part 3: who shared in the last day.
pub(crate) const SHARED: &str = "SELECT entry_type, SUM(CAST(amount_micro AS INTEGER))
FROM credit_ledger
WHERE entry_type IN ('commons_contribution', 'revenue_share')
AND created_at > datetime('now', '-1 day')
GROUP BY entry_type;";
/// Part 4: deposits by their keys.
pub(crate) const DEPOSIT_KEYS: &str =
    "SELECT * FROM billing_idempotency_keys WHERE scope = 'deposit';";
/// Part 6: a payment by the provider's name for it.
pub(crate) const PAYMENT: &str =
    "SELECT * FROM crypto_payments WHERE provider_payment_id = 'NP_PAYMENT_ID';";
/// Part 3: dead letters by status.
pub(crate) const LETTERS: &str = "SELECT status, COUNT(*) FROM billing_dlq GROUP BY status;";
/// Part 6: letters that are tried again.
pub(crate) const LETTERS_PENDING: &str =
    "SELECT id, operation_type, error_message, retry_count, next_retry_at
FROM billing_dlq
WHERE status = 'pending'
ORDER BY next_retry_at;";
/// Part 6: letters that wait for a person.
pub(crate) const LETTERS_FOR_REVIEW: &str =
    "SELECT * FROM billing_dlq WHERE status = 'manual_review';";

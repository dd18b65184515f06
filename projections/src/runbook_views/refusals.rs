//! Writes that a runbook makes by hand: refused, each with the command that does it.

/// A view, and what to use instead of writing to it.
const INSTEAD: [(&str, &str); 14] = [
    ("credit_campaigns", "`piperoll campaigns pause`, `activate`, `complete`"),
    ("credit_grants", "`piperoll campaigns grant`"),
    ("billing_dlq", "`piperoll dlq retry` or `piperoll dlq resolve`"),
    ("billing_config", "`piperoll billing mode set`, `piperoll billing set`"),
    ("credit_accounts", "`piperoll accounts open`"),
    ("credit_balances", "`piperoll accounts mint`"),
    ("credit_lots", "`piperoll lots void`"),
    ("credit_reservations", "`piperoll reservations reserve`, `finalize`, `release`"),
    ("credit_ledger", "`piperoll accounts mint` or `piperoll lots void`"),
    ("billing_idempotency_keys", "nothing: a name that was taken stays taken"),
    ("crypto_payments", "`piperoll payments sync`"),
    ("payment_provider_events", "nothing: what a provider said stays said"),
    ("migrations", "`piperoll migrate status`; a release migrates by itself at its start"),
    ("ledger_drift", "`piperoll rebuild`"),
];

/// The statements that make the refusals.
pub(super) fn create() -> impl Iterator<Item = String> {
    let each = |(view, instead): (&'static str, &'static str)| {
        ["INSERT", "UPDATE", "DELETE"].map(|verb| refusal(view, verb, instead))
    };
    INSTEAD.into_iter().flat_map(each)
}

fn refusal(view: &str, verb: &str, instead: &str) -> String {
    let name = verb.to_lowercase();
    format!(
        "CREATE TRIGGER {view}_refuses_{name} INSTEAD OF {verb} ON {view} \
         BEGIN SELECT RAISE(ABORT, 'read-only: use {instead}'); END"
    )
}

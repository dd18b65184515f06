//! The names of settings: which variable sets which key, and which of them are secrets.

/// A variable of its own for a setting, as the runbooks name it.
struct Name {
    variable: &'static str,
    key: &'static str,
    /// What the number counts, where the name says it.
    unit: &'static str,
}

const fn name(variable: &'static str, key: &'static str) -> Name {
    Name { variable, key, unit: "" }
}

/// The first variable of a key is the one that messages name.
const NAMES: [Name; 30] = [
    name("PIPEROLL_ENV", "env"),
    name("PIPEROLL_DATA", "data"),
    name("PIPEROLL_LISTEN", "server.listen"),
    name("PIPEROLL_PUBLIC_URL", "server.public_url"),
    name("PIPEROLL_TRUSTED_PROXIES", "server.trusted_proxies"),
    name("PIPEROLL_ADMIN_TOKEN", "admin.token"),
    name("PIPEROLL_ADMIN_TOKEN_PREV", "admin.token_previous"),
    name("ADMIN_TOKEN", "admin.token"),
    name("ADMIN_TOKEN_PREV", "admin.token_previous"),
    name("BILLING_INTERNAL_JWT_SECRET", "internal_jwt.secret"),
    name("BILLING_INTERNAL_JWT_SECRET_PREV", "internal_jwt.secret_previous"),
    name("BILLING_ADMIN_JWT_SECRET", "admin_jwt.secret"),
    name("BILLING_ADMIN_JWT_SECRET_PREV", "admin_jwt.secret_previous"),
    name("PIPEROLL_MASTER_KEY", "keyring.master_key"),
    name("PIPEROLL_MASTER_KEY_PREV", "keyring.master_key_previous"),
    name("L402_SECRET", "l402.secret"),
    name("L402_SECRET_PREV", "l402.secret_previous"),
    Name { variable: "L402_INVOICE_EXPIRY_SECONDS", key: "l402.invoice_expiry", unit: "s" },
    Name { variable: "PAYMENT_PROVIDER_TIMEOUT_MS", key: "providers.timeout", unit: "ms" },
    name("PAYMENT_PROVIDER", "connection.provider"),
    name("LNBITS_BASE_URL", "connection.base_url"),
    name("LNBITS_ADMIN_KEY", "connection.key"),
    name("PAYMENT_WEBHOOK_SECRET", "connection.webhook_secret"),
    name("PAYMENT_WEBHOOK_SECRET_PREV", "connection.webhook_secret_previous"),
    name("FEATURE_BILLING_ENABLED", "billing.enabled"),
    name("BILLING_CEILING_MICRO", "billing.ceiling_micro"),
    name("BILLING_MODE", "billing.mode"),
    name("PIPEROLL_METRICS_LISTEN", "metrics.listen"),
    name("PIPEROLL_METRICS_TOKEN", "metrics.token"),
    name("RUST_LOG", "log.filter"),
];

/// A secret setting.
pub(super) struct SecretName {
    /// The key.
    pub(super) key: &'static str,
    /// Whether nothing works without it, so that development makes it.
    pub(super) required: bool,
    /// Whether its length is ours to choose.
    pub(super) ours: bool,
}

const fn secret(key: &'static str, required: bool, ours: bool) -> SecretName {
    SecretName { key, required, ours }
}

/// Every secret setting.
pub(super) const SECRETS: [SecretName; 15] = [
    secret("admin.token", true, true),
    secret("keyring.master_key", true, true),
    secret("l402.secret", true, true),
    secret("connection.webhook_secret", true, true),
    secret("connection.sandbox_seed", false, true),
    secret("connection.key", false, false),
    secret("metrics.token", false, true),
    secret("internal_jwt.secret", false, true),
    secret("admin_jwt.secret", false, true),
    secret("internal_jwt.secret_previous", false, true),
    secret("admin_jwt.secret_previous", false, true),
    secret("admin.token_previous", false, true),
    secret("keyring.master_key_previous", false, true),
    secret("l402.secret_previous", false, true),
    secret("connection.webhook_secret_previous", false, true),
];

pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|secret| secret.key == key)
}

/// The setting that a variable is about, and the unit that its name promises.
pub(super) fn key_of(variable: &str) -> Option<(String, &'static str)> {
    if let Some(name) = NAMES.iter().find(|name| name.variable == variable) {
        return Some((name.key.to_owned(), name.unit));
    }
    let path = variable.strip_prefix("PIPEROLL_").filter(|path| path.contains("__"))?;
    Some((path.to_ascii_lowercase().replace("__", "."), ""))
}

/// The variable that sets a setting.
pub(super) fn variable_of(key: &str) -> String {
    let short = NAMES.iter().find(|name| name.key == key).map(|name| name.variable.to_owned());
    short.unwrap_or_else(|| format!("PIPEROLL_{}", key.to_ascii_uppercase().replace('.', "__")))
}

/// The variables that have a name of their own.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|name| name.variable)
}

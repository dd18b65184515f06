//! Billing as the runbooks administrate it: with tokens that others sign, and with the operators'.

mod administrators;
mod finalize;
mod mint;
mod once;
mod readiness;
mod settings;
mod shares;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Shop;
use crate::secret::Secret;

const ADMIN: &str = "admin-jwt-secret-0123456789abcdefgh";
const ADMIN_BEFORE: &str = "admin-jwt-before-0123456789abcdefg";
const INTERNAL: &str = "internal-jwt-secret-0123456789abcd";
const INTERNAL_BEFORE: &str = "internal-jwt-before-0123456789abcd";

/// A shop whose tenant `dev` is the runbooks'.
async fn open() -> Shop {
    open_with(&[]).await
}

pub(super) async fn open_with(settings: &[(&str, &str)]) -> Shop {
    let ours = [
        ("BILLING_ADMIN_JWT_SECRET", ADMIN),
        ("BILLING_ADMIN_JWT_SECRET_PREV", ADMIN_BEFORE),
        ("BILLING_INTERNAL_JWT_SECRET", INTERNAL),
        ("BILLING_INTERNAL_JWT_SECRET_PREV", INTERNAL_BEFORE),
        ("PIPEROLL_ADMIN_JWT__TENANT", "dev"),
        ("PIPEROLL_INTERNAL_JWT__TENANT", "dev"),
    ];
    Shop::with(&[&ours[..], settings].concat()).await
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

fn signed(secret: &str, payload: &Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed =
        format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&payload.to_string()));
    let signature = Secret::parse(secret).unwrap().derive(signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_slice()))
}

fn claims(subject: &str) -> Value {
    // The clock is read once: a token that lasts a second more is refused.
    let now = now();
    json!({ "iss": "arrakis-admin", "aud": "arrakis-billing-admin", "sub": subject,
        "iat": now, "exp": now + 300 })
}

/// By this administrator.
pub(super) fn admin(subject: &str) -> String {
    signed(ADMIN, &claims(subject))
}

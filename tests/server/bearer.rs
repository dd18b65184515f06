//! Tokens as other services and administrators sign them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use piperoll::secret::Secret;
use serde_json::{Value, json};

/// A token that is good from now on.
pub(crate) fn bearer(secret: &str, issuer: &str, audience: &str, subject: &str) -> String {
    let now = chrono::Utc::now().timestamp();
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let payload = json!({ "iss": issuer, "aud": audience, "sub": subject, "iat": now,
        "exp": now + 300 });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&payload));
    let signature = Secret::parse(secret).unwrap().derive(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_slice()))
}

//! Tokens that other services sign.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use piperoll::{
    jwt::{LENGTH_MAX, LIFE_SECONDS_MAX, Refused, Rules},
    secret::{Secret, Secrets, Used},
};
use serde_json::Value;

use super::halves;

/// When all of them are judged.
const NOW: i64 = 1_700_000_100;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
    secrets: Secrets {
        current: Secret::parse("internal-secret").unwrap(),
        previous: vec![Secret::parse("the-one-before").unwrap()],
    },
    issuers: vec!["loa-finn".to_owned()],
    audiences: vec!["arrakis-internal".to_owned()],
});

/// A token as it comes; or, apart by an empty line, a header and a payload that are signed with our
/// own secret, so that what is behind the signature is reached as well.
pub fn jwt(input: &[u8]) -> bool {
    let (header, payload) = halves(input);
    if payload.is_empty() {
        let Ok(token) = str::from_utf8(input) else { return false };
        return judged(token);
    }
    judged(&signed(header, payload))
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    let part = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", part(header), part(payload));
    format!("{signed}.{}", signature(&RULES.secrets.current, &signed))
}

fn signature(secret: &Secret, signed: &str) -> String {
    URL_SAFE_NO_PAD.encode(secret.derive(signed.as_bytes()).as_slice())
}

fn judged(token: &str) -> bool {
    let claims = match RULES.judge(token, NOW) {
        Ok(claims) => claims,
        Err(why) => {
            assert!(token.len() <= LENGTH_MAX || why == Refused::TooLong);
            assert!(why.to_string().len() < 80, "{why}");
            return false;
        }
    };
    assert_eq!(claims.issuer, "loa-finn");
    let (text, given) = token.rsplit_once('.').unwrap();
    let secret = match claims.used {
        Used::Current => &RULES.secrets.current,
        Used::Previous => &RULES.secrets.previous[0],
    };
    assert_eq!(signature(secret, text), given, "a signature that is not ours");
    let payload = URL_SAFE_NO_PAD.decode(text.split_once('.').unwrap().1).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let (iat, exp) = (payload["iat"].as_i64().unwrap(), payload["exp"].as_i64().unwrap());
    assert!((1..=LIFE_SECONDS_MAX).contains(&(exp - iat)), "{iat} {exp}");
    assert!((iat - 30..exp + 30).contains(&NOW), "{iat} {exp}");
    assert!(payload["aud"].to_string().contains("arrakis-internal"));
    assert!(RULES.judge(token, exp + 30).is_err(), "it never ends");
    true
}

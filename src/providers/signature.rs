//! Who sent a webhook: HMACs over the raw bytes, compared in constant time.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use piperoll_domain::time::Time;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::providers::{Refusal, Secret, Secrets, Verification};

/// How far a signature's own time may lie from ours, in both directions.
pub const TOLERANCE_SECONDS: i64 = 300;
/// More signatures than this on one webhook are not looked at.
pub const SIGNATURES_MAX: usize = 8;

type Digest32 = [u8; 32];

/// HMAC-SHA256 of the parts, one after another.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Digest32 {
    // The key as the HMAC definition pads it, so that no length can be refused.
    let mut block = [0_u8; 64];
    if let Some(start) = block.get_mut(..key.len()) {
        start.copy_from_slice(key);
    } else if let Some(start) = block.get_mut(..32) {
        start.copy_from_slice(&Sha256::digest(key));
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The hexadecimal signature that a sender puts on a body.
pub fn sign_hex(secret: &Secret, body: &[u8]) -> String {
    hex::encode(hmac_sha256(secret.expose().as_bytes(), &[body]))
}

/// Judges hexadecimal HMACs of the raw body; any of them is enough.
pub fn verify_hex<'a>(
    secrets: &Secrets,
    body: &[u8],
    given: impl IntoIterator<Item = &'a str>,
) -> Result<Verification, Refusal> {
    let given = decoded(given, |text| hex::decode(text).ok())?;
    judge(secrets, &given, |secret| Some(hmac_sha256(secret.expose().as_bytes(), &[body])))
}

/// The three headers of a Standard Webhooks message.
#[derive(Debug, Clone, Copy)]
pub struct StandardHeaders<'a> {
    /// `webhook-id`: the same on every repeat.
    pub id: &'a str,
    /// `webhook-timestamp`: unix seconds of this attempt.
    pub timestamp: &'a str,
    /// `webhook-signature`: `v1,<base64>`, several apart by spaces.
    pub signature: &'a str,
}

/// Judges a Standard Webhooks (or Svix) message over its raw body.
pub fn verify_standard(
    secrets: &Secrets,
    headers: StandardHeaders<'_>,
    body: &[u8],
    now: Time,
) -> Result<Verification, Refusal> {
    let StandardHeaders { id, timestamp, signature } = headers;
    let versioned = signature.split(' ').filter_map(|entry| entry.strip_prefix("v1,"));
    let given = decoded(versioned, |text| STANDARD.decode(text).ok())?;
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let verification =
        judge(secrets, &given, |secret| Some(hmac_sha256(&standard_key(secret)?, &parts)))?;
    // Only a time that is signed can be stale; any other is nobody's word.
    let signed_at: i64 = timestamp.parse().map_err(|_| Refusal::Malformed)?;
    if now.seconds().saturating_sub(signed_at).saturating_abs() > TOLERANCE_SECONDS {
        return Err(Refusal::Stale);
    }
    Ok(verification)
}

fn standard_key(secret: &Secret) -> Option<Vec<u8>> {
    let text = secret.expose();
    STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()
}

fn decoded<'a>(
    given: impl IntoIterator<Item = &'a str>,
    decode: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut given = given.into_iter().map(str::trim).filter(|text| !text.is_empty()).peekable();
    given.peek().ok_or(Refusal::Missing)?;
    Ok(given.take(SIGNATURES_MAX).filter_map(decode).collect())
}

fn judge(
    secrets: &Secrets,
    given: &[Vec<u8>],
    expected: impl Fn(&Secret) -> Option<Digest32>,
) -> Result<Verification, Refusal> {
    if secrets.is_empty() {
        return Err(Refusal::NotConfigured);
    }
    let matches = |secret: &Secret| {
        expected(secret).is_some_and(|mac| given.iter().any(|text| bool::from(text.ct_eq(&mac))))
    };
    if secrets.current.as_ref().is_some_and(matches) {
        Ok(Verification::Current)
    } else if secrets.previous.iter().any(matches) {
        Ok(Verification::Previous)
    } else {
        Err(Refusal::BadSignature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD_BODY: &[u8] = br#"{"test": 2432232314}"#;
    const STANDARD_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret(text: &str) -> Secret {
        Secret::try_new(text).unwrap()
    }

    fn two(current: &str, previous: &str) -> Secrets {
        Secrets { current: Some(secret(current)), previous: vec![secret(previous)] }
    }

    fn standard(secrets: &Secrets, signature: &str, now: i64) -> Result<Verification, Refusal> {
        let headers = StandardHeaders {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330",
            signature,
        };
        verify_standard(secrets, headers, STANDARD_BODY, Time::from_seconds(now))
    }

    fn official() -> Secrets {
        Secrets::only(secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    }

    #[test]
    fn the_known_hexadecimal_signature_verifies() {
        let body = br#"{"eventId":"evt_1","paymentHash":"hash_1","status":"paid"}"#;
        let known = "228e40ed72e8e1bc3b75383e49ef36f5d5be38d5c1a82981ec43d0a7f675d4b4";
        let secret = secret("whsec_test_wordclaw");
        assert_eq!(sign_hex(&secret, body), known);
        let secrets = Secrets::only(secret);
        assert_eq!(verify_hex(&secrets, body, [known]), Ok(Verification::Current));
    }

    #[test]
    fn a_long_key_is_hashed_as_rfc_4231_says() {
        let body: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex::encode(hmac_sha256(&[0xaa; 131], &[body])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn another_byte_order_of_the_same_json_does_not_verify() {
        let secrets = Secrets::only(secret("k"));
        let signed = sign_hex(&secret("k"), br#"{"a":1,"b":2}"#);
        let other = verify_hex(&secrets, br#"{"a": 1, "b": 2}"#, [signed.as_str()]);
        assert_eq!(other, Err(Refusal::BadSignature));
    }

    #[test]
    fn the_secret_on_its_way_out_still_verifies_and_says_so() {
        let signed = sign_hex(&secret("old"), b"body");
        let judged = verify_hex(&two("new", "old"), b"body", [signed.as_str()]);
        assert_eq!(judged, Ok(Verification::Previous));
    }

    #[test]
    fn of_several_signatures_any_one_in_any_order_is_enough() {
        let old = sign_hex(&secret("old"), b"body");
        let foreign = sign_hex(&secret("foreign"), b"body");
        for given in [[old.as_str(), foreign.as_str()], [foreign.as_str(), old.as_str()]] {
            let judged = verify_hex(&two("new", "old"), b"body", given);
            assert_eq!(judged, Ok(Verification::Previous));
        }
        let wrong = format!("v1,{}", STANDARD.encode([7; 32]));
        for both in
            [format!("{wrong} {STANDARD_SIGNATURE}"), format!("{STANDARD_SIGNATURE} {wrong}")]
        {
            assert_eq!(standard(&official(), &both, 1_614_265_330), Ok(Verification::Current));
        }
    }

    #[test]
    fn nothing_short_or_strange_verifies() {
        let secrets = Secrets::only(secret("k"));
        let whole = sign_hex(&secret("k"), b"body");
        for given in ["00", "zz", &whole[..62], &format!("{whole}00")] {
            assert_eq!(verify_hex(&secrets, b"body", [given]), Err(Refusal::BadSignature));
        }
        for given in ["", "  "] {
            assert_eq!(verify_hex(&secrets, b"body", [given]), Err(Refusal::Missing));
        }
        assert_eq!(verify_hex(&secrets, b"body", []), Err(Refusal::Missing));
    }

    #[test]
    fn without_a_secret_nothing_verifies() {
        let signed = hex::encode(hmac_sha256(b"", &[b"body"]));
        let judged = verify_hex(&Secrets::default(), b"body", [signed.as_str()]);
        assert_eq!(judged, Err(Refusal::NotConfigured));
    }

    #[test]
    fn the_official_standard_webhook_verifies_within_five_minutes() {
        for (now, outcome) in [
            (1_614_265_330, Ok(Verification::Current)),
            (1_614_265_630, Ok(Verification::Current)),
            (1_614_265_030, Ok(Verification::Current)),
            (1_614_265_631, Err(Refusal::Stale)),
            (1_614_265_029, Err(Refusal::Stale)),
        ] {
            assert_eq!(standard(&official(), STANDARD_SIGNATURE, now), outcome, "{now}");
        }
    }

    #[test]
    fn a_stale_forgery_is_a_forgery() {
        let wrong = format!("v1,{}", STANDARD.encode([7; 32]));
        assert_eq!(standard(&official(), &wrong, 0), Err(Refusal::BadSignature));
        assert_eq!(standard(&official(), "v2,abc", 0), Err(Refusal::Missing));
    }
}

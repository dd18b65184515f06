//! Which tokens are believed, by a known answer and by everything that differs from it.

use serde_json::{Value, json};

use super::*;
use crate::secret::Secret;

/// Made with another implementation: secret `internal-secret`, iat 1700000000, exp 300 later.
const KNOWN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJsb2EtZmlubiIsImF1ZCI6ImFycmFr\
    aXMtaW50ZXJuYWwiLCJzdWIiOiJsb2EtZmlubiIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAwMzAwfQ.9lg3L42\
    HYU7gmUasY3VQWVEK7vTo_4231TLxHGlhNaY";
const IAT: i64 = 1_700_000_000;

fn secret(text: &str) -> Secret {
    Secret::parse(text).unwrap()
}

fn rules() -> Rules {
    Rules {
        secrets: Secrets { current: secret("internal-secret"), previous: vec![secret("before")] },
        issuers: vec!["loa-finn".to_owned()],
        audiences: vec!["arrakis-internal".to_owned(), "arrakis".to_owned()],
    }
}

fn signed(secret: &str, header: &str, payload: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(header), part(payload));
    let signature = self::secret(secret).derive(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_slice()))
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn payload() -> Value {
    json!({ "iss": "loa-finn", "aud": "arrakis-internal", "sub": "loa-finn", "iat": IAT,
        "exp": IAT + 300 })
}

fn judged(header: &str, payload: &Value) -> Result<Claims, Refused> {
    rules().judge(&signed("internal-secret", header, &payload.to_string()), IAT)
}

/// The same claims, but for one.
fn but(name: &str, value: Value) -> Result<Claims, Refused> {
    let mut payload = payload();
    payload[name] = value;
    judged(HEADER, &payload)
}

fn without(name: &str) -> Result<Claims, Refused> {
    let mut payload = payload();
    payload.as_object_mut().unwrap().remove(name);
    judged(HEADER, &payload)
}

#[test]
fn the_known_answer_is_believed_and_made_again() {
    let claims = rules().judge(KNOWN, IAT).unwrap();
    let (issuer, subject) = ("loa-finn".to_owned(), Some("loa-finn".to_owned()));
    assert_eq!(claims, Claims { issuer, subject, used: Used::Current });
    let payload = r#"{"iss":"loa-finn","aud":"arrakis-internal","sub":"loa-finn","iat":1700000000,"exp":1700000300}"#;
    assert_eq!(signed("internal-secret", HEADER, payload), KNOWN);
}

#[test]
fn a_token_is_good_for_its_time_and_half_a_minute_on_either_side() {
    let at = |now| rules().judge(KNOWN, now).map(|_| ());
    assert_eq!(at(IAT - 30), Ok(()));
    assert_eq!(at(IAT - 31), Err(Refused::Early));
    assert_eq!(at(IAT + 329), Ok(()));
    assert_eq!(at(IAT + 330), Err(Refused::Expired));
    for far in [i64::MIN, i64::MAX] {
        assert!(at(far).is_err());
    }
}

#[test]
fn the_previous_secret_is_told_apart_and_any_other_is_none() {
    let by = |secret| rules().judge(&signed(secret, HEADER, &payload().to_string()), IAT);
    assert_eq!(by("internal-secret").unwrap().used, Used::Current);
    assert_eq!(by("before").unwrap().used, Used::Previous);
    assert_eq!(by("internal-secreu"), Err(Refused::Signature));
}

#[test]
fn every_letter_of_it_counts() {
    for (at, letter) in KNOWN.char_indices() {
        let other = if letter == 'A' { 'B' } else { 'A' };
        let forged: String = KNOWN
            .char_indices()
            .map(|(place, letter)| if place == at { other } else { letter })
            .collect();
        assert!(rules().judge(&forged, IAT).is_err(), "{forged}");
    }
}

#[test]
fn no_token_chooses_how_it_is_checked() {
    for alg in ["none", "None", "NONE", "", "HS384", "HS512", "RS256", "hs256", "ES256"] {
        let header = json!({ "alg": alg }).to_string();
        assert_eq!(judged(&header, &payload()), Err(Refused::Algorithm), "{alg}");
        // The usual way to ask for no signature.
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let bare = format!("{}.{}.", part(&header), part(&payload().to_string()));
        assert_eq!(rules().judge(&bare, IAT), Err(Refused::Algorithm), "{alg}");
    }
    let empty = format!("{}.", KNOWN.rsplit_once('.').unwrap().0);
    assert_eq!(rules().judge(&empty, IAT), Err(Refused::Signature));
    for jwk in [r#""jku":"https://evil.example""#, r#""kid":"../../x""#, r#""jwk":{"k":"AA"}"#] {
        let header = format!(r#"{{"alg":"HS256",{jwk}}}"#);
        let forged = signed("somebody-elses", &header, &payload().to_string());
        assert_eq!(rules().judge(&forged, IAT), Err(Refused::Signature), "{jwk}");
    }
}

#[test]
fn what_is_critical_or_stands_twice_is_refused() {
    for crit in [r#"["b64"]"#, "[]", r#"["exp"]"#, "null"] {
        let header = format!(r#"{{"alg":"HS256","crit":{crit}}}"#);
        assert_eq!(judged(&header, &payload()), Err(Refused::Critical), "{crit}");
    }
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["a"],"crit":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"["HS256",null,null]"#,
        "[]",
        "",
    ] {
        assert_eq!(judged(header, &payload()), Err(Refused::Malformed), "{header}");
    }
    let twice =
        r#"{"iss":"loa-finn","iss":"loa-finn","aud":"arrakis","iat":1700000000,"exp":1700000300}"#;
    let token = signed("internal-secret", HEADER, twice);
    assert_eq!(rules().judge(&token, IAT), Err(Refused::Malformed));
}

#[test]
fn every_claim_must_be_there_and_right() {
    assert_eq!(judged(r#"{"alg":"HS256"}"#, &payload()).unwrap().issuer, "loa-finn");
    for name in ["iss", "aud", "iat", "exp"] {
        assert_eq!(without(name), Err(Refused::Malformed), "{name}");
        assert_eq!(but(name, Value::Null), Err(Refused::Malformed), "{name}");
    }
    assert_eq!(but("iss", json!("loa-fin")), Err(Refused::Issuer));
    assert_eq!(but("aud", json!("arrakis-billing-admin")), Err(Refused::Audience));
    assert_eq!(but("aud", json!([])), Err(Refused::Audience));
    assert!(but("aud", json!("arrakis")).is_ok());
    assert!(but("aud", json!(["elsewhere", "arrakis"])).is_ok());
    assert_eq!(but("exp", json!(IAT + 301)), Err(Refused::Lifetime));
    assert_eq!(but("exp", json!(IAT)), Err(Refused::Lifetime));
    assert_eq!(but("exp", json!(i64::MAX)), Err(Refused::Lifetime));
    assert_eq!(but("iat", json!(i64::MIN)), Err(Refused::Lifetime));
    for wrong in [json!("1700000000"), json!(1.5), json!(1e300), json!(u64::MAX)] {
        assert_eq!(but("iat", wrong.clone()), Err(Refused::Malformed), "{wrong}");
    }
    assert_eq!(but("nbf", json!(IAT + 31)), Err(Refused::Early));
    assert!(but("nbf", json!(IAT + 30)).is_ok());
    assert_eq!(without("sub").unwrap().subject, None);
    for wrong in [json!(""), json!("a b"), json!("a\nb"), json!("ä"), json!("a".repeat(201))] {
        assert_eq!(but("sub", wrong.clone()), Err(Refused::Malformed), "{wrong}");
    }
}

#[test]
fn what_is_no_token_is_refused_and_so_is_what_is_too_long() {
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "💰.💰.💰",
        &format!("{KNOWN}.x"),
        &format!(" {KNOWN}"),
    ] {
        assert!(rules().judge(text, IAT).is_err(), "{text}");
    }
    let mut long = payload();
    long["more"] = "a".repeat(LENGTH_MAX).into();
    assert_eq!(judged(HEADER, &long), Err(Refused::TooLong));
    let padded = format!("{KNOWN}=");
    assert_eq!(rules().judge(&padded, IAT), Err(Refused::Malformed));
}

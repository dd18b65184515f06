//! What producers send, and what must not pass.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::{HeaderName, HeaderValue};

use super::*;
use crate::providers::{
    Secret,
    signature::{hmac_sha256, sign_hex},
};

const NOW: Time = Time::from_seconds(1_700_000_000);
const HASH_HEX: &str = "ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5";

fn secret() -> Secret {
    Secret::try_new("whsec_test_wordclaw").unwrap()
}

fn signed(body: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE_HEADER, sign_hex(&secret(), body.as_bytes()).parse().unwrap());
    headers
}

fn hear(body: &str) -> Heard {
    receive(&Secrets::only(secret()), &signed(body), body.as_bytes(), NOW)
}

fn notice_of(body: &str) -> Notice {
    match hear(body) {
        Heard::Verified(notice) => notice,
        other => panic!("{other:?} for {body}"),
    }
}

fn with(rest: &str) -> String {
    format!(r#"{{"eventId":"evt_1","paymentHash":"{HASH_HEX}",{rest}}}"#)
}

#[test]
fn the_wordclaw_form_is_understood() {
    let notice = notice_of(&with(r#""status":"paid","settledAt":1700000000"#));
    assert_eq!(notice.event_id.as_deref(), Some("evt_1"));
    assert_eq!(notice.payment_hash, Hash::from_hex(HASH_HEX));
    assert_eq!(notice.says, Says::Paid { received_msat: None });
    assert_eq!(notice.occurred_at, Some(NOW));
    assert_eq!(notice.verification, Verification::Current);
    assert!(!notice.needs_confirmation);
}

#[test]
fn every_spelling_of_a_state_is_understood() {
    let paid = Says::Paid { received_msat: None };
    for (rest, says) in [
        (r#""status":"settled""#, paid.clone()),
        (r#""state":"COMPLETED""#, paid.clone()),
        (r#""status":null,"paid":true"#, paid),
        (r#""status":"paid","amount_msat":"7000""#, Says::Paid { received_msat: Some(7_000) }),
        (r#""paid":false,"expired":true"#, Says::Expired),
        (r#""status":"error""#, Says::Failed),
        (r#""pending":true"#, Says::Pending),
        (r#""status":"refunded""#, Says::Other("refunded".into())),
    ] {
        assert_eq!(notice_of(&with(rest)).says, says, "{rest}");
    }
}

#[test]
fn f33_seconds_milliseconds_and_text_are_the_same_time() {
    for when in ["1700000000", "1700000000000", "\"2023-11-14T22:13:20Z\""] {
        let notice = notice_of(&with(&format!(r#""status":"paid","paid_at":{when}"#)));
        assert_eq!(notice.occurred_at, Some(NOW), "{when}");
    }
}

#[test]
fn a_signed_body_that_says_nothing_clear_is_malformed() {
    for body in [
        r#"{"eventId":"e","status":"paid"}"#.to_owned(),
        format!(r#"{{"paymentHash":"{HASH_HEX}","status":"paid"}}"#),
        with(r#""status":7"#),
        with(r#""paid":false"#),
        with(r#""status":"paid","status":"failed""#),
        with(r#""status":"paid","amountMsat":1.5"#),
        with(r#""status":"paid","amountMsat":-1"#),
        format!("[{}]", with(r#""status":"paid""#)),
        "{".to_owned(),
        String::new(),
    ] {
        assert_eq!(hear(&body), Heard::Refused(Refusal::Malformed), "{body}");
    }
}

#[test]
fn an_unsigned_or_wrongly_signed_body_is_not_even_read() {
    let secrets = Secrets::only(secret());
    let body = with(r#""status":"paid""#);
    let heard = receive(&secrets, &HeaderMap::new(), body.as_bytes(), NOW);
    assert_eq!(heard, Heard::Refused(Refusal::Missing));
    let heard = receive(&secrets, &signed("other"), body.as_bytes(), NOW);
    assert_eq!(heard, Heard::Refused(Refusal::BadSignature));
}

#[test]
fn a_producer_in_the_middle_of_a_rotation_sends_two_signatures() {
    let body = with(r#""status":"paid""#);
    let good = sign_hex(&secret(), body.as_bytes());
    let next = sign_hex(&Secret::try_new("next").unwrap(), body.as_bytes());
    for pair in [[&good, &next], [&next, &good]] {
        let mut apart = HeaderMap::new();
        let mut joined = HeaderMap::new();
        for signature in pair {
            apart.append(SIGNATURE_HEADER, signature.parse().unwrap());
        }
        let both = format!("{}, {}", pair[0], pair[1]);
        joined.append(SIGNATURE_HEADER_OLD, both.parse().unwrap());
        for headers in [apart, joined] {
            let heard = receive(&Secrets::only(secret()), &headers, body.as_bytes(), NOW);
            assert!(matches!(heard, Heard::Verified(_)), "{heard:?}");
        }
    }
}

#[test]
fn a_standard_webhook_is_known_by_its_header_id_and_goes_stale() {
    let key = STANDARD.encode([9_u8; 32]);
    let secrets = Secrets::only(Secret::try_new(format!("whsec_{key}")).unwrap());
    let body = format!(r#"{{"paymentHash":"{HASH_HEX}","status":"paid"}}"#);
    let mac = hmac_sha256(&[9; 32], &[b"msg_1.1700000000.", body.as_bytes()]);
    let signature = format!("v1,{}", STANDARD.encode(mac));
    for names in STANDARD_HEADERS {
        let values = ["msg_1", "1700000000", signature.as_str()];
        let headers: HeaderMap = names
            .into_iter()
            .zip(values)
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let heard = receive(&secrets, &headers, body.as_bytes(), NOW);
        let Heard::Verified(notice) = heard else { panic!("{heard:?}") };
        assert_eq!(notice.event_id.as_deref(), Some("msg_1"));
        let later = receive(&secrets, &headers, body.as_bytes(), NOW.plus_seconds(301));
        assert_eq!(later, Heard::Refused(Refusal::Stale));
    }
}

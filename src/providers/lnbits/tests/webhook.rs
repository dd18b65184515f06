//! Webhooks of LNbits: unsigned, doubled, and JSON inside of JSON.

use super::*;
use crate::providers::{Says, generic::SIGNATURE_HEADER, signature::sign_hex};

fn hear(body: &[u8], url_token_ok: bool) -> Heard {
    wallet("http://127.0.0.1:9").receive(&HeaderMap::new(), body, url_token_ok, NOW)
}

fn encoded_twice(payment: &Value) -> Vec<u8> {
    serde_json::to_vec(&payment.to_string()).unwrap()
}

#[test]
fn f30_an_unsigned_webhook_is_a_hint_in_either_form() {
    let paid = payment("success");
    for body in [encoded_twice(&paid), paid.to_string().into_bytes()] {
        let Heard::Hint(notice) = hear(&body, false) else { panic!("a hint") };
        assert_eq!(notice.payment_hash, Some(hash()));
        assert_eq!(notice.says, Says::Paid { received_msat: Some(42_000) });
        assert_eq!(notice.verification, Verification::None);
        assert_eq!(notice.event_id, None);
        assert!(notice.needs_confirmation);
    }
}

#[test]
fn our_token_in_the_url_proves_the_sender_but_the_status_is_still_asked() {
    let heard = hear(&encoded_twice(&payment("success")), true);
    let Heard::Verified(notice) = heard else { panic!("{heard:?}") };
    assert_eq!(notice.verification, Verification::UrlToken);
    assert!(notice.needs_confirmation);
}

#[test]
fn the_second_delivery_of_one_payment_has_the_key_of_the_first() {
    let key = |body: &[u8]| match hear(body, true) {
        Heard::Verified(notice) => notice.replay_key(),
        other => panic!("{other:?}"),
    };
    let first = key(&encoded_twice(&payment("success")));
    let later = payment_but("success", &json!({"webhook_status": "200"}));
    assert_eq!(first, key(&encoded_twice(&later)));
    assert_ne!(first, key(&encoded_twice(&payment("pending"))));
}

#[test]
fn other_states_are_told_apart() {
    let labelled = payment_but("failed", &json!({"labels": ["expired"]}));
    for (payment, says) in [
        (payment("pending"), Says::Pending),
        (payment("failed"), Says::Failed),
        (labelled, Says::Expired),
        (payment("held"), Says::Other("held".into())),
    ] {
        let Heard::Hint(notice) = hear(&encoded_twice(&payment), false) else { panic!("a hint") };
        assert_eq!(notice.says, says);
    }
}

#[test]
fn garbage_is_refused_with_or_without_the_token() {
    let thrice =
        serde_json::to_vec(&String::from_utf8(encoded_twice(&payment("success"))).unwrap())
            .unwrap();
    let outgoing = payment_but("success", &json!({"amount": -42_000}));
    let twice = format!(r#"{{"payment_hash":"{0}","payment_hash":"{0}"}}"#, hash());
    for body in [
        &b""[..],
        b"null",
        b"[]",
        br#""x""#,
        br#"{"payment_hash":"12","status":"success"}"#,
        twice.as_bytes(),
        &thrice,
        outgoing.to_string().as_bytes(),
    ] {
        for token in [false, true] {
            assert_eq!(hear(body, token), Heard::Refused(Refusal::Malformed));
        }
    }
}

#[test]
fn a_producer_that_signs_in_its_stead_is_judged_by_its_signature() {
    let secret = Secret::try_new("whsec_test_wordclaw").unwrap();
    let settings = ConnectionSettings {
        kind: Kind::Lnbits {
            base_url: "http://127.0.0.1:9".into(),
            key: Secret::try_new(KEY).unwrap(),
        },
        network: Network::Testnet,
        webhook_secrets: Secrets::only(secret.clone()),
        timeout: Duration::from_secs(1),
        real_money_in_development: false,
    };
    let wallet = open(settings, Environment::Development).unwrap();
    let body = json!({"eventId": "e", "paymentHash": hash(), "status": "paid"}).to_string();
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE_HEADER, sign_hex(&secret, body.as_bytes()).parse().unwrap());
    let heard = wallet.receive(&headers, body.as_bytes(), false, NOW);
    let Heard::Verified(notice) = heard else { panic!("{heard:?}") };
    assert_eq!(notice.verification, Verification::Current);
    assert!(!notice.needs_confirmation);
    let forged = wallet.receive(&headers, format!("{body} ").as_bytes(), true, NOW);
    assert_eq!(forged, Heard::Refused(Refusal::BadSignature));
}

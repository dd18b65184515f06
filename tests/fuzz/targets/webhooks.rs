//! Webhooks: lines of headers, an empty line, a body. Whoever has no secret proves nothing.

use std::{sync::LazyLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use piperoll::{
    fuzzing,
    providers::{
        Heard, Network, Notice, Provider, Refusal, Says, Secret, Secrets, Verification,
        http::install_tls,
        open::{ConnectionSettings, Environment, Kind, open},
        signature::{hmac_sha256, sign_hex},
    },
};
use piperoll_domain::time::Time;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{halves, lines};

/// Its first letters are those of Standard Webhooks; the rest is base64.
pub const SECRET: &str = "whsec_ZnV6emVkIHdlYmhvb2tzIGFyZSBzaWduZWQgd2l0aCB0aGlz";
/// When everything is heard.
pub const NOW: i64 = 1_700_000_000;

static SANDBOX: LazyLock<Provider> =
    LazyLock::new(|| connect(Kind::Sandbox { seed: [7; 32], file: None }, Network::Regtest));
static LNBITS: LazyLock<Provider> = LazyLock::new(|| {
    install_tls();
    let base_url = "http://127.0.0.1:1".to_owned();
    connect(Kind::Lnbits { base_url, key: secret("invoice-key") }, Network::Regtest)
});

fn secret(text: &str) -> Secret {
    Secret::try_new(text).unwrap()
}

fn connect(kind: Kind, network: Network) -> Provider {
    let settings = ConnectionSettings {
        kind,
        network,
        webhook_secrets: Secrets::only(secret(SECRET)),
        timeout: Duration::from_secs(1),
        real_money_in_development: false,
    };
    open(settings, Environment::Development).unwrap()
}

pub fn sandbox(input: &[u8]) -> bool {
    heard(&SANDBOX, input)
}

pub fn lnbits(input: &[u8]) -> bool {
    heard(&LNBITS, input)
}

fn heard(provider: &Provider, input: &[u8]) -> bool {
    let (head, body) = halves(input);
    let headers = headers(head);
    for by_token in [false, true] {
        match provider.receive(&headers, body, by_token, Time::from_seconds(NOW)) {
            Heard::Verified(notice) => {
                let signed = notice.verification != Verification::UrlToken;
                assert!(if signed { is_signed(&headers, body) } else { by_token });
                must_be_bounded(&notice);
            }
            Heard::Hint(notice) => {
                assert!(!by_token, "a token that is right proves something");
                assert_eq!(notice.verification, Verification::None);
                must_be_bounded(&notice);
            }
            Heard::Refused(_) => {}
        }
    }
    signed_by_us(provider, body)
}

/// The same body under our own signature is refused for nothing but its content, and with one bit
/// of it changed for its signature.
fn signed_by_us(provider: &Provider, body: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    let signature = sign_hex(&secret(SECRET), body);
    headers.insert("x-wordclaw-payment-signature", signature.parse().unwrap());
    let now = Time::from_seconds(NOW);
    let heard = provider.receive(&headers, body, false, now);
    let taken = match &heard {
        Heard::Verified(notice) => {
            assert_eq!(notice.verification, Verification::Current);
            must_be_bounded(notice);
            true
        }
        Heard::Refused(refusal) => {
            assert_eq!(*refusal, Refusal::Malformed);
            false
        }
        Heard::Hint(_) => panic!("a signature that is right proves something"),
    };
    let mut changed = body.to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
        let forged = provider.receive(&headers, &changed, false, now);
        assert_eq!(forged, Heard::Refused(Refusal::BadSignature));
    }
    taken
}

fn headers(head: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines(head).take(100) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let name = HeaderName::from_bytes(name.trim_ascii());
        let value = HeaderValue::from_bytes(value.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Whether some header holds what only the secret makes; reckoned apart from the code under test.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let plain = sign_hex(&secret(SECRET), body);
    let key = STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let standard = |id: &str, time: &str| {
        let parts = [word(id).as_bytes(), b".", word(time).as_bytes(), b".", body];
        STANDARD.encode(hmac_sha256(&key, &parts))
    };
    let known =
        [plain, standard("webhook-id", "webhook-timestamp"), standard("svix-id", "svix-timestamp")];
    let said = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let of_ours = |text: &str| {
        known.iter().any(|mac| text.contains(mac) || text.to_ascii_lowercase().contains(mac))
    };
    headers.values().any(|value| of_ours(&said(value)))
}

/// Whatever goes into facts is short and shows what it holds.
fn must_be_bounded(notice: &Notice) {
    let names = [&notice.event_id, &notice.provider_id];
    for name in names.into_iter().flatten() {
        assert!((1..=255).contains(&name.len()), "{name:?}");
        assert!(name.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name:?}");
    }
    assert!(notice.payment_hash.is_some() || notice.provider_id.is_some());
    assert!(notice.replay_key().len() <= 512);
    if let Says::Other(word) = &notice.says {
        assert!(word.len() <= 64 && !word.chars().any(char::is_control), "{word:?}");
    }
}

/// The token in the address that we hand out for one payment.
pub fn callback(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    let Some((tenant, payment)) = fuzzing::callback(text) else { return false };
    assert!(text.starts_with(&format!("{tenant}.{payment}.")), "{text:?}");
    true
}

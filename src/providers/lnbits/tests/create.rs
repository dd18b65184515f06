//! What may be concluded from the answer to a create, and from its absence.

use std::time::Instant;

use tokio::net::TcpListener;

use super::{
    server::{Act, Server, answer},
    *,
};
use crate::providers::http::ANSWER_BYTES_MAX;

async fn create(server: &Server) -> Result<Invoice, CreateError> {
    wallet(&server.url).create(&asked(), NOW).await
}

async fn created(body: &Value) -> Result<Invoice, CreateError> {
    create(&Server::answering(201, body).await).await
}

#[tokio::test]
async fn the_wish_is_sent_as_lnbits_reads_it_and_its_invoice_is_checked() {
    let server = Server::answering(201, &payment("pending")).await;
    let invoice = create(&server).await.unwrap();
    assert_eq!(invoice.payment_hash, hash());
    assert_eq!(invoice.provider_id, hash().to_string());
    assert_eq!(invoice.payment_request, Bolt11::default().text());
    assert_eq!(invoice.expires_at, NOW.plus_seconds(600));

    let requests = server.requests();
    let [request] = requests.as_slice() else { panic!("one request: {requests:?}") };
    assert!(request.starts_with("POST /api/v1/payments HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("x-api-key: {KEY}\r\n")), "{request}");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let expected = json!({
        "out": false, "unit": "sat", "amount": 42, "memo": "ten calls", "expiry": 600,
        "webhook": "http://127.0.0.1:9/hook?token=t", "external_id": "pay_1.1",
        "extra": {"piperoll_reference": "pay_1.1"},
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_path_before_the_interface_is_kept() {
    let server = Server::answering(201, &payment("pending")).await;
    wallet(&format!("{}/ln/", server.url)).create(&asked(), NOW).await.unwrap();
    assert!(server.requests()[0].starts_with("POST /ln/api/v1/payments HTTP/1.1\r\n"));
}

#[tokio::test]
async fn older_releases_that_name_only_the_payment_request_are_understood() {
    let made = payment_but("pending", &json!({"bolt11": null}));
    assert!(created(&made).await.is_ok());
}

#[tokio::test]
async fn what_no_wallet_could_grant_is_refused_before_anything_is_sent() {
    let server = Server::answering(201, &payment("pending")).await;
    let wallet = wallet(&server.url);
    let memo = "x".repeat(640);
    for (wish, class) in [
        (CreateInvoice { amount_msat: 42_001, ..asked() }, Class::NotWholeSat),
        (CreateInvoice { amount_msat: 999, ..asked() }, Class::NotWholeSat),
        (CreateInvoice { amount_msat: 0, ..asked() }, Class::InvalidRequest),
        (CreateInvoice { expiry_seconds: 0, ..asked() }, Class::InvalidRequest),
        (CreateInvoice { description: Some(memo), ..asked() }, Class::InvalidRequest),
        (CreateInvoice { reference: "a b".into(), ..asked() }, Class::InvalidRequest),
        (CreateInvoice { reference: String::new(), ..asked() }, Class::InvalidRequest),
        (
            CreateInvoice { webhook_url: Some("http://shop.example/h".into()), ..asked() },
            Class::CallbackRefused,
        ),
    ] {
        let error = wallet.create(&wish, NOW).await.unwrap_err();
        assert!(matches!(error, CreateError::Refused { .. }), "{error:?}");
        assert_eq!(error.class(), class, "{wish:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_invoice_that_is_not_what_was_asked_for_is_rejected() {
    let foreign = json!({"payment_hash": Hash::from_slice(&[8; 32])});
    let mut wrong = vec![payment_but("pending", &foreign)];
    for bolt11 in [
        Bolt11 { amount_msat: Some(43_000), ..Bolt11::default() },
        Bolt11 { amount_msat: None, ..Bolt11::default() },
        Bolt11 { currency: Currency::Regtest, ..Bolt11::default() },
        Bolt11 { currency: Currency::BitcoinTestnet, ..Bolt11::default() },
        Bolt11 { life: 86_400, ..Bolt11::default() },
        Bolt11 { life: 60, ..Bolt11::default() },
        Bolt11 { made: 1_600_000_000, ..Bolt11::default() },
    ] {
        wrong.push(payment_but("pending", &json!({"bolt11": bolt11.text()})));
    }
    let mut flipped = Bolt11::default().text();
    flipped.replace_range(60..61, if &flipped[60..61] == "q" { "p" } else { "q" });
    for text in [flipped, "lnbc1".into(), "q".repeat(9_000), String::new()] {
        wrong.push(payment_but("pending", &json!({"bolt11": text})));
    }
    for made in wrong {
        let error = created(&made).await.unwrap_err();
        assert!(matches!(error, CreateError::Refused { .. }), "{error:?}");
        assert_eq!(error.class(), Class::RejectedInvoice, "{made}");
    }
}

#[tokio::test]
async fn a_mainnet_invoice_on_a_test_connection_is_rejected() {
    let server = Server::answering(201, &payment("pending")).await;
    let settings = ConnectionSettings {
        kind: Kind::Lnbits { base_url: server.url.clone(), key: Secret::try_new(KEY).unwrap() },
        network: Network::Testnet,
        webhook_secrets: Secrets::default(),
        timeout: Duration::from_secs(10),
        real_money_in_development: false,
    };
    let wallet = open(settings, Environment::Development).unwrap();
    let error = wallet.create(&asked(), NOW).await.unwrap_err();
    assert_eq!(error.class(), Class::RejectedInvoice);
}

#[tokio::test]
async fn a_no_is_told_from_a_perhaps() {
    let wallet_unknown = json!({"detail": "Wallet not found."});
    let words = json!({"detail": "words"});
    for (status, body, refused, class) in [
        (400, &words, true, Class::HttpStatus),
        (401, &words, true, Class::Auth),
        (403, &words, true, Class::Auth),
        (404, &wallet_unknown, true, Class::Auth),
        (404, &words, true, Class::HttpStatus),
        (422, &words, true, Class::HttpStatus),
        (429, &words, true, Class::RateLimited),
        (307, &words, false, Class::Redirect),
        (302, &words, false, Class::Redirect),
        (408, &words, false, Class::HttpStatus),
        (500, &words, false, Class::HttpStatus),
        (502, &words, false, Class::HttpStatus),
        (504, &words, false, Class::HttpStatus),
        (520, &words, false, Class::HttpStatus),
    ] {
        let server = Server::answering(status, body).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!(matches!(error, CreateError::Refused { .. }), refused, "{status}: {error:?}");
        assert_eq!(matches!(error, CreateError::Unknown { .. }), !refused, "{status}: {error:?}");
        assert_eq!(error.class(), class, "{status}");
        assert_eq!(server.requests().len(), 1, "nothing is followed or repeated");
    }
}

#[tokio::test]
async fn the_providers_own_words_are_in_the_chain_but_no_secret_is() {
    let body = json!({
        "detail": "Callback URL is not allowed.\u{1b}[31m", "preimage": hex::encode(PREIMAGE),
    });
    let error = create(&Server::answering(400, &body).await).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the provider answered 400: Callback URL is not allowed.[31m");
    let printed = format!("{error:?}");
    assert!(!printed.contains(&hex::encode(PREIMAGE)) && !printed.contains(KEY), "{printed}");
}

#[tokio::test]
async fn half_an_answer_is_a_perhaps() {
    let whole = answer(201, payment("pending").to_string().as_bytes());
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        let server = Server::start(Act::Write(whole[..length].to_vec())).await;
        let error = create(&server).await.unwrap_err();
        let lost = matches!(error, CreateError::Unknown { class: Class::ConnectionLost, .. });
        assert!(lost, "{length}: {error:?}");
        assert_eq!(server.requests().len(), 1, "a create is never repeated");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_payment_is_a_perhaps() {
    for body in ["", "{", "null", "[]", "\"x\"", "{}", r#"{"payment_hash":"12"}"#] {
        let server = Server::saying(201, body.as_bytes()).await;
        let error = create(&server).await.unwrap_err();
        let malformed = matches!(error, CreateError::Unknown { class: Class::Malformed, .. });
        assert!(malformed, "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let server = Server::saying(201, &vec![b' '; ANSWER_BYTES_MAX + 1]).await;
    let error = create(&server).await.unwrap_err();
    assert!(matches!(error, CreateError::Unknown { class: Class::TooLarge, .. }), "{error:?}");
}

#[tokio::test]
async fn silence_and_stalling_end_within_the_timeout_as_a_perhaps() {
    let whole = answer(201, payment("pending").to_string().as_bytes());
    for act in [Act::Silence, Act::Stall(whole[..whole.len() - 1].to_vec())] {
        let server = Server::start(act).await;
        let began = Instant::now();
        let wallet = wallet_within(&server.url, Duration::from_millis(300));
        let error = wallet.create(&asked(), NOW).await.unwrap_err();
        assert!(matches!(error, CreateError::Unknown { class: Class::Timeout, .. }), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_made() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = wallet(&url).create(&asked(), NOW).await.unwrap_err();
    assert!(matches!(error, CreateError::Unavailable { class: Class::Connect, .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_no_request() {
    let server = Server::start(Act::Blurt(answer(400, b"{}"))).await;
    let url = server.url.replace("http://", "https://");
    let plain = wallet(&url).create(&asked(), NOW).await.unwrap_err();
    assert!(matches!(plain, CreateError::Unavailable { class: Class::Tls, .. }), "{plain:?}");
}

//! What LNbits says about a payment, and what it does not say.

use super::{
    server::{Act, Server, answer},
    *,
};

const EXPIRED: Time = Time::from_seconds(1_700_000_600);

fn lookup() -> Lookup {
    Lookup { provider_id: hash().to_string(), payment_hash: hash() }
}

async fn ask(server: &Server, now: Time) -> Result<Report, StatusError> {
    wallet(&server.url).status(&lookup(), now).await
}

async fn said(body: &Value, now: Time) -> Result<Status, StatusError> {
    ask(&Server::answering(200, body).await, now).await.map(|report| report.status)
}

#[tokio::test]
async fn the_four_answers_of_a_wallet_are_understood() {
    let pending = json!({"paid": false, "status": "pending", "preimage": null,
        "details": payment("pending")});
    let paid = json!({"paid": true, "preimage": "00", "details": payment("success")});
    let failed = json!({"paid": false, "status": "failed", "details": payment("failed")});
    let labelled = json!({"paid": false, "status": "failed", "preimage": null,
        "details": payment_but("failed", &json!({"labels": ["expired"]}))});
    let provider_time = Some(Time::from_micros(1_700_000_060_000_002));
    let received = Status::Paid { received_msat: 42_000, provider_time, fee_msat: Some(0) };
    for (body, now, status) in [
        (&pending, NOW, Status::Pending { detail: "pending".into() }),
        (&pending, EXPIRED, Status::Pending { detail: "pending".into() }),
        (&paid, NOW, received.clone()),
        (&paid, EXPIRED, received),
        (&failed, NOW, Status::Failed { detail: "failed".into() }),
        (&failed, EXPIRED, Status::Expired),
        (&labelled, NOW, Status::Expired),
    ] {
        assert_eq!(said(body, now).await.unwrap(), status, "{body} at {now}");
    }
}

#[tokio::test]
async fn the_request_names_the_hash_and_the_answer_carries_a_second_clock() {
    let body = json!({"paid": true, "details": payment("success")});
    let server = Server::answering(200, &body).await;
    let report = ask(&server, NOW).await.unwrap();
    assert_eq!(report.date, Some(Time::from_seconds(1_700_000_005)));
    let request = &server.requests()[0];
    let expected = format!("GET /api/v1/payments/{} HTTP/1.1\r\n", hash());
    assert!(request.starts_with(&expected), "{request}");
}

#[tokio::test]
async fn f33_times_with_and_without_a_zone_are_utc() {
    for (text, micros) in [
        (json!("2023-11-14T22:14:20"), Some(1_700_000_060_000_000)),
        (json!("2023-11-14T23:14:20+01:00"), Some(1_700_000_060_000_000)),
        (json!(1_700_000_060), Some(1_700_000_060_000_000)),
        (json!("yesterday"), None),
        (json!(null), None),
    ] {
        let details = payment_but("success", &json!({"updated_at": text}));
        let status = said(&json!({"paid": true, "details": details}), NOW).await.unwrap();
        let Status::Paid { provider_time, .. } = status else { panic!("{status:?}") };
        assert_eq!(provider_time, micros.map(Time::from_micros), "{text}");
    }
}

#[tokio::test]
async fn an_unknown_payment_is_not_a_failed_one() {
    let server = Server::answering(404, &json!({"detail": "Payment does not exist."})).await;
    assert_eq!(ask(&server, EXPIRED).await.unwrap().status, Status::NotFound);
}

#[tokio::test]
async fn other_404s_know_nothing_about_payments() {
    for body in [&b"<html>not here</html>"[..], br#"{"detail":"Not Found"}"#, b""] {
        let error = ask(&Server::saying(404, body).await, NOW).await.unwrap_err();
        let unknown = matches!(error, StatusError::Unknown { class: Class::HttpStatus, .. });
        assert!(unknown, "{error:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_wallets_is_told_from_an_answer() {
    let public = json!({"paid": true, "preimage": hex::encode(PREIMAGE)});
    let error = said(&public, NOW).await.unwrap_err();
    assert!(matches!(error, StatusError::Credentials { .. }), "{error:?}");
    for (status, detail) in [(401, "No"), (403, "No"), (404, "Wallet not found.")] {
        let server = Server::answering(status, &json!({ "detail": detail })).await;
        let error = ask(&server, NOW).await.unwrap_err();
        assert!(matches!(error, StatusError::Credentials { .. }), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_contradicts_itself_says_nothing() {
    let foreign = json!({"payment_hash": Hash::from_slice(&[8; 32])});
    for body in [
        json!({"paid": true, "details": payment("failed")}),
        json!({"paid": true, "details": payment("pending")}),
        json!({"paid": true, "status": "failed", "details": payment("success")}),
        json!({"paid": false, "details": payment("success")}),
        json!({"paid": false, "status": "cancelled", "details": payment("success")}),
        json!({"paid": "yes", "details": payment("success")}),
        json!({"paid": 1, "details": payment("success")}),
        json!({"details": payment("success")}),
        json!({"paid": true, "details": payment_but("success", &foreign)}),
        json!({"paid": true, "details": payment_but("success", &json!({"amount": -42_000}))}),
        json!({"paid": true, "details": payment_but("success", &json!({"amount": 0}))}),
        json!({"paid": true, "details": payment_but("success", &json!({"amount": null}))}),
        json!({"paid": true, "details": payment_but("success", &json!({"amount": 42.5}))}),
    ] {
        let error = said(&body, NOW).await.unwrap_err();
        let unknown = matches!(error, StatusError::Unknown { class: Class::Malformed, .. });
        assert!(unknown, "{error:?} for {body}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_says_nothing_about_the_payment() {
    for (status, class) in [
        (307, Class::Redirect),
        (429, Class::RateLimited),
        (500, Class::HttpStatus),
        (520, Class::HttpStatus),
        (204, Class::HttpStatus),
    ] {
        let error = ask(&Server::answering(status, &json!({})).await, NOW).await.unwrap_err();
        assert!(matches!(error, StatusError::Unknown { .. }), "{status}: {error:?}");
        assert_eq!(error.class(), class, "{status}");
    }
    let whole = answer(200, json!({"paid": true}).to_string().as_bytes());
    let server = Server::start(Act::Write(whole[..whole.len() - 1].to_vec())).await;
    let error = ask(&server, NOW).await.unwrap_err();
    assert_eq!(error.class(), Class::ConnectionLost);
    let server = Server::start(Act::Silence).await;
    let wallet = wallet_within(&server.url, Duration::from_millis(200));
    let error = wallet.status(&lookup(), NOW).await.unwrap_err();
    assert!(matches!(error, StatusError::Unavailable { class: Class::Timeout, .. }), "{error:?}");
}

async fn found(list: &Value) -> Result<Option<Invoice>, StatusError> {
    wallet(&Server::answering(200, list).await.url).find(&asked()).await
}

#[tokio::test]
async fn a_lost_create_is_found_by_its_reference() {
    let server = Server::answering(200, &json!([payment("pending")])).await;
    let invoice = wallet(&server.url).find(&asked()).await.unwrap().unwrap();
    assert_eq!(invoice.payment_hash, hash());
    let request = &server.requests()[0];
    let expected = "GET /api/v1/payments?external_id=pay_1.1&limit=10 HTTP/1.1\r\n";
    assert!(request.starts_with(expected), "{request}");
    assert_eq!(found(&json!([])).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_found_is_checked_and_what_is_not_ours_proves_nothing() {
    let payment_with = |but: Value| payment_but("pending", &but);
    let other_amount = Bolt11 { amount_msat: Some(43_000), ..Bolt11::default() }.text();
    for (list, class) in [
        (json!([payment_with(json!({"bolt11": other_amount}))]), Class::RejectedInvoice),
        (json!([payment_with(json!({"external_id": null}))]), Class::Unsupported),
        (json!([payment_with(json!({"external_id": "pay_1.10"}))]), Class::Unsupported),
        (json!([payment("pending"), payment("pending")]), Class::ReferenceTaken),
        (json!({"data": []}), Class::Malformed),
    ] {
        let error = found(&list).await.unwrap_err();
        assert!(matches!(error, StatusError::Unknown { .. }), "{error:?}");
        assert_eq!(error.class(), class, "{list}");
    }
}

#[tokio::test]
async fn a_probe_tells_a_wallet_from_a_wrong_key_and_from_a_stranger() {
    let known = Server::answering(200, &json!({"name": "shop", "balance": 0})).await;
    assert!(wallet(&known.url).probe().await.unwrap().is_some());
    let wrong = Server::answering(404, &json!({"detail": "Wallet not found."})).await;
    let error = wallet(&wrong.url).probe().await.unwrap_err();
    assert!(matches!(error, StatusError::Credentials { .. }), "{error:?}");
    let stranger = Server::saying(200, b"<html></html>").await;
    let error = wallet(&stranger.url).probe().await.unwrap_err();
    assert_eq!(error.class(), Class::Malformed);
}

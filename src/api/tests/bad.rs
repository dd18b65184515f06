//! What is wrong is refused with a problem that names it, and changes nothing.

use serde_json::{Value, json};

use super::{Shop, msat};

#[tokio::test]
async fn credentials_that_are_none_are_refused() {
    let shop = Shop::open().await;
    for (name, value) in [
        ("piperoll-key", "prk_wrong"),
        ("authorization", "Bearer prk_wrong"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("x-admin-token", "wrong"),
        ("piperoll-key", ""),
    ] {
        let refused = shop.ask("GET", "/v1/payments").header(name, value).await;
        let refused = refused.must_be_problem(401, "unauthenticated");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
        assert!(!String::from_utf8_lossy(&refused.body).contains("prk_wrong"));
    }
    let key = &shop.keys.key;
    let flipped =
        format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    shop.ask("GET", "/v1/payments").key(&flipped).await.must_be_problem(401, "unauthenticated");
    let two = shop.ask("GET", "/v1/payments").key(key).header("authorization", "Bearer other");
    two.await.must_be_problem(401, "unauthenticated");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_revoked_key_is_none() {
    let shop = Shop::open().await;
    let key = shop.key_of("dev", "second", json!(["read"])).await;
    shop.ask("GET", "/v1/payments").key(&key).await.must_be(200);
    let revoke = shop.ask("DELETE", "/v1/keys/second").key(&shop.keys.key).fresh();
    revoke.json(&json!({"reason": "test"})).await.must_be(200);
    shop.ask("GET", "/v1/payments").key(&key).await.must_be_problem(401, "unauthenticated");
    shop.app.stop().await;
}

#[tokio::test]
async fn no_field_smuggles_in_what_is_not_looked_at() {
    let shop = Shop::open().await;
    let before = shop.head();
    let text = json!({"$serde_json::private::RawValue": "{\"a\":1.5,\"a\":2}"});
    let body = json!({"amount": msat(5_000), "metadata": {"a": text}});
    let refused = shop.post("/v1/payments", &body).await.must_be_problem(422, "field_invalid");
    assert_eq!(refused.json()["field"], "metadata.a.$serde_json::private::RawValue");
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn bodies_that_are_wrong_are_refused_by_field_and_change_nothing() {
    let shop = Shop::open().await;
    let before = shop.head();
    let amount = |amount: &str| {
        format!(r#"{{"account":"a","amount":{{"commodity":"MSAT","amount":{amount}}}}}"#)
    };
    for (body, status, code, field) in [
        ("{".to_owned(), 400, "malformed_json", None),
        (String::new(), 400, "malformed_json", None),
        ("{}}".to_owned(), 400, "malformed_json", None),
        ("[]".to_owned(), 422, "field_invalid", Some("")),
        ("{}".to_owned(), 422, "field_invalid", Some("")),
        ("[".repeat(40), 400, "too_deep", None),
        (amount("1.5"), 422, "field_invalid", Some("amount.amount")),
        (amount("1e3"), 422, "field_invalid", Some("amount.amount")),
        (amount("-1"), 422, "field_invalid", Some("amount")),
        (amount("\"-1\""), 422, "field_invalid", Some("amount")),
        (amount("\"1.0\""), 422, "field_invalid", Some("amount")),
        (amount("9223372036854775808"), 422, "field_invalid", Some("amount")),
        (amount("99999999999999999999999"), 422, "field_invalid", Some("amount.amount")),
        (amount("null"), 422, "field_invalid", Some("amount")),
        (amount("0"), 422, "amount_zero", None),
        (amount("9223372036854775807"), 422, "amount_out_of_range", None),
        (r#"{"account":"a b","amount":null}"#.to_owned(), 422, "field_invalid", Some("account")),
        (r#"{"account":"a","account":"b"}"#.to_owned(), 422, "field_invalid", Some("account")),
        (r#"{"account":"a","tenant":"x"}"#.to_owned(), 422, "unknown_field", Some("tenant")),
    ] {
        let refused = shop.ask("POST", "/v1/topups").key(&shop.keys.key).fresh();
        let refused = refused.raw(body.clone()).header("content-type", "application/json").await;
        let told = format!("{body}: {}", refused.json());
        assert_eq!((refused.status.as_u16(), &*refused.code()), (status, code), "{told}");
        if let Some(field) = field {
            let named = refused.json()["field"].as_str().unwrap_or_default().to_owned();
            assert!(named.starts_with(field), "{told}");
        }
    }
    assert_eq!(shop.head(), before);
    shop.app.stop().await;
}

#[tokio::test]
async fn bodies_that_are_too_large_or_dressed_up_are_refused() {
    let shop = Shop::open().await;
    let post = || shop.ask("POST", "/v1/topups").key(&shop.keys.key).fresh();
    let json = "application/json";
    let large = format!(r#"{{"account":"{}"}}"#, "a".repeat(300_000));
    post().raw(large).header("content-type", json).await.must_be_problem(413, "body_too_large");
    let coded = post().raw("{}").header("content-type", json).header("content-encoding", "gzip");
    coded.await.must_be_problem(415, "unsupported_encoding");
    let text = post().raw("{}").header("content-type", "text/plain");
    text.await.must_be_problem(415, "unsupported_media_type");
    let fields = shop.get("/v1/payments").header("x-large", &"a".repeat(20_000));
    fields.await.must_be_problem(431, "headers_too_large");
    let path = shop.get(format!("/v1/payments?after={}", "a".repeat(9_000)));
    path.await.must_be_problem(431, "headers_too_large");
    shop.app.stop().await;
}

#[tokio::test]
async fn queries_and_cursors_that_are_wrong_are_refused() {
    let shop = Shop::open().await;
    shop.post("/v1/accounts", &json!({"account": "alice"})).await.must_be(201);
    shop.settle().await;
    for (path, code) in [
        ("/v1/payments?limit=0", "field_invalid"),
        ("/v1/payments?limit=1001", "field_invalid"),
        ("/v1/payments?limit=x", "field_invalid"),
        ("/v1/payments?status=gone", "field_invalid"),
        ("/v1/payments?older_than=soon", "field_invalid"),
        ("/v1/payments?requested_from=yesterday", "field_invalid"),
        ("/v1/payments?tenant=other", "unknown_field"),
        ("/v1/payments?limit=1&limit=2", "field_invalid"),
        ("/v1/accounts/alice/balance?as_of=-1", "field_invalid"),
        ("/v1/accounts/al%20ice/balance", "field_invalid"),
        ("/v1/events?after=x", "field_invalid"),
        ("/v1/events?after=99999999", "field_invalid"),
        ("/v1/events/0x1", "field_invalid"),
        ("/v1/payments?after=x", "cursor_invalid"),
        ("/v1/payments?after=WyJlbnRpdGxlbWVudHMiLFtdXQ", "cursor_invalid"),
        ("/v1/entitlements?after=%00", "cursor_invalid"),
    ] {
        let refused = shop.get(path).await;
        assert_eq!(refused.code(), code, "{path}: {}", refused.json());
        assert!(refused.status.is_client_error(), "{path}");
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn a_write_wants_a_key_of_the_right_form() {
    let shop = Shop::open().await;
    let post =
        || shop.ask("POST", "/v1/accounts").key(&shop.keys.key).json(&json!({"account": "alice"}));
    post().await.must_be_problem(400, "idempotency_key_missing");
    let paid =
        shop.ask("POST", "/v1/topups").key(&shop.keys.key).header("authorization", "L402 a:b");
    let paid =
        paid.json(&json!({"account": "alice", "amount": {"commodity": "MSAT", "amount": "1"}}));
    paid.await.must_be_problem(400, "idempotency_key_missing");
    for key in ["", " ", &"k".repeat(256)] {
        let refused = post().header("idempotency-key", key).await;
        refused.must_be_problem(400, "idempotency_key_invalid");
    }
    let two = post().header("idempotency-key", "a").header("idempotency-key", "b");
    two.await.must_be_problem(400, "idempotency_key_invalid");
    let two = post().header("idempotency-key", "a").header("x-idempotency-key", "b");
    two.await.must_be_problem(400, "idempotency_key_invalid");
    let first = post().header("x-idempotency-key", "a").await.must_be(201);
    let again = post().header("idempotency-key", "a").header("x-idempotency-key", "a");
    let again = again.await.must_be(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), first.json());
    shop.app.stop().await;
}

#[tokio::test]
async fn offers_and_reasons_that_are_wrong_are_refused_by_field() {
    let shop = Shop::open().await;
    let sound = json!({"service": "weather", "path": "/v1/*", "price": msat(1_000)});
    let put = |body: &Value| shop.ask("PUT", "/v1/offers/o").key(&shop.keys.key).json(body).fresh();
    for (name, value, code) in [
        ("service", json!("Weather!"), "field_invalid"),
        ("path", json!("no slash"), "field_invalid"),
        ("methods", json!(["get"]), "field_invalid"),
        ("gives", json!({"uses": {"count": 0}}), "offer_invalid"),
        ("gives", json!({"wishes": 3}), "unknown_field"),
        ("enforcement_percent", json!(101), "offer_invalid"),
        ("price", msat(0), "offer_invalid"),
        ("price", json!({"commodity": "USD", "amount": "1"}), "offer_invalid"),
    ] {
        let mut body = sound.clone();
        body[name] = value.clone();
        let refused = put(&body).await;
        let known = [code, "field_invalid"].contains(&&*refused.code());
        assert!(known && refused.status == 422, "{name} {value}: {}", refused.json());
    }
    put(&sound).await.must_be(200);
    let delete = shop.ask("DELETE", "/v1/offers/o").key(&shop.keys.key).fresh();
    let delete = delete.json(&json!({"reason": ""})).await;
    delete.must_be_problem(422, "reason_needed");
    shop.app.stop().await;
}

//! Webhooks: believed when signed, taken in once.

use serde_json::{Value, json};

use super::{Answer, Shop, WEBHOOK_SECRET, msat};
use crate::providers::signature::hmac_sha256;

const PATHS: [&str; 3] = [
    "/webhooks/default",
    "/api/payments/webhooks/default/settled",
    "/api/payments/webhooks/sandbox/settled",
];

pub(super) async fn tell(shop: &Shop, path: &str, body: &Value, secret: &str) -> Answer {
    let body = body.to_string();
    let signature = hex::encode(hmac_sha256(secret.as_bytes(), &[body.as_bytes()]));
    let ask = shop.ask("POST", path).raw(body).header("x-wordclaw-payment-signature", &signature);
    ask.header("content-type", "application/json").await
}

async fn pending(shop: &Shop) -> (String, String) {
    let made = shop.post("/v1/payments", &json!({"amount": msat(5_000)})).await.must_be(201).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("payment"), text("payment_hash"))
}

async fn status(shop: &Shop, payment: &str) -> Value {
    shop.get(format!("/v1/payments/{payment}")).await.must_be(200).json()["status"].clone()
}

#[tokio::test]
async fn a_signed_webhook_settles_once_and_its_repeat_is_a_duplicate() {
    let shop = Shop::open().await;
    for (number, path) in PATHS.iter().enumerate() {
        let (payment, hash) = pending(&shop).await;
        let body =
            json!({"eventId": format!("evt_{number}"), "paymentHash": hash, "status": "paid"});
        let first = tell(&shop, path, &body, WEBHOOK_SECRET).await.must_be(202).json();
        assert_eq!((&first["accepted"], &first["duplicate"]), (&json!(true), &json!(false)));
        assert_eq!(first["applied"], true, "{first}");
        let settled = status(&shop, &payment).await;
        assert!(settled == "paid" || settled == "consumed", "{settled}");
        let again = tell(&shop, path, &body, WEBHOOK_SECRET).await.must_be(202).json();
        assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(true), &json!(true)));
    }
    shop.app.stop().await;
}

#[tokio::test]
async fn a_webhook_that_nobody_signed_settles_nothing() {
    let shop = Shop::open().await;
    let (payment, hash) = pending(&shop).await;
    let body = json!({"eventId": "evt_1", "paymentHash": hash, "status": "paid"});
    let forged = tell(&shop, PATHS[0], &body, "somebody else's secret").await;
    forged.must_be_problem(401, "webhook_signature_invalid");
    let bare = shop.ask("POST", PATHS[0]).json(&body).await;
    bare.must_be_problem(401, "webhook_signature_missing");
    let nowhere = tell(&shop, "/webhooks/nowhere", &body, WEBHOOK_SECRET).await;
    assert_eq!(nowhere.status, 404);
    let token = tell(&shop, "/webhooks/default/guessed", &body, "x").await;
    assert!(token.status.is_client_error(), "{token:?}");
    assert_eq!(status(&shop, &payment).await, "pending");
    shop.app.stop().await;
}

#[tokio::test]
async fn a_webhook_about_nobodys_payment_is_kept_and_says_so() {
    let shop = Shop::open().await;
    let body = json!({"eventId": "evt_9", "paymentHash": "ab".repeat(32), "status": "paid"});
    let told = tell(&shop, PATHS[0], &body, WEBHOOK_SECRET).await.must_be(202).json();
    assert_eq!((&told["accepted"], &told["unknownPayment"]), (&json!(true), &json!(true)));
    shop.app.stop().await;
}

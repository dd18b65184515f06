//! A real LNbits and a client that we did not write, from the challenge to the credit; and what a
//! real wallet does on bad days.

mod wallet;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use self::wallet::{Wallet, connected};
use crate::{
    peers::{Lnbits, node, peer},
    server::{Answer, Ask, Server, client, free_port, msat, told},
};

/// Signs for the provider, as some producers do in a wallet's stead.
const WEBHOOK_SECRET: &str = "a-webhook-secret-that-only-this-test-knows";

fn top_up(account: &str, sat: i64) -> Value {
    json!({ "account": account, "amount": msat(sat * 1_000) })
}

/// What Alby's client makes of a URL: asks, pays, asks again.
async fn buy(wallet: &Wallet, url: &str, more: &[&str]) -> Option<Value> {
    let program = peer("PIPEROLL_TEST_NODE")?;
    let wallet = ["--wallet-url", wallet.url(), "--wallet-key", wallet.payer_key()];
    let arguments = [&[url], &wallet[..], more].concat();
    let output = node(&program, "l402_client.mjs", &arguments, "").await;
    assert!(output.status.success(), "{}", told(&output));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Shows a credential for a top-up.
async fn show(server: &Server, key: &str, body: &Value, token: &str, preimage: &str) -> Answer {
    let ask = server.door().shop(&client(), Method::POST, "/v1/topups").json(body);
    let credential = format!("L402 {token}:{preimage}");
    ask.header("idempotency-key", key).header("authorization", credential).answer().await
}

/// The payment of a challenge, once it stands there.
async fn becomes(server: &Server, challenge: &Answer, status: &str) -> Answer {
    let path = format!("/v1/payments/{}", challenge.word("/payment"));
    server.until(&path, |payment| payment.body["status"] == status).await
}

/// Has the provider asked now, and gives the payment's status.
async fn synced(server: &Server, challenge: &Answer) -> String {
    let path = format!("/v1/payments/{}/sync", challenge.word("/payment"));
    server.door().shop(&client(), Method::POST, &path).answer().await.is(200).word("/status")
}

async fn count(server: &Server, path: &str, payment: &str) -> usize {
    let all = server.read(path).await.is(200).body["items"].as_array().unwrap().clone();
    all.iter().filter(|one| one["payment"] == payment).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_client_buys_a_call_and_credit_with_a_real_wallet() {
    let Some(wallet) = Wallet::any().await else { return };
    let server = Server::start(&connected(&wallet)).await;
    let offer = json!({ "service": "jokes", "path": "/jokes/*", "price": msat(3_000) });
    server.write(Method::PUT, "/v1/offers/joke", "o-1", &offer).await.is(200);
    let (url, key) = (&server.door().url, format!("Piperoll-Key: {}", server.door().key));
    let call = format!("{url}/v1/l402/authorize/jokes/jokes/today");
    let Some(bought) = buy(&wallet, &call, &["--header", &key]).await else { return };
    assert_eq!(
        (&bought["status"], &bought["paid"], &bought["amountSat"]),
        (&json!(200), &json!(true), &json!(3))
    );
    let statuses: Vec<_> =
        bought["exchanges"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [402, 200], "asked, paid, and let in at the first try");
    // The same credential again: it was for one call, and the client may not pay for another.
    let credentials = bought["credentials"].to_string();
    let again = [&*call, "--header", &key, "--credentials", &credentials, "--max-sat", "1"];
    let program = peer("PIPEROLL_TEST_NODE").unwrap();
    let output = node(&program, "l402_client.mjs", &again, "").await;
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    let last = again["exchanges"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &again["payments"]), (&json!(402), &json!([])), "{again}");

    let topups = format!("{url}/v1/topups");
    let body = top_up("alice", 21).to_string();
    let words = [
        "--method",
        "POST",
        "--data",
        &body,
        "--header",
        &key,
        "--header",
        "Idempotency-Key: alice-1",
        "--header",
        "Content-Type: application/json",
    ];
    let bought = buy(&wallet, &topups, &words).await.unwrap();
    assert_eq!((&bought["status"], &bought["amountSat"]), (&json!(201), &json!(21)), "{bought}");
    let lot: Value = serde_json::from_str(bought["body"].as_str().unwrap()).unwrap();
    assert_eq!(server.available("alice").await, 21_000);
    // LNbits tells of every payment of its own twice, without a signature.
    let payment = lot["payment"].as_str().unwrap();
    let own = |answer: &Answer| {
        answer.body["items"].as_array().unwrap().iter().any(|one| one["payment"] == payment)
    };
    server.until("/v1/receipts", own).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.available("alice").await, 21_000, "two webhooks, one lot");
    assert_eq!(count(&server, "/v1/accounts/alice/lots", payment).await, 1);
    assert_eq!(count(&server, "/v1/receipts", payment).await, 1);
    assert_eq!(server.read("/v1/reviews").await.body["items"], json!([]));
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_paid_is_let_in_at_once_though_the_webhook_is_lost() {
    let Some(wallet) = Wallet::any().await else { return };
    // Nobody listens where the wallet is told to call.
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let variables: Vec<_> =
        connected(&wallet).into_iter().chain([("PIPEROLL_PUBLIC_URL", nowhere.as_str())]).collect();
    let server = Server::start(&variables).await;
    let topups = format!("{}/v1/topups", server.door().url);
    let (body, key) =
        (top_up("bob", 5).to_string(), format!("Piperoll-Key: {}", server.door().key));
    let words = [
        "--method",
        "POST",
        "--data",
        &body,
        "--header",
        &key,
        "--header",
        "Idempotency-Key: bob-1",
        "--header",
        "Content-Type: application/json",
    ];
    let Some(bought) = buy(&wallet, &topups, &words).await else { return };
    let statuses: Vec<_> =
        bought["exchanges"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [402, 201], "{bought}");
    assert_eq!(server.available("bob").await, 5_000);
    assert_eq!(server.read("/v1/receipts").await.body["items"], json!([]), "no webhook came");
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preimage_that_nobody_paid_for_opens_nothing() {
    let Some(wallet) = Wallet::any().await else { return };
    let quick = ("PIPEROLL_L402__SETTLE_WAIT_MS", "200");
    let variables: Vec<_> = connected(&wallet).into_iter().chain([quick]).collect();
    let server = Server::start(&variables).await;
    let mut body = top_up("eve", 50);
    body["expiry_seconds"] = json!(3);
    let challenge = server.post("/v1/topups", "eve-1", &body).await.is(402);
    let hash = challenge.word("/payment_hash");
    // The wallet's owner sees the preimage of an invoice that nobody has paid.
    let preimage = wallet.look(&hash).await.word("/details/preimage");
    let shown = show(&server, "eve-1", &body, &challenge.token(), &preimage).await.is(402);
    assert_eq!(shown.body["code"], "credential_unsettled");
    assert_eq!(
        shown.body["payment_request"], challenge.body["payment_request"],
        "the same challenge"
    );
    assert_eq!(shown.lines("retry-after"), ["1"]);
    // Past its end, once somebody has looked, paying moves nothing and shows the preimage to all.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    wallet.look(&hash).await;
    let paid = wallet.pay(&challenge.word("/payment_request")).await.is(201);
    assert_eq!(
        (paid.word("/status").as_str(), paid.word("/preimage")),
        ("failed", preimage.clone())
    );
    let shown = show(&server, "eve-1", &body, &challenge.token(), &preimage).await.is(402);
    assert!(shown.body.get("lot").is_none(), "{}", shown.text);
    assert_eq!(server.available("eve").await, 0);
    assert_ne!(synced(&server, &challenge).await, "consumed");
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_money_that_comes_late_waits_for_an_operators_word() {
    let Some(wallet) = Wallet::any().await else { return };
    let secret = ("PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET);
    let variables: Vec<_> = connected(&wallet).into_iter().chain([secret]).collect();
    let server = Server::start(&variables).await;
    let challenge = server.post("/v1/topups", "carol-1", &top_up("carol", 9)).await.is(402);
    // A producer that signs in the wallet's stead says that it failed.
    let hash = challenge.word("/payment_hash");
    let word = json!({ "eventId": "gone", "paymentHash": hash, "status": "failed" }).to_string();
    let call = server.door().ask(&client(), Method::POST, "/webhooks/default");
    let signature = wallet::signed(WEBHOOK_SECRET, &word);
    let call = call.header("x-wordclaw-payment-signature", signature).body(word);
    call.answer().await.is(202);
    becomes(&server, &challenge, "failed").await;
    // Then it is paid all the same.
    let paid = wallet.pay(&challenge.word("/payment_request")).await.is(201);
    assert_eq!(paid.word("/status"), "success");
    let reviews = server.until("/v1/reviews", |all| all.body["items"] != json!([])).await;
    let review = reviews.body["items"][0].clone();
    assert_eq!((&review["kind"], &review["money"]), (&json!("late"), &msat(9_000)), "{review}");
    assert_eq!(review["payment"], challenge.body["payment"]);
    let token = (challenge.token(), paid.word("/preimage"));
    let shown = show(&server, "carol-1", &top_up("carol", 9), &token.0, &token.1).await;
    assert_eq!((shown.status, server.available("carol").await), (402, 0), "{}", shown.text);
    let path = format!("/v1/reviews/{}/{}", challenge.word("/payment"), review["number"]);
    let word = json!({ "action": "apply", "reason": "paid before the word was out" });
    assert!(server.post(&path, "review-1", &word).await.status < 300);
    becomes(&server, &challenge, "consumed").await;
    assert_eq!(server.available("carol").await, 9_000);
    assert_eq!(count(&server, "/v1/accounts/carol/lots", &challenge.word("/payment")).await, 1);
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_is_away_and_forgets_costs_nobody_anything() {
    let Some(lnbits) = Lnbits::up().await else { return };
    let wallet = Wallet::of(lnbits);
    let server = Server::start(&connected(&wallet)).await;
    let body = top_up("dave", 4);
    let challenge = server.post("/v1/topups", "dave-1", &body).await.is(402);
    let preimage = wallet.look(&challenge.word("/payment_hash")).await.word("/details/preimage");
    wallet.own().stop().await;
    // Whoever shows a credential is asked to come again, and not to pay anew.
    show(&server, "dave-1", &body, &challenge.token(), &preimage).await.is(503);
    let refused = server.post("/v1/topups", "dave-2", &top_up("dave", 6)).await;
    assert!(matches!(refused.status, 502 | 503), "{} {}", refused.status, refused.text);
    assert_eq!(synced_or(&server, &challenge).await, None);
    becomes(&server, &challenge, "pending").await;
    wallet.own().start().await;
    // What was pending in it is failed from then on, and cannot be paid any more.
    assert_eq!(synced(&server, &challenge).await, "failed");
    assert!(wallet.pay(&challenge.word("/payment_request")).await.status >= 400);
    let shown = show(&server, "dave-1", &body, &challenge.token(), &preimage).await;
    assert_eq!((shown.status, server.available("dave").await), (402, 0), "{}", shown.text);
    let challenge = server.post("/v1/topups", "dave-3", &top_up("dave", 8)).await.is(402);
    wallet.pay(&challenge.word("/payment_request")).await.is(201);
    becomes(&server, &challenge, "consumed").await;
    assert_eq!(server.available("dave").await, 8_000);
    server.must_be_sound().await;
}

/// The status after asking the provider, if it could be asked.
async fn synced_or(server: &Server, challenge: &Answer) -> Option<String> {
    let path = format!("/v1/payments/{}/sync", challenge.word("/payment"));
    let answer = server.door().shop(&client(), Method::POST, &path).answer().await;
    (answer.status == 200).then(|| answer.word("/status"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_does_not_know_a_payment_ends_none() {
    let (Some(wallet), Some(other)) = (Wallet::any().await, Lnbits::up().await) else { return };
    let mut server = Server::start(&connected(&wallet)).await;
    let challenge = server.post("/v1/topups", "frank-1", &top_up("frank", 7)).await.is(402);
    assert_eq!(server.terminate().await.code(), Some(0));
    // The same wallets elsewhere, restored from before: this payment is not among theirs.
    server.set("LNBITS_BASE_URL", other.url());
    server.open().await;
    for _ in 0..2 {
        assert_eq!(synced(&server, &challenge).await, "pending", "not found is no end");
    }
    assert_eq!(server.terminate().await.code(), Some(0));
    wallet.pay(&challenge.word("/payment_request")).await.is(201);
    server.set("LNBITS_BASE_URL", wallet.url());
    server.open().await;
    synced(&server, &challenge).await;
    becomes(&server, &challenge, "consumed").await;
    assert_eq!(server.available("frank").await, 7_000);
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_nobody_has_founded_makes_no_invoice() {
    let Some(lnbits) = Lnbits::bare().await else { return };
    let wallet = Wallet::bare(lnbits);
    let server = Server::start(&connected(&wallet)).await;
    // It redirects every question to its first page.
    let refused = server.post("/v1/topups", "grace-1", &top_up("grace", 7)).await;
    assert!((500..600).contains(&refused.status), "{} {}", refused.status, refused.text);
    assert!(refused.lines("www-authenticate").is_empty());
    let payments = server.read("/v1/payments").await.body["items"].clone();
    let status = payments[0]["status"].as_str().unwrap().to_owned();
    assert!(["unknown", "failed"].contains(&status.as_str()), "{payments}");
    assert_eq!(server.available("grace").await, 0);
    server.must_be_sound().await;
}

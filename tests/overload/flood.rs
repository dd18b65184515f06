//! Forged webhooks and bad credentials cost next to nothing: no append, no question, no invoice.
//!
//! What they cost those who pay, `piperoll bench flood` measures.

use std::{collections::BTreeSet, sync::Arc};

use reqwest::{Client, Method};
use serde_json::json;
use tokio::task::JoinSet;

use crate::server::{Ask, Door, Server, client, msat};

/// How many strangers flood at once.
const STRANGERS: u64 = 8;
/// How many requests each sends.
const EACH: u64 = 250;
/// The kind of forgery that guesses a key.
const GUESSES: u64 = 4;

async fn start() -> Server {
    Server::start(&[("PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE", "1000000")]).await
}

/// One request of a stranger; which kind, its number tells.
async fn forge(door: &Door, client: &Client, number: u64, token: &str) -> u16 {
    let sent = |path: &str| door.ask(client, Method::POST, path).header("idempotency-key", "x");
    let body =
        json!({ "eventId": number.to_string(), "paymentHash": "ab".repeat(32), "status": "paid" });
    let signed =
        |path: &str| sent(path).header("x-wordclaw-payment-signature", "ab".repeat(32)).json(&body);
    let preimage = "11".repeat(32);
    let ask = match number % 6 {
        0 => signed("/webhooks/default"),
        1 => sent("/webhooks/default").json(&body),
        2 => signed("/api/payments/webhooks/default/settled"),
        3 => sent(&format!("/webhooks/default/dev.pay_{number}.{preimage}")).json(&body),
        GUESSES => sent("/v1/topups").bearer_auth(format!("prk_{number}")).json(&json!({})),
        _ => {
            let body = json!({ "account": "alice", "amount": msat(5_000) });
            let shown = door.shop(client, Method::POST, "/v1/topups").json(&body);
            let shown = shown.header("idempotency-key", "x");
            shown.header("authorization", format!("L402 {token}:{preimage}"))
        }
    };
    ask.answer().await.status
}

/// A token that was paid for.
async fn buy(server: &Server) -> String {
    let topup = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = server.post("/v1/topups", "bought", &topup).await.is(402);
    server.pay(&challenge.word("/payment_request")).await;
    challenge.token()
}

/// What a stranger cannot move: where the roll stands, and how often the provider was asked.
async fn stands(server: &Server) -> (u64, BTreeSet<String>) {
    let metrics = server.operate(Method::GET, "/metrics", &json!({})).await.is(200);
    let position = metrics.lines("piperoll-position").remove(0);
    let position = position.split(':').nth(1).unwrap().parse().unwrap();
    let asked = metrics.text.lines().filter(|line| line.starts_with("invoice_create_"));
    (position, asked.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forgeries_writes_nothing_and_asks_nobody() {
    let server = start().await;
    let token = Arc::new(buy(&server).await);
    let before = stands(&server).await;
    let mut strangers = JoinSet::new();
    for stranger in 0..STRANGERS {
        let (door, token) = (server.door().clone(), token.clone());
        strangers.spawn(async move {
            let client = client();
            for number in 0..EACH {
                let number = stranger * EACH + number;
                let status = forge(&door, &client, number, &token).await;
                // Whoever guesses keys is told to wait after some.
                let guesses = number % 6 == GUESSES;
                assert!(status == 401 || (guesses && status == 429), "{number}: {status}");
            }
        });
    }
    strangers.join_all().await;
    let after = stands(&server).await;
    // One fact a minute for each reason; a slow machine may need more than one minute.
    assert!(after.0 - before.0 <= 8, "{STRANGERS} strangers wrote {} facts", after.0 - before.0);
    assert_eq!(after.1, before.1, "a stranger made the provider be asked");
    server.must_be_sound().await;
}

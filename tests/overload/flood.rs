//! Forged webhooks and bad credentials cost next to nothing: no append, no question, no invoice.
//!
//! `cargo test --test it the_price_of_a_flood -- --nocapture` prints what they cost those who pay.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::json;
use tokio::task::JoinSet;

use crate::server::{Ask, Door, Server, client, msat};

/// How many strangers flood at once.
const STRANGERS: u64 = 8;
/// How many requests each sends, where the number counts and not the time.
const EACH: u64 = 250;
/// How many paying requests are timed.
const PAYING: usize = 400;
/// The kind of forgery that guesses a key.
const GUESSES: u64 = 4;
/// Forgeries a second, where their price is measured.
const A_SECOND: u64 = 500;

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

/// A paid credential, and what its use costs nothing to ask for.
struct Paid {
    token: String,
    credential: String,
}

async fn buy(server: &Server) -> Paid {
    let topup = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = server.post("/v1/topups", "bought", &topup).await.is(402);
    let preimage = server.pay(&challenge.word("/payment_request")).await;
    let token = challenge.token();
    Paid { credential: format!("L402 {token}:{preimage}"), token }
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
    let paid = Arc::new(buy(&server).await);
    let before = stands(&server).await;
    let mut strangers = JoinSet::new();
    for stranger in 0..STRANGERS {
        let (door, paid) = (server.door().clone(), paid.clone());
        strangers.spawn(async move {
            let client = client();
            for number in 0..EACH {
                let number = stranger * EACH + number;
                let status = forge(&door, &client, number, &paid.token).await;
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

/// How long the paying ones waited, in order.
async fn pay(door: &Door, paid: &Paid) -> Vec<Duration> {
    let client = client();
    let body = json!({ "account": "alice", "amount": msat(5_000) });
    let mut waited = vec![];
    for _ in 0..PAYING {
        let began = Instant::now();
        let account = uuid::Uuid::new_v4().to_string();
        let open = door.shop(&client, Method::POST, "/v1/accounts");
        let open = open.header("idempotency-key", &account).json(&json!({ "account": account }));
        open.answer().await.is(201);
        let show = door.shop(&client, Method::POST, "/v1/topups").json(&body);
        let show =
            show.header("idempotency-key", "bought").header("authorization", &paid.credential);
        show.answer().await.is(201);
        waited.push(began.elapsed());
    }
    waited.sort();
    waited
}

/// Processor time of a process so far, in hundredths of a second.
fn worked(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    fields.map(|field| field.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_price_of_a_flood_for_those_who_pay_is_told() {
    let server = start().await;
    let paid = Arc::new(buy(&server).await);
    pay(server.door(), &paid).await;
    let began = worked(server.pid());
    let alone = pay(server.door(), &paid).await;
    let for_paying = worked(server.pid()) - began;
    let (stop, forged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut strangers = JoinSet::new();
    for stranger in 0..STRANGERS {
        let (door, paid) = (server.door().clone(), paid.clone());
        let (stop, forged) = (stop.clone(), forged.clone());
        strangers.spawn(async move {
            let client = client();
            let mut beat =
                tokio::time::interval(Duration::from_micros(STRANGERS * 1_000_000 / A_SECOND));
            for number in 0.. {
                beat.tick().await;
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                forge(&door, &client, stranger * 1_000_000 + number, &paid.token).await;
                forged.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let flooded = pay(server.door(), &paid).await;
    stop.store(true, Ordering::Relaxed);
    strangers.join_all().await;
    let forged = forged.load(Ordering::Relaxed);
    assert!(forged > 0);
    let began = worked(server.pid());
    let client = client();
    for number in 0..2_000 {
        forge(server.door(), &client, number, &paid.token).await;
    }
    let for_forging = worked(server.pid()) - began;
    let middle = |waited: &[Duration]| waited[waited.len() / 2].as_micros();
    let (quiet, loud) = (middle(&alone), middle(&flooded));
    eprintln!(
        "median of {PAYING} paying pairs: {quiet} us alone, {loud} us beside {forged} forgeries \
         ({:+} %); processor time: {} us a paying pair, {} us a forgery",
        (i128::try_from(loud).unwrap() * 100 / i128::try_from(quiet).unwrap()) - 100,
        for_paying * 10_000 / u64::try_from(PAYING).unwrap(),
        for_forging * 10_000 / 2_000,
    );
    server.must_be_sound().await;
}

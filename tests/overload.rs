//! Ten times what the server can take, slow clients, clients that hang up, and floods of forgeries:
//! what is accepted is done, the rest is told to come back, and memory stays flat.

mod flood;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    hostile::raw::{Request, resident},
    server::{Ask, Door, Server, client, msat},
};

/// Requests that may be in flight.
const CONCURRENCY: usize = 16;
/// Who asks at once: ten times as many, and beyond the places for connections too.
const CLIENTS: usize = 160;
/// How often each asks.
const ASKED: usize = 25;
/// How much more memory the server may hold afterwards.
const GROWN_MAX: u64 = 64 << 20;

/// What became of the requests of one client.
#[derive(Default)]
struct Went {
    statuses: BTreeMap<u16, usize>,
    opened: BTreeSet<String>,
}

async fn start() -> Server {
    Server::start(&[
        ("PIPEROLL_LIMITS__CONCURRENCY_MAX", &CONCURRENCY.to_string()),
        ("PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE", "1000000"),
        ("PIPEROLL_LIMITS__BODY_TIMEOUT", "2s"),
        ("PIPEROLL_ENGINE__QUEUE_MAX", "8"),
    ])
    .await
}

/// Opens accounts one after another, each over a connection of its own, hanging up on every fifth.
async fn insist(door: Door, port: u16, number: usize) -> Went {
    let mut went = Went::default();
    for turn in 0..ASKED {
        let account = format!("account-{number}-{turn}");
        let body = json!({ "account": account }).to_string();
        let ask = Request::new("POST", "/v1/accounts")
            .header("content-type", "application/json")
            .header("idempotency-key", &account)
            .body(body)
            .of(&door);
        if turn % 5 == 4 {
            // Gone before the answer comes.
            drop(tokio::time::timeout(Duration::from_millis(1), ask.ask(port)).await);
            continue;
        }
        let Some(heard) = ask.ask(port).await else {
            *went.statuses.entry(0).or_default() += 1;
            continue;
        };
        *went.statuses.entry(heard.status).or_default() += 1;
        match heard.status {
            201 => drop(went.opened.insert(account)),
            503 => assert!(heard.head.contains("\r\nretry-after: "), "{heard:?}"),
            _ => panic!("{heard:?}"),
        }
    }
    went
}

async fn all_at_once(server: &Server) -> Went {
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(insist(server.door().clone(), server.port(), number));
    }
    let mut all = Went::default();
    for went in clients.join_all().await {
        all.opened.extend(went.opened);
        for (status, count) in went.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
    }
    all
}

/// Every account that the roll says was opened.
async fn in_the_roll(server: &Server) -> BTreeSet<String> {
    let mut opened = BTreeSet::new();
    let mut path = "/v1/events?type=account.opened.v1&limit=1000".to_owned();
    loop {
        let page = server.read(&path).await.is(200);
        for event in page.body["events"].as_array().unwrap() {
            let stream = event["stream"].as_str().unwrap();
            opened.insert(stream.splitn(3, '-').nth(2).unwrap().to_owned());
        }
        if page.body["end"] == true {
            return opened;
        }
        path = format!("/v1/events?type=account.opened.v1&limit=1000&after={}", page.word("/next"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_too_much_is_turned_away_and_what_is_accepted_is_done() {
    let server = start().await;
    all_at_once(&server).await;
    let (before, threads) = (resident(server.pid()), threads(server.pid()));
    for _ in 0..3 {
        let went = all_at_once(&server).await;
        eprintln!("{:?} of {} requests", went.statuses, CLIENTS * ASKED);
        // The same keys as the first time: whoever was told that it is done, was not told so falsely.
        let all = in_the_roll(&server).await;
        let missing: Vec<_> = went.opened.difference(&all).collect();
        assert!(missing.is_empty(), "answered 201 and not in the roll: {missing:?}");
        assert!(!went.opened.is_empty());
        // At once, without waiting for anything to drain.
        let topup = json!({ "account": "alice", "amount": msat(5_000) });
        server.post("/v1/topups", "straight-after", &topup).await.is(402);
    }
    assert!(resident(server.pid()) < before + GROWN_MAX, "{before}");
    assert!(self::threads(server.pid()) <= threads + 16);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_says_so_to_everybody_but_those_who_ask_how_it_is() {
    let server = start().await;
    // A payment whose provider takes its time to tell: whoever shows its credential waits.
    let topup = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = server.post("/v1/topups", "slow", &topup).await.is(402);
    let faults = json!({ "webhook": { "lost": true }, "status_lies_for_seconds": 60 });
    server.faults(&faults).await;
    let preimage = server.pay(&challenge.word("/payment_request")).await;
    let credential = format!("L402 {}:{preimage}", challenge.token());
    let mut buyers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (door, topup, credential) = (server.door().clone(), topup.clone(), credential.clone());
        buyers.spawn(async move {
            let show = door.shop(&client(), Method::POST, "/v1/topups").json(&topup);
            let show = show.header("idempotency-key", "slow").header("authorization", credential);
            show.answer().await.status
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = server.door().shop(&client(), Method::GET, "/v1/offers").answer().await.is(503);
    assert_eq!(
        (asked.word("/code"), asked.lines("retry-after")),
        ("busy".into(), vec!["1".into()])
    );
    for path in ["/health", "/ready"] {
        server.door().ask(&client(), Method::GET, path).answer().await.is(200);
    }
    assert_eq!(buyers.join_all().await, vec![402; CONCURRENCY]);
    server.door().shop(&client(), Method::GET, "/v1/offers").answer().await.is(200);
}

fn threads(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

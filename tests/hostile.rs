//! Requests that nobody honest sends: each is refused for little, changes nothing, and the server
//! lives on as it was.

mod cases;
pub(crate) mod raw;
mod statuses;

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use self::{
    cases::{Must, get, post},
    raw::Heard,
};
use crate::server::{Ask, Server, client, msat};

/// How much more memory a server may hold after all this.
const GROWN_MAX: u64 = 48 << 20;

async fn start() -> Server {
    Server::start(&[
        ("PIPEROLL_LIMITS__BODY_TIMEOUT", "1s"),
        ("PIPEROLL_LIMITS__CONCURRENCY_MAX", "8"),
        ("PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE", "1000000"),
    ])
    .await
}

fn must_be(name: &str, heard: Option<Heard>, (statuses, field): Must) {
    let heard = heard.unwrap_or_else(|| panic!("{name}: no answer"));
    assert!(statuses.contains(&heard.status), "{name}: {heard:?}");
    if !heard.body.is_null() && heard.status >= 400 {
        assert_eq!(heard.body["status"], heard.status, "{name}: {heard:?}");
        assert!(heard.body["code"].is_string() && heard.text.len() < 4_096, "{name}: {heard:?}");
    }
    if !field.is_empty() {
        assert_eq!(heard.body["field"], field, "{name}: {heard:?}");
    }
}

async fn must_sell(server: &Server, key: &str) {
    let body = json!({ "account": "alice", "amount": msat(5_000) });
    server.post("/v1/topups", key, &body).await.is(402);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_in_is_refused_by_its_name_and_costs_no_memory() {
    let server = start().await;
    must_sell(&server, "before").await;
    let written =
        server.read("/v1/events?limit=1000").await.body["events"].as_array().unwrap().len();
    let resident = raw::resident(server.pid());
    for round in 0..5 {
        for (name, request, must) in cases::all() {
            must_be(name, request.of(server.door()).ask(server.port()).await, must);
        }
        assert!(raw::resident(server.pid()) < resident + GROWN_MAX, "round {round}");
    }
    let events = server.read("/v1/events?limit=1000").await;
    assert_eq!(events.body["events"].as_array().unwrap().len(), written, "{}", events.text);
    must_sell(&server, "after").await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let server = start().await;
    let noise: Vec<u8> =
        (0..50_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0xff; 4_096]].concat();
    let smuggled = b"POST /v1/offers HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\
        transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/keys HTTP/1.1\r\nhost: x\r\n\r\n";
    for bytes in [
        noise.as_slice(),
        &preface,
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        smuggled,
    ] {
        if let Some(heard) = raw::say(server.port(), bytes).await {
            assert!((400..500).contains(&heard.status), "{heard:?}");
        }
        must_sell(&server, "still").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_end_are_given_up_and_take_nobodys_place() {
    let server = start().await;
    let slow = post("/v1/accounts", "{").header("content-length", "500");
    let heard = slow.of(server.door()).ask(server.port()).await.unwrap();
    assert_eq!((heard.status, heard.body["code"].as_str()), (408, Some("body_timeout")));
    // Far more of them than requests may be in flight.
    let mut stalled = vec![];
    for _ in 0..30 {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
        let slow = post("/v1/accounts", "{").header("content-length", "500");
        stream.write_all(&slow.of(server.door()).bytes()).await.unwrap();
        stalled.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    must_sell(&server, "beside").await;
    drop(stalled);
    let chunks =
        b"POST /webhooks/default HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = [chunks.as_slice(), b"8000\r\n", &vec![b'a'; 0x8000], b"\r\n"].concat();
    let more = [b"8000\r\n".as_slice(), &vec![b'a'; 0x8000], b"\r\n"].concat().repeat(9);
    let heard = raw::say(server.port(), &[endless, more].concat()).await.unwrap();
    assert_eq!(heard.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_reads_holds_up_nobody() {
    let server = start().await;
    let client = client();
    for n in 0..40 {
        let body = json!({ "account": format!("account-{n}") });
        server.post("/v1/accounts", &format!("open-{n}"), &body).await.is(201);
    }
    let mut deaf = vec![];
    for _ in 0..20 {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
        let all = get("/v1/events?limit=1000").header("accept", "application/x-ndjson");
        let all = all.of(server.door()).bytes();
        for _ in 0..20 {
            stream.write_all(&all).await.unwrap();
        }
        deaf.push(stream);
    }
    let offers = server.door().shop(&client, Method::GET, "/v1/offers").answer().await;
    offers.is(200);
    must_sell(&server, "beside").await;
}

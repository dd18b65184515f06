//! What is said while the disk fails, and when nothing can be done any more.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Shim,
    shim::{EIO, Fault, Mode, SYNC, full_disk},
};
use crate::{
    house::meddle,
    server::{Answer, Ask as _, Server, client, msat},
};

/// Nobody waits for long.
const IMPATIENT: [(&str, &str); 2] =
    [("PIPEROLL_LIMITS__REQUEST_TIMEOUT", "1s"), ("PIPEROLL_L402__SETTLE_WAIT_MS", "500")];

async fn house(variables: &[(&str, &str)]) -> (Server, Shim) {
    let mut server = Server::new(variables);
    let shim = Shim::under(&mut server);
    server.open().await;
    (server, shim)
}

async fn mint(server: &Server, key: &str) -> Answer {
    let path = format!("/v1/admin/tenants/{}/accounts/alice/mint", server.door().tenant);
    let body = json!({ "amount": msat(7), "reason": "a test" });
    let ask = server.door().operator(&client(), Method::POST, &path);
    ask.header("idempotency-key", key).json(&body).answer().await
}

async fn get(server: &Server, path: &str) -> Answer {
    server.door().ask(&client(), Method::GET, path).answer().await
}

/// Waits until it takes writes again, though nobody writes.
async fn until_ready(server: &Server) {
    for _ in 0..400 {
        if get(server, "/ready").await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come back:\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_answers_503_and_says_why_and_comes_back_by_itself() {
    let (mut server, mut shim) = house(&IMPATIENT).await;
    mint(&server, "before").await.is(201);
    server.available("alice").await;
    shim.fail(full_disk());
    let refused = mint(&server, "during").await.is(503);
    assert!(!refused.lines("retry-after").is_empty(), "{refused:?}");
    // Nobody waits for a disk in vain twice.
    let refused = mint(&server, "also").await.is(503);
    assert!(refused.text.contains("nothing was written"), "{}", refused.text);
    let health = get(&server, "/health").await.is(200).body;
    assert_eq!(health["status"], "waiting");
    let why = health["why"].as_str().unwrap();
    assert!(!why.is_empty() && !why.contains('/'), "{why}");
    get(&server, "/ready").await.is(503);
    let path = "/v1/accounts/alice/balance";
    server.door().shop(&client(), Method::GET, path).answer().await.is(200);
    shim.mend();
    until_ready(&server).await;
    mint(&server, "during").await.is(201);
    assert_eq!(get(&server, "/health").await.body["why"], Value::Null);
    assert_eq!(server.available("alice").await, 14);
    server.terminate().await;
    // An index that was left torn is made anew by the next start.
    server.open().await;
    assert_eq!(server.available("alice").await, 14);
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_stays_unknown_is_said_to_be_and_known_after_a_restart() {
    let (mut server, mut shim) = house(&IMPATIENT).await;
    let fail = |file| Fault { file, ops: SYNC, mode: Mode::Fail, error: EIO, after: 0, times: 0 };
    shim.fail(fail("roll.db"));
    let unknown = mint(&server, "once").await.is(503);
    assert!(unknown.text.contains("not known"), "{}", unknown.text);
    server.terminate().await;
    assert!(server.log().contains("while an append's outcome was unknown"), "{}", server.log());
    shim.mend();
    server.open().await;
    mint(&server, "once").await.is(201);
    assert_eq!(server.available("alice").await, 7);
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_that_another_moved_ends_the_server_with_a_last_word() {
    let (mut server, _shim) = house(&[]).await;
    let words = "INSERT INTO blocks (first, last, count, before, after, body)
        SELECT last + 1, last + 1, 1, before, after, body FROM blocks ORDER BY first DESC LIMIT 1";
    meddle(&server.data().join("roll.db"), words).await;
    mint(&server, "late").await.is(503);
    let status = server.ended_by_itself().await;
    assert_eq!(status.code(), Some(1), "{}", server.log());
    let last = server.log().lines().last().unwrap_or_default().to_owned();
    assert!(last.contains("another writer moved the roll"), "{last}");
}

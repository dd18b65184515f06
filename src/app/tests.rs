//! Starting, stopping, and starting again.

mod seed;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{App, Error, OpenError};
use crate::config::{Config, Persist};

fn config(directory: &tempfile::TempDir, more: &[(&str, &str)]) -> Config {
    let data = directory.path().join("data");
    let mut variables =
        vec![("PIPEROLL_DATA", data.to_str().unwrap()), ("PIPEROLL_LISTEN", "127.0.0.1:0")];
    variables.extend(more);
    Config::load(None, variables, Persist::Yes).unwrap().config
}

async fn start(config: &Config) -> App {
    App::start(config, Arc::new(|_| None)).await.unwrap()
}

async fn open_account(app: &App) -> reqwest::Response {
    let request = reqwest::Client::new()
        .post(format!("http://{}/v1/accounts", app.address))
        .bearer_auth(&app.keys.as_ref().unwrap().key)
        .header("idempotency-key", "k")
        .json(&json!({"account": "alice"}));
    request.send().await.unwrap()
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_and_the_keys_are_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory, &[]);
    let app = start(&config).await;
    let key = app.keys.as_ref().unwrap().key.clone();
    let first = open_account(&app).await;
    assert_eq!(first.status(), 201);
    let position = first.headers()["piperoll-position"].clone();
    app.stop().await;
    let app = start(&config).await;
    assert_eq!(app.keys.as_ref().unwrap().key, key);
    let again = open_account(&app).await;
    assert_eq!(
        (again.status().as_u16(), &again.headers()["idempotency-replayed"]),
        (201, &"true".parse().unwrap())
    );
    let balance = format!("http://{}/v1/accounts/alice/balance", app.address);
    let read = reqwest::Client::new().get(balance).bearer_auth(key);
    let read = read.header("piperoll-min-position", position).send().await.unwrap();
    assert_eq!(read.json::<Value>().await.unwrap()["balances"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn of_two_in_one_directory_the_second_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory, &[]);
    let app = start(&config).await;
    let second = App::start(&config, Arc::new(|_| None)).await;
    assert!(matches!(second.err(), Some(Error::Open(OpenError::Lock(_)))));
    app.stop().await;
    start(&config).await.stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_stops_what_had_started() {
    let directory = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed =
        App::start(&config(&directory, &[("PIPEROLL_LISTEN", &address)]), Arc::new(|_| None)).await;
    assert!(matches!(failed.err(), Some(Error::Listen(_))));
    // Nothing holds the directory any more.
    start(&config(&directory, &[])).await.stop().await;
}

#[tokio::test]
async fn metrics_have_a_listener_of_their_own_where_one_is_configured() {
    let directory = tempfile::tempdir().unwrap();
    let app = start(&config(&directory, &[("PIPEROLL_METRICS__LISTEN", "127.0.0.1:0")])).await;
    let address = app.metrics_address.unwrap();
    let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert!(text.text().await.unwrap().contains("piperoll_roll_head_position"));
    assert_eq!(reqwest::get(format!("http://{address}/v1/payments")).await.unwrap().status(), 404);
    app.stop().await;
}

#[tokio::test]
async fn a_header_that_never_ends_does_not_hold_up_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    let app = start(&config(&directory, &[])).await;
    let mut slow = TcpStream::connect(app.address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nX-Slow: ").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::timeout(Duration::from_secs(15), app.stop()).await.unwrap();
    let mut rest = vec![];
    let _ = slow.read_to_end(&mut rest).await;
}

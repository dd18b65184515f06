//! Commands on a data directory that no server holds.

use serde_json::Value;

use crate::server::{Server, piperoll, run, told};

fn on<'a>(arguments: &[&'a str], data: &'a str) -> Vec<&'a str> {
    [arguments, &["--data", data]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_without_a_server_is_there_when_one_starts() {
    let mut server = Server::start(&[]).await;
    let data = server.data().display().to_string();
    let list = on(&["--json", "tenant", "list"], &data);
    let held = run(piperoll(&list)).await;
    assert_eq!(held.status.code(), Some(6), "{}", told(&held));
    assert!(server.terminate().await.success());
    let opened = run(piperoll(&on(&["tenant", "open", "acme"], &data))).await;
    assert!(opened.status.success(), "{}", told(&opened));
    let listed = run(piperoll(&list)).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|t| &t["tenant"]).collect();
    assert_eq!(names, ["acme", "dev"]);
    server.open().await;
    let (url, token) = (server.door().url.clone(), server.door().admin_token.clone());
    let asked = ["--json", "tenant", "list", "--url", &url, "--admin-token", &token];
    let listed = run(piperoll(&asked)).await;
    assert!(told(&listed).contains("acme"), "{}", told(&listed));
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_a_roll_stays_as_it_is() {
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().display().to_string();
    let output = run(piperoll(&on(&["tenant", "list"], &data))).await;
    assert_eq!(output.status.code(), Some(5), "{}", told(&output));
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_listed_and_only_what_is_owed_is_waived() {
    let server = Server::start(&[]).await;
    let (url, token) = (server.door().url.clone(), server.door().admin_token.clone());
    let asked = |words: &[&'static str]| {
        let door = ["--url", &url, "--admin-token", &token];
        run(piperoll(&[&["--json", "duties"], words, &door].concat()))
    };
    let listed = asked(&["list"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let fulfil = |kind: &&Value| kind["kind"] == "fulfil";
    assert_eq!(listed["kinds"].as_array().unwrap().iter().find(fulfil).unwrap()["open"], 0);
    let waived = ["waive", "fulfil", "payment-dev-pay_1", "--reason", "nobody's"];
    let waived = asked(&waived).await;
    assert!(!waived.status.success() && told(&waived).contains("duty_not_open"), "{waived:?}");
    server.must_be_sound().await;
}

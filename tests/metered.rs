//! Metered credit at the command line: a tenant's own work, and what whoever is on call sets right.

use serde_json::{Value, json};

use crate::server::{Ask as _, Server, client, piperoll, run, told};

/// Runs a command against a server, as a tenant and as an operator.
async fn ask(server: &Server, words: &[&str]) -> std::process::Output {
    let door = server.door();
    let (key, admin) = (door.key.as_str(), door.admin_token.as_str());
    let door = ["--url", &door.url, "--token", key, "--admin-token", admin];
    run(piperoll(&[words, &door].concat())).await
}

async fn done(server: &Server, words: &[&str]) -> Value {
    let output = ask(server, &[&["--json"], words].concat()).await;
    assert!(output.status.success(), "{words:?}: {}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn usd(micro: &str) -> Value {
    json!({ "commodity": "USD", "amount": micro })
}

async fn mint(server: &Server, source: &str) -> String {
    let path = "/v1/admin/tenants/dev/accounts/alice/mint";
    let lot = json!({ "amount": usd("2000000"), "source_id": source, "reason": "test" });
    let ask = server.door().operator(&client(), reqwest::Method::POST, path).json(&lot);
    ask.header("idempotency-key", source).answer().await.is(201).word("/lot")
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_is_held_charged_listed_and_set_right_by_commands() {
    let server = Server::start(&[]).await;
    let (lot, double) = (mint(&server, "one").await, mint(&server, "two").await);
    let reserve = ["reservations", "reserve", "alice", "--amount", "1.25"];
    let held = done(&server, &[&reserve[..], &["--reservation", "res_1"]].concat()).await;
    let again = done(&server, &[&reserve[..], &["--reservation", "res_1"]].concat()).await;
    assert_eq!(again, held, "its name says which request it is");
    assert_eq!((&held["mode"], &held["wanted"]), (&json!("shadow"), &usd("1250000")));
    let ended = done(&server, &["reservations", "finalize", "res_1", "--amount", "1"]).await;
    assert_eq!((&ended["status"], &ended["cost"]), (&json!("finalized"), &usd("1000000")));
    let shown = ask(&server, &["reservations", "show", "res_1"]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("wanted: 1.250000 USD"), "{shown}");
    done(&server, &[&reserve[..], &["--reservation", "res_2"]].concat()).await;
    let ours = ["--tenant", "dev"];
    done(&server, &[&["reservations", "release", "res_2"], &ours[..]].concat()).await;
    let items = |answer: &crate::server::Answer| answer.body["items"].as_array().unwrap().len();
    server.until("/v1/reservations?account=alice", |answer| items(answer) == 2).await;
    let listed = done(&server, &["reservations", "list", "--account", "alice"]).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);

    let void = ["lots", "void", "--lot", &double, "--reason", "given twice"];
    let voided = done(&server, &[&void[..], &ours].concat()).await;
    assert_eq!(voided["amount"], usd("2000000"));
    let again = ask(&server, &[&void[..], &ours].concat()).await;
    assert_eq!(again.status.code(), Some(6), "{}", told(&again));
    let claw = ["lots", "clawback", "--account", "alice", "--lot", &lot, "--amount", "0.5"];
    let clawed = done(&server, &[&claw[..], &["--reason", "charged back"]].concat()).await;
    assert_eq!(clawed["taken"], usd("500000"));
    let moved = ["transfers", "create", "--from", "alice", "--to", "bob", "--amount", "0.000001"];
    let moved = done(&server, &[&moved[..], &["--reason", "one micro"]].concat()).await;
    assert_eq!(moved["amount"], usd("1"));
    let settled = |answer: &crate::server::Answer| answer.text.contains("\"voided\":\"2000000\"");
    server.until("/v1/accounts/alice/lots", settled).await;
    let lots = done(&server, &[&["lots", "list", "--account", "alice"], &ours[..]].concat()).await;
    let lots = lots["items"].as_array().unwrap();
    assert!(lots.iter().any(|lot| lot["voided"] == "2000000"), "{lots:?}");
    let wrong = ask(&server, &["reservations", "finalize", "res_1", "--amount", "1.0000001"]).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", told(&wrong));
    let none = ["payments", "refund", "pay_none", "--amount", "5", "--reason", "none"];
    assert_eq!(ask(&server, &none).await.status.code(), Some(5));
    server.must_be_sound().await;
}

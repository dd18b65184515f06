//! What the server refuses, as the command line passes it on.

use std::fs;

use serde_json::{Value, json};

use super::{spend_line, who::Who};
use crate::server::{Server, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_field_and_programs_get_all_that_the_server_said() {
    let server = Server::start(&[]).await;
    let tenant = Who::tenant(&server);
    let listed = ["reservations", "list", "--limit", "0"];
    let plain = tenant.fails(&listed, 1).await;
    assert!(plain.contains(": limit: it is between 1 and 1000"), "{plain}");
    let said = tenant.fails(&[&listed[..], &["--json"]].concat(), 1).await;
    let said: Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!((&said["exit"], &said["problem"]["field"]), (&json!(1), &json!("limit")));
    assert_eq!(said["problem"]["code"], "field_invalid");
    assert!(said["error"][0].as_str().unwrap().contains("limit: "), "{said}");
    let none = tenant.fails(&["payments", "show", "pay_none", "--json"], 5).await;
    assert!(none.contains("payment_not_found"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_says_which_item_was_refused_and_by_which_bound() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    let mint = ["accounts", "mint", "alice", "--tenant", "dev", "--commodity", "MSAT"];
    let more = ["--amount", "500", "--source-id", "gift", "--reason", "a test"];
    operator.json(&[&mint[..], &more].concat()).await;
    let set = ["billing", "set", "--tenant", "dev", "--reason", "a test"];
    operator.json(&[&set[..], &["--ceiling", "MSAT=10"]].concat()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    fs::write(&file, [spend_line("one", 1), spend_line("two", 11)].concat()).unwrap();
    let batch = |mode| ["batch", "--mode", mode, file.to_str().unwrap()];
    let tenant = Who::tenant(&server);
    let plain = tenant.fails(&batch("atomic"), 1).await;
    assert!(plain.contains(": items.1.amount: "), "{plain}");
    let said = tenant.fails(&[&batch("atomic")[..], &["--json"]].concat(), 1).await;
    let problem = &serde_json::from_str::<Value>(said.trim()).unwrap()["problem"];
    assert_eq!(problem["field"], "items.1.amount");
    assert_eq!(problem["ceiling"], json!({ "commodity": "MSAT", "amount": "10" }));
    assert_eq!(problem["set_by"], "setting");
    let rows = told(&tenant.ask(&batch("independent")).await);
    assert!(rows.contains("ceiling_exceeded: items.1.amount: "), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_or_too_large_is_told_as_that_with_one_bound() {
    let server = Server::start(&[]).await;
    let operator = Who::operator(&server);
    let mint = ["accounts", "mint", "alice", "--tenant", "dev", "--source-id", "gift"];
    for length in [501, 600, 3_000] {
        let reason = "x".repeat(length);
        let words = [&mint[..], &["--amount", "1", "--reason", &reason]].concat();
        let told = operator.fails(&words, 1).await;
        assert!(told.contains("reason: ") && told.contains("1 to 500 characters"), "{told}");
    }
    let large = ["--amount", "99999999999999999999999", "--reason", "a test"];
    let told = operator.fails(&[&mint[..], &large].concat(), 2).await;
    assert!(told.contains("is too large: 9223372036854.775807 is the most"), "{told}");
    let longest = "x".repeat(500);
    operator.json(&[&mint[..], &["--amount", "1", "--reason", &longest]].concat()).await;
}

//! Campaigns at the command line: by the tenant itself, and by an operator who names it.

use serde_json::{Value, json};

use crate::server::{Server, msat, piperoll, run, told};

/// Runs a command with one credential alone.
async fn ask(server: &Server, credential: [&str; 2], words: &[&str]) -> std::process::Output {
    let rest = ["--url", &server.door().url, credential[0], credential[1], "--json"];
    run(piperoll(&[words, &rest].concat())).await
}

async fn done(server: &Server, credential: [&str; 2], words: &[&str]) -> Value {
    let output = ask(server, credential, words).await;
    assert!(output.status.success(), "{words:?}: {}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn by_operator<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &["--tenant", "dev"]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_names_the_tenant_does_with_campaigns_what_the_tenant_does() {
    let server = Server::start(&[]).await;
    let operator = ["--admin-token", &server.door().admin_token];
    let tenant = ["--token", &server.door().key];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("grants.ndjson");
    let grant = |key: &str, amount: i64| {
        json!({ "idempotency_key": key, "account": "alice", "amount": msat(amount) }).to_string()
    };
    std::fs::write(&file, [grant("a", 60), grant("b", 41)].join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let plan = ["campaigns", "create", "welcome", "--budget", "100", "--commodity", "MSAT"];
    assert_eq!(done(&server, operator, &by_operator(&plan)).await["status"], "draft");
    let go = |verb| ["campaigns", verb, "welcome", "--reason", "a test"];
    done(&server, operator, &by_operator(&go("activate"))).await;
    let give = ["campaigns", "grant", "welcome", "--mode", "independent", file];
    let given = ask(&server, operator, &by_operator(&give)).await;
    assert_eq!(given.status.code(), Some(1), "the second is beyond the budget: {}", told(&given));
    let answer: Value = serde_json::from_slice(&given.stdout).unwrap();
    assert_eq!(answer["items"][1]["problem"]["code"], "budget_exceeded");
    assert_eq!(done(&server, operator, &by_operator(&go("pause"))).await["status"], "paused");
    let paused = |answer: &crate::server::Answer| answer.body["status"] == "paused";
    server.until("/v1/campaigns/welcome", paused).await;
    for words in [
        &["campaigns", "list"][..],
        &["campaigns", "show", "welcome"],
        &["campaigns", "grants", "welcome"],
    ] {
        let seen = done(&server, operator, &by_operator(words)).await;
        assert_eq!(seen, done(&server, tenant, words).await, "{words:?}");
    }
    for (credential, whose, exit) in
        [(operator, "nobody", 5), (tenant, "dev", 4), (["--admin-token", "wrong"], "dev", 4)]
    {
        let show = ["campaigns", "show", "welcome", "--tenant", whose];
        let refused = ask(&server, credential, &show).await;
        assert_eq!(refused.status.code(), Some(exit), "{whose}: {}", told(&refused));
    }
    assert_eq!(done(&server, operator, &by_operator(&go("complete"))).await["status"], "completed");
    server.must_be_sound().await;
}

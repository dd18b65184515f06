//! A variable that is misspelt, or names what is not there, is told before anybody misses what it should
//! have set.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Server, piperoll, run, told};

const SECRET: &str = "a-secret-that-nobody-may-read-in-a-log";

fn lines<'a>(log: &'a str, variable: &str) -> Vec<&'a str> {
    let name = format!("{variable}\"");
    log.lines().filter(|line| line.contains("nobody reads") && line.contains(&name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_warns_of_variables_that_nobody_reads_and_of_no_others() {
    let mut server = Server::start(&[
        ("PIPEROLL_METRIC_TOKEN", SECRET),
        ("PIPEROLL_SHOP_KEY", SECRET),
        ("PIPEROLL_METRICS_TOKEN", "the-token-that-opens-the-metrics-here"),
    ])
    .await;
    let first = server.log();
    let [line] = lines(&first, "PIPEROLL_METRIC_TOKEN")[..] else { panic!("{first}") };
    assert!(line.contains("WARN") && line.contains("PIPEROLL_METRICS_TOKEN"), "{line}");
    assert_eq!(lines(&first, "PIPEROLL_SHOP_KEY").len(), 1, "{first}");
    assert_eq!(first.matches("nobody reads").count(), 2, "{first}");
    // A connection finds its key there; from the next start on somebody reads it.
    let wallet = json!({ "kind": "lnbits", "network": "regtest",
        "base_url": "http://127.0.0.1:1", "key_from": "PIPEROLL_SHOP_KEY" });
    server.operate(Method::PUT, "/v1/admin/connections/shop", &wallet).await.is(200);
    server.terminate().await;
    server.open().await;
    let second = server.log().split_off(first.len());
    assert_eq!(lines(&second, "PIPEROLL_METRIC_TOKEN").len(), 1, "{second}");
    assert_eq!(second.matches("nobody reads").count(), 1, "{second}");
    assert!(!server.log().contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_warns_of_tokens_that_act_for_a_tenant_that_is_not_there() {
    let server = Server::start(&[
        ("BILLING_ADMIN_JWT_SECRET", SECRET),
        ("PIPEROLL_ADMIN_JWT__TENANT", "acne"),
        ("BILLING_INTERNAL_JWT_SECRET", "another-secret-that-nobody-may-read"),
        ("PIPEROLL_INTERNAL_JWT__TENANT", "dev"),
    ])
    .await;
    let log = server.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("does not exist")).collect();
    let [line] = told[..] else { panic!("{log}") };
    assert!(["WARN", "admin_jwt", "acne"].iter().all(|word| line.contains(word)), "{line}");
}

#[tokio::test]
async fn the_settings_in_force_are_shown_with_what_nobody_reads_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = piperoll(&["--json", "config"]);
    config.env("PIPEROLL_DATA", folder.path()).env("PIPEROLL_LIMITS_BODY_BYTES_MAX", SECRET);
    let output = run(config).await;
    assert!(output.status.success(), "{}", told(&output));
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "answers alone are on stdout");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("PIPEROLL_LIMITS_BODY_BYTES_MAX"), "{text}");
    assert!(text.contains("PIPEROLL_LIMITS__BODY_BYTES_MAX"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_start_that_misses_a_secret_says_which_variable_it_may_be_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = piperoll(&["serve"]);
    serve.env("PIPEROLL_DATA", folder.path()).env("PIPEROLL_ENV", "production");
    serve.env("PIPEROLL_ADMIN_TOKN", SECRET);
    let output = run(serve).await;
    assert!(!output.status.success());
    let text = told(&output);
    assert!(text.contains("admin.token (PIPEROLL_ADMIN_TOKEN)"), "{text}");
    assert!(text.contains("\"PIPEROLL_ADMIN_TOKN\" is set and read by nobody"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

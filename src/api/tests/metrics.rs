//! What Prometheus reads is named as the one list says, and tells no secret.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Shop, msat};
use crate::telemetry::{NAMES, Sort};

#[tokio::test]
async fn every_metric_is_one_of_the_list_and_tells_no_secret() {
    let shop = Shop::open().await;
    shop.post("/v1/payments", &json!({"amount": msat(5_000)})).await.must_be(201);
    shop.get("/v1/payments/pay_nobody?x=secret-in-query").await;
    shop.get("/no/such/secret-path").await.must_be(404);
    let item = json!({"operation": "account.spend", "idempotency_key": "k", "account": "nobody",
        "amount": msat(1)});
    let batch = json!({"mode": "independent", "items": [item]});
    shop.ask("POST", "/v1/batch").key(&shop.keys.key).json(&batch).await.must_be(200);
    shop.settle().await;
    let text = shop.operate("GET", "/metrics").await.must_be(200);
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let known = NAMES.iter().find(|known| {
            known.name == name || (known.sort == Sort::Histogram && Some(known.name) == bare)
        });
        let known = known.unwrap_or_else(|| panic!("{line}"));
        if let Some((_, labels)) = line.split_once('{') {
            let labels = labels.rsplit_once('}').unwrap().0;
            let names = labels.split("\",").filter_map(|label| label.split_once('='));
            let names: BTreeSet<_> = names.map(|(name, _)| name).filter(|n| *n != "le").collect();
            assert_eq!(names, known.labels.iter().copied().collect(), "{line}");
        }
    }
    for secret in
        ["secret-in-query", "secret-path", &*shop.keys.key, &*shop.keys.admin_token, "pay_nobody"]
    {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(
        text.contains(r#"path="unmatched""#) && text.contains(r#"path="/v1/payments/{payment}""#)
    );
    // Other tests of this process may have counted: that a series stands is what is looked for.
    for line in [
        "challenge_to_paid_latency_ms_total ",
        "reconciliation_fail_total ",
        "pending_over_15m_count 0",
        "lot_invariant_violations 0",
        "reconciliation_drift_accounts 0",
        "accounts_total 3",
        r#"reconciliation_drift_amount{commodity="USD"} 0"#,
        r#"topup_total{provider="sandbox",outcome="failed"}"#,
        r#"billing_finalize_total{mode="soft",outcome="over"}"#,
        r#"reservations_total{mode="live",outcome="expired"}"#,
        "billing_would_have_402_total ",
        r#"batch_items_total{status="404"}"#,
        r#"balance_cache_requests_total{result="hit"} 0"#,
        r#"balance_cache_requests_total{result="miss"} 0"#,
        "piperoll_roll_writable 1",
        r#"piperoll_duties_open{kind="sweep"}"#,
        r#"invoice_create_success_total{provider="sandbox"}"#,
        r#"invoice_create_failure_total{provider="sandbox",reason="timeout"} 0"#,
        r#"webhook_verify_fail_total{provider="sandbox",reason="bad_signature"}"#,
        "http_request_duration_seconds_bucket",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    shop.app.stop().await;
}

#[test]
fn names_follow_the_rules() {
    let mut seen = BTreeSet::new();
    for known in NAMES {
        assert!(seen.insert(known.name), "{} stands twice", known.name);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(known.name.bytes().all(plain), "{}", known.name);
        // The runbook divides by `accounts_total`, which stands and does not count.
        let counts = known.sort == Sort::Counter || known.name == "accounts_total";
        assert_eq!(known.name.ends_with("_total"), counts, "{}", known.name);
        assert!(known.help.ends_with('.'), "{}", known.name);
    }
}

#[tokio::test]
async fn a_metrics_token_opens_the_metrics_and_nothing_else() {
    let token = "metrics-token-0123456789abcdef0123456789";
    let shop = Shop::with(&[("PIPEROLL_METRICS__TOKEN", token)]).await;
    shop.ask("GET", "/metrics")
        .header("authorization", &format!("Bearer {token}"))
        .await
        .must_be(200);
    shop.ask("GET", "/v1/payments").key(token).await.must_be_problem(401, "unauthenticated");
    shop.ask("GET", "/metrics").await.must_be_problem(401, "unauthenticated");
    shop.app.stop().await;
}

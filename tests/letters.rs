//! A refused duty and paused workers, from outside: the program, its routes, its metrics, its views.

use piperoll_domain::{
    account::{ORDER, Spent},
    id::Stream,
    testing,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    server::{Answer, Ask, Server, client, msat, piperoll, run, told},
    verify::{forge, next},
};

/// What `piperoll … --json` answers an operator.
async fn cli(server: &Server, arguments: &[&str]) -> Value {
    let door = server.door();
    let mut command = piperoll(&["--json"]);
    command.args(arguments).args(["--url", &door.url, "--admin-token", &door.admin_token]);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn asked(server: &Server, path: &str) -> Answer {
    server.door().operator(&client(), Method::GET, path).answer().await.is(200)
}

/// Waits until what operators are shown there is so.
async fn shown(server: &Server, path: &str, so: impl Fn(&Value) -> bool) -> Value {
    let mut body = Value::Null;
    for _ in 0..600 {
        body = asked(server, path).await.body;
        if so(&body) {
            return body;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{path} stays {body}\n{}", server.log());
}

/// Waits until the only dead letter stands there.
pub(crate) async fn until(server: &Server, status: &str) -> Value {
    let so = |letters: &Value| letters["items"][0]["status"] == status;
    shown(server, "/v1/admin/dead-letters", so).await["items"][0].clone()
}

/// What the runbook asks SQL.
async fn runbook(server: &Server) -> (String, String, Option<String>) {
    let pointer = std::fs::read_to_string(server.data().join("views.current")).unwrap();
    let options = SqliteConnectOptions::new().filename(server.data().join(pointer.trim()));
    let mut views: SqliteConnection = options.read_only(true).connect().await.unwrap();
    let words = "SELECT id, operation_type, error_message, retry_count, next_retry_at \
                 FROM billing_dlq WHERE next_retry_at > datetime('now') OR status = 'completed' \
                 ORDER BY next_retry_at";
    let row = sqlx::query(words).fetch_one(&mut views).await.unwrap();
    (row.get("operation_type"), row.get("error_message"), row.get("next_retry_at"))
}

/// A house in which an account is broken.
pub(crate) struct Broken {
    pub(crate) server: Server,
    /// Where the payment is told whose promise cannot be kept.
    pub(crate) payment: String,
    pub(crate) stream: Stream,
    /// Where what broke it stands.
    pub(crate) position: u64,
}

/// A top-up that is paid, while nobody may give what it promised, and whose account then breaks.
pub(crate) async fn broken(mut server: Server) -> Broken {
    server.open().await;
    let pause = ["workers", "pause", "--worker", "fulfiller", "--reason", "maintenance"];
    cli(&server, &pause).await;
    let health = server.door().ask(&client(), Method::GET, "/health").answer().await.is(200);
    assert_eq!(health.body["workers_paused"], json!(["fulfiller"]));
    let body = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = server.post("/v1/topups", "order-1", &body).await.is(402);
    server.pay(&challenge.word("/payment_request")).await;
    let payment = format!("/v1/payments/{}", challenge.word("/payment"));
    server.until(&payment, |payment| payment.body["status"] == "paid").await;
    let alice: Stream = format!("account-{}-alice", server.door().tenant).parse().unwrap();
    assert!(server.terminate().await.success());
    let (parts, order) = (vec![], ORDER.to_owned());
    let spent = Spent { total: testing::msat(5), parts, order, reference: None };
    let wrong = next(&server.data(), &alice, spent).await;
    let position = wrong.envelope.position;
    forge(&server.data(), vec![wrong], None).await;
    server.open().await;
    Broken { server, payment, stream: alice, position }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_listed_counted_and_mended_and_then_done_once() {
    let Broken { server, payment, stream: alice, position } = broken(Server::new(&[])).await;
    let workers = asked(&server, "/v1/admin/workers").await.body;
    let fulfiller = workers["workers"].as_array().unwrap().iter().find(|w| w["paused"] == true);
    assert_eq!(fulfiller.unwrap()["reason"], "maintenance", "also after a restart");
    assert_eq!(server.read(&payment).await.body["status"], "paid", "nothing is given meanwhile");
    let resume = ["workers", "resume", "--worker", "all", "--reason", "done"];
    cli(&server, &resume).await;

    let letter = until(&server, "pending").await;
    assert_eq!(
        (&letter["error_code"], &letter["retry_count"]),
        (&json!("stream_frozen"), &json!(0))
    );
    assert_eq!(letter["operation_type"], "deposit");
    let (operation_type, error, next_retry_at) = runbook(&server).await;
    assert_eq!(operation_type, "deposit");
    assert!(error.starts_with("stream_frozen: ") && next_retry_at.is_some(), "{error}");
    let metrics = asked(&server, "/metrics").await.text;
    for line in [
        r#"billing_dlq_depth{status="pending"} 1"#,
        r#"billing_dlq_depth{status="manual_review"} 0"#,
        r#"workers_paused{worker="fulfiller"} 0"#,
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }

    let doctor = format!("/v1/admin/tenants/{}/billing/doctor", server.door().tenant);
    let report = shown(&server, &doctor, |report| report["healthy"] == false).await;
    let finding = report["findings"][0].as_str().unwrap();
    assert!(finding.starts_with("1 accounts are frozen"), "{finding}");

    let stream = alice.to_string();
    let position = position.to_string();
    let accept = ["anomalies", "acknowledge", &stream, &position, "--reason", "a bug of 0.0.9"];
    cli(&server, &accept).await;
    let name = letter["id"].as_str().unwrap();
    cli(&server, &["dlq", "retry", name, "--reason", "mended"]).await;
    let done = until(&server, "completed").await;
    assert_eq!(done["resolution"], "retried");
    assert_eq!(cli(&server, &["dlq", "show", name]).await["status"], "completed");
    assert_eq!(server.read(&payment).await.body["status"], "consumed");
    assert_eq!(server.available("alice").await, 5_000);

    let path = format!("/v1/admin/dead-letters/{name}/resolve");
    let body = json!({ "outcome": "failed", "reason": "too late" });
    server.operate(Method::POST, &path, &body).await.is(409);
    server.must_be_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_resolved_by_hand_once_however_often_it_is_asked() {
    let Broken { server, payment, .. } = broken(Server::new(&[])).await;
    cli(&server, &["workers", "resume", "--worker", "all", "--reason", "done"]).await;
    let letter = until(&server, "pending").await;
    let name = letter["id"].as_str().unwrap();
    let give_up = ["dlq", "resolve", name, "--outcome", "failed", "--reason", "paid back by hand"];
    let give_up = [&give_up[..], &["--idempotency-key", "give-up-1"]].concat();
    let first = cli(&server, &give_up).await;
    assert_eq!(cli(&server, &give_up).await, first);
    let letter = until(&server, "failed").await;
    assert_eq!(
        (&letter["reason"], &letter["resolution"]),
        (&json!("paid back by hand"), &json!("resolved"))
    );
    assert_eq!(server.read(&payment).await.body["status"], "paid");
    let waived = asked(&server, "/v1/admin/duties").await.body;
    let open = |kind: &str| {
        let kinds = waived["kinds"].as_array().unwrap().iter();
        kinds
            .filter(|one| one["kind"] == kind)
            .map(|one| one["open"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((open("fulfil"), open("retry"), open("manual_review")), (0, 0, 0));
}

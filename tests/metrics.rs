//! What Prometheus reads: promtool's opinion of it, the rules that rest on it, and each fact once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    peers::peer,
    server::{Answer, Ask, Server, client, msat, told},
};

const WEBHOOK_SECRET: &str = "a-webhook-secret-that-only-this-test-knows";

/// What promtool has against names that we inherited and keep.
const INHERITED: [&str; 3] = [
    "accounts_total non-counter metrics should not have \"_total\" suffix",
    "challenge_to_paid_latency_ms_total metric names should not contain abbreviated units",
    "pending_over_15m_count non-histogram and non-summary metrics should not have \"_count\" suffix",
];

/// Words of the rules' language, and labels that they name outside of braces.
const WORDS: &str = "by or and unless offset sum rate increase delta resets histogram_quantile \
                     le provider reason instance outcome mode method path from to source status \
                     worker";

/// Everything at one look.
#[derive(Debug, Default)]
struct Metrics {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Metrics {
    async fn of(server: &Server) -> Self {
        let text = server.door().operator(&client(), Method::GET, "/metrics").answer().await;
        let text = text.is(200).text;
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self { series: series.collect(), text: text.clone() }
    }

    /// Sums up the series of a metric that have these labels.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of = |series: &str| {
            let (own, rest) = series.split_once('{').unwrap_or((series, ""));
            own == name && labels.iter().all(|label| rest.contains(label))
        };
        self.series.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
    }

    fn names(&self) -> BTreeSet<&str> {
        self.series.keys().map(|name| name.split('{').next().unwrap()).collect()
    }
}

async fn start() -> Server {
    Server::start(&[
        ("PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("PIPEROLL_RECONCILIATION__STALE_AFTER", "1s"),
    ])
    .await
}

async fn ask(server: &Server, key: &str) -> Answer {
    let body = json!({ "account": "alice", "amount": msat(5_000) });
    server.post("/v1/topups", key, &body).await
}

/// A webhook of a provider that signs.
async fn call(server: &Server, event: &str, challenge: &Answer, status: &str) -> Answer {
    let hash = challenge.word("/payment_hash");
    let body = json!({ "eventId": event, "paymentHash": hash, "status": status }).to_string();
    let mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
    let signature = hex::encode(mac.chain_update(&body).finalize().into_bytes());
    post(server, body, &signature).await
}

async fn post(server: &Server, body: String, signature: &str) -> Answer {
    let call = server.door().ask(&client(), Method::POST, "/webhooks/default").body(body);
    call.header("x-wordclaw-payment-signature", signature).answer().await
}

/// One of everything that is counted.
async fn traffic(server: &Server) {
    let challenge = ask(server, "paid").await.is(402);
    server.faults(&json!({ "webhook": { "doubled": true } })).await;
    server.pay(&challenge.word("/payment_request")).await;
    let path = format!("/v1/payments/{}", challenge.word("/payment"));
    server.until(&path, |payment| payment.body["status"] == "consumed").await;
    call(server, "too-late-for-that", &challenge, "expired").await.is(202);
    post(server, "{}".to_owned(), &"00".repeat(32)).await.is(401);
    server.faults(&json!({ "create": "refused" })).await;
    assert!(ask(server, "refused").await.status >= 400);
    server.faults(&json!({})).await;
    ask(server, "pending").await.is(402);
    let plan = json!({ "campaign": "welcome", "budget": msat(100) });
    server.post("/v1/campaigns", "plan", &plan).await.is(201);
    let reason = json!({ "reason": "launch" });
    let path = "/v1/campaigns/welcome";
    server.post(&format!("{path}/activate"), "begin", &reason).await.is(200);
    server.until(path, |campaign| campaign.body["status"] == "active").await;
    let items = json!([{ "operation": "account.open", "idempotency_key": "k", "account": "a" }]);
    server.post("/v1/batch", "batch", &json!({ "mode": "atomic", "items": items })).await.is(200);
    server.faults(&json!({ "status_unreachable": true })).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    reconcile(server).await;
    server.faults(&json!({})).await;
}

async fn reconcile(server: &Server) -> Answer {
    let path = "/admin/reconciliation/payments/run";
    server.operate(Method::POST, path, &json!({})).await.is(200)
}

fn promtool(program: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_against_the_metrics_but_the_inherited_names() {
    let Some(program) = peer("PIPEROLL_TEST_PROMTOOL") else { return };
    let server = start().await;
    traffic(&server).await;
    let metrics = Metrics::of(&server).await;
    let output = promtool(&program, &["check", "metrics"], &metrics.text);
    let told = told(&output);
    let complaints: BTreeSet<&str> = told.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(complaints, INHERITED.into_iter().collect());
    let shown = metrics.names();
    let of = |name: &&piperoll::telemetry::Name| {
        let histogram = format!("{}_bucket", name.name);
        !shown.contains(name.name) && !shown.contains(histogram.as_str())
    };
    let missing: Vec<_> = piperoll::telemetry::NAMES.iter().filter(of).collect();
    assert!(missing.is_empty(), "this traffic moves every metric that there is: {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_pass_promtool_and_name_only_what_is_measured() {
    let Some(program) = peer("PIPEROLL_TEST_PROMTOOL") else { return };
    for (verb, file) in [("check", "alerts"), ("check", "recording"), ("test", "rules_test")] {
        let file = format!("docs/monitoring/{file}.yml");
        let output = promtool(&program, &[verb, "rules", &file], "");
        assert!(output.status.success(), "promtool {verb} rules {file}:\n{}", told(&output));
    }
    let server = start().await;
    traffic(&server).await;
    let metrics = Metrics::of(&server).await;
    let mut known = metrics.names();
    let text = |file| fs::read_to_string(format!("docs/monitoring/{file}.yml")).unwrap();
    let (alerts, recording) = (text("alerts"), text("recording"));
    known.extend(recording.lines().filter_map(|line| line.trim().strip_prefix("- record: ")));
    // Prometheus makes this one itself.
    known.insert("up");
    let named: BTreeSet<String> =
        [&alerts, &recording].into_iter().flat_map(|text| named(text)).collect();
    assert!(named.len() > 15, "the rules are read: {named:?}");
    let unknown: Vec<_> = named.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(unknown.is_empty(), "rules name what nobody measures: {unknown:?}");
}

/// The metrics that rules name in their expressions.
fn named(rules: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside: Option<usize> = None;
    for line in rules.lines().filter(|line| !line.trim().is_empty()) {
        let depth = line.len() - line.trim_start().len();
        let text = match (line.trim().strip_prefix("expr:"), inside) {
            (Some(text), _) => {
                inside = Some(depth);
                text
            }
            (None, Some(above)) if depth > above => line,
            (None, _) => {
                inside = None;
                continue;
            }
        };
        found.extend(words(text));
    }
    found
}

/// The names of an expression: what stands in braces, brackets and quotes is none.
fn words(text: &str) -> Vec<String> {
    let (mut plain, mut depth, mut quoted) = (String::new(), 0, false);
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            _ if quoted || depth > 0 => {}
            other => plain.push(other),
        }
    }
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let of = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && !WORDS.split_whitespace().any(|known| known == *word)
    };
    plain.split(|c| !name(c)).filter(of).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_is_counted_once_however_often_it_is_told() {
    let server = start().await;
    let challenge = ask(&server, "order-1").await.is(402);
    for _ in 0..3 {
        ask(&server, "order-1").await.is(402);
    }
    server.faults(&json!({ "webhook": { "lost": true } })).await;
    let preimage = server.pay(&challenge.word("/payment_request")).await;
    for duplicate in [false, true, true] {
        let answer = call(&server, "event-1", &challenge, "paid").await.is(202);
        assert_eq!(answer.body["duplicate"], duplicate, "{}", answer.text);
    }
    let credential = format!("L402 {}:{preimage}", challenge.token());
    for _ in 0..3 {
        let body = json!({ "account": "alice", "amount": msat(5_000) });
        let show = server.door().shop(&client(), Method::POST, "/v1/topups").json(&body);
        let show = show.header("idempotency-key", "order-1").header("authorization", &credential);
        show.answer().await.is(201);
    }
    server.faults(&json!({ "create": "refused" })).await;
    for _ in 0..2 {
        assert!(ask(&server, "order-2").await.status >= 400);
    }
    post(&server, "{}".to_owned(), &"00".repeat(32)).await.is(401);
    let metrics = Metrics::of(&server).await;
    for (name, labels, expected) in [
        ("invoice_create_success_total", &["provider=\"sandbox\""][..], 1.0),
        ("invoice_create_failure_total", &["provider=\"sandbox\""], 1.0),
        ("challenge_to_paid_latency_samples_total", &[], 1.0),
        ("challenge_to_paid_latency_seconds_count", &[], 1.0),
        ("webhook_events_total", &["status=\"received\""], 1.0),
        ("webhook_events_total", &["status=\"success\""], 1.0),
        ("webhook_events_total", &["status=\"duplicate\""], 2.0),
        ("webhook_secret_used_total", &["key=\"current\""], 1.0),
        ("webhook_verify_fail_total", &["reason=\"bad_signature\""], 1.0),
        ("payment_transition_violations_total", &[], 0.0),
    ] {
        let found = metrics.sum(name, labels);
        assert!((found - expected).abs() < 0.5, "{name} {labels:?} is {found}, not {expected}");
    }
    assert_eq!(server.available("alice").await, 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn gauges_are_right_straight_after_a_restart() {
    let mut server = start().await;
    for key in ["a", "b", "c"] {
        ask(&server, key).await.is(402);
    }
    let stands = |metrics: &Metrics| -> Value {
        let open = |kind: &str| metrics.sum("piperoll_duties_open", &[&format!("\"{kind}\"")]);
        json!({ "expire": open("expire"), "sweep": open("sweep"), "create": open("create"),
            "pending": metrics.sum("pending_over_15m_count", &[]),
            "writable": metrics.sum("piperoll_roll_writable", &[]) })
    };
    let mut before = Metrics::of(&server).await;
    // Killed before it has written what is old, a view would have to read that once more.
    for _ in 0..1_000 {
        if before.sum("piperoll_view_lag_events", &[]) < 0.5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        before = Metrics::of(&server).await;
    }
    assert_eq!(stands(&before)["expire"], 3.0);
    server.kill();
    server.open().await;
    let after = Metrics::of(&server).await;
    assert_eq!(stands(&after), stands(&before));
    let head = |metrics: &Metrics| metrics.sum("piperoll_roll_head_position", &[]);
    assert!(head(&after) > head(&before), "a writer says that it began");
    let lag = after.sum("piperoll_view_lag_events", &[]);
    assert!(lag <= head(&after) - head(&before), "the views know all that is old: {lag}");
    assert!(after.sum("invoice_create_success_total", &[]) < 0.5, "counters begin anew");
}

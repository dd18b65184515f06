//! Every status that the document promises is reached, and none that it does not: the document tells
//! the truth about each operation.

mod stories;

use std::collections::{BTreeMap, BTreeSet};

use super::raw::Request;
use crate::server::{Ask, Door, Server, bearer, client, msat};
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

/// Operations by method and template, and statuses.
pub(super) type Statuses = BTreeMap<(String, String), BTreeSet<u16>>;

/// A writer that has given up ends the server, so that nobody can be sure to find it there: the edge's
/// own tests ask one that has.
const ELSEWHERE: [(&str, &str, u16); 1] = [("GET", "/health", 503)];
/// What signs webhooks here.
pub(super) const WEBHOOK_SECRET: &str = "a-webhook-secret-of-the-statuses-0123";

/// What administrators of billing sign with here.
const ADMIN_SECRET: &str = "an-administrators-secret-of-the-statuses";

/// What other services sign with here.
const PEER_SECRET: &str = "another-services-secret-of-the-statuses";

/// One of them; each issuer may ask a few times a minute.
pub(super) fn peer(issuer: &str) -> String {
    bearer(PEER_SECRET, issuer, "arrakis-internal", "any-tenant")
}

/// One of them.
pub(super) fn administrator(subject: &str) -> String {
    bearer(ADMIN_SECRET, "arrakis-admin", "arrakis-billing-admin", subject)
}

/// Values for the parts of paths, of things that are there.
const PARTS: [(&str, &str); 18] = [
    ("campaign", "welcome"),
    ("reservation", "res_none"),
    ("lot", "lot_none"),
    ("account", "alice"),
    ("payment", "pay_none"),
    ("offer", "paid"),
    ("tenant", "dev"),
    ("key", "dev"),
    ("connection", "default"),
    ("provider", "default"),
    ("entitlement", "ent_none"),
    ("code", "MSAT"),
    ("letter", "fulfil.1"),
    ("number", "1"),
    ("rule", "7"),
    ("position", "1"),
    ("service", "api"),
    ("path", "paid/x"),
];

/// What is promised.
pub(super) struct Document(Value);

impl Document {
    pub(super) async fn of(server: &Server) -> Self {
        let answer = server.door().ask(&client(), Method::GET, "/openapi.json").answer().await;
        Self(answer.is(200).body)
    }

    fn operations(&self) -> Vec<(String, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let methods = paths.flat_map(|(path, item)| {
            let item = item.as_object().unwrap().iter();
            item.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        });
        methods
            .filter(|(method, ..)| ["GET", "POST", "PUT", "DELETE"].contains(&&**method))
            .collect()
    }

    pub(super) fn promised(&self) -> Statuses {
        let one = |(method, path, operation): (String, String, &Value)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            ((method, path), statuses.map(|status| status.parse().unwrap()).collect())
        };
        self.operations().into_iter().map(one).collect()
    }

    /// The template that a path is of: the one with the fewest parts left open.
    pub(super) fn template(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap();
        let fits = |template: &&String| {
            let (given, wanted): (Vec<_>, Vec<_>) =
                (path.split('/').collect(), template.split('/').collect());
            let rest = template.ends_with("/{path}") && given.len() >= wanted.len();
            (rest || given.len() == wanted.len())
                && wanted
                    .iter()
                    .zip(&given)
                    .all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
        };
        let templates = self.0["paths"].as_object().unwrap().keys().filter(fits);
        let open =
            |template: &&String| (template.matches('{').count(), template.ends_with("/{path}"));
        templates.min_by_key(open).unwrap_or_else(|| panic!("no template fits {path}")).clone()
    }
}

fn filled(template: &str) -> String {
    PARTS
        .iter()
        .fold(template.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value)
        })
        .replace("{token}", "dev.pay_none.00")
}

/// Whose keys there are.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) door: Door,
    /// A key without roles.
    pub(super) proxy: String,
}

/// What nobody gets past, whatever he asks for.
fn probes(keys: &Keys, method: &str, template: &str, operation: &Value) -> Vec<Request> {
    let path = &*filled(template);
    let broken = PARTS.iter().filter(|(name, _)| *name != "path");
    let broken =
        filled(&broken.fold(template.to_owned(), |path, (name, _)| {
            path.replace(&format!("{{{name}}}"), "%00")
        }));
    let schemes: BTreeSet<&str> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|scheme| scheme.as_object().unwrap().keys())
        .map(String::as_str)
        .collect();
    let (administrator, peer) = (administrator("ada"), peer("loa-finn"));
    let (own, other) = match (schemes.contains("piperoll_key"), schemes.contains("operator")) {
        (true, true) => (&keys.door.key, &keys.proxy),
        (true, false) => (&keys.door.key, &keys.door.admin_token),
        (false, false) if schemes.contains("peer") => (&peer, &keys.door.key),
        (false, false) if schemes.contains("administrator") => (&administrator, &keys.door.key),
        (false, _) => (&keys.door.admin_token, &keys.door.key),
    };
    let plain = || Request::new(method, path);
    let keyed = |request: Request| {
        request.key(own).header("idempotency-key", &uuid::Uuid::new_v4().to_string())
    };
    let json = |body: &str| plain().header("content-type", "application/json").body(body);
    let with = |more: &str| {
        let sign = if path.contains('?') { '&' } else { '?' };
        keyed(Request::new(method, &format!("{path}{sign}{more}")))
    };
    vec![
        plain().header("idempotency-key", "x"),
        plain().key(other).header("idempotency-key", "x"),
        keyed(plain().header("x-long", &"a".repeat(20_000))),
        keyed(plain().header("content-encoding", "gzip")),
        keyed(plain().header("content-type", "text/plain").body("x")),
        keyed(json("{}").header("content-length", "99999999")),
        keyed(json("{")),
        keyed(json("{\"nobody\":1}")),
        keyed(json("{}").header("content-length", "9")),
        json("{}").key(own),
        with("nobody=1"),
        with("after=x"),
        with("limit=0"),
        keyed(Request::new(method, &broken)),
        keyed(plain().header("piperoll-min-position", "x")),
        keyed(plain().header("piperoll-min-position", "main:1:00000000")),
        keyed(plain()),
    ]
}

/// Asks many of them at once, for one has to be waited for.
async fn probed(server: &Server, document: &Document, keys: &Keys) -> Statuses {
    let operations = document.operations().into_iter();
    let asks = operations.flat_map(|(method, template, operation)| {
        let probes = probes(keys, &method, &template, operation).into_iter();
        probes.map(move |probe| ((method.clone(), template.clone()), probe)).collect::<Vec<_>>()
    });
    let port = server.port();
    let heard = asks.map(|(name, probe)| async move { (name, probe.ask(port).await) });
    let heard: Vec<_> = stream::iter(heard).buffer_unordered(100).collect().await;
    let mut reached = Statuses::new();
    for (name, heard) in heard {
        let heard = heard.unwrap_or_else(|| panic!("no answer: {name:?}"));
        reached.entry(name).or_default().insert(heard.status);
    }
    reached
}

/// One that is full: everybody but those who ask how it is is told so.
async fn crowded(document: &Document) -> Statuses {
    let server = Server::start(&[
        ("PIPEROLL_LIMITS__CONCURRENCY_MAX", "1"),
        ("PIPEROLL_L402__SETTLE_WAIT_MS", "25000"),
    ])
    .await;
    let topup = json!({ "account": "alice", "amount": msat(5_000) });
    let challenge = server.post("/v1/topups", "slow", &topup).await.is(402);
    server.faults(&json!({ "webhook": { "lost": true }, "status_lies_for_seconds": 60 })).await;
    let preimage = server.pay(&challenge.word("/payment_request")).await;
    let show = server.door().shop(&client(), Method::POST, "/v1/topups").json(&topup);
    let show = show.header("idempotency-key", "slow");
    let show = show.header("authorization", format!("L402 {}:{preimage}", challenge.token()));
    let waiting = tokio::spawn(show.sent());
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let mut reached = Statuses::new();
    for (method, template, _) in document.operations() {
        let heard = Request::new(&method, &filled(&template)).ask(server.port()).await.unwrap();
        reached.entry((method, template)).or_default().insert(heard.status);
    }
    waiting.abort();
    reached
}

/// One where somebody guesses credentials: at everything that wants one he is told to wait.
async fn guessed(document: &Document) -> Statuses {
    let server =
        Server::start(&[("PIPEROLL_LIMITS__WRONG_CREDENTIALS_PER_ADDRESS_PER_MINUTE", "1")]).await;
    let mut reached = Statuses::new();
    for (method, template, operation) in document.operations() {
        if operation["security"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        // A minute may pass meanwhile, and one more guess be heard.
        for _ in 0..3 {
            let guess = Request::new(&method, &filled(&template)).key("prk_guessed");
            let heard = guess.ask(server.port()).await.unwrap();
            reached.entry((method.clone(), template.clone())).or_default().insert(heard.status);
        }
    }
    reached
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_status_is_reached_and_no_other() {
    let server = Server::start(&[
        ("PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("PIPEROLL_LIMITS__BODY_TIMEOUT", "2s"),
        ("PAYMENT_PROVIDER_TIMEOUT_MS", "20000"),
        ("PIPEROLL_PROVIDERS__BREAKER_FAILURES", "1000"),
        ("PIPEROLL_LIMITS__CHALLENGES_PER_ADDRESS_PER_MINUTE", "1000000"),
        ("SHOP_KEY", "a-key-that-opens-nothing"),
        ("PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE", "120"),
        ("PIPEROLL_LIMITS__WRONG_CREDENTIALS_PER_ADDRESS_PER_MINUTE", "1000000"),
        ("BILLING_ADMIN_JWT_SECRET", ADMIN_SECRET),
        ("PIPEROLL_ADMIN_JWT__TENANT", "dev"),
        ("BILLING_INTERNAL_JWT_SECRET", PEER_SECRET),
        ("PIPEROLL_INTERNAL_JWT__TENANT", "dev"),
        ("PIPEROLL_INTERNAL_JWT__ISSUERS", "loa-finn,loa-hasty"),
    ])
    .await;
    let document = Document::of(&server).await;
    let roleless = json!({ "key": "proxy", "roles": [] });
    let issued =
        server.operate(Method::POST, "/v1/admin/tenants/dev/keys", &roleless).await.is(201);
    let keys = Keys { door: server.door().clone(), proxy: issued.word("/secret") };
    let mut reached = probed(&server, &document, &keys).await;
    let more = [
        crowded(&document).await,
        guessed(&document).await,
        stories::told(&document, &keys).await,
        stories::broken::told(&document).await,
    ];
    for (name, statuses) in more.into_iter().flatten() {
        reached.entry(name).or_default().extend(statuses);
    }
    let mut wrong = vec![];
    for (name, promised) in document.promised() {
        let reached = reached.remove(&name).unwrap_or_default();
        let elsewhere = |status: &&u16| !ELSEWHERE.contains(&(&*name.0, &*name.1, **status));
        let missed: Vec<_> = promised.difference(&reached).filter(elsewhere).collect();
        let untold: Vec<_> = reached.difference(&promised).collect();
        if !missed.is_empty() || !untold.is_empty() {
            wrong.push(format!(
                "{} {}: not reached {missed:?}, not documented {untold:?}",
                name.0, name.1
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

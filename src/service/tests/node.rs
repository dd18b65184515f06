//! A server that speaks as LNbits does, with a sandbox behind it: unsigned webhooks, slow answers,
//! and payments that it knows nothing of.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use piperoll_domain::{connection::Account, operation::DeclareConnection};
use serde_json::{Value, json};

use super::house::House;
use crate::{
    engine::Clock,
    providers::{CreateInvoice, Secret, Secrets, sandbox::Sandbox},
};

#[derive(Clone)]
pub(crate) struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    sandbox: Sandbox,
    clock: Clock,
    state: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    made: BTreeMap<String, Made>,
    slow: Duration,
    forgets: bool,
    down: bool,
    asked: usize,
}

#[derive(Clone)]
struct Made {
    hash: String,
    invoice: String,
    amount_msat: u64,
    webhook: Option<String>,
    status: &'static str,
}

impl Node {
    /// Starts it, and declares it as the connection `node`.
    pub(crate) async fn start(house: &House) -> Self {
        let secrets = Secrets::only(Secret::try_new("unused").unwrap());
        let sandbox = Sandbox::open(&[9; 32], secrets, None).unwrap();
        let inner = Inner { sandbox, clock: house.clock.clone(), state: Mutex::default() };
        let node = Self { inner: Arc::new(inner) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/api/v1/payments", get(list).post(create))
            .route("/api/v1/payments/{hash}", get(status))
            .with_state(node.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let account = Account {
            kind: "lnbits".into(),
            network: "regtest".into(),
            base_url: Some(base_url),
            key_from: Some("KEY".into()),
            webhook_secret_from: None,
            capabilities: vec![],
        };
        house.cli(DeclareConnection { connection: "node".parse().unwrap(), account }).await;
        node
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.inner.state.lock().unwrap())
    }

    /// Every create takes so long from now on.
    pub(crate) fn slow(&self, slow: Duration) {
        self.with(|state| state.slow = slow);
    }

    /// It answers 404 for every payment.
    pub(crate) fn forgets(&self, forgets: bool) {
        self.with(|state| state.forgets = forgets);
    }

    /// It answers 500 to every question.
    pub(crate) fn down(&self, down: bool) {
        self.with(|state| state.down = down);
    }

    pub(crate) fn created(&self) -> usize {
        self.with(|state| state.made.len())
    }

    /// Waits until it has made an invoice, whether or not it has answered.
    pub(crate) async fn has_created(&self) {
        while self.created() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How often it was asked for a status.
    pub(crate) fn asked(&self) -> usize {
        self.with(|state| state.asked)
    }

    /// Somebody pays its only invoice: the webhook's URL and body.
    pub(crate) fn paid(&self) -> (String, Vec<u8>) {
        self.tells("success")
    }

    /// Its only invoice stands like this now: the webhook's URL and body.
    pub(crate) fn tells(&self, status: &'static str) -> (String, Vec<u8>) {
        self.with(|state| {
            let (reference, made) = state.made.iter_mut().next().unwrap();
            made.status = status;
            (made.webhook.clone().unwrap(), shown(reference, made).to_string().into_bytes())
        })
    }
}

fn shown(reference: &str, made: &Made) -> Value {
    json!({
        "payment_hash": made.hash,
        "checking_id": made.hash,
        "bolt11": made.invoice,
        "amount": made.amount_msat,
        "fee": 0,
        "status": made.status,
        "external_id": reference,
    })
}

async fn create(State(node): State<Node>, Json(wish): Json<Value>) -> (StatusCode, Json<Value>) {
    let asked = CreateInvoice {
        reference: wish["external_id"].as_str().unwrap().to_owned(),
        amount_msat: wish["amount"].as_u64().unwrap() * 1_000,
        description: None,
        expiry_seconds: wish["expiry"].as_u64().unwrap().try_into().unwrap(),
        webhook_url: None,
    };
    let now = node.inner.clock.now();
    let invoice = node.inner.sandbox.create(&asked, now).await.unwrap();
    let made = Made {
        hash: invoice.payment_hash.to_string(),
        invoice: invoice.payment_request,
        amount_msat: asked.amount_msat,
        webhook: wish["webhook"].as_str().map(str::to_owned),
        status: "pending",
    };
    let answer = shown(&asked.reference, &made);
    let slow = node.with(|state| {
        state.made.insert(asked.reference, made);
        state.slow
    });
    tokio::time::sleep(slow).await;
    (StatusCode::CREATED, Json(answer))
}

async fn list(
    State(node): State<Node>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let found = node.with(|state| {
        let made = state.made.iter().filter(|(reference, _)| **reference == query["external_id"]);
        made.map(|(reference, made)| shown(reference, made)).collect::<Vec<_>>()
    });
    Json(found.into())
}

async fn status(State(node): State<Node>, Path(hash): Path<String>) -> (StatusCode, Json<Value>) {
    node.with(|state| {
        state.asked += 1;
        if state.down {
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"detail": "down"})));
        }
        let known = state.made.iter().find(|(_, made)| made.hash == hash && !state.forgets);
        match known {
            None => (StatusCode::NOT_FOUND, Json(json!({"detail": "Payment does not exist."}))),
            Some((reference, made)) => {
                let paid = made.status == "success";
                let details = shown(reference, made);
                (
                    StatusCode::OK,
                    Json(json!({"paid": paid, "status": made.status, "details": details})),
                )
            }
        }
    })
}

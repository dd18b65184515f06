//! The edge, in process: every route, every class of bad input, every attempt to be somebody else.

mod bad;
mod batch;
mod billing;
mod campaigns;
mod corrections;
mod fields;
mod floods;
mod flow;
mod lists;
mod metering;
mod metrics;
mod position;
mod proxy;
mod routes;
mod tenants;
mod webhook;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::{
    app::{App, Keys},
    config::{Config, Persist},
};

const WEBHOOK_SECRET: &str = "whsec_for_tests_0123456789abcdefgh";

/// A piperoll of its own, in development, with the sandbox and the tenant `dev`.
struct Shop {
    app: App,
    keys: Keys,
    router: Router,
    _directory: TempDir,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[track_caller]
    fn must_be(self, status: u16) -> Self {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text} {:?}", self.headers);
        self
    }

    #[track_caller]
    fn must_be_problem(self, status: u16, code: &str) -> Self {
        let answer = self.must_be(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.code(), code, "{}", answer.json());
        answer
    }
}

/// A request under way.
struct Asking<'a> {
    shop: &'a Shop,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Body,
    peer: SocketAddr,
}

impl Shop {
    async fn open() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let mut variables = vec![
            ("PIPEROLL_DATA", data.to_str().unwrap()),
            ("PIPEROLL_LISTEN", "127.0.0.1:0"),
            ("PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ];
        variables.extend(settings);
        let loaded = Config::load(None, variables, Persist::Yes).unwrap();
        let app = App::start(&loaded.config, Arc::new(|_| None)).await.unwrap();
        let (keys, router) = (app.keys.clone().unwrap(), app.router());
        Self { app, keys, router, _directory: directory }
    }

    fn ask(&self, method: &str, path: impl Into<String>) -> Asking<'_> {
        Asking {
            shop: self,
            method: method.parse().unwrap(),
            path: path.into(),
            headers: vec![],
            body: Body::empty(),
            peer: "203.0.113.7:4711".parse().unwrap(),
        }
    }

    /// By the tenant `dev`, who may do everything of its own.
    fn get(&self, path: impl Into<String>) -> Asking<'_> {
        self.ask("GET", path).key(&self.keys.key)
    }

    fn post(&self, path: impl Into<String>, body: &Value) -> Asking<'_> {
        self.ask("POST", path).key(&self.keys.key).json(body).fresh()
    }

    /// By an operator.
    fn operate(&self, method: &str, path: impl Into<String>) -> Asking<'_> {
        self.ask(method, path).key(&self.keys.admin_token)
    }

    /// Opens a tenant, and hands out a key with these roles.
    async fn tenant(&self, name: &str, roles: Value) -> String {
        let body = json!({"tenant": name});
        self.operate("POST", "/v1/admin/tenants").json(&body).fresh().await.must_be(201);
        self.key_of(name, "k1", roles).await
    }

    async fn key_of(&self, tenant: &str, key: &str, roles: Value) -> String {
        let body = json!({"key": key, "roles": roles});
        let path = format!("/v1/admin/tenants/{tenant}/keys");
        let issued = self.operate("POST", path).json(&body).fresh().await.must_be(201);
        issued.json()["secret"].as_str().unwrap().to_owned()
    }

    /// Waits until the views have everything.
    async fn settle(&self) {
        let head = self.app.service.engine().head().position;
        self.app.views.wait_for(head, std::time::Duration::from_secs(5)).await.unwrap();
    }

    /// Looks until it is so; reactors do their work beside us.
    async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) {
        for _ in 0..600 {
            self.settle().await;
            if is_so(&self.get(path).await.must_be(200).json()) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{path} never came to it");
    }

    fn head(&self) -> u64 {
        self.app.service.engine().head().position
    }
}

impl Asking<'_> {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn key(self, key: &str) -> Self {
        self.header("piperoll-key", key)
    }

    fn json(self, body: &Value) -> Self {
        self.raw(body.to_string()).header("content-type", "application/json")
    }

    fn raw(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// With an idempotency key that nobody used before.
    fn fresh(self) -> Self {
        let key = uuid::Uuid::new_v4().to_string();
        self.header("idempotency-key", &key)
    }

    fn from(mut self, peer: &str) -> Self {
        self.peer = peer.parse().unwrap();
        self
    }

    async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(self.body).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let response = self.shop.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl<'a> IntoFuture for Asking<'a> {
    type Output = Answer;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

fn msat(amount: u64) -> Value {
    json!({"commodity": "MSAT", "amount": amount.to_string()})
}

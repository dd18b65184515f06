//! Asking a server: the request, the whole answer.

use std::{sync::OnceLock, time::Duration};

use piperoll::providers::http::install_tls;
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use super::{Door, Server};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body, if it is JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// A text of the body.
    #[track_caller]
    pub(crate) fn word(&self, pointer: &str) -> String {
        let word = self.body.pointer(pointer).and_then(Value::as_str);
        word.unwrap_or_else(|| panic!("no {pointer} in {} {}", self.status, self.text)).to_owned()
    }

    /// Every line of a header.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.headers.get_all(name).iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    /// That it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.text, self.headers);
        self
    }

    /// The token of a challenge, from its second line.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let lines = self.lines("www-authenticate");
        assert_eq!(lines.len(), 2, "{lines:?}");
        let rest = lines[1].split_once("token=\"").map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once('"')).unwrap().0.to_owned()
    }
}

/// Sending a request that may fail, as it does while a server is killed.
pub(crate) trait Ask {
    /// The answer, or nothing if none came.
    async fn sent(self) -> Option<Answer>;
    /// The answer.
    async fn answer(self) -> Answer;
}

impl Ask for RequestBuilder {
    async fn sent(self) -> Option<Answer> {
        let answer = self.send().await.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer { status, headers, text, body })
    }

    async fn answer(self) -> Answer {
        self.sent().await.expect("the server answers")
    }
}

/// A client that asks exactly as often as it is told to.
pub(crate) fn client() -> Client {
    static TLS: OnceLock<()> = OnceLock::new();
    TLS.get_or_init(install_tls);
    let client = Client::builder().no_proxy().retry(reqwest::retry::never());
    client.timeout(Duration::from_secs(30)).build().unwrap()
}

impl Door {
    /// Asks as the tenant.
    pub(crate) fn shop(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        self.ask(client, method, path).header("piperoll-key", &self.key)
    }

    /// Asks as an operator.
    pub(crate) fn operator(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        self.ask(client, method, path).bearer_auth(&self.admin_token)
    }

    /// Reads as the tenant what the views say once they have seen all that was answered so far.
    pub(crate) async fn look(&self, client: &Client, path: &str) -> Answer {
        let head = self.shop(client, Method::GET, "/v1/offers").answer().await;
        let head = head.is(200).lines("piperoll-position").remove(0);
        let ask = self.shop(client, Method::GET, path);
        ask.header("piperoll-min-position", head).answer().await
    }

    /// Asks as nobody.
    pub(crate) fn ask(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        client.request(method, format!("{}{path}", self.url))
    }

    /// Pays an invoice of the sandbox.
    pub(crate) fn pay(&self, client: &Client, invoice: &str) -> RequestBuilder {
        let pay = self.operator(client, Method::POST, "/v1/admin/sandbox/pay");
        pay.json(&json!({ "invoice": invoice }))
    }
}

/// The tenant's everyday, for tests that ask one thing after another.
impl Server {
    /// Reads what is so by now.
    pub(crate) async fn read(&self, path: &str) -> Answer {
        self.door().look(&client(), path).await
    }

    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Answer {
        let ask = self.door().shop(&client(), method, path);
        ask.header("idempotency-key", key).json(body).answer().await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.write(Method::POST, path, key, body).await
    }

    /// Asks as an operator, with a key of the request's own.
    pub(crate) async fn operate(&self, method: Method, path: &str, body: &Value) -> Answer {
        let key = uuid::Uuid::new_v4().to_string();
        let ask = self.door().operator(&client(), method, path);
        ask.header("idempotency-key", key).json(body).answer().await
    }

    /// Pays an invoice of the sandbox; gives the preimage.
    pub(crate) async fn pay(&self, invoice: &str) -> String {
        self.door().pay(&client(), invoice).answer().await.is(200).word("/preimage")
    }

    /// Says what shall go wrong in the sandbox from now on.
    pub(crate) async fn faults(&self, faults: &Value) {
        let path = "/v1/admin/sandbox/default/faults";
        self.operate(Method::PUT, path, faults).await.is(200);
    }

    /// Asks again and again until it is so, for ten seconds.
    pub(crate) async fn until(&self, path: &str, so: impl Fn(&Answer) -> bool) -> Answer {
        let mut last = self.read(path).await;
        for _ in 0..200 {
            if so(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            last = self.read(path).await;
        }
        panic!("{path} stays {} {}", last.status, last.text);
    }

    /// What an account has in MSAT.
    pub(crate) async fn available(&self, account: &str) -> i64 {
        let answer = self.read(&format!("/v1/accounts/{account}/balance")).await;
        if answer.status == 404 {
            return 0;
        }
        let balances = answer.is(200).body["balances"].clone();
        let msat = balances.as_array().unwrap().iter().find(|one| one["commodity"] == "MSAT");
        msat.map_or(0, |msat| msat["available"].as_str().unwrap().parse().unwrap())
    }
}

/// So many millisatoshi, on the wire.
pub(crate) fn msat(amount: i64) -> Value {
    json!({ "commodity": "MSAT", "amount": amount.to_string() })
}

//! Asking the demo's server, and telling what was said: the request, the answer, what it means.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;

use super::{super::output::Output, house::Door};
use crate::providers::http::install_tls;

/// How much of a long word is shown.
const SHOWN: usize = 44;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TalkError {
    /// There is no way to ask.
    #[error("failed to prepare for asking")]
    Prepare(#[source] reqwest::Error),
    /// Nobody answered.
    #[error("failed to ask {path}")]
    Ask {
        /// What was asked.
        path: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The reader went away.
    #[error("failed to print")]
    Print(#[from] std::io::Error),
}

/// An answer, read to its end.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Said {
    /// A field of the body, as text.
    pub(super) fn text(&self, field: &str) -> String {
        match self.body.pointer(field) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// A header that may stand on several lines.
    pub(super) fn lines(&self, header: &str) -> Vec<&str> {
        self.headers.get_all(header).iter().filter_map(|line| line.to_str().ok()).collect()
    }
}

/// Asks and tells.
pub(super) struct Talk {
    client: reqwest::Client,
    door: Door,
}

/// One request, as it is told.
pub(super) struct Ask<'a> {
    talk: &'a Talk,
    method: Method,
    path: String,
    shown: Vec<String>,
    request: RequestBuilder,
}

impl Talk {
    pub(super) fn new(door: Door) -> Result<Self, TalkError> {
        install_tls();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy();
        let client = client.build().map_err(TalkError::Prepare)?;
        Ok(Self { client, door })
    }

    /// A new part of the story.
    pub(super) fn chapter(&self, title: &str) -> Result<(), TalkError> {
        self.aside(&format!("\n== {title}\n"))
    }

    /// What the reader should know.
    #[expect(clippy::unused_self, reason = "it is the talk that tells")]
    pub(super) fn aside(&self, text: &str) -> Result<(), TalkError> {
        Ok(Output::line(text)?)
    }

    /// What turned out, once it did.
    pub(super) fn held(&self, text: &str) -> Result<(), TalkError> {
        self.aside(&format!("   [ok] {text}"))
    }

    /// Asks as the shop: with its API key.
    pub(super) fn shop(&self, method: Method, path: &str) -> Ask<'_> {
        self.ask(method, path).secret("Piperoll-Key", &self.door.key)
    }

    /// Asks as the operator.
    pub(super) fn operator(&self, method: Method, path: &str) -> Ask<'_> {
        self.ask(method, path).secret("Authorization", &format!("Bearer {}", self.door.admin_token))
    }

    /// Asks as nobody.
    pub(super) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let url = format!("{}{path}", self.door.url);
        let request = self.client.request(method.clone(), url);
        Ask { talk: self, method, path: path.to_owned(), shown: vec![], request }
    }
}

impl Ask<'_> {
    /// A header that the reader sees.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.shown.push(format!("   >   {name}: {}", short(value)));
        self.request = self.request.header(name, value);
        self
    }

    fn secret(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// The caller's key for this request.
    pub(super) fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// A body that the reader sees.
    pub(super) fn json(mut self, body: &Value) -> Self {
        self.shown.push(format!("   >   {body}"));
        self.request =
            self.request.header("Content-Type", "application/json").body(body.to_string());
        self
    }

    /// Asks without telling.
    pub(super) async fn quietly(self) -> Result<Said, TalkError> {
        let path = self.path;
        let failed = |source| TalkError::Ask { path: path.clone(), source };
        let answer: Response = self.request.send().await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.map_err(failed)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Said { status, headers, body })
    }

    /// Asks, and tells the exchange: the status, these headers, these fields of the body.
    pub(super) async fn tell(self, headers: &[&str], fields: &[&str]) -> Result<Said, TalkError> {
        let talk = self.talk;
        talk.aside(&format!("   > {} {}", self.method, self.path))?;
        for line in &self.shown {
            talk.aside(line)?;
        }
        let said = self.quietly().await?;
        talk.aside(&format!("   < {}", said.status))?;
        for name in headers {
            for line in said.lines(name) {
                talk.aside(&format!("   <   {name}: {}", shorten_words(line)))?;
            }
        }
        for field in fields {
            let value = said.text(field);
            if value.is_empty() {
                continue;
            }
            talk.aside(&format!("   <   {} = {}", &field[1..], short(&value)))?;
        }
        Ok(said)
    }
}

/// The beginning and the end of a long word.
pub(super) fn short(text: &str) -> String {
    let length = text.chars().count();
    if length <= SHOWN + 10 {
        return text.to_owned();
    }
    let head: String = text.chars().take(SHOWN).collect();
    let tail: String = text.chars().skip(length - 6).collect();
    format!("{head}…{tail}")
}

fn shorten_words(line: &str) -> String {
    line.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

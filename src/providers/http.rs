//! One HTTP request to the outside: a total time limit, a size limit, no redirects, no surprises.

use std::{error::Error, time::Duration};

use chrono::DateTime;
use piperoll_domain::time::Time;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect, retry};
use serde_json::Value;

use crate::providers::Class;

/// An answer longer than this is not read to its end.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How many characters of a provider's own words are kept.
const SAID_CHARS_MAX: usize = 160;

/// A client with manners.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    timeout: Duration,
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("failed to build the HTTP client")]
pub struct BuildError(#[source] reqwest::Error);

/// A conversation that came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("the request failed ({})", .class.as_str())]
pub struct Failure {
    /// What kind of failure.
    pub class: Class,
    /// Whether the request may have reached the other side.
    pub sent: bool,
    source: Option<reqwest::Error>,
}

/// A complete answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its `Date` header.
    pub date: Option<Time>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The provider's own words in an error body, cut short; never the body itself.
    pub fn said(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let words = body.get("detail")?.as_str()?;
        Some(words.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect())
    }
}

impl Http {
    /// A client whose every request ends within `timeout`.
    pub fn try_new(timeout: Duration) -> Result<Self, BuildError> {
        install_tls();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            // Whoever asks twice may get two invoices.
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            // Shorter than the whole, so that an unreached host is told from a silent one.
            .connect_timeout(timeout / 2)
            .user_agent(concat!("piperoll/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(BuildError)?;
        Ok(Self { client, timeout })
    }

    /// The client, to begin a request with.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the answer, all of it or nothing.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, Failure> {
        let conversation = async {
            let answer = request.send().await.map_err(failure)?;
            let (status, date) = (answer.status(), date(&answer));
            Ok(Reply { status, date, body: body(answer).await? })
        };
        match tokio::time::timeout(self.timeout, conversation).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure { class: Class::Timeout, sent: true, source: None }),
        }
    }
}

/// Makes ring the process's cryptography, unless somebody chose before.
pub fn install_tls() {
    // An error only says that a choice was made already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn body(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failure)? {
        if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
            return Err(Failure { class: Class::TooLarge, sent: true, source: None });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn date(answer: &Response) -> Option<Time> {
    let text = answer.headers().get(header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| Time::from_seconds(date.timestamp()))
}

fn failure(error: reqwest::Error) -> Failure {
    let class = classify(&error);
    // Until there is a connection nothing can have been sent; after that anything may have.
    let sent = !(error.is_connect() || error.is_builder());
    Failure { class, sent, source: Some(error.without_url()) }
}

fn classify(error: &reqwest::Error) -> Class {
    if is_tls(error) {
        Class::Tls
    } else if error.is_dns() {
        Class::Dns
    } else if error.is_timeout() {
        Class::Timeout
    } else if error.is_builder() {
        Class::InvalidRequest
    } else if error.is_connect() {
        Class::Connect
    } else {
        Class::ConnectionLost
    }
}

/// An I/O error passes over what it wraps when asked for its source, so it is opened first.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => is_tls(wrapped),
        None => error.source().is_some_and(is_tls),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_nowhere_is_a_class_of_its_own() {
        let http = Http::try_new(Duration::from_secs(20)).unwrap();
        // A label this long is no name, so no server is asked for it.
        let url = format!("http://{}.invalid", "a".repeat(64));
        let failure = http.send(http.client().get(url)).await.unwrap_err();
        assert_eq!((failure.class, failure.sent), (Class::Dns, false), "{failure:?}");
    }
}

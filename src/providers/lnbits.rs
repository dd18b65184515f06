//! A wallet of an LNbits server, over its REST interface.
//!
//! LNbits shows the preimage before it is paid, to us and sometimes to others; nothing here reads
//! it. Its webhooks are unsigned, so they are a reason to ask and never a settlement.

mod wire;

use std::fmt;

use piperoll_domain::time::Time;
use reqwest::{
    RequestBuilder, StatusCode, Url,
    header::{HeaderMap, HeaderValue},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::providers::{
    Capabilities, Class, CreateError, CreateInvoice, Heard, Invoice, Lookup, Network, Notice, Push,
    Refusal, Report, Secrets, Status, StatusError, Verification,
    error::Cause,
    generic,
    http::{Http, Reply},
    open::Environment,
};

/// How many payments with one reference are looked at.
const FOUND_MAX: usize = 10;
const UNKNOWN_PAYMENT: &str = "Payment does not exist.";
const UNKNOWN_WALLET: &str = "Wallet not found.";

/// What it takes to talk to a wallet.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the server is.
    pub(crate) base_url: Url,
    /// The wallet's invoice key.
    pub(crate) key: HeaderValue,
    /// The network its invoices must be on.
    pub(crate) network: Network,
    /// For producers that sign in its stead.
    pub(crate) webhook_secrets: Secrets,
    /// What may be called back.
    pub(crate) environment: Environment,
}

/// The adapter.
#[derive(Clone)]
pub struct Lnbits {
    settings: Settings,
    http: Http,
}

impl fmt::Debug for Lnbits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lnbits").field("network", &self.settings.network).finish_non_exhaustive()
    }
}

impl Lnbits {
    pub(crate) const fn new(settings: Settings, http: Http) -> Self {
        Self { settings, http }
    }

    /// What it can do.
    pub const fn capabilities(&self) -> Capabilities {
        Capabilities {
            push: Push::Unsigned,
            event_ids: false,
            caller_preimage: false,
            msat: false,
            cancel: false,
            finds_by_reference: true,
        }
    }

    /// The network its invoices must be on.
    pub const fn network(&self) -> Network {
        self.settings.network
    }

    pub(crate) async fn create(
        &self,
        asked: &CreateInvoice,
        now: Time,
    ) -> Result<Invoice, CreateError> {
        if !asked.amount_msat.is_multiple_of(1_000) {
            return Err(CreateError::refused(Class::NotWholeSat));
        }
        if let Some(url) = &asked.webhook_url
            && self.settings.environment.check_url(url).is_err()
        {
            return Err(CreateError::refused(Class::CallbackRefused));
        }
        let url = self.url(&["payments"]);
        let request = self.http.client().post(url).json(&wish(asked));
        let reply = self.http.send(self.keyed(request)).await?;
        if !reply.status.is_success() {
            return Err(not_created(&reply));
        }
        let made: wire::Payment = read(&reply)
            .ok_or(CreateError::Unknown { class: Class::Malformed, source: answer(&reply) })?;
        made.offered()
            .ok_or(CreateError::Unknown { class: Class::Malformed, source: answer(&reply) })?
            .check(asked, self.settings.network, Some(now))
            .map_err(CreateError::from)
    }

    pub(crate) async fn status(&self, lookup: &Lookup, now: Time) -> Result<Report, StatusError> {
        let url = self.url(&["payments", &lookup.payment_hash.to_string()]);
        let reply = self.get(self.http.client().get(url)).await?;
        let status = match reply.status {
            StatusCode::OK => {
                let said: wire::Said = read(&reply).ok_or_else(|| malformed(&reply))?;
                said.status(lookup.payment_hash, now)?
            }
            // Whatever else answers 404 knows nothing about payments; see `get`.
            StatusCode::NOT_FOUND => Status::NotFound,
            _ => return Err(unhelpful(&reply)),
        };
        Ok(Report { status, date: reply.date })
    }

    pub(crate) async fn find(&self, asked: &CreateInvoice) -> Result<Option<Invoice>, StatusError> {
        let query = [("external_id", asked.reference.as_str()), ("limit", "10")];
        let request = self.http.client().get(self.url(&["payments"])).query(&query);
        let reply = self.get(request).await?;
        if reply.status != StatusCode::OK {
            return Err(unhelpful(&reply));
        }
        let found: Vec<wire::Payment> = read(&reply).ok_or_else(|| malformed(&reply))?;
        let ours = |payment: &wire::Payment| payment.is_reply_to(&asked.reference);
        if found.len() > FOUND_MAX || !found.iter().all(ours) {
            // Releases before 1.6 overlook the filter and answer with anything.
            return Err(StatusError::unknown(Class::Unsupported));
        }
        match found.as_slice() {
            [] => Ok(None),
            [one] => {
                let offered = one.offered().ok_or_else(|| malformed(&reply))?;
                Ok(Some(offered.check(asked, self.settings.network, None)?))
            }
            _ => Err(StatusError::unknown(Class::ReferenceTaken)),
        }
    }

    pub(crate) async fn probe(&self) -> Result<Option<Time>, StatusError> {
        let reply = self.get(self.http.client().get(self.url(&["wallet"]))).await?;
        match reply.status {
            StatusCode::OK if read::<wire::Wallet>(&reply).is_some() => Ok(reply.date),
            StatusCode::OK => Err(malformed(&reply)),
            _ => Err(unhelpful(&reply)),
        }
    }

    pub(crate) fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        url_token_ok: bool,
        now: Time,
    ) -> Heard {
        let secrets = &self.settings.webhook_secrets;
        if !secrets.is_empty() && generic::is_signed(headers) {
            return generic::receive(secrets, headers, body, now);
        }
        let verification = if url_token_ok { Verification::UrlToken } else { Verification::None };
        match wire::heard(body) {
            None => Heard::Refused(Refusal::Malformed),
            Some(heard) => {
                let notice = Notice { verification, needs_confirmation: true, ..heard };
                if url_token_ok { Heard::Verified(notice) } else { Heard::Hint(notice) }
            }
        }
    }

    /// Asks, and sorts out the answers that mean the same everywhere.
    async fn get(&self, request: RequestBuilder) -> Result<Reply, StatusError> {
        let reply = self.http.send(self.keyed(request)).await?;
        let said = reply.said();
        match (reply.status, said.as_deref()) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)
            | (StatusCode::NOT_FOUND, Some(UNKNOWN_WALLET)) => {
                Err(StatusError::Credentials { source: answer(&reply) })
            }
            (StatusCode::NOT_FOUND, Some(UNKNOWN_PAYMENT)) => Ok(reply),
            // A 404 of a proxy or of another path is no word about a payment.
            (StatusCode::NOT_FOUND, _) => Err(unhelpful(&reply)),
            _ => Ok(reply),
        }
    }

    fn keyed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("x-api-key", self.settings.key.clone())
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url
    }
}

fn wish(asked: &CreateInvoice) -> serde_json::Value {
    json!({
        "out": false,
        "unit": "sat",
        "amount": asked.amount_msat / 1_000,
        "memo": asked.description.as_deref().unwrap_or_default(),
        "expiry": asked.expiry_seconds,
        "webhook": asked.webhook_url,
        "external_id": asked.reference,
        "extra": { "piperoll_reference": asked.reference },
    })
}

fn not_created(reply: &Reply) -> CreateError {
    let (status, source) = (reply.status, answer(reply));
    let class = class(status);
    match status {
        StatusCode::NOT_FOUND if reply.said().as_deref() == Some(UNKNOWN_WALLET) => {
            CreateError::Refused { class: Class::Auth, source }
        }
        // The server gave up waiting; what it had begun may still be going on.
        StatusCode::REQUEST_TIMEOUT => CreateError::Unknown { class, source },
        _ if status.is_client_error() => CreateError::Refused { class, source },
        _ => CreateError::Unknown { class, source },
    }
}

fn class(status: StatusCode) -> Class {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Class::Auth,
        StatusCode::TOO_MANY_REQUESTS => Class::RateLimited,
        _ if status.is_redirection() => Class::Redirect,
        _ => Class::HttpStatus,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "errors take an optional source")]
fn answer(reply: &Reply) -> Option<Cause> {
    Some(Cause::Answer { status: reply.status.as_u16(), said: reply.said() })
}

fn malformed(reply: &Reply) -> StatusError {
    StatusError::Unknown { class: Class::Malformed, source: answer(reply) }
}

fn unhelpful(reply: &Reply) -> StatusError {
    StatusError::Unknown { class: class(reply.status), source: answer(reply) }
}

/// A parser's own error would quote the body, so it is dropped.
fn read<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    serde_json::from_slice(&reply.body).ok()
}

#[cfg(test)]
mod tests;

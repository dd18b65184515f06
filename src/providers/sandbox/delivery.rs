//! The webhooks that tell of a payment, and how they travel.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat};
use reqwest::{StatusCode, header};
use serde_json::json;

use crate::providers::{
    Secrets, generic,
    http::{Failure, Http},
    sandbox::{book::Settled, faults::WebhookFaults},
    signature::{hmac_sha256, sign_hex},
};

/// A webhook that is due.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it goes. Carries a token, so it is never printed.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body, byte for byte what is signed.
    pub body: Vec<u8>,
    /// How long it waits first.
    pub after: Duration,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, body, .. } = self;
        f.debug_struct("Delivery")
            .field("after", after)
            .field("bytes", &body.len())
            .finish_non_exhaustive()
    }
}

impl Delivery {
    /// Posts it, once.
    pub async fn post(self, http: &Http) -> Result<StatusCode, Failure> {
        let mut request = http.client().post(&self.url).body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        http.send(request).await.map(|reply| reply.status)
    }
}

/// Sends webhooks one after another, each when it is due.
pub async fn deliver<F, Sent>(mut deliveries: Vec<Delivery>, mut send: F)
where
    F: FnMut(Delivery) -> Sent,
    Sent: Future<Output = ()>,
{
    deliveries.sort_by_key(|delivery| delivery.after);
    let start = tokio::time::Instant::now();
    for delivery in deliveries {
        if let Some(due) = start.checked_add(delivery.after) {
            tokio::time::sleep_until(due).await;
        }
        send(delivery).await;
    }
}

pub(super) struct Telling<'a> {
    pub(super) settled: &'a Settled,
    pub(super) secrets: &'a Secrets,
}

impl Telling<'_> {
    pub(super) fn deliveries(&self, url: Option<&str>, faults: WebhookFaults) -> Vec<Delivery> {
        let Some(url) = url.filter(|_| !faults.lost) else { return Vec::new() };
        let body = self.body();
        let Some(signature) = self.signature(&body, faults.forged) else { return Vec::new() };
        let headers = vec![
            (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
            (generic::SIGNATURE_HEADER, signature),
        ];
        let after = faults.late.unwrap_or_default();
        let delivery = Delivery { url: url.to_owned(), headers, body, after };
        if faults.doubled { vec![delivery.clone(), delivery] } else { vec![delivery] }
    }

    fn body(&self) -> Vec<u8> {
        let Settled { payment_hash, event_id, received_msat, at, .. } = self.settled;
        let settled_at = DateTime::from_timestamp_micros(at.micros())
            .map(|date| date.to_rfc3339_opts(SecondsFormat::Micros, true));
        let body = json!({
            "eventId": event_id,
            "paymentHash": payment_hash,
            "providerInvoiceId": payment_hash,
            "status": "paid",
            "receivedMsat": received_msat,
            "settledAt": settled_at,
        });
        body.to_string().into_bytes()
    }

    fn signature(&self, body: &[u8], forged: bool) -> Option<String> {
        if forged {
            return Some(hex::encode(hmac_sha256(b"somebody else's", &[body])));
        }
        self.secrets.current.as_ref().map(|secret| sign_hex(secret, body))
    }
}

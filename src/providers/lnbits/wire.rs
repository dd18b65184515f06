//! LNbits' own shapes, 1.0 to 1.6. No field for a preimage: what is not read cannot leak.

use chrono::{DateTime, NaiveDateTime};
use piperoll_domain::{bytes::Hash, time::Time};
use serde::Deserialize;
use serde_json::Value;

use crate::providers::{
    Class, Notice, Says, Status, StatusError, Verification,
    bolt11::{self, Offered},
    generic::{is_name, word},
    json,
};

const EXPIRED_LABEL: &str = "expired";

/// A payment, as create, list, status and webhook show it.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are LNbits' own")]
pub(super) struct Payment {
    payment_hash: Hash,
    #[serde(default)]
    checking_id: Option<String>,
    #[serde(default)]
    bolt11: Option<String>,
    #[serde(default)]
    payment_request: Option<String>,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    fee: Option<i64>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    labels: Option<Vec<String>>,
    #[serde(default)]
    updated_at: Option<Value>,
    #[serde(default)]
    external_id: Option<String>,
}

/// The answer about one payment.
#[derive(Deserialize)]
pub(super) struct Said {
    paid: bool,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    details: Option<Payment>,
}

/// The answer about the wallet itself.
#[derive(Deserialize)]
pub(super) struct Wallet {
    #[serde(rename = "balance")]
    _balance: i64,
}

impl Payment {
    pub(super) fn offered(&self) -> Option<Offered<'_>> {
        let payment_request = self.payment_request()?;
        let provider_id = self.checking_id.as_deref().filter(|id| is_name(id))?;
        Some(Offered { payment_request, payment_hash: self.payment_hash, provider_id })
    }

    pub(super) fn is_reply_to(&self, reference: &str) -> bool {
        self.external_id.as_deref() == Some(reference)
    }

    fn payment_request(&self) -> Option<&str> {
        self.bolt11.as_deref().or(self.payment_request.as_deref())
    }

    /// What came in; none for a payment that went out.
    fn received_msat(&self) -> Option<u64> {
        self.amount.and_then(|amount| u64::try_from(amount).ok()).filter(|amount| *amount > 0)
    }

    fn has_expired(&self, now: Time) -> bool {
        let labelled = self.labels.iter().flatten().any(|label| label == EXPIRED_LABEL);
        labelled || self.ends_at().is_some_and(|end| now >= end)
    }

    fn ends_at(&self) -> Option<Time> {
        let terms = bolt11::read(self.payment_request()?).ok()?;
        (terms.payment_hash == self.payment_hash).then_some(terms.expires_at)
    }
}

impl Said {
    pub(super) fn status(self, payment_hash: Hash, now: Time) -> Result<Status, StatusError> {
        // Without the wallet's key the answer is the public one, which has no details.
        let details = self.details.ok_or(StatusError::Credentials { source: None })?;
        let malformed = StatusError::unknown(Class::Malformed);
        if details.payment_hash != payment_hash {
            return Err(malformed);
        }
        let word = self.status.as_deref().or(details.status.as_deref());
        match (self.paid, word) {
            (true, None | Some("success")) => details.paid().ok_or(malformed),
            (false, Some("pending")) => Ok(Status::Pending { detail: "pending".into() }),
            (false, Some("failed")) if details.has_expired(now) => Ok(Status::Expired),
            (false, Some("failed")) => Ok(Status::Failed { detail: "failed".into() }),
            _ => Err(malformed),
        }
    }
}

impl Payment {
    fn paid(&self) -> Option<Status> {
        Some(Status::Paid {
            received_msat: self.received_msat()?,
            provider_time: self.updated_at.as_ref().and_then(instant),
            fee_msat: self.fee.map(i64::unsigned_abs),
        })
    }
}

/// A webhook's body: the payment, or a JSON string that holds it.
pub(super) fn heard(body: &[u8]) -> Option<Notice> {
    let outer = json::parse(body).ok()?;
    let object = match outer {
        Value::String(inner) => json::parse(inner.as_bytes()).ok()?,
        other => other,
    };
    let payment: Payment = serde_json::from_value(object).ok()?;
    Some(Notice {
        event_id: None,
        payment_hash: Some(payment.payment_hash),
        provider_id: payment.checking_id.clone().filter(|id| is_name(id)),
        says: says(&payment)?,
        occurred_at: payment.updated_at.as_ref().and_then(instant),
        verification: Verification::None,
        needs_confirmation: true,
    })
}

fn says(payment: &Payment) -> Option<Says> {
    Some(match payment.status.as_deref()? {
        "success" => Says::Paid { received_msat: Some(payment.received_msat()?) },
        "pending" => Says::Pending,
        "failed" if payment.labels.iter().flatten().any(|label| label == EXPIRED_LABEL) => {
            Says::Expired
        }
        "failed" => Says::Failed,
        other => Says::Other(word(other)),
    })
}

/// With a zone, without one (then it is UTC), or in unix seconds.
fn instant(value: &Value) -> Option<Time> {
    if let Some(seconds) = value.as_i64() {
        return Some(Time::from_seconds(seconds));
    }
    let text = value.as_str()?;
    let zoned = DateTime::parse_from_rfc3339(text).map(|date| date.timestamp_micros());
    let micros = zoned
        .or_else(|_| text.parse::<NaiveDateTime>().map(|date| date.and_utc().timestamp_micros()));
    micros.ok().map(Time::from_micros)
}

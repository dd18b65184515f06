//! Settlement webhooks in the common HMAC form, from producers that spell things differently.

use chrono::DateTime;
use piperoll_domain::{bytes::Hash, time::Time};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use crate::providers::{
    Heard, Notice, Refusal, Says, Secrets, Verification, json,
    signature::{StandardHeaders, verify_hex, verify_standard},
};

/// Carries the hexadecimal HMAC-SHA256 of the raw body; several may stand in it, apart by commas.
pub(crate) const SIGNATURE_HEADER: &str = "x-wordclaw-payment-signature";
/// Older producers' name for the same.
const SIGNATURE_HEADER_OLD: &str = "x-lnbits-signature";
/// Standard Webhooks' names for id, time and signature, and Svix' own.
const STANDARD_HEADERS: [[&str; 3]; 2] = [
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
    ["svix-id", "svix-timestamp", "svix-signature"],
];
/// Larger numbers count milliseconds, smaller ones seconds.
const SECONDS_MAX: i64 = 9_999_999_999;
const TEXT_BYTES_MAX: usize = 255;
const WORD_CHARS_MAX: usize = 64;

const EVENT_ID: [&str; 3] = ["eventId", "event_id", "id"];
const HASH: [&str; 5] = ["paymentHash", "payment_hash", "hash", "checking_id", "checkingId"];
const PROVIDER_ID: [&str; 4] =
    ["providerInvoiceId", "provider_invoice_id", "checking_id", "checkingId"];
const STATUS: [&str; 2] = ["status", "state"];
const RECEIVED: [&str; 4] = ["receivedMsat", "received_msat", "amountMsat", "amount_msat"];
const OCCURRED: [&str; 3] = ["settledAt", "settled_at", "paid_at"];
const FLAGS: [&str; 4] = ["paid", "expired", "failed", "pending"];

/// Whether somebody claims to have signed this.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE_HEADER)
        || headers.contains_key(SIGNATURE_HEADER_OLD)
        || STANDARD_HEADERS.iter().any(|[_, _, signature]| headers.contains_key(*signature))
}

/// Judges the sender over the raw bytes.
pub(crate) fn verify(
    secrets: &Secrets,
    headers: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Result<Verification, Refusal> {
    if let Some(standard) = standard_headers(headers) {
        return verify_standard(secrets, standard, body, now);
    }
    let values = [SIGNATURE_HEADER, SIGNATURE_HEADER_OLD].map(|name| headers.get_all(name));
    let given = values.iter().flatten().filter_map(|value| value.to_str().ok());
    verify_hex(secrets, body, given.flat_map(|value| value.split(',')))
}

/// Judges the sender, then reads what it says.
pub(crate) fn receive(secrets: &Secrets, headers: &HeaderMap, body: &[u8], now: Time) -> Heard {
    let notice = verify(secrets, headers, body, now)
        .and_then(|verification| notice(headers, body, verification));
    match notice {
        Ok(notice) => Heard::Verified(notice),
        Err(refusal) => Heard::Refused(refusal),
    }
}

fn standard_headers(headers: &HeaderMap) -> Option<StandardHeaders<'_>> {
    STANDARD_HEADERS.iter().find_map(|names| {
        let [id, timestamp, signature] =
            names.map(|name| headers.get(name).and_then(|value| value.to_str().ok()));
        Some(StandardHeaders { id: id?, timestamp: timestamp?, signature: signature? })
    })
}

fn notice(headers: &HeaderMap, body: &[u8], verification: Verification) -> Result<Notice, Refusal> {
    let Ok(Value::Object(body)) = json::parse(body) else { return Err(Refusal::Malformed) };
    let event_id = match standard_headers(headers) {
        // A repeat carries the same id in its header; what the body holds is not its business.
        Some(standard) => Some(standard.id.to_owned()).filter(|id| is_name(id)),
        None => text(&body, &EVENT_ID),
    };
    let named = text(&body, &HASH);
    let payment_hash = named.as_deref().and_then(Hash::from_hex);
    // What is no hash may still be the producer's own name for the payment.
    let provider_id =
        text(&body, &PROVIDER_ID).or_else(|| named.filter(|_| payment_hash.is_none()));
    if event_id.is_none() || (payment_hash.is_none() && provider_id.is_none()) {
        return Err(Refusal::Malformed);
    }
    Ok(Notice {
        event_id,
        payment_hash,
        provider_id,
        says: says(&body).ok_or(Refusal::Malformed)?,
        occurred_at: OCCURRED.iter().find_map(|key| instant(body.get(*key)?)),
        verification,
        needs_confirmation: false,
    })
}

/// Whether a name of somebody else's may stand in a fact as it is: short, and it shows what it holds.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// A word that we do not know, as it may stand in a fact.
pub(crate) fn word(text: &str) -> String {
    let shown = |c: &char| c.is_ascii_graphic() || *c == ' ';
    text.chars().filter(shown).take(WORD_CHARS_MAX).collect()
}

fn text(body: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    let value = keys.iter().find_map(|key| body.get(*key).filter(|value| !value.is_null()))?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| is_name(text))
}

fn says(body: &Map<String, Value>) -> Option<Says> {
    let word = match STATUS.iter().find_map(|key| body.get(*key).filter(|value| !value.is_null())) {
        Some(value) => value.as_str()?.trim().to_ascii_lowercase(),
        None => (*FLAGS.iter().find(|flag| body.get(**flag) == Some(&Value::Bool(true)))?).into(),
    };
    Some(match word.as_str() {
        "paid" | "settled" | "complete" | "completed" => {
            Says::Paid { received_msat: received(body).ok()? }
        }
        "expired" => Says::Expired,
        "failed" | "error" => Says::Failed,
        "pending" => Says::Pending,
        "" => return None,
        other => Says::Other(self::word(other)),
    })
}

/// The amount, if one is told.
fn received(body: &Map<String, Value>) -> Result<Option<u64>, Refusal> {
    match RECEIVED.iter().find_map(|key| body.get(*key).filter(|value| !value.is_null())) {
        None => Ok(None),
        Some(Value::String(digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| Refusal::Malformed)
        }
        Some(value) => value.as_u64().map(Some).ok_or(Refusal::Malformed),
    }
}

fn instant(value: &Value) -> Option<Time> {
    if let Some(text) = value.as_str() {
        let date = DateTime::parse_from_rfc3339(text).ok()?;
        return Some(Time::from_micros(date.timestamp_micros()));
    }
    let number = value.as_i64()?;
    if number > SECONDS_MAX {
        number.checked_mul(1_000).map(Time::from_micros)
    } else {
        Some(Time::from_seconds(number))
    }
}

#[cfg(test)]
mod tests;

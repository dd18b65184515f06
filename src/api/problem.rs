//! From what went wrong to what a caller is told: the one mapping.

use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use piperoll_domain::id::TenantId;

pub(super) use crate::problem::{Code, Limited, Problem};
use crate::{api::extract::is_printable, engine, service, views};

/// How much of what is wrong is told.
const DETAIL_CHARS_MAX: usize = 300;
/// How much of a field's name is.
const NAME_CHARS_MAX: usize = 100;

/// A field of the body, or a name of the path or the query, is wrong.
pub(super) fn field(name: &str, what: &str) -> Problem {
    let unknown = what.starts_with("unknown field");
    let code = if unknown { Code::UnknownField } else { Code::FieldInvalid };
    Problem::new(code, shown(what, DETAIL_CHARS_MAX)).field(shown(name, NAME_CHARS_MAX))
}

/// What came in is told back in part only, and as it can be printed.
fn shown(text: &str, chars_max: usize) -> String {
    let plain = |c| if is_printable(c) { c } else { '\u{fffd}' };
    let mut shown: String = text.chars().take(chars_max).map(plain).collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

/// A body did not come in whole.
pub(super) fn body(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Code::BodyTooLarge, "the body is longer than what is accepted here")
        }
        _ => Problem::new(Code::MalformedJson, "the body did not come in whole"),
    }
}

pub(super) fn not_found(what: &str) -> Problem {
    Problem::new(Code::NotFound, format!("{what} does not exist"))
}

/// No tenant has this name, as far as the caller can see.
pub(super) fn no_tenant(tenant: &TenantId) -> Problem {
    service::Error::TenantNotFound { tenant: tenant.clone() }.into()
}

/// What an engine's error is told as.
pub(super) fn of_engine(error: &engine::Error) -> Problem {
    match error {
        engine::Error::Rejected(rejection) => rejection.into(),
        engine::Error::Busy | engine::Error::Repeats(_) => {
            Problem::new(Code::Busy, "too many commands are waiting")
        }
        engine::Error::ClockBehind { behind_ms } => {
            let detail = format!("the clock is {behind_ms} ms behind the last record");
            Problem::new(Code::ClockBehind, detail)
        }
        engine::Error::NotWritten => {
            told(error);
            Problem::new(Code::Unavailable, "nothing was written; ask again with the same key")
        }
        engine::Error::Unreadable(_) => Problem::internal(error),
        engine::Error::Unknown => {
            told(error);
            let detail = "whether it was written is not known; ask again with the same key";
            Problem::new(Code::Unavailable, detail)
        }
    }
}

/// One line for what a caller is only told in general.
fn told(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "a request was not answered");
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        of_engine(&error)
    }
}

impl From<views::Error> for Problem {
    fn from(error: views::Error) -> Self {
        match &error {
            views::Error::Cursor => {
                Self::new(Code::CursorInvalid, error.to_string()).field("after")
            }
            views::Error::Behind { .. } => Self::new(Code::ViewBehind, error.to_string()),
            _ => Self::internal(&error),
        }
    }
}

impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Self {
        use service::Error;
        let said = error.to_string();
        match &error {
            Error::Engine(inner) => of_engine(inner),
            Error::ProviderUnavailable { .. } => Self::new(Code::ProviderUnavailable, said),
            Error::ProviderRefused { payment, class } => Self::new(Code::ProviderRefused, said)
                .with("payment", payment.as_str())
                .with("reason", class.as_str()),
            Error::OutcomeUnknown { payment } | Error::Abandoned { payment } => {
                Self::new(Code::ProviderOutcomeUnknown, said).with("payment", payment.as_str())
            }
            Error::InProgress { payment, retry_after } => {
                Self::new(Code::IdempotencyInProgress, said)
                    .with("payment", payment.as_str())
                    .retry_after(seconds(*retry_after))
            }
            Error::RateLimited { retry_after } => {
                let problem = Self::new(Code::RateLimited, said).limited(Limited::Invoices);
                problem.retry_after(seconds(*retry_after))
            }
            Error::TenantNotFound { .. } => Self::new(Code::TenantNotFound, said),
            Error::NoTenant => Self::new(Code::Forbidden, said),
            Error::NoSandbox => Self::new(Code::NotFound, said),
            Error::Sandbox(source) => {
                Self::new(Code::FieldInvalid, source.to_string()).field("invoice")
            }
            Error::Scope => Self::new(Code::OfferInvalid, said),
            Error::Connection { .. } => {
                told(&error);
                Self::new(Code::Unavailable, "the connection cannot be used; our log tells why")
            }
            Error::Keyring(why) if why.may_pass() => {
                told(&error);
                let detail =
                    "the keys of sealed text cannot be reached; ask again with the same key";
                Self::new(Code::Unavailable, detail)
            }
            Error::Keyring(_)
            | Error::NotOpen
            | Error::Name(_)
            | Error::Random(_)
            | Error::Token(_)
            | Error::Challenge(_)
            | Error::Interrupted => Self::internal(&error),
        }
    }
}

/// Whole seconds, rounded up.
pub(super) fn seconds(lasting: std::time::Duration) -> u32 {
    let whole = u32::try_from(lasting.as_secs()).unwrap_or(u32::MAX);
    whole.saturating_add(u32::from(lasting.subsec_nanos() > 0)).max(1)
}

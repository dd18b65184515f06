//! What a client is told when something did not work: `application/problem+json` (RFC 9457).

mod code;
mod field;
mod refusal;

pub use code::Code;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use piperoll_domain::{money::Money, rejection::Rejection};
use serde_json::{Map, Value, json};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// What the plain body of a 402 says, beside what every problem does.
const INSUFFICIENT: &str = "insufficient_credits";
const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"piperoll\"");

/// Which limit of a rate was met. Stands among an answer's extensions, not in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Invoices for strangers.
    Invoices,
    /// What one service finalizes.
    Finalizes,
    /// Credentials that open nothing.
    Credentials,
}

impl Limited {
    /// The word that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoices => "invoices",
            Self::Finalizes => "finalizes",
            Self::Credentials => "credentials",
        }
    }
}

/// One thing that went wrong, told to a client. `code` is for programs, `detail` for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    status: StatusCode,
    detail: String,
    field: Option<String>,
    instance: Option<String>,
    retry_after: Option<u32>,
    limited: Option<Limited>,
    extra: Map<String, Value>,
}

impl Problem {
    /// With the code's own status and patience.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            field: None,
            instance: None,
            retry_after: code.retry_after(),
            limited: None,
            extra: Map::new(),
        }
    }

    /// Logs the whole chain of causes and tells the client nothing of it.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        Self::new(Code::Internal, "nothing is known about the cause here; our log tells it")
    }

    /// Names the field that is wrong, as a path: `price.amount`.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Names the field as another body does: each pair is a name of ours, and theirs.
    #[must_use]
    pub fn renamed(mut self, names: &[(&str, &str)]) -> Self {
        let is_ours = |(ours, _): &&(&str, &str)| self.field.as_deref() == Some(*ours);
        if let Some((_, theirs)) = names.iter().find(is_ours) {
            self.field = Some((*theirs).to_owned());
        }
        self
    }

    /// Says in which item of a batch it is wrong; a field that is named is the item's.
    #[must_use]
    pub fn of_item(mut self, index: usize) -> Self {
        let item = format!("items.{index}");
        let field = self.field.take().filter(|field| !field.is_empty());
        self.field = Some(field.map_or_else(|| item.clone(), |field| format!("{item}.{field}")));
        self
    }

    /// Names this occurrence: the id of the request.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Answers with another status, where a path of the runbooks wants one.
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Says when asking again makes sense, in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Says which limit was met, for those who count.
    #[must_use]
    pub const fn limited(mut self, limit: Limited) -> Self {
        self.limited = Some(limit);
        self
    }

    /// Tells one thing more; what every problem tells cannot be told otherwise.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        let mut body = self.extra.clone();
        let mut tell = |name: &str, value: Value| body.insert(name.to_owned(), value);
        tell("type", format!("urn:piperoll:problem:{}", self.code.as_str()).into());
        tell("title", self.code.title().into());
        tell("status", self.status.as_u16().into());
        tell("code", self.code.as_str().into());
        tell("detail", self.detail.as_str().into());
        for (name, told) in [("field", &self.field), ("instance", &self.instance)] {
            if let Some(told) = told {
                tell(name, told.as_str().into());
            }
        }
        Value::Object(body)
    }
}

impl From<&Rejection> for Problem {
    fn from(rejection: &Rejection) -> Self {
        let mut problem = Self::new(rejection.into(), rejection.to_string());
        problem.field = field::of(rejection).map(str::to_owned);
        match rejection {
            Rejection::CreditInsufficient { missing } => {
                problem.with("missing", money(*missing)).with("error", INSUFFICIENT)
            }
            Rejection::AmountOutOfRange { least, most, .. } => {
                problem.with("least", money(*least)).with("most", money(*most))
            }
            Rejection::CeilingExceeded { ceiling, of, .. } => {
                problem.with("ceiling", money(*ceiling)).with("set_by", of.as_str())
            }
            Rejection::ReservationFinalized { cost } => problem.with("cost", money(*cost)),
            Rejection::ClawbackExceeds { left }
            | Rejection::RefundExceeds { left }
            | Rejection::BudgetExceeded { left }
            | Rejection::CapExceeded { left } => problem.with("left", money(*left)),
            Rejection::CampaignNotActive { status } | Rejection::CampaignWrongStatus { status } => {
                problem.with("campaign_status", status.as_str())
            }
            Rejection::DurationOutOfRange { most, .. } => problem.with("most_seconds", *most),
            Rejection::PaymentTooLate { status } | Rejection::PaymentNotPaid { status } => {
                problem.with("payment_status", status.as_str())
            }
            Rejection::BillingChanged { version } => problem.with("version", *version),
            Rejection::StreamFrozen { position, .. }
            | Rejection::PossibleDuplicate { position } => problem.with("position", *position),
            Rejection::Item { index, refusal } => Self::from(&**refusal).of_item(*index),
            // Which name, and where it was taken, may be another tenant's business.
            Rejection::ClaimTaken { .. } => Self { detail: "the name is taken".into(), ..problem },
            _ => problem,
        }
    }
}

/// Money as the API writes it.
fn money(money: Money) -> Value {
    json!({ "commodity": money.commodity.as_str(), "amount": money.amount.to_string() })
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::from(&rejection)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, BEARER);
        }
        if let Some(limit) = self.limited {
            response.extensions_mut().insert(limit);
        }
        response
    }
}

#[cfg(test)]
mod tests;

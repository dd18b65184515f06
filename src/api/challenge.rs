//! Challenges: how an invoice and its token are shown, in a 402 and elsewhere.

use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ACCESS_CONTROL_EXPOSE_HEADERS, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        position::{POSITION, Position},
        problem::Code,
        render::{Answer, At, Sum, msat},
    },
    config::Compat,
    l402::challenge::{BARE, Challenge},
    service::{Checkout, Refusal},
};

/// Names the payment behind a 402.
const PAYMENT: HeaderName = HeaderName::from_static("piperoll-payment");

/// An invoice to be paid, and the token that paying it makes good.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Offered {
    /// The payment's name.
    payment: String,
    /// Where it stands.
    #[schema(example = "pending")]
    status: &'static str,
    /// What it costs.
    price: Sum,
    /// What the payer pays: BOLT11; null once it was erased.
    payment_request: Option<String>,
    /// Its payment hash.
    payment_hash: Option<String>,
    /// How much it asks for, in millisatoshi.
    amount_msat: Option<u64>,
    /// The provider's own name for it.
    provider_id: String,
    /// Until when it can be paid.
    expires_at: At,
    /// The token, in base64.
    token: Option<String>,
    /// The lines of a 402, to be handed on as they are.
    www_authenticate: Vec<String>,
    /// When it was asked for.
    requested_at: At,
}

impl Offered {
    pub(super) fn of(api: &Api, checkout: &Checkout) -> Self {
        let instrument = &checkout.instrument;
        Self {
            payment: checkout.payment.to_string(),
            status: "pending",
            price: checkout.requested.price.into(),
            payment_request: checkout.invoice.clone(),
            payment_hash: instrument.payment_hash.map(|hash| hash.to_string()),
            amount_msat: msat(instrument.amount),
            provider_id: instrument.provider_id.clone(),
            expires_at: At(instrument.expires_at),
            token: checkout.token.clone(),
            www_authenticate: lines(api, checkout.challenge.as_ref()),
            requested_at: At(checkout.requested_at),
        }
    }
}

/// The lines of a challenge, as configured.
pub(super) fn lines(api: &Api, challenge: Option<&Challenge>) -> Vec<String> {
    match challenge {
        Some(challenge) if api.settings().drop_lsat_line => vec![challenge.l402()],
        Some(challenge) => challenge.lines().into(),
        None => vec![],
    }
}

/// An invoice that a tenant's application asked for.
pub(super) fn created(api: &Api, checkout: &Checkout) -> Answer<Offered> {
    let answer = Answer::at(api, checkout.head, Offered::of(api, checkout)).created();
    Answer { replayed: checkout.replayed, ..answer }
}

/// What a buyer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deny {
    /// 402, with what to pay.
    Charge,
    /// A bare 401, for proxies that know no 402.
    Bare,
}

/// Says no as the protocol, or the caller's dialect of it, wants.
pub(super) fn refused(api: &Api, refusal: Refusal, deny: Deny) -> Response {
    let compat = api.settings().compat;
    let said = refusal.to_string();
    let (code, checkout) = match refusal {
        Refusal::NoCredential(checkout) => (Code::PaymentRequired, checkout),
        Refusal::Unsettled(checkout) => (Code::CredentialUnsettled, checkout),
        Refusal::UsedUp(_) if compat == Compat::Wordclaw => return consumed(&said),
        Refusal::UsedUp(checkout) => (Code::EntitlementUsedUp, checkout),
        Refusal::Expired(checkout) | Refusal::Revoked(checkout) => {
            (Code::CredentialExpired, checkout)
        }
        Refusal::Denied => return bare(Code::PaymentRequired, &said),
        Refusal::Malformed(_) => return bare(Code::CredentialMalformed, &said),
        Refusal::Invalid => return bare(Code::CredentialInvalid, &said),
        Refusal::WrongScope(why) => {
            return Problem::new(Code::CredentialWrongScope, format!("{said}: {why}"))
                .into_response();
        }
        Refusal::Path(why) => {
            let problem = Problem::new(Code::FieldInvalid, format!("{said}: {why}"));
            return problem.status(StatusCode::BAD_REQUEST).field("path").into_response();
        }
        Refusal::ProviderUnavailable(_) => {
            return Problem::new(Code::ProviderUnavailable, said).into_response();
        }
        Refusal::Error(error) => return Problem::from(error).into_response(),
    };
    if deny == Deny::Bare { bare(code, &said) } else { charge(api, code, &said, &checkout) }
}

/// 402: both lines, and a body for programs.
pub(super) fn charge(api: &Api, code: Code, said: &str, checkout: &Checkout) -> Response {
    ask(api, Problem::new(code, said), checkout)
}

/// 402 with that problem, and what to pay.
pub(super) fn ask(api: &Api, problem: Problem, checkout: &Checkout) -> Response {
    let Offered { payment_hash, amount_msat, expires_at, payment_request, .. } =
        Offered::of(api, checkout);
    let expires_at = serde_json::to_value(expires_at).unwrap_or_default();
    let problem = problem
        .status(StatusCode::PAYMENT_REQUIRED)
        .with("payment", checkout.payment.as_str())
        .with("payment_hash", payment_hash)
        .with("amount_msat", amount_msat)
        .with("expires_at", expires_at)
        .with("payment_request", payment_request);
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    for line in lines(api, checkout.challenge.as_ref()) {
        if let Ok(line) = HeaderValue::from_str(&line) {
            headers.append(WWW_AUTHENTICATE, line);
        }
    }
    if let Ok(payment) = HeaderValue::from_str(checkout.payment.as_str()) {
        headers.insert(PAYMENT, payment);
    }
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed());
    let position = Position::head(api.service().engine(), checkout.head);
    headers.insert(POSITION, position.header());
    response
}

/// 401 with a challenge that asks for nothing: forged credentials make no invoices.
pub(super) fn bare(code: Code, said: &str) -> Response {
    let problem = Problem::new(code, said).status(StatusCode::UNAUTHORIZED);
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(BARE));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed());
    response
}

fn exposed() -> HeaderValue {
    HeaderValue::from_static("WWW-Authenticate, Piperoll-Payment, Piperoll-Position")
}

/// What callers of the `wordclaw` dialect look for.
fn consumed(said: &str) -> Response {
    Problem::new(Code::Consumed, said).with("error", "PAYMENT_CONSUMED").into_response()
}

/// Whether a dialect answers a credential that is no good with a fresh challenge instead of a 401.
pub(super) const fn sells_anew(compat: Compat, refusal: &Refusal) -> bool {
    matches!(compat, Compat::Aperture)
        && matches!(refusal, Refusal::Malformed(_) | Refusal::Invalid)
}

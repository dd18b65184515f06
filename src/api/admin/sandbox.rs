//! The sandbox, for people who try: pay an invoice, make things go wrong. In development only.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    routing::{post, put},
};
use piperoll_domain::{id::ConnectionId, roll::Environment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        caller::Caller,
        extract::{Json, Path},
        problem,
        render::Answer,
    },
    providers::sandbox::{CreateFault, Faults, PayOptions, WebhookFaults},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/admin/sandbox/pay", post(pay))
        .route("/v1/admin/sandbox/{connection}/faults", put(faults))
}

/// An invoice to be paid.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Bill {
    /// The invoice: BOLT11, of a sandbox of this roll.
    invoice: String,
    /// How much; what it asks for unless said.
    amount_msat: Option<u64>,
}

/// An invoice that was paid.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Receipt {
    /// What paying revealed, in hexadecimal.
    preimage: String,
}

/// Pays an invoice of a sandbox; the webhooks that tell of it are sent.
#[utoipa::path(post, path = "/v1/admin/sandbox/pay", tag = "admin", request_body = Bill,
    responses((status = 200, body = Receipt)))]
pub(in crate::api) async fn pay(
    State(api): State<Api>,
    _: Caller,
    Json { value: bill, .. }: Json<Bill>,
) -> Result<Answer<Receipt>, Problem> {
    must_be_play(&api)?;
    let options = PayOptions { amount_msat: bill.amount_msat, faults: None };
    let preimage = api.service().pay_sandbox(&bill.invoice, options).await?;
    let receipt = Receipt { preimage: hex::encode(preimage.reveal()) };
    Ok(Answer::at(&api, api.service().engine().head(), receipt))
}

/// What shall go wrong from now on; what is not said goes right.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct NewFaults {
    /// What happens to create calls.
    create: NewCreateFault,
    /// What happens to webhooks.
    webhook: NewWebhookFaults,
    /// Status calls find nobody.
    status_unreachable: bool,
    /// For so many seconds after a payment, status calls still say that it is pending.
    status_lies_for_seconds: Option<u32>,
    /// Payments after expiry are taken.
    accepts_late: bool,
    /// An invoice can be paid twice.
    accepts_double: bool,
}

/// What happens to create calls.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum NewCreateFault {
    /// Nothing.
    #[default]
    None,
    /// They find nobody.
    Unreachable,
    /// They are refused.
    Refused,
    /// The invoice is made and the answer is lost.
    AnswerLost,
}

/// What happens to webhooks.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each fault happens or does not")]
pub(in crate::api) struct NewWebhookFaults {
    /// They never arrive.
    lost: bool,
    /// They arrive twice.
    doubled: bool,
    /// Their signature is wrong.
    forged: bool,
    /// They arrive after the next payment's.
    reordered: bool,
    /// They arrive so many seconds late.
    late_seconds: Option<u32>,
}

impl NewFaults {
    fn faults(&self) -> Faults {
        let lasting = |seconds: u32| Duration::from_secs(seconds.into());
        let webhook = &self.webhook;
        Faults {
            slow: None,
            create: match self.create {
                NewCreateFault::None => CreateFault::None,
                NewCreateFault::Unreachable => CreateFault::Unreachable,
                NewCreateFault::Refused => CreateFault::Refused,
                NewCreateFault::AnswerLost => CreateFault::AnswerLost,
            },
            webhook: WebhookFaults {
                lost: webhook.lost,
                doubled: webhook.doubled,
                forged: webhook.forged,
                reordered: webhook.reordered,
                late: webhook.late_seconds.map(lasting),
            },
            status_unreachable: self.status_unreachable,
            status_lies_for: self.status_lies_for_seconds.map(lasting),
            accepts_late: self.accepts_late,
            accepts_double: self.accepts_double,
        }
    }
}

/// Says what shall go wrong from now on.
#[utoipa::path(put, path = "/v1/admin/sandbox/{connection}/faults", tag = "admin",
    params(("connection" = String, Path)), request_body = NewFaults,
    responses((status = 200, body = NewFaults)))]
pub(in crate::api) async fn faults(
    State(api): State<Api>,
    _: Caller,
    Path(connection): Path<ConnectionId>,
    Json { value: faults, .. }: Json<NewFaults>,
) -> Result<Answer<NewFaults>, Problem> {
    must_be_play(&api)?;
    let line = api.service().line(&connection)?;
    let sandbox = line.sandbox().ok_or_else(|| problem::not_found("the sandbox"))?;
    sandbox.set_faults(faults.faults());
    Ok(Answer::at(&api, api.service().engine().head(), faults))
}

fn must_be_play(api: &Api) -> Result<(), Problem> {
    match api.service().engine().directory().environment() {
        Environment::Development => Ok(()),
        Environment::Production => Err(problem::not_found("the sandbox")),
    }
}

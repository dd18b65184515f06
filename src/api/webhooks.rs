//! Webhooks: what providers tell us, byte for byte as it came. The adapter says whom it believes.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use piperoll_domain::id::ConnectionId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        extract::Path,
        problem::{self, Code},
    },
    providers::Refusal,
    service::WebhookAnswer,
    telemetry,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/webhooks/{connection}", post(receive))
        .route("/webhooks/{connection}/{token}", post(receive_by_token))
        .route("/api/payments/webhooks/{provider}/settled", post(receive_for_runbooks))
}

/// What became of a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the names that producers look for")]
pub(super) struct Taken {
    /// It was taken in.
    accepted: bool,
    /// It had been taken in before.
    duplicate: bool,
    /// A payment moved because of it.
    applied: bool,
    /// No payment is known by its names yet; it is tried again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unknown_payment: bool,
    /// Why nothing moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The receipt that stands in the roll.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

type Body = Result<Bytes, BytesRejection>;

/// Takes in a signed webhook.
#[utoipa::path(post, path = "/webhooks/{connection}", tag = "webhooks",
    params(("connection" = String, Path)), request_body(content = Vec<u8>, content_type = "*/*"),
    responses((status = 202, body = Taken)))]
pub(super) async fn receive(
    State(api): State<Api>,
    Path(connection): Path<ConnectionId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&api, &connection, None, &headers, body).await
}

/// Takes in a webhook under the secret address that was handed out for one payment.
#[utoipa::path(post, path = "/webhooks/{connection}/{token}", tag = "webhooks",
    params(("connection" = String, Path), ("token" = String, Path)),
    request_body(content = Vec<u8>, content_type = "*/*"), responses((status = 202, body = Taken)))]
pub(super) async fn receive_by_token(
    State(api): State<Api>,
    Path((connection, token)): Path<(ConnectionId, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&api, &connection, Some(&token), &headers, body).await
}

/// Takes in a signed webhook under the path of the runbooks: a connection's name, or its kind where
/// only one connection is of that kind.
#[utoipa::path(post, path = "/api/payments/webhooks/{provider}/settled", tag = "runbooks",
    params(("provider" = String, Path)), request_body(content = Vec<u8>, content_type = "*/*"),
    responses((status = 202, body = Taken)))]
pub(super) async fn receive_for_runbooks(
    State(api): State<Api>,
    Path(provider): Path<ConnectionId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let directory = api.service().engine().directory();
    let connection = if directory.connection(&provider).is_some() {
        provider
    } else {
        let of_kind = |account: Option<&piperoll_domain::connection::Account>| {
            account.is_some_and(|account| account.kind == provider.as_str())
        };
        let mut all = directory.connections().filter(|(_, known)| of_kind(known.account.as_ref()));
        match (all.next(), all.next()) {
            (Some((one, _)), None) => one,
            _ => return Err(problem::not_found("the connection")),
        }
    };
    take(&api, &connection, None, &headers, body).await
}

async fn take(
    api: &Api,
    connection: &ConnectionId,
    token: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| problem::body(&rejection))?;
    let directory = api.service().engine().directory();
    let known = directory.connection(connection).and_then(|known| known.account.as_ref());
    let kind = known.ok_or_else(|| problem::not_found("the connection"))?.kind.clone();
    let answer = api.service().receive(connection, token, headers, &body).await;
    let answer = answer.inspect_err(|_| telemetry::webhook(&kind, "unknown", "error"))?;
    if let Some(refusal) = answer.refused {
        telemetry::webhook(&kind, "unknown", "error");
        return Err(refused(refusal));
    }
    if answer.duplicate {
        telemetry::webhook(&kind, "unknown", "duplicate");
    }
    Ok((StatusCode::ACCEPTED, Json(Taken::of(answer))).into_response())
}

impl Taken {
    fn of(answer: WebhookAnswer) -> Self {
        let WebhookAnswer {
            accepted, duplicate, unknown_payment, applied, reason, receipt, ..
        } = answer;
        let receipt = receipt.map(|receipt| receipt.to_string());
        Self { accepted, duplicate, applied, unknown_payment, reason, receipt }
    }
}

fn refused(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::Missing => Code::WebhookSignatureMissing,
        Refusal::BadSignature | Refusal::Stale => Code::WebhookSignatureInvalid,
        Refusal::Malformed => Code::WebhookMalformed,
        Refusal::NotConfigured => Code::Unavailable,
    };
    Problem::new(code, refusal.to_string())
}

//! Top-ups, the L402 way: a 402 with what to pay, then the same request with what paying revealed.

use axum::{
    Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use piperoll_domain::{
    event::Idempotency,
    id::{AccountId, ConnectionId, Pool},
    money::Money,
    operation::Purpose,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        asking::Beside,
        authorize::credential,
        caller::Of,
        challenge::{self, Deny},
        extract::Write,
        forwarded::Original,
        problem::Code,
        render::{Answer, Sum},
    },
    l402::credential::CredentialError,
    service::{For, Opens, Redeemed, TOPUPS, TOPUPS_PATH, UseRequest},
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route(TOPUPS_PATH, post(top_up))
}

/// Credit to be paid for, one for one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopUp {
    /// Whose account gets it.
    #[schema(value_type = String)]
    account: AccountId,
    /// How much, in MSAT.
    #[schema(value_type = Sum)]
    amount: Money,
    /// Where it shall lie; `general` unless said.
    #[schema(value_type = Option<String>)]
    pool: Option<Pool>,
    /// How long it lasts once it is paid; for ever unless said.
    expires_after_seconds: Option<u32>,
    /// Through which provider account.
    #[schema(value_type = Option<String>)]
    connection: Option<ConnectionId>,
    /// How long the invoice can be paid.
    expiry_seconds: Option<u32>,
    /// The caller's own name for it; opaque.
    reference: Option<String>,
    /// Whatever the caller wants to be told again; sealed before it is kept.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// What the payer reads in the invoice.
    description: Option<String>,
}

/// Credit that was paid for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToppedUp {
    /// By which payment.
    payment: String,
    /// In whose account.
    account: String,
    /// In which lot; null for one that an operator gave before, once it is empty.
    lot: Option<String>,
}

/// Asks for 402, then, with the paid credential in `Authorization` and the key in `Piperoll-Key`,
/// answers with the lot. Showing the credential again gives the same lot.
#[utoipa::path(post, path = "/v1/topups", tag = "topups", request_body = TopUp, responses(
    (status = 201, body = ToppedUp), (status = 402, description = "What to pay.")
))]
pub(super) async fn top_up(
    State(api): State<Api>,
    of: Of,
    original: Original,
    headers: HeaderMap,
    write: Write<TopUp>,
) -> Result<Response, Problem> {
    let key = write.key("topup.create", &[])?;
    match credential(&headers) {
        Ok(credential) => {
            original.must_be_safe(&api)?;
            let request = request(&of, &headers)?;
            match api.service().redeem(credential, request).await {
                Ok(redeemed) => topped_up(&api, redeemed),
                Err(refusal) => Ok(challenge::refused(&api, refusal, Deny::Charge)),
            }
        }
        Err(CredentialError::Malformed(why)) => {
            Ok(challenge::bare(Code::CredentialMalformed, &why.to_string()))
        }
        Err(CredentialError::Absent) => charge(&api, &of, write.body, key).await,
    }
}

async fn charge(api: &Api, of: &Of, body: TopUp, key: Idempotency) -> Result<Response, Problem> {
    let purpose = Purpose::TopUp {
        account: body.account,
        price: body.amount,
        pool: body.pool.unwrap_or_else(Pool::general),
        expires_after_seconds: body.expires_after_seconds,
    };
    let beside = Beside {
        connection: body.connection,
        expiry_seconds: body.expiry_seconds,
        reference: body.reference,
        metadata: body.metadata,
        description: body.description,
    };
    let ask = beside.ask(purpose, For::Application)?;
    let checkout = api.service().checkout(&of.who, ask, Some(key)).await?;
    let said = "pay the invoice, then ask again with the credential";
    let mut response = challenge::charge(api, Code::PaymentRequired, said, &checkout);
    if checkout.replayed {
        crate::api::render::mark_replayed(response.headers_mut());
    }
    Ok(response)
}

fn request(of: &Of, headers: &HeaderMap) -> Result<UseRequest, Problem> {
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    let service = TOPUPS.parse();
    Ok(UseRequest {
        who: of.who.clone(),
        service: service.map_err(|error| Problem::internal(&error))?,
        method: "POST".to_owned(),
        path: TOPUPS_PATH.to_owned(),
        request_id: request_id.map(str::to_owned),
        body_digest: None,
        buyer: For::Application,
    })
}

fn topped_up(api: &Api, redeemed: Redeemed) -> Result<Response, Problem> {
    let Opens::Credit { account, lot } = redeemed.opens else {
        let detail = "the credential was not sold for a top-up";
        return Err(Problem::new(Code::CredentialWrongScope, detail));
    };
    let body = ToppedUp {
        payment: redeemed.payment.to_string(),
        account: account.to_string(),
        lot: lot.map(|lot| lot.to_string()),
    };
    Ok(Answer::at(api, redeemed.head, body).created().into_response())
}

//! L402 for applications that answer their buyers themselves: challenge, redeem, release.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use piperoll_domain::{
    bytes::Hash,
    id::{AccountId, ConnectionId, EntitlementId, OfferId, Service},
    operation::{Purpose, ReleaseUse},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        asking::Beside,
        caller::Of,
        challenge::{self, Deny, Offered},
        extract::{Json, Write, is_printable},
        problem::{self, Code},
        render::{Answer, At},
    },
    l402::credential::{Credential, CredentialError},
    service::{For, Opens, Redeemed, UseRequest},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/l402/challenge", post(challenge_for))
        .route("/v1/l402/redeem", post(redeem))
        .route("/v1/l402/release", post(release))
}

/// What is offered to a buyer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChallenge {
    /// What is sold.
    #[schema(value_type = String)]
    offer: OfferId,
    /// How often its price is paid; once unless said.
    quantity: Option<u32>,
    /// Whose account it concerns.
    #[schema(value_type = Option<String>)]
    account: Option<AccountId>,
    /// The buyer, if the application knows one: an opaque name. The same buyer, offer, method and
    /// path get the same challenge while it can be paid.
    buyer: Option<String>,
    /// The method that was asked for; goes with `path`.
    method: Option<String>,
    /// The path that was asked for; goes with `method`.
    path: Option<String>,
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

/// Makes a challenge to be handed to a buyer.
#[utoipa::path(post, path = "/v1/l402/challenge", tag = "l402", request_body = NewChallenge,
    responses((status = 201, body = Offered)))]
pub(super) async fn challenge_for(
    State(api): State<Api>,
    of: Of,
    write: Write<NewChallenge>,
) -> Result<Answer<Offered>, Problem> {
    let key = write.key("l402.challenge", &[])?;
    let body = write.body;
    let (offer, quantity) = (body.offer, body.quantity.unwrap_or(1));
    let purpose = Purpose::Offer { offer, quantity, account: body.account };
    let beside = Beside {
        connection: body.connection,
        expiry_seconds: body.expiry_seconds,
        reference: body.reference,
        metadata: body.metadata,
        description: body.description,
    };
    let at = match (body.method, body.path) {
        (Some(method), Some(path)) => Some((method, path)),
        (None, None) => None,
        _ => return Err(problem::field("path", "method and path go together")),
    };
    let mut ask = beside.ask(purpose, buyer(body.buyer)?)?;
    ask.at = at;
    let checkout = api.service().checkout(&of.who, ask, Some(key)).await?;
    Ok(challenge::created(&api, &checkout))
}

/// An opaque name.
fn buyer(name: Option<String>) -> Result<For, Problem> {
    match name {
        None => Ok(For::Application),
        Some(name) if (1..=200).contains(&name.len()) && name.chars().all(is_printable) => {
            Ok(For::Buyer(name))
        }
        Some(_) => {
            let what = "it has 1 to 200 bytes, and none that cannot be printed";
            Err(problem::field("buyer", what))
        }
    }
}

/// A credential that a buyer showed, and what for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// The buyer's `Authorization` field, as it came.
    authorization: String,
    /// The service that was asked for.
    #[schema(value_type = String)]
    service: Service,
    /// The method, as the request spells it.
    method: String,
    /// The path with its query, as the request spells it.
    path: String,
    /// The request's id: makes a repeat the same use.
    request_id: Option<String>,
    /// SHA-256 of the body in hexadecimal, where it was seen.
    #[schema(value_type = Option<String>)]
    body_sha256: Option<Hash>,
    /// The buyer, if the application knows one.
    buyer: Option<String>,
}

/// A credential that opened something.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Opened {
    /// The payment behind it.
    payment: String,
    /// Its token id.
    token: String,
    /// Whose account the payment concerns.
    account: Option<String>,
    /// Under which offer it was sold.
    offer: Option<String>,
    /// Under which version of it.
    offer_version: Option<u32>,
    /// What it opened.
    opens: What,
}

/// What a credential opened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum What {
    /// One use of several.
    Use {
        /// Of which entitlement.
        entitlement: String,
        /// Which use; what to release, if it comes to that.
        number: u32,
        /// How many are left.
        left: u32,
        /// It is the same use again, and cost nothing.
        repeated: bool,
    },
    /// As many uses as one likes.
    Pass {
        /// Of which entitlement.
        entitlement: String,
        /// Until when; null without an end.
        until: Option<At>,
    },
    /// Credit was given, once.
    Credit {
        /// In whose account.
        account: String,
        /// In which lot; null for one that an operator gave before, once it is empty.
        lot: Option<String>,
    },
    /// The price is paid; piperoll keeps nothing for it.
    Paid,
}

impl Opened {
    fn of(redeemed: &Redeemed) -> Self {
        Self {
            payment: redeemed.payment.to_string(),
            token: redeemed.token.to_string(),
            account: redeemed.account.as_ref().map(ToString::to_string),
            offer: redeemed.offer.as_ref().map(|offer| offer.id.to_string()),
            offer_version: redeemed.offer.as_ref().map(|offer| offer.version),
            opens: match &redeemed.opens {
                Opens::Use { entitlement, number, left, repeated } => What::Use {
                    entitlement: entitlement.to_string(),
                    number: *number,
                    left: *left,
                    repeated: *repeated,
                },
                Opens::Pass { entitlement, until } => {
                    What::Pass { entitlement: entitlement.to_string(), until: until.map(At) }
                }
                Opens::Credit { account, lot } => {
                    let lot = lot.as_ref().map(ToString::to_string);
                    What::Credit { account: account.to_string(), lot }
                }
                Opens::Paid => What::Paid,
            },
        }
    }
}

/// Lets a paid credential in, once. A refusal is the answer that the buyer is to be given.
#[utoipa::path(post, path = "/v1/l402/redeem", tag = "l402", request_body = Shown, responses(
    (status = 200, body = Opened), (status = 402, description = "It has to pay.")
))]
pub(super) async fn redeem(
    State(api): State<Api>,
    of: Of,
    Json { value: shown, .. }: Json<Shown>,
) -> Result<Response, Problem> {
    let read = Credential::read([shown.authorization.as_bytes()], []);
    let credential = match read {
        Ok(credential) => credential,
        Err(CredentialError::Absent) => {
            return Err(problem::field("authorization", "it is no L402 credential"));
        }
        Err(CredentialError::Malformed(why)) => {
            return Ok(challenge::bare(Code::CredentialMalformed, &why.to_string()));
        }
    };
    let request = UseRequest {
        who: of.who.clone(),
        service: shown.service,
        method: shown.method,
        path: shown.path,
        request_id: shown.request_id,
        body_digest: shown.body_sha256,
        buyer: buyer(shown.buyer)?,
    };
    match api.service().redeem(credential, request).await {
        Ok(redeemed) => Ok(Answer::at(&api, redeemed.head, Opened::of(&redeemed)).into_response()),
        Err(refusal) => Ok(challenge::refused(&api, refusal, Deny::Charge)),
    }
}

/// A use to be given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// Of which entitlement.
    #[schema(value_type = String)]
    entitlement: EntitlementId,
    /// Which use.
    number: u32,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// A use that was given back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Released {
    /// Of which entitlement.
    entitlement: String,
    /// Which use.
    number: u32,
}

/// Gives a use back; twice is once.
#[utoipa::path(post, path = "/v1/l402/release", tag = "l402", request_body = Release,
    responses((status = 200, body = Released)))]
pub(super) async fn release(
    State(api): State<Api>,
    of: Of,
    write: Write<Release>,
) -> Result<Answer<Released>, Problem> {
    let key = write.key("l402.release", &[])?;
    let Release { entitlement, number, reason } = write.body;
    let released = Released { entitlement: entitlement.to_string(), number };
    let operation = ReleaseUse { tenant: of.tenant, entitlement, number, reason };
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, released))
}

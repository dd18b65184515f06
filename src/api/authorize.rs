//! Forward-auth: may this request pass? Asked by reverse proxies about every request they guard.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::any,
};
use piperoll_domain::{
    id::{AccountId, Service},
    operation::ReleaseUse,
};
use serde::Deserialize;

use crate::{
    api::{
        Api, Problem,
        caller::Of,
        challenge::{self, Deny},
        extract::{Path, Query},
        forwarded::Original,
        position::{POSITION, Position},
        problem::{self, Code},
    },
    l402::credential::{CARRIERS, Credential, CredentialError},
    service::{Authorized, Forwarded, Opens, Redeemed, Refusal},
};

/// Which entitlement was used.
const ENTITLEMENT: HeaderName = HeaderName::from_static("piperoll-entitlement");
/// What is left of it.
const REMAINING: HeaderName = HeaderName::from_static("piperoll-remaining");
/// Nothing had to be paid yet, under this offer.
const UNMETERED: HeaderName = HeaderName::from_static("piperoll-unmetered");

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/l402/authorize/{service}", any(authorize))
        .route("/v1/l402/authorize/{service}/{*path}", any(authorize_under))
        .route("/v1/l402/challenge/{service}", any(charge))
        .route("/v1/l402/challenge/{service}/{*path}", any(charge_under))
}

/// How the proxy wants its answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    /// `401`: deny with a bare 401 and make no invoice.
    deny: Option<String>,
    /// The account that a credit offer would be for.
    account: Option<AccountId>,
}

impl How {
    fn deny(&self) -> Result<Deny, Problem> {
        match self.deny.as_deref() {
            None | Some("402") => Ok(Deny::Charge),
            Some("401") => Ok(Deny::Bare),
            Some(_) => Err(problem::field("deny", "it is 401 or 402")),
        }
    }
}

/// Decides about the request that the proxy tells of in headers.
#[utoipa::path(get, path = "/v1/l402/authorize/{service}", tag = "l402",
    params(("service" = String, Path), ("deny" = Option<String>, Query), ("account" = Option<String>, Query)),
    responses((status = 200, description = "It may pass."), (status = 402, description = "It has to pay."))
)]
pub(super) async fn authorize(
    State(api): State<Api>,
    of: Of,
    original: Original,
    Path(service): Path<Service>,
    Query(how): Query<How>,
    request: Request,
) -> Response {
    let asked = told(&original, service, &how, request.headers());
    decided(&api, &of, &original, asked, &how).await
}

/// Decides about the request whose path follows and whose method this one has.
#[utoipa::path(get, path = "/v1/l402/authorize/{service}/{path}", tag = "l402",
    params(("service" = String, Path), ("path" = String, Path)),
    responses((status = 200, description = "It may pass."), (status = 402, description = "It has to pay."))
)]
pub(super) async fn authorize_under(
    State(api): State<Api>,
    of: Of,
    original: Original,
    Path((service, _)): Path<(Service, String)>,
    request: Request,
) -> Response {
    let asked = under(&original, service, &request, "authorize");
    decided(&api, &of, &original, asked, &How::default()).await
}

/// The true 402 for the request that the proxy tells of in headers.
#[utoipa::path(post, path = "/v1/l402/challenge/{service}", tag = "l402",
    params(("service" = String, Path), ("account" = Option<String>, Query)),
    responses((status = 402, description = "What to pay."))
)]
pub(super) async fn charge(
    State(api): State<Api>,
    of: Of,
    original: Original,
    Path(service): Path<Service>,
    Query(how): Query<How>,
    request: Request,
) -> Response {
    let asked = told(&original, service, &how, request.headers());
    charged(&api, &of, &original, asked).await
}

/// The true 402 for the request whose path follows and whose method this one has.
#[utoipa::path(get, path = "/v1/l402/challenge/{service}/{path}", tag = "l402",
    params(("service" = String, Path), ("path" = String, Path)),
    responses((status = 402, description = "What to pay."))
)]
pub(super) async fn charge_under(
    State(api): State<Api>,
    of: Of,
    original: Original,
    Path((service, _)): Path<(Service, String)>,
    request: Request,
) -> Response {
    let asked = under(&original, service, &request, "challenge");
    charged(&api, &of, &original, asked).await
}

async fn decided(
    api: &Api,
    of: &Of,
    original: &Original,
    asked: Result<Forwarded, Problem>,
    how: &How,
) -> Response {
    match decide(api, of, original, asked, how).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn decide(
    api: &Api,
    of: &Of,
    original: &Original,
    asked: Result<Forwarded, Problem>,
    how: &How,
) -> Result<Response, Problem> {
    original.must_be_safe(api)?;
    let deny = how.deny()?;
    let asked = Forwarded { deny_401: deny == Deny::Bare, ..asked? };
    let again = fresh(&asked);
    let refusal = match api.service().authorize(&of.who, asked).await {
        Ok(authorized) => return Ok(passed(api, &authorized)),
        Err(refusal) => refusal,
    };
    if deny == Deny::Charge && challenge::sells_anew(api.settings().compat, &refusal) {
        return Ok(match api.service().authorize(&of.who, again).await {
            Ok(authorized) => passed(api, &authorized),
            Err(refusal) => challenge::refused(api, refusal, deny),
        });
    }
    Ok(challenge::refused(api, refusal, deny))
}

async fn charged(
    api: &Api,
    of: &Of,
    original: &Original,
    asked: Result<Forwarded, Problem>,
) -> Response {
    let asked = original.must_be_safe(api).and(asked);
    let asked = match asked {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let again = fresh(&asked);
    match api.service().authorize(&of.who, asked).await {
        // It was denied a moment ago: by now it would pass. Nobody was served, so nothing is used.
        Ok(authorized) => give_back(api, of, &authorized).await,
        Err(Refusal::Malformed(_) | Refusal::Invalid) => {
            match api.service().authorize(&of.who, again).await {
                Ok(authorized) => give_back(api, of, &authorized).await,
                Err(refusal) => challenge::refused(api, refusal, Deny::Charge),
            }
        }
        Err(refusal) => challenge::refused(api, refusal, Deny::Charge),
    }
}

async fn give_back(api: &Api, of: &Of, authorized: &Authorized) -> Response {
    if let Authorized::Paid(Redeemed { opens, .. }) = authorized
        && let Opens::Use { entitlement, number, repeated: false, .. } = opens
    {
        let release = ReleaseUse {
            tenant: of.tenant.clone(),
            entitlement: entitlement.clone(),
            number: *number,
            reason: "only a challenge was asked for".to_owned(),
        };
        if let Err(error) = api.service().execute(&of.who, release, None).await {
            return Problem::from(error).into_response();
        }
    }
    let detail = "nothing has to be paid by now: ask again";
    Problem::new(Code::Unavailable, detail).retry_after(1).into_response()
}

/// The same request without what was no credential.
fn fresh(asked: &Forwarded) -> Forwarded {
    Forwarded {
        service: asked.service.clone(),
        host: asked.host.clone(),
        method: asked.method.clone(),
        path: asked.path.clone(),
        credential: Err(CredentialError::Absent),
        request_id: asked.request_id.clone(),
        body_digest: asked.body_digest,
        client: asked.client,
        user: asked.user.clone(),
        account: asked.account.clone(),
        deny_401: asked.deny_401,
    }
}

fn told(
    original: &Original,
    service: Service,
    how: &How,
    headers: &HeaderMap,
) -> Result<Forwarded, Problem> {
    let (Some(method), Some(path)) = (original.method.clone(), original.path.clone()) else {
        let detail = if original.believed {
            "say the original request in X-Original-Method and X-Original-URI, or X-Forwarded-Method \
             and X-Forwarded-Uri"
        } else {
            "headers about the original request are believed from server.trusted_proxies only"
        };
        return Err(problem::field("x-original-uri", detail));
    };
    let asked = forwarded(original, service, headers, method, path);
    Ok(Forwarded { account: how.account.clone(), ..asked })
}

fn under(
    original: &Original,
    service: Service,
    request: &Request,
    word: &str,
) -> Result<Forwarded, Problem> {
    let path = after(request.uri(), word, &service)
        .ok_or_else(|| problem::field("path", "it follows the service"))?;
    let method: &Method = request.method();
    Ok(forwarded(original, service, request.headers(), method.to_string(), path))
}

/// The path behind the service, byte for byte, with its query.
fn after(uri: &Uri, word: &str, service: &Service) -> Option<String> {
    let prefix = format!("/v1/l402/{word}/{service}");
    let path = uri.path_and_query()?.as_str().strip_prefix(&prefix)?;
    path.starts_with('/').then(|| path.to_owned())
}

fn forwarded(
    original: &Original,
    service: Service,
    headers: &HeaderMap,
    method: String,
    path: String,
) -> Forwarded {
    let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    Forwarded {
        service,
        host: original.host.clone(),
        method,
        path,
        credential: credential(headers),
        request_id: request_id.map(str::to_owned),
        body_digest: None,
        client: original.client,
        user: original.user.clone(),
        account: None,
        deny_401: false,
    }
}

/// What a request carries.
pub(super) fn credential(headers: &HeaderMap) -> Result<Credential, CredentialError> {
    let lines = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let carriers = CARRIERS.iter().flat_map(|name| headers.get_all(*name).iter());
    Credential::read(lines, carriers.map(HeaderValue::as_bytes))
}

fn passed(api: &Api, authorized: &Authorized) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    match authorized {
        Authorized::Unmetered { offer } => say(UNMETERED, offer.as_str()),
        Authorized::Paid(redeemed) => {
            match &redeemed.opens {
                Opens::Use { entitlement, left, .. } => {
                    say(ENTITLEMENT, entitlement.as_str());
                    say(REMAINING, &left.to_string());
                }
                Opens::Pass { entitlement, .. } => {
                    say(ENTITLEMENT, entitlement.as_str());
                    say(REMAINING, "unlimited");
                }
                Opens::Credit { .. } | Opens::Paid => {}
            }
            let position = Position::head(api.service().engine(), redeemed.head);
            headers.insert(POSITION, position.header());
        }
    }
    response
}

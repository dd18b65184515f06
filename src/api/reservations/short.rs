//! What a caller is told whose credit is not enough: how much is missing and, where the tenant sells
//! credit, an invoice for it.

use axum::{
    extract::FromRequestParts,
    http::request,
    response::{IntoResponse, Response},
};
use piperoll_domain::{
    id::{AccountId, Pool},
    operation::Reserve,
};

use crate::{
    api::{
        Api, Problem,
        authorize::credential,
        caller::Of,
        challenge::{self, Deny},
        demand::{Demand, Refusals, missing},
        forwarded::Original,
        problem::Code,
    },
    l402::credential::{Credential, CredentialError},
    service::{self, Shortfall},
};

/// The paid credential that stands beside the caller's key, if one does: somebody was short, paid what
/// he was offered, and asks again.
#[derive(Debug)]
pub(in crate::api) struct Shown(Result<Credential, CredentialError>);

impl FromRequestParts<Api> for Shown {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let shown = credential(&parts.headers);
        if !matches!(shown, Err(CredentialError::Absent)) {
            Original::from_request_parts(parts, api).await?.must_be_safe(api)?;
        }
        Ok(Self(shown))
    }
}

impl Shown {
    /// Whether there is one to be looked into.
    pub(super) const fn is_there(&self) -> bool {
        !matches!(self.0, Err(CredentialError::Absent))
    }

    /// Waits until the credit is there that was paid for; otherwise tells what any door would.
    pub(super) async fn wait(
        self,
        api: &Api,
        of: &Of,
        account: &AccountId,
    ) -> Result<(), Response> {
        let credential = match self.0 {
            Ok(credential) => credential,
            Err(CredentialError::Absent) => return Ok(()),
            Err(CredentialError::Malformed(why)) => {
                return Err(challenge::bare(Code::CredentialMalformed, &why.to_string()));
            }
        };
        let service = api.service();
        match service.paid_for_credit(&of.who, &credential, account, path(account)).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let detail = "the credential was not sold for credit of this account";
                Err(Problem::new(Code::CredentialWrongScope, detail).into_response())
            }
            Err(refusal) => Err(challenge::refused(api, refusal, Deny::Charge)),
        }
    }
}

/// Whether credit was missing.
pub(super) fn is_short(error: &service::Error) -> bool {
    error.rejection().and_then(missing).is_some()
}

/// Where it was asked for.
fn path(account: &AccountId) -> String {
    format!("/v1/accounts/{account}/reservations")
}

/// What was to be set aside, for whoever has to be told that it is not there.
#[derive(Debug)]
pub(super) struct Wanted {
    account: AccountId,
    pool: Pool,
    demand: Demand,
}

impl Wanted {
    pub(super) fn of(wish: &Reserve) -> Self {
        let (account, pool) = (wish.account.clone(), wish.pool.clone());
        Self { account, pool, demand: Demand::to_reserve(wish) }
    }
}

/// A refusal; with an offer where credit was missing. That something is not sold, or that its invoice
/// could not be made, changes nothing about the refusal.
pub(super) async fn refused(api: &Api, of: &Of, wanted: Wanted, error: service::Error) -> Response {
    let Wanted { account, pool, demand } = wanted;
    let missing = error.rejection().and_then(missing);
    let problem = Refusals::to(api, &of.who, &of.tenant).tell(Some(demand), error).await;
    let Some(missing) = missing else { return problem.into_response() };
    let path = path(&account);
    let short = Shortfall { account, pool, missing, path };
    match api.service().offer_credit(&of.who, short).await {
        Ok(Some(checkout)) => {
            let offer = checkout.requested.offer.as_ref().map(|offer| offer.id.to_string());
            challenge::ask(api, problem.with("offer", offer), &checkout)
        }
        Ok(None) => problem.into_response(),
        Err(why) => {
            let why: &dyn std::error::Error = &why;
            tracing::info!(error = why, "no invoice could be made for credit that is missing");
            problem.into_response()
        }
    }
}

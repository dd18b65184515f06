//! What a caller is told whose credit is not enough: how much is missing and, where the tenant sells
//! credit, an invoice for it.

use axum::response::{IntoResponse, Response};
use piperoll_domain::{
    id::{AccountId, Pool},
    rejection::Rejection,
};

use crate::{
    api::{Api, Problem, caller::Of, challenge},
    service::{self, Shortfall},
};

/// A refusal; with an offer where credit was missing. That something is not sold, or that its invoice
/// could not be made, changes nothing about the refusal.
pub(super) async fn refused(
    api: &Api,
    of: &Of,
    (account, pool): (AccountId, Pool),
    error: service::Error,
) -> Response {
    let Some(Rejection::CreditInsufficient { missing }) = error.rejection() else {
        return Problem::from(error).into_response();
    };
    let path = format!("/v1/accounts/{account}/reservations");
    let short = Shortfall { account, pool, missing: *missing, path };
    let offered = api.service().offer_credit(&of.who, short).await;
    let problem = Problem::from(error);
    match offered {
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

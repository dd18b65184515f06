//! Entitlements: what paid offers gave, and how much of it is used.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{id::EntitlementId, operation::RevokeEntitlement};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        accounts::{PageQuery, looked},
        caller::Of,
        extract::{Path, Query, Write},
        listing::{Listed, page},
        offers::Reason,
        position::Look,
        problem::Code,
        render::{Answer, At, Sum},
    },
    views::read,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/entitlements", get(list))
        .route("/v1/entitlements/{entitlement}", get(show).delete(revoke))
}

/// What a paid offer gave.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entitlement {
    /// Its name.
    entitlement: String,
    /// By which payment.
    payment: Option<String>,
    /// Under which offer.
    offer: Option<String>,
    /// Under which version of it.
    offer_version: Option<i64>,
    /// To which service.
    service: Option<String>,
    /// The L402 token id, in hexadecimal.
    token: Option<String>,
    /// By which methods; empty for every one.
    methods: Vec<String>,
    /// Where.
    path: Option<String>,
    /// How often; null for as often as one likes.
    uses: Option<i64>,
    /// Until when; null without an end.
    until: Option<At>,
    /// What was paid for it.
    price: Option<Sum>,
    /// How much of the price is earned.
    earned: Option<Sum>,
    /// Uses that count.
    used: i64,
    /// Uses that were the same again.
    repeated: i64,
    /// When it was given.
    granted_at: Option<At>,
    /// When it was last used.
    used_at: Option<At>,
    /// When it stopped opening anything.
    revoked_at: Option<At>,
    /// Why.
    revoked_because: Option<String>,
}

impl Entitlement {
    fn of(row: read::Entitlement) -> Self {
        let methods = row.methods.unwrap_or_default();
        let methods = methods.split(',').filter(|method| !method.is_empty());
        Self {
            methods: methods.map(str::to_owned).collect(),
            price: Sum::both(row.commodity.as_ref(), row.price),
            earned: Sum::both(row.commodity.as_ref(), Some(row.earned)),
            entitlement: row.entitlement,
            payment: row.payment,
            offer: row.offer,
            offer_version: row.offer_version,
            service: row.service,
            token: row.token,
            path: row.path,
            uses: row.uses,
            until: row.until.map(At::micros),
            used: row.used,
            repeated: row.repeated,
            granted_at: row.granted_at.map(At::micros),
            used_at: row.used_at.map(At::micros),
            revoked_at: row.revoked_at.map(At::micros),
            revoked_because: row.revoked_because,
        }
    }
}

/// Lists a tenant's entitlements.
#[utoipa::path(get, path = "/v1/entitlements", tag = "entitlements", params(PageQuery),
    responses((status = 200, body = Listed<Entitlement>)))]
pub(super) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(query): Query<PageQuery>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Entitlement>>, Problem> {
    let page = page(query.after, query.limit)?;
    let entitlements = snapshot.entitlements(&of.tenant, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(entitlements, Entitlement::of)))
}

/// Tells one entitlement.
#[utoipa::path(get, path = "/v1/entitlements/{entitlement}", tag = "entitlements",
    params(("entitlement" = String, Path)), responses((status = 200, body = Entitlement)))]
pub(super) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(entitlement): Path<EntitlementId>,
    Look(mut snapshot): Look,
) -> Result<Answer<Entitlement>, Problem> {
    let row = snapshot.entitlement(&of.tenant, &entitlement).await?;
    let absent = || Problem::new(Code::EntitlementNotFound, "the entitlement does not exist");
    Ok(looked(&api, &snapshot, Entitlement::of(row.ok_or_else(absent)?)))
}

/// An entitlement that opens nothing any more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revoked {
    /// Which.
    entitlement: String,
    /// Always.
    revoked: bool,
}

/// Ends an entitlement; twice is once.
#[utoipa::path(delete, path = "/v1/entitlements/{entitlement}", tag = "entitlements",
    params(("entitlement" = String, Path)), request_body = Reason,
    responses((status = 200, body = Revoked)))]
pub(super) async fn revoke(
    State(api): State<Api>,
    of: Of,
    Path(entitlement): Path<EntitlementId>,
    write: Write<Reason>,
) -> Result<Answer<Revoked>, Problem> {
    let key = write.key("entitlement.revoke", &[entitlement.as_str()])?;
    let revoked = Revoked { entitlement: entitlement.to_string(), revoked: true };
    let operation = RevokeEntitlement { tenant: of.tenant, entitlement, reason: write.body.reason };
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, revoked))
}

//! Lots: an account's, or one by its name.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{
    claim::Claim,
    id::{AccountId, LotId, TenantId},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        accounts::{PageQuery, looked, must_exist},
        caller::{Caller, Of},
        extract::{Path, Query},
        listing::{Listed, page},
        position::Look,
        problem::Code,
        render::{Answer, At, Sum},
    },
    service::Error,
    views::{Snapshot, read},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/accounts/{account}/lots", get(lots))
        .route("/v1/admin/tenants/{tenant}/accounts/{account}/lots", get(lots_of))
        .route("/v1/lots/{lot}", get(show))
        .route("/v1/admin/tenants/{tenant}/lots/{lot}", get(show_of))
}

/// A lot.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Lot {
    /// Its name.
    lot: String,
    /// Of what.
    commodity: Option<String>,
    /// Where it lies.
    pool: Option<String>,
    /// What it began with.
    minted: Option<String>,
    /// What can be used.
    available: String,
    /// What is set aside.
    reserved: String,
    /// What was used.
    consumed: String,
    /// What lapsed.
    expired: String,
    /// What was taken back.
    clawed_back: String,
    /// What should never have been.
    voided: String,
    /// What went to other accounts.
    moved: String,
    /// How much of what is set aside is taken back once it is free, or owed if it is used.
    awaited: String,
    /// What all of it cost.
    cost: Option<Sum>,
    /// How much of the cost has gone with what is gone.
    cost_released: String,
    /// Where it comes from.
    source: Option<String>,
    /// Which one.
    source_id: Option<String>,
    /// Under which offer.
    offer: Option<String>,
    /// Under which version of it.
    offer_version: Option<i64>,
    /// By which payment.
    payment: Option<String>,
    /// Until when it can be spent; none for ever.
    expires_at: Option<At>,
    /// When it came to be.
    minted_at: Option<At>,
}

/// Lists an account's lots.
#[utoipa::path(get, path = "/v1/accounts/{account}/lots", tag = "accounts",
    params(("account" = String, Path), PageQuery), responses((status = 200, body = Listed<Lot>)))]
pub(in crate::api) async fn lots(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Lot>>, Problem> {
    listed(&api, &of.tenant, &account, query, snapshot).await
}

/// Lists the lots of an account of any tenant's.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/accounts/{account}/lots", tag = "admin",
    params(("tenant" = String, Path), ("account" = String, Path), PageQuery),
    responses((status = 200, body = Listed<Lot>)))]
pub(in crate::api) async fn lots_of(
    State(api): State<Api>,
    _: Caller,
    Path((tenant, account)): Path<(TenantId, AccountId)>,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Lot>>, Problem> {
    listed(&api, &tenant, &account, query, snapshot).await
}

async fn listed(
    api: &Api,
    tenant: &TenantId,
    account: &AccountId,
    query: PageQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Listed<Lot>>, Problem> {
    let page = page(query.after, query.limit)?;
    must_exist(&mut snapshot, tenant, account).await?;
    let lots = snapshot.lots(tenant, account, &page).await?;
    Ok(looked(api, &snapshot, Listed::of(lots, lot)))
}

/// A lot, and in whose account it lies.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Found {
    /// In whose account.
    account: String,
    /// The lot.
    #[serde(flatten)]
    lot: Lot,
}

/// Shows a lot, for those who know its name and not whose it is.
#[utoipa::path(get, path = "/v1/lots/{lot}", tag = "accounts", params(("lot" = String, Path)),
    responses((status = 200, body = Found)))]
pub(in crate::api) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(lot): Path<LotId>,
    look: Look,
) -> Result<Answer<Found>, Problem> {
    found(&api, of.tenant, lot, look).await
}

/// Shows a lot of any tenant's.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/lots/{lot}", tag = "admin",
    params(("tenant" = String, Path), ("lot" = String, Path)),
    responses((status = 200, body = Found)))]
pub(in crate::api) async fn show_of(
    State(api): State<Api>,
    _: Caller,
    Path((tenant, lot)): Path<(TenantId, LotId)>,
    look: Look,
) -> Result<Answer<Found>, Problem> {
    found(&api, tenant, lot, look).await
}

/// The roll knows whose a lot is; the views, which may be a moment behind, how it stands.
async fn found(
    api: &Api,
    tenant: TenantId,
    name: LotId,
    look: Look,
) -> Result<Answer<Found>, Problem> {
    let absent = || Problem::new(Code::LotNotFound, "the tenant has no lot of this name");
    let claim = Claim::Lot { tenant: tenant.clone(), lot: name.clone() };
    let minted = api.service().engine().taker(&claim).await.map_err(Error::from)?;
    let minted = minted.ok_or_else(absent)?;
    let account = AccountId::from(&minted.stream.id);
    let mut snapshot = look.knowing(api, minted.position).await?;
    let row = snapshot.lot(&tenant, &account, &name).await?.ok_or_else(absent)?;
    let found = Found { account: account.to_string(), lot: lot(row) };
    Ok(looked(api, &snapshot, found))
}

fn lot(row: read::Lot) -> Lot {
    Lot {
        lot: row.lot,
        commodity: row.commodity,
        pool: row.pool,
        minted: row.minted.map(|units| units.to_string()),
        available: row.available.to_string(),
        reserved: row.reserved.to_string(),
        consumed: row.consumed.to_string(),
        expired: row.expired.to_string(),
        clawed_back: row.clawed_back.to_string(),
        voided: row.voided.to_string(),
        moved: row.moved.to_string(),
        awaited: row.awaited.to_string(),
        cost: Sum::both(row.cost_commodity.as_ref(), row.cost),
        cost_released: row.released.to_string(),
        source: row.source_kind,
        source_id: row.source_id,
        offer: row.offer,
        offer_version: row.offer_version,
        payment: row.payment,
        expires_at: row.expires_at.map(At::micros),
        minted_at: row.minted_at.map(At::micros),
    }
}

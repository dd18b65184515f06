//! What an account holds, now or back then.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::id::{AccountId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        accounts::{looked, must_exist},
        caller::{Caller, Of},
        extract::{Path, Query},
        listing::moment,
        position::Look,
        render::Answer,
    },
    views::{Snapshot, read},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/accounts/{account}/balance", get(balance))
        .route("/v1/admin/tenants/{tenant}/accounts/{account}/balance", get(balance_of))
}

/// As of when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct AsOfQuery {
    /// A position, or a time; without it, now.
    pub(in crate::api) as_of: Option<String>,
}

/// What an account holds.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Balances {
    /// Which account.
    account: String,
    /// By commodity and pool.
    balances: Vec<Balance>,
}

/// What an account holds of a commodity in a pool: whole numbers of smallest units, as text.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Balance {
    /// Of what.
    commodity: String,
    /// In which pool.
    pool: String,
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
    /// What came in.
    minted: String,
    /// What was used and nobody had: the next credit that was paid for repays it.
    owed: String,
    /// What can be used less what is owed; below zero for who owes more.
    balance: String,
}

/// Tells what an account holds, now or back then.
#[utoipa::path(get, path = "/v1/accounts/{account}/balance", tag = "accounts",
    params(("account" = String, Path), AsOfQuery), responses((status = 200, body = Balances)))]
pub(in crate::api) async fn balance(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    Query(query): Query<AsOfQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Balances>, Problem> {
    held(&api, &of.tenant, &account, query, snapshot).await
}

/// Tells what an account of any tenant's holds, now or back then.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/accounts/{account}/balance", tag = "admin",
    params(("tenant" = String, Path), ("account" = String, Path), AsOfQuery),
    responses((status = 200, body = Balances)))]
pub(in crate::api) async fn balance_of(
    State(api): State<Api>,
    _: Caller,
    Path((tenant, account)): Path<(TenantId, AccountId)>,
    Query(query): Query<AsOfQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Balances>, Problem> {
    held(&api, &tenant, &account, query, snapshot).await
}

async fn held(
    api: &Api,
    tenant: &TenantId,
    account: &AccountId,
    query: AsOfQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Balances>, Problem> {
    let as_of = moment(api, query.as_of.as_deref()).await?;
    must_exist(&mut snapshot, tenant, account).await?;
    let balances = snapshot.balances(tenant, account, as_of).await?;
    let balances = balances.into_iter().map(shown).collect();
    Ok(looked(api, &snapshot, Balances { account: account.to_string(), balances }))
}

fn shown(balance: read::Balance) -> Balance {
    let read::Balance { commodity, pool, held } = balance;
    Balance {
        commodity,
        pool,
        available: held.available.to_string(),
        reserved: held.reserved.to_string(),
        consumed: held.consumed.to_string(),
        expired: held.expired.to_string(),
        clawed_back: held.clawed_back.to_string(),
        voided: held.voided.to_string(),
        moved: held.moved.to_string(),
        minted: held.minted.to_string(),
        owed: held.owed.to_string(),
        balance: held.available.saturating_sub(held.owed).to_string(),
    }
}

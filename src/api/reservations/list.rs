//! Lists of reservations.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::id::{AccountId, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        accounts::looked,
        admin::must_be_tenant,
        caller::{Caller, Of},
        extract::{Path, Query},
        listing::{Listed, page},
        position::Look,
        problem,
        render::{Answer, At, Sum},
    },
    views::{
        Snapshot,
        read::{self, ReservationFilter, ReservationStatus},
    },
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/reservations", get(list))
        .route("/v1/admin/tenants/{tenant}/reservations", get(list_of))
}

/// Which reservations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ListQuery {
    /// `pending`, `finalized`, `released` or `expired`.
    #[param(pattern = "^(pending|finalized|released|expired)$")]
    status: Option<String>,
    /// Of which account.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// `next` of the page before.
    after: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A reservation in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Listing {
    /// Its name.
    reservation: String,
    /// Whose credit.
    account: Option<String>,
    /// `pending`, `finalized`, `released` or `expired`.
    status: Option<String>,
    /// How strictly credit is demanded: `shadow`, `soft` or `live`.
    mode: Option<String>,
    /// The pool that was asked for.
    pool: Option<String>,
    /// What was to be set aside.
    wanted: Option<Sum>,
    /// What was.
    reserved: Option<Sum>,
    /// How much was not there.
    missing: Option<Sum>,
    /// What the work cost.
    cost: Option<Sum>,
    /// What was charged.
    charged: Option<Sum>,
    /// How much more it cost than was set aside.
    overrun: Option<Sum>,
    /// How much of that nobody pays.
    uncollected: Option<Sum>,
    /// How much of the charge was owed.
    owed: Option<Sum>,
    /// The caller's own name for the use.
    reference: Option<String>,
    /// When it was made.
    reserved_at: Option<At>,
    /// When it ends if nobody ends it before.
    expires_at: Option<At>,
    /// When it ended.
    ended_at: Option<At>,
}

impl Listing {
    fn of(row: read::Reservation) -> Self {
        let sum = |amount| Sum::both(row.commodity.as_ref(), amount);
        Self {
            wanted: sum(row.wanted),
            reserved: sum(row.reserved),
            missing: sum(row.missing),
            cost: sum(row.cost),
            charged: sum(row.charged),
            overrun: sum(row.overrun),
            uncollected: sum(row.uncollected),
            owed: sum(row.owed),
            reservation: row.reservation,
            account: row.account,
            status: row.status,
            mode: row.mode,
            pool: row.pool,
            reference: row.reference,
            reserved_at: row.reserved_at.map(At::micros),
            expires_at: row.expires_at.map(At::micros),
            ended_at: row.ended_at.map(At::micros),
        }
    }
}

/// Lists reservations: an account's as they were made, pending ones as they end, those of another
/// status as they ended, all of them by name.
#[utoipa::path(get, path = "/v1/reservations", tag = "metering", params(ListQuery),
    responses((status = 200, body = Listed<Listing>)))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(query): Query<ListQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Listing>>, Problem> {
    listed(&api, &of.tenant, query, snapshot).await
}

/// Lists any tenant's reservations.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/reservations", tag = "admin",
    params(("tenant" = String, Path), ListQuery),
    responses((status = 200, body = Listed<Listing>)))]
pub(in crate::api) async fn list_of(
    State(api): State<Api>,
    _: Caller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<ListQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Listing>>, Problem> {
    must_be_tenant(&api, &tenant)?;
    listed(&api, &tenant, query, snapshot).await
}

async fn listed(
    api: &Api,
    tenant: &TenantId,
    query: ListQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Listed<Listing>>, Problem> {
    let page = page(query.after, query.limit)?;
    let status = query.status.as_deref().map(status).transpose()?;
    let filter = ReservationFilter { status, account: query.account };
    let rows = snapshot.reservations(tenant, &filter, &page).await?;
    Ok(looked(api, &snapshot, Listed::of(rows, Listing::of)))
}

fn status(text: &str) -> Result<ReservationStatus, Problem> {
    let known = ReservationStatus::ALL.into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| {
        problem::field("status", "it is one of pending, finalized, released, expired")
    })
}

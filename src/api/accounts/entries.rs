//! How an account's credit came and went.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::id::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        accounts::{PageQuery, looked, must_exist},
        caller::Of,
        extract::{Path, Query},
        listing::{Listed, page},
        position::Look,
        render::{Answer, At, Sum},
    },
    views::read,
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/accounts/{account}/entries", get(entries))
}

/// One movement of one lot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountEntry)]
pub(in crate::api) struct Entry {
    /// In which event.
    position: i64,
    /// The event's first movement is 0.
    leg: i64,
    /// `minted`, `spent`, `expired`, `reserved`, `released`, `finalized`, `shared` …
    kind: String,
    /// What came in, or went out with a minus.
    amount: Sum,
    /// In which pool.
    pool: String,
    /// Of which lot; none for what is owed or shared.
    lot: Option<String>,
    /// What was left of it.
    lot_left: Option<String>,
    /// The movement's share of the lot's cost.
    cost: Option<Sum>,
    /// The caller's own name for it, or the payment of a mint.
    reference: Option<String>,
    /// When it was recorded.
    recorded_at: At,
    /// When it happened outside.
    effective_at: Option<At>,
}

/// Lists how an account's credit came and went, the oldest first.
#[utoipa::path(get, path = "/v1/accounts/{account}/entries", tag = "accounts",
    params(("account" = String, Path), PageQuery),
    responses((status = 200, body = Listed<Entry>)))]
pub(in crate::api) async fn entries(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    Query(query): Query<PageQuery>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Entry>>, Problem> {
    let page = page(query.after, query.limit)?;
    must_exist(&mut snapshot, &of.tenant, &account).await?;
    let entries = snapshot.entries(&of.tenant, &account, read::Direction::Up, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(entries, entry)))
}

fn entry(row: read::Entry) -> Entry {
    Entry {
        position: row.position,
        leg: row.leg,
        kind: row.kind,
        amount: Sum::of(&row.commodity, &row.amount),
        pool: row.pool,
        lot: row.lot,
        lot_left: row.lot_left.map(|units| units.to_string()),
        cost: Sum::both(row.cost_commodity.as_ref(), row.cost),
        reference: row.reference,
        recorded_at: At::micros(row.recorded_at),
        effective_at: row.effective_at.map(At::micros),
    }
}

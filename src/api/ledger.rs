//! The general ledger: trial balance and journal, now or back then.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::id::TenantId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        accounts::{balance::AsOfQuery, looked},
        caller::{Caller, Of},
        extract::Query,
        listing::{Listed, moment, page},
        position::Look,
        problem,
        render::{Answer, At, Sum},
    },
    views::{Snapshot, read},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/ledger/trial-balance", get(trial_balance))
        .route("/v1/ledger/journal", get(journal))
        .route("/v1/admin/ledger/trial-balance", get(trial_balance_of_all))
}

/// What an account of the chart adds up to, for one holder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrialBalanceLine)]
pub(super) struct Line {
    /// In whose books.
    tenant: String,
    /// The account's number.
    account: u16,
    /// The account's name.
    name: &'static str,
    /// `asset`, `liability`, `income`, `expense` or `memo`.
    class: &'static str,
    /// Whose part of it.
    holder: String,
    /// In what.
    commodity: String,
    /// All debits, in smallest units.
    debit: String,
    /// All credits, in smallest units.
    credit: String,
}

/// Tells the trial balance: debits and credits of each commodity are equal.
#[utoipa::path(get, path = "/v1/ledger/trial-balance", tag = "ledger", params(AsOfQuery),
    responses((status = 200, body = Listed<Line>)))]
pub(super) async fn trial_balance(
    State(api): State<Api>,
    of: Of,
    Query(query): Query<AsOfQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Line>>, Problem> {
    balanced(&api, Some(&of.tenant), query, snapshot).await
}

/// Tells the trial balance of everybody's books.
#[utoipa::path(get, path = "/v1/admin/ledger/trial-balance", tag = "admin", params(AsOfQuery),
    responses((status = 200, body = Listed<Line>)))]
pub(super) async fn trial_balance_of_all(
    State(api): State<Api>,
    _: Caller,
    Query(query): Query<AsOfQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Line>>, Problem> {
    balanced(&api, None, query, snapshot).await
}

async fn balanced(
    api: &Api,
    tenant: Option<&TenantId>,
    query: AsOfQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Listed<Line>>, Problem> {
    let as_of = moment(api, query.as_of.as_deref()).await?;
    let lines = snapshot.trial_balance(tenant, as_of).await?;
    Ok(looked(api, &snapshot, Listed::all(lines.into_iter().map(line).collect())))
}

fn line(row: read::TrialLine) -> Line {
    let read::TrialLine { tenant, account, name, class, holder, commodity, debit, credit } = row;
    let (debit, credit) = (debit.to_string(), credit.to_string());
    Line { tenant, account, name, class, holder, commodity, debit, credit }
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// A position, or a time; without it, now.
    as_of: Option<String>,
    /// Only of events behind this position.
    #[param(maximum = 9_223_372_036_854_775_807_i64)]
    behind: Option<u64>,
    /// `next` of the page before.
    after: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    limit: Option<u32>,
}

/// What one event posted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub(super) struct Entry {
    /// Which event.
    position: i64,
    /// The event's type.
    event: String,
    /// Its legs; they sum to zero for each commodity.
    legs: Vec<Leg>,
    /// When it was recorded.
    recorded_at: At,
    /// When it happened outside.
    effective_at: Option<At>,
    /// What it belongs to.
    correlation: String,
}

/// One leg of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Leg {
    /// The account's number.
    account: u16,
    /// The account's name.
    name: &'static str,
    /// Whose part of it.
    holder: String,
    /// A debit, or a credit with a minus.
    amount: Sum,
}

/// Lists a tenant's journal, the oldest entry first.
#[utoipa::path(get, path = "/v1/ledger/journal", tag = "ledger", params(Which),
    responses((status = 200, body = Listed<Entry>)))]
pub(super) async fn journal(
    State(api): State<Api>,
    of: Of,
    Query(which): Query<Which>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Entry>>, Problem> {
    let page = page(which.after, which.limit)?;
    let as_of = moment(&api, which.as_of.as_deref()).await?;
    let behind = which.behind.unwrap_or(0);
    if i64::try_from(behind).is_err() {
        return Err(problem::field("behind", "no position is as large"));
    }
    let entries = snapshot.journal(&of.tenant, behind, as_of, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(entries, entry)))
}

fn entry(row: read::JournalEntry) -> Entry {
    let leg = |leg: read::Leg| Leg {
        account: leg.account,
        name: leg.name,
        holder: leg.holder,
        amount: Sum::of(&leg.commodity, &leg.amount),
    };
    Entry {
        position: row.position,
        event: row.event,
        legs: row.legs.into_iter().map(leg).collect(),
        recorded_at: At::micros(row.recorded_at),
        effective_at: row.effective_at.map(At::micros),
        correlation: row.correlation,
    }
}

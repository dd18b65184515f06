//! Sweeps over stale payments: run one now, see the last ones.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::roll::ReconciliationFinished;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        accounts::looked,
        caller::Caller,
        listing::Listed,
        position::Look,
        render::{Answer, At},
    },
    views::read,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/admin/reconciliation/payments/run", post(run))
        .route("/admin/reconciliation/payments/run", post(run_for_runbooks))
        .route("/v1/admin/reconciliation/payments/runs", get(runs))
        .route("/v1/admin/reconciliation/ledger", get(ledger))
}

/// What a sweep came to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Run {
    /// When it began.
    started_at: At,
    /// When it ended.
    finished_at: Option<At>,
    /// How many payments it asked about.
    checked: i64,
    /// How many it found paid.
    paid: i64,
    /// How many it found expired.
    expired: i64,
    /// How many it found failed.
    failed: i64,
    /// How many questions got no answer.
    errors: i64,
}

impl From<ReconciliationFinished> for Run {
    fn from(run: ReconciliationFinished) -> Self {
        Self {
            started_at: At(run.started_at),
            finished_at: None,
            checked: run.checked.into(),
            paid: run.paid.into(),
            expired: run.expired.into(),
            failed: run.failed.into(),
            errors: run.errors.into(),
        }
    }
}

/// Sweeps now. Whoever asks while one is running gets that one.
#[utoipa::path(post, path = "/v1/admin/reconciliation/payments/run", tag = "admin",
    responses((status = 200, body = Run)))]
pub(in crate::api) async fn run(State(api): State<Api>, _: Caller) -> Result<Answer<Run>, Problem> {
    let run = api.service().reconcile().await?;
    Ok(Answer::at(&api, api.service().engine().head(), run.into()))
}

/// Sweeps now, under the path of the runbooks.
#[utoipa::path(post, path = "/admin/reconciliation/payments/run", tag = "runbooks",
    responses((status = 200, body = Run)))]
pub(in crate::api) async fn run_for_runbooks(
    state: State<Api>,
    caller: Caller,
) -> Result<Answer<Run>, Problem> {
    run(state, caller).await
}

/// Lists the latest sweeps, the latest first.
#[utoipa::path(get, path = "/v1/admin/reconciliation/payments/runs", tag = "admin",
    responses((status = 200, body = Listed<Run>)))]
pub(in crate::api) async fn runs(
    State(api): State<Api>,
    _: Caller,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Run>>, Problem> {
    let rows = snapshot.reconciliation_runs(100).await?;
    let shown = |row: read::Run| Run {
        started_at: At::micros(row.started_at),
        finished_at: Some(At::micros(row.finished_at)),
        checked: row.checked,
        paid: row.paid,
        expired: row.expired,
        failed: row.failed,
        errors: row.errors,
    };
    Ok(looked(&api, &snapshot, Listed::all(rows.into_iter().map(shown).collect())))
}

/// The ledger compared with itself.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Ledger {
    /// Whether it found nothing.
    passed: bool,
    /// How many accounts there are.
    accounts: u64,
    /// How many of them hold something else than their lots add up to.
    accounts_with_drift: u64,
    /// How many lots break their own sum.
    lots_broken: u64,
    /// In how many commodities of tenants credit left an account by a transfer and arrived in none.
    in_transit: u64,
}

/// Compares what every account holds with what its lots add up to, and what left with what arrived, now.
#[utoipa::path(get, path = "/v1/admin/reconciliation/ledger", tag = "admin",
    responses((status = 200, body = Ledger)))]
pub(in crate::api) async fn ledger(
    State(api): State<Api>,
    _: Caller,
    Look(mut snapshot): Look,
) -> Result<Answer<Ledger>, Problem> {
    let drift = snapshot.drift().await?;
    let passed = drift.is_none();
    let read::Drift { accounts, drifted, lots_broken, in_transit, .. } = drift;
    let accounts_with_drift = drifted;
    let found = Ledger { passed, accounts, accounts_with_drift, lots_broken, in_transit };
    Ok(looked(&api, &snapshot, found))
}

//! Before and after a change of the mode: whether a tenant may bill more strictly, and how it fares.

use std::time::Duration;

use axum::extract::State;
use piperoll_domain::{
    billing::{Billing, Mode},
    id::{Kind, Stream, TenantId},
    time::Time,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        accounts::looked,
        caller::Caller,
        extract::{Path, Query},
        position::Look,
        problem::Code,
        render::{Answer, At},
    },
    audit::{
        health::{self, Health},
        readiness::{self, Point, Readiness},
    },
    views::read::Pattern,
};

/// How long a change of the mode waits for the views that the checklist is made of.
const PATIENCE: Duration = Duration::from_secs(2);

/// The mode that is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct To {
    /// `soft` or `live`; without it, the one after the mode that holds.
    #[param(value_type = Option<String>, pattern = "^(shadow|soft|live)$")]
    to: Option<Mode>,
}

/// The checklist before a mode.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Checklist {
    /// Whose.
    tenant: String,
    /// The mode that holds.
    mode: String,
    /// Since when.
    since: At,
    /// The mode that is asked for.
    to: &'static str,
    /// Whether every point holds.
    ready: bool,
    /// The points.
    #[schema(value_type = Vec<Checked>)]
    points: Vec<Point>,
}

/// A point of the checklist.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what an audit says")]
pub(in crate::api) struct Checked {
    /// Which.
    name: String,
    /// Whether it holds.
    passed: bool,
    /// What is wanted.
    wanted: String,
    /// What there is.
    found: String,
}

/// Tells whether a tenant may bill more strictly: the runbook's checklist, out of the views.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/billing/readiness", tag = "admin",
    params(("tenant" = String, Path), To), responses((status = 200, body = Checklist)))]
pub(in crate::api) async fn ready(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    Query(To { to }): Query<To>,
    Look(mut snapshot): Look,
) -> Result<Answer<Checklist>, Problem> {
    let mode = api.service().billing(&who, &tenant).await?.billing.mode;
    let to = to.unwrap_or(if mode == Mode::Shadow { Mode::Soft } else { Mode::Live });
    let found = readiness::readiness(&mut snapshot, &tenant, to, now(&api)).await?;
    let Readiness { mode, since, to, ready, points } = found.ok_or_else(behind)?;
    let tenant = tenant.to_string();
    let list = Checklist { tenant, mode, since: At(since), to, ready, points };
    Ok(looked(&api, &snapshot, list))
}

/// How a tenant's billing fares.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Report {
    /// Whose.
    tenant: String,
    /// Whether nothing is wrong.
    healthy: bool,
    /// What is wrong, for people.
    findings: Vec<String>,
    /// Whether anything is reserved and charged at all: by the setting and by the environment.
    enabled: bool,
    /// How strictly credit is demanded.
    mode: &'static str,
    /// Since when.
    mode_since: At,
    /// Lots whose parts do not add up to what was minted, of all tenants.
    lots_broken: u64,
    /// Accounts that hold something else than their lots add up to, of all tenants.
    accounts_with_drift: u64,
    /// Accounts that owe something.
    accounts_in_debt: u64,
    /// Open reservations.
    reservations_pending: u64,
    /// Open reservations whose time is over.
    reservations_overdue: u64,
    /// What became of reservations of this mode in the last day.
    #[schema(value_type = LastDay)]
    last_day: health::Day,
    /// What dead letters that are not done have in common, the most frequent first.
    #[schema(value_type = Vec<Letters>)]
    dead_letters: Vec<Pattern>,
    /// Answers with 402 since this process began, to any tenant; items of batches are answers too.
    answers_payment_required: u64,
    /// All answers since this process began.
    answers: u64,
}

/// Dead letters that were refused for one reason.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what views say")]
pub(in crate::api) struct Letters {
    /// Why.
    error_code: String,
    /// How many.
    letters: u64,
}

/// What became of reservations in a day.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what an audit says")]
pub(in crate::api) struct LastDay {
    /// Made.
    reserved: i64,
    /// Made though credit was missing; in shadow, what live mode would have refused.
    short: i64,
    /// Charged.
    charged: i64,
    /// Charged more than was set aside.
    over: i64,
    /// Given back.
    released: i64,
    /// Ended by nobody.
    expired: i64,
}

/// Tells how a tenant's billing fares: the mode, the invariant, rates and what is wrong.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/billing/doctor", tag = "admin",
    params(("tenant" = String, Path)), responses((status = 200, body = Report)))]
pub(in crate::api) async fn doctor(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    Look(mut snapshot): Look,
) -> Result<Answer<Report>, Problem> {
    let Billing { enabled, mode, .. } = api.service().billing(&who, &tenant).await?.billing;
    let found = health::health(&mut snapshot, &tenant, mode, now(&api)).await?;
    let Health { since, drift, proofs, day, letters, mut findings } = found.ok_or_else(behind)?;
    findings.extend(known_here(&api, &tenant));
    let (answers, answers_payment_required) = answered(&api.metrics().render());
    let report = Report {
        tenant: tenant.to_string(),
        healthy: findings.is_empty(),
        findings,
        enabled: enabled && api.service().must_bill().is_ok(),
        mode: mode.as_str(),
        mode_since: At(since),
        lots_broken: drift.lots_broken,
        accounts_with_drift: drift.drifted,
        accounts_in_debt: proofs.accounts_in_debt,
        reservations_pending: proofs.pending,
        reservations_overdue: proofs.overdue,
        last_day: day,
        dead_letters: letters,
        answers_payment_required,
        answers,
    };
    Ok(looked(&api, &snapshot, report))
}

/// What is wrong that no view knows.
fn known_here(api: &Api, tenant: &TenantId) -> Vec<String> {
    let mut findings = vec![];
    if api.service().must_bill().is_err() {
        findings
            .push("FEATURE_BILLING_ENABLED is off: nothing is reserved, nothing charged".into());
    }
    let is_account = |stream: &Stream| stream.tenant == *tenant && stream.kind == Kind::Account;
    let directory = api.service().engine().directory();
    let frozen = directory.anomalies().filter(|(stream, _)| is_account(stream)).count();
    if frozen > 0 {
        findings.push(format!(
            "{frozen} accounts are frozen, for their history breaks an invariant: `piperoll verify`"
        ));
    }
    findings
}

/// Refuses a mode whose checklist does not hold.
pub(super) async fn must_be_ready(api: &Api, tenant: &TenantId, to: Mode) -> Result<(), Problem> {
    let head = api.service().engine().head().position;
    let mut snapshot = api.views().snapshot_with(head, PATIENCE).await?;
    let found = readiness::readiness(&mut snapshot, tenant, to, now(api)).await?;
    let readiness = found.ok_or_else(behind)?;
    if readiness.ready {
        return Ok(());
    }
    Err(Problem::new(Code::BillingNotReady, readiness.missing()))
}

fn now(api: &Api) -> Time {
    api.service().moment().now
}

/// The tenant is open, and the views do not know it yet.
fn behind() -> Problem {
    Problem::new(Code::ViewBehind, "the views have not seen this tenant yet")
}

/// How many requests and items of batches were answered, and how many of them with a 402.
fn answered(metrics: &str) -> (u64, u64) {
    let is_count = |line: &&str| {
        line.starts_with("http_requests_total{") || line.starts_with("batch_items_total{")
    };
    metrics.lines().filter(is_count).fold((0, 0), |(all, refused), line| {
        let count = line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0_u64);
        let is_refused = line.contains(r#"status="402""#);
        let refused_now = if is_refused { count } else { 0 };
        (all.saturating_add(count), refused.saturating_add(refused_now))
    })
}

#[cfg(test)]
mod tests {
    use super::answered;

    #[test]
    fn answers_are_counted_over_all_routes() {
        let text = "http_requests_total{method=\"GET\",path=\"/a\",status=\"200\"} 5\n\
                    http_requests_total{method=\"GET\",path=\"/a\",status=\"402\"} 3\n\
                    http_requests_total{method=\"PUT\",path=\"/b\",status=\"402\"} 1\n\
                    batch_items_total{status=\"201\"} 7\n\
                    batch_items_total{status=\"402\"} 2\n\
                    other_total 9\n";
        assert_eq!(answered(text), (18, 6));
    }
}

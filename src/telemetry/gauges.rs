//! What stands, measured when somebody looks.

use metrics::gauge;
use piperoll_domain::{id::Kind, time::Time, worker::Worker};

use crate::{
    engine::{Engine, Health, OpenDuties},
    views::read::Drift,
};

/// Sets what the engine knows.
pub fn of_engine(engine: &Engine) {
    let now = engine.clock().now();
    let health = engine.health();
    gauge!("piperoll_roll_head_position").set(float(engine.head().position));
    gauge!("piperoll_roll_writable").set(if health == Health::Writing { 1.0 } else { 0.0 });
    gauge!("piperoll_clock_in_doubt").set(if engine.clock().doubt().is_some() { 1.0 } else { 0.0 });
    for OpenDuties { kind, count, oldest_due } in engine.open_duties() {
        let kind = kind.as_str();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        gauge!("piperoll_duties_open", "kind" => kind).set(float(count));
        gauge!("piperoll_duty_oldest_age_seconds", "kind" => kind).set(age(oldest_due, now));
    }
    let directory = engine.directory();
    for worker in Worker::ALL {
        let paused = if directory.resting(worker).is_some() { 1.0 } else { 0.0 };
        gauge!("workers_paused", "worker" => worker.as_str()).set(paused);
    }
    let frozen = directory.anomalies().filter(|(stream, _)| stream.kind == Kind::Account);
    let frozen = u64::try_from(frozen.count()).unwrap_or(u64::MAX);
    gauge!("piperoll_accounts_frozen").set(float(frozen));
    let runs = directory.reconciliations().map(|roll| &roll.runs);
    let failed = |runs: &std::collections::VecDeque<(Time, _)>| {
        let run =
            |(_, run): &&(Time, piperoll_domain::roll::ReconciliationFinished)| run.errors > 0;
        runs.iter().rev().take_while(run).count()
    };
    let failed = u64::try_from(runs.map_or(0, failed)).unwrap_or(u64::MAX);
    gauge!("reconciliation_consecutive_failures").set(float(failed));
}

/// What the views say, where they can be read.
#[derive(Debug, Default)]
pub struct Views {
    /// Payments that have been pending for more than 15 minutes.
    pub pending_over_15m: u64,
    /// Dead letters, by status.
    pub letters: Vec<(&'static str, u64)>,
    /// Lots whose parts do not add up to what was minted.
    pub lots_broken: u64,
}

/// Sets what only views know.
pub fn of_views(lag_events: u64, views: Option<Views>) {
    gauge!("piperoll_view_lag_events").set(float(lag_events));
    let Some(Views { pending_over_15m, letters, lots_broken }) = views else { return };
    gauge!("lot_invariant_violations").set(float(lots_broken));
    gauge!("pending_over_15m_count").set(float(pending_over_15m));
    for (status, count) in letters {
        gauge!("billing_dlq_depth", "status" => status).set(float(count));
    }
}

/// Sets what a comparison of the ledger with itself found.
pub fn of_ledger(drift: &Drift) {
    gauge!("accounts_total").set(float(drift.accounts));
    gauge!("reconciliation_drift_accounts").set(float(drift.drifted));
    for commodity in ["USD", "MSAT"] {
        gauge!("reconciliation_drift_amount", "commodity" => commodity).set(0.0);
    }
    for (commodity, amount) in &drift.apart {
        let commodity = commodity.clone();
        gauge!("reconciliation_drift_amount", "commodity" => commodity).set(*amount);
    }
}

/// Sets how much of a campaign's budget is given: the share, or nothing once it has ended.
pub fn of_campaign(tenant: &str, campaign: &str, share: Option<f64>) {
    let labels = [("tenant", tenant.to_owned()), ("campaign", campaign.to_owned())];
    gauge!("campaign_budget_spent_ratio", &labels).set(share.unwrap_or(f64::NAN));
}

/// A part of a whole, from 0 to 1.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric is a float")]
pub fn ratio(part: i64, whole: i64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}

fn age(due: Option<Time>, now: Time) -> f64 {
    let micros = due.map_or(0, |due| now.micros_since(due).max(0));
    std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64()
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric is a float")]
const fn float(count: u64) -> f64 {
    count as f64
}

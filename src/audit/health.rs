//! How a tenant's billing fares, and what somebody should look at: the first page of an incident.

use piperoll_domain::{billing::Mode, id::TenantId, time::Time};
use piperoll_projections::reservations::OVERRUNS_ALERT_PERCENT;
use serde::Serialize;

use crate::views::{
    Error, Snapshot,
    read::{Drift, Hours, Pattern, Proofs},
};

const DAY_MICROS: i64 = 86_400_000_000;
/// Reservations that lapse that are too many, in hundredths of what ended.
const EXPIRIES_PERCENT: i64 = 20;
/// Rates of fewer than these tell nothing.
const HANDFUL: i64 = 20;
/// Dead letters that are too many.
const LETTERS_MAX: u64 = 50;
/// A reservation that ended by its time is closed within this.
const GRACE_MICROS: i64 = 60_000_000;

/// What became of reservations in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Made.
    pub reserved: i64,
    /// Made though credit was missing.
    pub short: i64,
    /// Charged.
    pub charged: i64,
    /// Charged more than was set aside.
    pub over: i64,
    /// Given back.
    pub released: i64,
    /// Ended by nobody.
    pub expired: i64,
}

impl From<Hours> for Day {
    fn from(hours: Hours) -> Self {
        let charged = hours.charged();
        let Hours { reserved, short, over, released, expired, .. } = hours;
        Self { reserved, short, charged, over, released, expired }
    }
}

/// How it fares.
#[derive(Debug, Clone)]
pub struct Health {
    /// Since when the mode holds.
    pub since: Time,
    /// The ledger compared with itself.
    pub drift: Drift,
    /// Debts and open reservations.
    pub proofs: Proofs,
    /// The last day.
    pub day: Day,
    /// What dead letters have in common.
    pub letters: Vec<Pattern>,
    /// What is wrong.
    pub findings: Vec<String>,
}

/// How a tenant's billing fares; none if the views know no such tenant.
pub async fn health(
    snapshot: &mut Snapshot,
    tenant: &TenantId,
    mode: Mode,
    now: Time,
) -> Result<Option<Health>, Error> {
    let Some(since) = snapshot.billing_mode(tenant).await? else { return Ok(None) };
    let drift = snapshot.drift().await?;
    let proofs = snapshot.proofs(tenant, now.plus_micros(-GRACE_MICROS)).await?;
    let (mut findings, mut day) = (findings(&drift, proofs), Day::from(Hours::default()));
    for each in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let hours = snapshot.metered(tenant, each.as_str(), now.plus_micros(-DAY_MICROS)).await?;
        findings.extend(rates(each, hours));
        if each == mode {
            day = hours.into();
        }
    }
    let letters = snapshot.letter_patterns(tenant).await?;
    Ok(Some(Health { since: since.since, drift, proofs, day, letters, findings }))
}

/// What is wrong now, in any mode.
fn findings(drift: &Drift, proofs: Proofs) -> Vec<String> {
    let Drift { drifted, lots_broken, in_transit, .. } = drift;
    let Proofs { overdue, letters_for_review, letters_pending, .. } = proofs;
    said([
        (
            *lots_broken > 0,
            format!(
                "{lots_broken} lots break their sum: set the mode to shadow, then `piperoll verify`"
            ),
        ),
        (
            *drifted > 0,
            format!(
                "{drifted} accounts hold something else than their lots: `piperoll verify`, then `piperoll rebuild`"
            ),
        ),
        (
            *in_transit > 0,
            "credit left an account and arrived in none: `piperoll verify`".to_owned(),
        ),
        (
            overdue > 0,
            format!("{overdue} reservations are open after their end: see `piperoll duties list`"),
        ),
        (
            letters_for_review > 0,
            format!("{letters_for_review} dead letters wait for a person: `piperoll dlq list`"),
        ),
        (
            letters_pending > LETTERS_MAX,
            format!("{letters_pending} dead letters are pending: `piperoll dlq list`"),
        ),
    ])
}

/// What went wrong in a day in that mode: also in one that holds no more, which is why it was left.
fn rates(mode: Mode, hours: Hours) -> Vec<String> {
    let above = |part: i64, whole: i64, percent: i64| {
        whole >= HANDFUL && part.saturating_mul(100) > whole.saturating_mul(percent)
    };
    let (mode, over, expired) = (mode.as_str(), hours.over, hours.expired);
    let (charged, ended) = (hours.charged(), hours.ended());
    said([
        (
            above(over, charged, OVERRUNS_ALERT_PERCENT.into()),
            format!(
                "{over} of {charged} charges of the last day in {mode} mode were above the reservation: estimates are too low"
            ),
        ),
        (
            above(expired, ended, EXPIRIES_PERCENT),
            format!(
                "{expired} of {ended} reservations of the last day in {mode} mode lapsed: nobody finalizes them, or they end too soon"
            ),
        ),
    ])
}

fn said<const N: usize>(all: [(bool, String); N]) -> Vec<String> {
    all.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_while_nothing_is_wrong() {
        let quiet = Hours { reserved: 100, exact: 95, over: 5, expired: 20, ..Hours::default() };
        assert_eq!(findings(&Drift::default(), Proofs::default()), Vec::<String>::new());
        assert_eq!(rates(Mode::Live, quiet), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_is_wrong_is_said() {
        let drift = Drift { drifted: 1, lots_broken: 2, in_transit: 1, ..Drift::default() };
        let (overdue, letters_pending, letters_for_review) = (3, 51, 1);
        let proofs = Proofs { overdue, letters_pending, letters_for_review, ..Proofs::default() };
        let hours = Hours { exact: 94, over: 6, expired: 26, ..Hours::default() };
        let said = [findings(&drift, proofs), rates(Mode::Soft, hours)].concat();
        assert_eq!(said.len(), 8, "{said:?}");
        assert!(said[6].contains("6 of 100 charges of the last day in soft mode"), "{said:?}");
    }
}

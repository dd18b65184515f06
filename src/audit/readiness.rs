//! Whether a tenant may bill more strictly: the runbook's checklist, out of the views.
//!
//! It is advice. No decision about money asks it, and an operator may overrule it with a reason.

use piperoll_domain::{billing::Mode, id::TenantId, time::Time};
use serde::Serialize;

use crate::views::{
    Error, Snapshot,
    read::{Hours, ModeSince, Proofs},
};

const DAY_SECONDS: u32 = 24 * 60 * 60;
/// How long shadow mode must have lasted, in days.
const SHADOW_DAYS: u32 = 7;
/// How long soft mode must have lasted, in days.
const SOFT_DAYS: u32 = 3;
/// Errors that are too many in shadow, in ten-thousandths of what ended.
const ERRORS_BPS: i64 = 100;
/// Overruns that are too many in soft mode, in ten-thousandths of what was charged.
const OVERRUNS_BPS: i64 = 10;

/// Dead letters that may be pending.
const LETTERS_MAX: u64 = 50;

/// One point of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Which.
    pub name: &'static str,
    /// Whether it holds.
    pub passed: bool,
    /// What is wanted.
    pub wanted: String,
    /// What there is.
    pub found: String,
}

/// The checklist before a mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The mode that holds.
    pub mode: String,
    /// Since when, in microseconds.
    #[serde(skip)]
    pub since: Time,
    /// The mode that is asked for.
    pub to: &'static str,
    /// Whether every point holds.
    pub ready: bool,
    /// The points.
    pub points: Vec<Point>,
}

impl Readiness {
    /// The points that do not hold, in one line.
    pub fn missing(&self) -> String {
        let missing = self.points.iter().filter(|point| !point.passed);
        let told = missing
            .map(|Point { name, wanted, found, .. }| format!("{name}: {found}, wanted {wanted}"));
        told.collect::<Vec<_>>().join("; ")
    }
}

/// What the checklist is made of.
#[derive(Debug, Clone)]
struct Figures {
    mode: ModeSince,
    hours: Hours,
    proofs: Proofs,
    lots_broken: u64,
    now: Time,
}

/// The checklist of a tenant; none if there is no such tenant.
pub async fn readiness(
    snapshot: &mut Snapshot,
    tenant: &TenantId,
    to: Mode,
    now: Time,
) -> Result<Option<Readiness>, Error> {
    let Some(mode) = snapshot.billing_mode(tenant).await? else { return Ok(None) };
    let (before, days) = step(to);
    let from =
        now.plus_micros(-i64::from(days.saturating_mul(DAY_SECONDS)).saturating_mul(1_000_000));
    let hours = snapshot.metered(tenant, before.as_str(), from).await?;
    let proofs = snapshot.proofs(tenant, now).await?;
    let lots_broken = snapshot.lot_violations().await?;
    Ok(Some(judged(to, Figures { mode, hours, proofs, lots_broken, now })))
}

/// The mode before another, and how many days of it are wanted.
const fn step(to: Mode) -> (Mode, u32) {
    match to {
        Mode::Shadow | Mode::Soft => (Mode::Shadow, SHADOW_DAYS),
        Mode::Live => (Mode::Soft, SOFT_DAYS),
    }
}

fn judged(to: Mode, figures: Figures) -> Readiness {
    let mut points = match to {
        // Whoever becomes less strict needs no proof.
        Mode::Shadow => vec![],
        Mode::Soft => vec![lasted(to, &figures), errors(&figures)],
        Mode::Live => vec![
            lasted(to, &figures),
            overruns(&figures),
            paid_challenge(&figures),
            taken_back(&figures),
        ],
    };
    if to != Mode::Shadow {
        points.extend([lots(&figures), letters(&figures)]);
    }
    let ModeSince { mode, since } = figures.mode;
    let ready = points.iter().all(|point| point.passed);
    Readiness { mode, since, to: to.as_str(), ready, points }
}

fn lasted(to: Mode, figures: &Figures) -> Point {
    let (before, days) = step(to);
    let ModeSince { mode, since } = &figures.mode;
    let seconds = figures.now.micros_since(*since).max(0) / 1_000_000;
    let wanted_seconds = i64::from(days.saturating_mul(DAY_SECONDS));
    let hours = seconds / 3_600;
    Point {
        name: "lasted",
        passed: mode == before.as_str() && seconds >= wanted_seconds,
        wanted: format!("{days} days of {}", before.as_str()),
        found: format!("{} days and {} hours of {mode}", hours / 24, hours % 24),
    }
}

/// An operation in shadow has failed when nobody came to end it.
fn errors(figures: &Figures) -> Point {
    let Hours { expired, .. } = figures.hours;
    rate("error_rate", expired, figures.hours.ended(), ERRORS_BPS, "reservations lapsed")
}

fn overruns(figures: &Figures) -> Point {
    let Hours { over, .. } = figures.hours;
    rate("overrun_rate", over, figures.hours.charged(), OVERRUNS_BPS, "charges were above")
}

/// A part of a whole that must not be empty.
fn rate(name: &'static str, part: i64, whole: i64, below_bps: i64, what: &str) -> Point {
    let passed = whole > 0 && part.saturating_mul(10_000) < whole.saturating_mul(below_bps);
    let wanted = format!("less than {}.{:02} % of at least one", below_bps / 100, below_bps % 100);
    Point { name, passed, wanted, found: format!("{part} of {whole} {what}") }
}

fn paid_challenge(figures: &Figures) -> Point {
    let paid = figures.proofs.challenges_paid;
    Point {
        name: "payment_required",
        passed: paid > 0,
        wanted: "a 402 that was paid".to_owned(),
        found: format!("{paid} were"),
    }
}

fn taken_back(figures: &Figures) -> Point {
    let passed = figures.proofs.taken_back;
    let found = if passed { "there is" } else { "there is none" };
    let wanted = "a refund, or a clawback".to_owned();
    Point { name: "refund", passed, wanted, found: found.to_owned() }
}

fn lots(figures: &Figures) -> Point {
    let broken = figures.lots_broken;
    Point {
        name: "lot_invariant",
        passed: broken == 0,
        wanted: "no broken lot".to_owned(),
        found: format!("{broken} are"),
    }
}

fn letters(figures: &Figures) -> Point {
    let Proofs { letters_pending, letters_for_review, .. } = figures.proofs;
    Point {
        name: "dead_letters",
        passed: letters_for_review == 0 && letters_pending <= LETTERS_MAX,
        wanted: format!("none that waits for a person, at most {LETTERS_MAX} pending"),
        found: format!("{letters_for_review} wait, {letters_pending} are pending"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(mode: Mode, days: u32) -> Figures {
        let now = Time::from_seconds(1_700_000_000);
        let since = now.plus_micros(-i64::from(days) * 86_400_000_000);
        let hours = Hours {
            reserved: 2_000,
            short: 3,
            exact: 1_000,
            under: 980,
            over: 1,
            released: 10,
            expired: 9,
        };
        Figures {
            mode: ModeSince { mode: mode.as_str().to_owned(), since },
            hours,
            proofs: Proofs { challenges_paid: 1, taken_back: true, ..Proofs::default() },
            lots_broken: 0,
            now,
        }
    }

    fn missing(to: Mode, figures: Figures) -> Vec<&'static str> {
        let points = judged(to, figures).points;
        points.iter().filter(|point| !point.passed).map(|point| point.name).collect()
    }

    #[test]
    fn a_week_of_shadow_with_few_errors_is_enough_for_soft() {
        assert!(judged(Mode::Soft, figures(Mode::Shadow, 7)).ready);
        assert_eq!(missing(Mode::Soft, figures(Mode::Shadow, 6)), ["lasted"]);
        let mut many = figures(Mode::Shadow, 7);
        many.hours.expired = 21;
        assert_eq!(missing(Mode::Soft, many), ["error_rate"]);
    }

    #[test]
    fn three_days_of_soft_are_enough_for_live_and_no_days_of_shadow_are() {
        assert!(judged(Mode::Live, figures(Mode::Soft, 3)).ready);
        assert_eq!(missing(Mode::Live, figures(Mode::Shadow, 30)), ["lasted"]);
        let mut many = figures(Mode::Soft, 3);
        many.hours.over = 2;
        assert_eq!(missing(Mode::Live, many), ["overrun_rate"], "2 of 1,982 are 0.1 %");
    }

    #[test]
    fn a_week_without_anything_proves_nothing() {
        let mut idle = figures(Mode::Shadow, 8);
        idle.hours =
            Hours { reserved: 0, short: 0, exact: 0, under: 0, over: 0, released: 0, expired: 0 };
        assert_eq!(missing(Mode::Soft, idle), ["error_rate"]);
    }

    #[test]
    fn live_wants_a_paid_402_a_refund_and_whole_lots() {
        let mut bare = figures(Mode::Soft, 3);
        (bare.proofs, bare.lots_broken) = (Proofs::default(), 1);
        let wanted = ["payment_required", "refund", "lot_invariant"];
        assert_eq!(missing(Mode::Live, bare.clone()), wanted);
        let told = judged(Mode::Live, bare).missing();
        assert!(told.contains("refund: there is none, wanted a refund"), "{told}");
    }

    #[test]
    fn letters_that_wait_for_a_person_hold_every_step_up() {
        let mut waiting = figures(Mode::Shadow, 7);
        waiting.proofs.letters_for_review = 1;
        assert_eq!(missing(Mode::Soft, waiting), ["dead_letters"]);
        let mut many = figures(Mode::Soft, 3);
        many.proofs.letters_pending = 51;
        assert_eq!(missing(Mode::Live, many), ["dead_letters"]);
    }

    #[test]
    fn becoming_less_strict_needs_no_proof() {
        assert!(judged(Mode::Shadow, figures(Mode::Live, 0)).ready);
    }
}

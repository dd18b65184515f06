//! What the roll tells of itself: its sweeps, and which time stands at which position.

use piperoll_domain::{
    event::Envelope,
    roll::{ClockCorrected, Event, FeatureEnabled, Opened, ReconciliationFinished, WriterStarted},
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, text},
};

/// The sweeps over stale payments.
pub const RUNS: &Schema = &Schema {
    name: "reconciliation_runs",
    index: 7,
    key: &[("position", Type::Integer)],
    columns: &[
        integer("started_at"),
        integer("finished_at"),
        integer("checked"),
        integer("paid"),
        integer("expired"),
        integer("failed"),
        integer("errors"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// What the roll was written by: its format, each start of a release, each feature that holds.
pub const STEPS: &Schema = &Schema {
    name: "steps",
    index: 21,
    key: &[("position", Type::Integer)],
    columns: &[text("kind"), text("name"), integer("recorded_at")],
    layout: BY_KEY,
    indexes: &[],
};

/// Times of some positions: every 1,024th, and wherever the clock was set.
///
/// Between two rows with `era` 1 time only grows. So the last such row at or before a time tells from
/// where on times can be compared; everything before it had been recorded.
pub const MOMENTS: &Schema = &Schema {
    name: "moments",
    index: 8,
    key: &[("position", Type::Integer)],
    columns: &[integer("recorded_at"), integer("era")],
    layout: BY_KEY,
    indexes: &[("moments_eras", "(recorded_at) WHERE era = 1")],
};

/// How far apart the positions in [`MOMENTS`] stand.
pub const MOMENTS_EVERY: u64 = 1_024;

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    match event {
        Event::ReconciliationFinished(run) => into.push(of_run(at, run)),
        Event::ClockCorrected(ClockCorrected { was, now, .. }) => {
            // Whether the correction itself stands on the old clock or on the new one.
            let on_new = at.recorded_at < *was;
            let (start, time) = if on_new {
                (at.position, at.recorded_at)
            } else {
                (at.position.saturating_add(1), *now)
            };
            into.push(change!(MOMENTS [start] { set recorded_at: time, set era: 1_u32 }));
        }
        Event::Opened(Opened { format, .. }) => {
            into.push(of_step(at, "roll", format!("roll format {format}")));
        }
        Event::WriterStarted(WriterStarted { release, .. }) => {
            into.push(of_step(at, "release", format!("release {release}")));
        }
        Event::FeatureEnabled(FeatureEnabled { feature }) => {
            into.push(of_step(at, "feature", format!("feature {feature}")));
        }
        Event::AnomalyAcknowledged(_)
        | Event::AnomalyFound(_)
        | Event::AnomalyClosed(_)
        | Event::DutyWaived(_)
        | Event::WorkerPaused(_)
        | Event::WorkerResumed(_) => {}
    }
}

fn of_step(at: &Envelope, kind: &'static str, name: String) -> Change {
    change!(STEPS [at.position] {
        set kind: kind,
        set name: name,
        set recorded_at: at.recorded_at,
    })
}

/// What every event tells of the time.
pub(crate) fn moment(at: &Envelope, into: &mut Vec<Change>) {
    if at.position == 1 {
        into.push(change!(MOMENTS [1_u64] { set recorded_at: at.recorded_at, set era: 1_u32 }));
    } else if at.position.is_multiple_of(MOMENTS_EVERY) {
        into.push(change!(MOMENTS [at.position] { set recorded_at: at.recorded_at }));
    }
}

fn of_run(at: &Envelope, run: &ReconciliationFinished) -> Change {
    change!(RUNS [at.position] {
        set started_at: run.started_at,
        set finished_at: at.recorded_at,
        set checked: run.checked,
        set paid: run.paid,
        set expired: run.expired,
        set failed: run.failed,
        set errors: run.errors,
    })
}

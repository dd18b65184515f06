//! The roll itself: its opening, its writers, its clock, what was found wrong and by whom accepted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    book::Broken,
    bytes::{Bytes, Id16},
    event::Envelope,
    id::Stream,
    time::Time,
    wire::events,
    worker::{Resting, Worker},
};

/// Whether money in this roll is real. Permanent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The sandbox is welcome; real money providers are refused unless told.
    #[default]
    Development,
    /// The sandbox is refused.
    Production,
}

/// Position 1 of every roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Random; the seed of the hash chain.
    pub roll_id: Id16,
    /// `main` unless said otherwise.
    pub name: String,
    /// The format of the records that follow; 1.
    pub format: u16,
    /// Whether money is real here.
    pub environment: Environment,
    /// The release that opened it.
    pub piperoll_version: String,
}

/// A process began to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterStarted {
    /// The release that writes from here on.
    pub release: String,
    /// A fingerprint of the machine.
    pub host: Bytes<8>,
    /// SHA-256 of the configuration in force, secrets left out.
    pub config: Bytes<32>,
}

/// An operator said what the time is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockCorrected {
    /// The last recorded time before.
    pub was: Time,
    /// The time that was accepted.
    pub now: Time,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// From here on a new kind of duty or claim holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureEnabled {
    /// Its name.
    pub feature: String,
}

/// An operator accepted a broken invariant; the frozen stream goes on from where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomalyAcknowledged {
    /// The event that broke it.
    pub position: u64,
    /// Which check failed.
    pub check: String,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub found: String,
    /// Why it is accepted. Plain text, no place for personal data.
    pub reason: String,
}

/// A stream was found to be frozen. Stands among its tenant's notes, not in the stream itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomalyFound {
    /// The stream.
    pub stream: Stream,
    /// The event that broke it.
    pub position: u64,
    /// Which check failed.
    pub check: String,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub found: String,
}

/// What had been found is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomalyClosed {
    /// The stream.
    pub stream: Stream,
    /// The event that broke it.
    pub position: u64,
}

/// An operator closed a duty by hand. Stands in the stream that the duty was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyWaived {
    /// The kind of duty.
    pub duty: String,
    /// Which of the stream's duties of that kind, where there may be several.
    pub item: Option<String>,
    /// Position of the event that opened it.
    pub opener: u64,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// A sweep over stale payments ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationFinished {
    /// When it began.
    pub started_at: Time,
    /// How many payments it asked about.
    pub checked: u32,
    /// How many it found paid.
    pub paid: u32,
    /// How many it found expired.
    pub expired: u32,
    /// How many it found failed.
    pub failed: u32,
    /// How many questions got no answer.
    pub errors: u32,
}

/// An operator paused a worker: what it would do stays owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerPaused {
    /// Which.
    pub worker: Worker,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// An operator let a worker work again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerResumed {
    /// Which.
    pub worker: Worker,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Roll {
    /// It began.
    Opened = "roll.opened.v1",
    /// A process began to write.
    WriterStarted = "writer.started.v1",
    /// An operator said what the time is.
    ClockCorrected = "clock.corrected.v1",
    /// A new kind of duty or claim holds.
    FeatureEnabled = "feature.enabled.v1",
    /// A broken invariant was accepted.
    AnomalyAcknowledged = "anomaly.acknowledged.v1",
    /// A stream was found to be frozen.
    AnomalyFound = "anomaly.found.v1",
    /// That is acknowledged.
    AnomalyClosed = "anomaly.closed.v1",
    /// A duty was closed by hand.
    DutyWaived = "duty.waived.v1",
    /// A sweep ended.
    ReconciliationFinished = "reconciliation.finished.v1",
    /// A worker rests.
    WorkerPaused = "worker.paused.v1",
    /// A worker works again.
    WorkerResumed = "worker.resumed.v1",
});

/// How many sweeps are remembered.
const RUNS_MAX: usize = 50;

/// What a stream of the roll's own adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// How it was opened.
    pub opened: Option<Opened>,
    /// The features enabled so far.
    pub features: BTreeSet<String>,
    /// The latest sweeps, oldest first, each with the time of its end.
    pub runs: VecDeque<(Time, ReconciliationFinished)>,
    /// The workers that rest.
    pub resting: Resting,
    /// The streams that are known to be frozen, each with the event that broke it.
    pub anomalies: BTreeMap<Stream, u64>,
}

impl Roll {
    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, at: &Envelope) -> Result<(), Broken> {
        match event {
            Event::Opened(opened) => {
                Broken::unless(self.opened.is_none(), "a roll opens once", "none", "opened")?;
                self.opened = Some(opened.clone());
            }
            Event::FeatureEnabled(FeatureEnabled { feature }) => {
                self.features.insert(feature.clone());
            }
            Event::ReconciliationFinished(run) => {
                self.runs.push_back((at.recorded_at, *run));
                if self.runs.len() > RUNS_MAX {
                    self.runs.pop_front();
                }
            }
            Event::AnomalyFound(found) => {
                self.anomalies.insert(found.stream.clone(), found.position);
            }
            Event::AnomalyClosed(closed) => {
                let known = self.anomalies.remove(&closed.stream);
                let (expected, found) = (closed.position, known.unwrap_or(0));
                Broken::unless(found == expected, "what was found is closed", expected, found)?;
            }
            Event::WorkerPaused(paused) => self.resting.pause(paused, at)?,
            Event::WorkerResumed(resumed) => self.resting.resume(resumed)?,
            Event::WriterStarted(_)
            | Event::ClockCorrected(_)
            | Event::AnomalyAcknowledged(_)
            | Event::DutyWaived(_) => {}
        }
        Ok(())
    }
}

//! The writer's clock, and how far it can be trusted.
//!
//! A wall clock may be wrong. It is compared with the machine's time since boot, which counts
//! through a suspension and cannot be set; after a jump, or a long absence, time rests: nothing
//! expires until an operator or a second witness agrees. A doubt outlives the process.

mod hand;
mod kept;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use piperoll_domain::time::{Moment, Time};
use serde::{Deserialize, Serialize};

use self::{hand::Hand, kept::Kept};

/// How far the clock may stray from the time since boot.
const JUMP_MICROS: i64 = 10 * 60 * 1_000_000;
/// How long a roll may rest before its next start needs a witness.
const ABSENCE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How far a witness may be from the clock to agree with it.
const WITNESS_MICROS: i64 = 5 * 60 * 1_000_000;
/// How far the clock may be behind the last record.
const BEHIND_MICROS: i64 = 5_000_000;

/// Why time rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// It moved against the time since boot.
    Jumped {
        /// By how many microseconds.
        micros: i64,
    },
    /// The last record is old.
    LongAbsence {
        /// By how many microseconds.
        micros: i64,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jumped { micros } => {
                write!(f, "it moved by {} s against the time since boot", micros / 1_000_000)
            }
            Self::LongAbsence { micros } => {
                write!(f, "the last record is {} s old", micros / 1_000_000)
            }
        }
    }
}

/// A clock. Clones read the same one.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hand: Hand,
    /// Wall minus boot at the moment when the clock was last believed.
    believed: AtomicI64,
    /// The first doubt, until somebody has dispelled it.
    doubt: Mutex<Option<Doubt>>,
    /// The time of the last record before it.
    sure: AtomicI64,
    /// The time of the last record.
    last: AtomicI64,
    kept: Option<Kept>,
}

impl Clock {
    /// The machine's, for a short while.
    pub fn system() -> Self {
        Self::of(Hand::system(), None)
    }

    /// The machine's, as far as it was believed when the holder of a data directory last ran.
    pub fn kept_in(directory: &Path) -> Self {
        let (hand, kept) = (Hand::system(), Kept::new(directory));
        let known = kept.read();
        let clock = Self::of(hand, Some(kept));
        if let Some(known) = known {
            *clock.lock() = known.doubt;
            clock.0.sure.store(known.sure, Relaxed);
            // Within one run of the machine, what the clock did meanwhile shows as well.
            if known.is_of_this_boot() {
                clock.0.believed.store(known.believed, Relaxed);
            }
        }
        clock
    }

    /// One that a test moves by hand.
    pub fn manual(now: Time) -> Self {
        Self::of(Hand::manual(now), None)
    }

    /// One that goes with the runtime's time, which a simulation holds or lets go: the wall from
    /// `now`, the time since boot from `boot_micros`.
    pub fn paced(now: Time, boot_micros: i64) -> Self {
        Self::of(Hand::paced(now, boot_micros), None)
    }

    fn of(hand: Hand, kept: Option<Kept>) -> Self {
        let believed = AtomicI64::new(hand.wall() - hand.boot());
        let (last, sure) = (AtomicI64::new(i64::MIN), AtomicI64::new(i64::MIN));
        Self(Arc::new(Inner { hand, believed, doubt: Mutex::new(None), sure, last, kept }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Doubt>> {
        self.0.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the wall clock says.
    pub fn now(&self) -> Time {
        Time::from_micros(self.0.hand.wall())
    }

    /// What a record that were written now would say: the clock, but always after the last record.
    pub fn next_record(&self) -> Time {
        Time::from_micros(self.0.hand.wall().max(self.0.last.load(Relaxed).saturating_add(1)))
    }

    /// Whether time causes nothing, and why.
    pub fn doubt(&self) -> Option<Doubt> {
        let micros = self.0.hand.wall() - self.0.hand.boot() - self.0.believed.load(Relaxed);
        let mut doubt = self.lock();
        if doubt.is_none() && micros.abs() > JUMP_MICROS {
            self.begin(&mut doubt, Doubt::Jumped { micros });
        }
        *doubt
    }

    /// That moment, as far as the clock is believed.
    pub fn moment_at(&self, now: Time) -> Moment {
        match self.doubt() {
            None => Moment::at(now),
            Some(_) => Moment::in_doubt(now, Time::from_micros(self.0.sure.load(Relaxed))),
        }
    }

    /// This moment, as far as the clock is believed.
    pub fn moment(&self) -> Moment {
        self.moment_at(self.now())
    }

    fn begin(&self, slot: &mut Option<Doubt>, doubt: Doubt) {
        tracing::error!(
            ?doubt,
            "the clock is in doubt: time rests, and nothing expires, until a provider's clock agrees \
             or an operator accepts it"
        );
        *slot = Some(doubt);
        self.0.sure.store(self.0.last.load(Relaxed), Relaxed);
        self.keep(*slot);
    }

    /// Compares the clock with the last record, at start.
    pub fn compare_with_last(&self, last: Option<Time>) {
        let absent = last.map_or(0, |last| self.now().micros_since(last));
        if let Some(last) = last {
            self.recorded(last);
        }
        let mut doubt = self.lock();
        if doubt.is_none() && absent > ABSENCE_MICROS {
            self.begin(&mut doubt, Doubt::LongAbsence { micros: absent });
        } else {
            self.keep(*doubt);
        }
    }

    /// The last record has this time now.
    pub fn recorded(&self, last: Time) {
        self.0.last.store(last.micros(), Relaxed);
    }

    /// By how much the clock is too far behind the last record to write another one, if it is.
    pub fn behind_micros(&self) -> Option<i64> {
        let behind = self.0.last.load(Relaxed).saturating_sub(self.0.hand.wall());
        (behind > BEHIND_MICROS).then_some(behind)
    }

    /// An operator accepts the clock as it is.
    pub fn accept(&self) {
        let mut doubt = self.lock();
        self.0.believed.store(self.0.hand.wall() - self.0.hand.boot(), Relaxed);
        *doubt = None;
        self.keep(None);
    }

    /// Somebody else, such as a provider, says what the time is. If the clock agrees, it is accepted.
    pub fn witness(&self, elsewhere: Time) -> bool {
        let agrees = self.now().micros_since(elsewhere).abs() <= WITNESS_MICROS;
        if agrees && self.doubt().is_some() {
            tracing::warn!("a provider's clock agrees with ours: time counts again");
            self.accept();
        }
        agrees
    }

    fn keep(&self, doubt: Option<Doubt>) {
        if let Some(kept) = &self.0.kept {
            kept.write(self.0.believed.load(Relaxed), doubt, self.0.sure.load(Relaxed));
        }
    }

    /// Moves a clock that is not the machine's: the wall by `wall_micros`, the time since boot by
    /// `boot_micros`.
    pub fn advance(&self, wall_micros: i64, boot_micros: i64) {
        self.0.hand.advance(wall_micros, boot_micros);
    }
}

//! The writer's clock, and how far it can be trusted.
//!
//! A wall clock may be wrong. It is compared with the machine's time since boot, which counts
//! through a suspension and cannot be set; after a jump, or a long absence, time rests: nothing
//! expires until an operator or a second witness agrees.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use piperoll_domain::time::Time;

/// How far the clock may stray from the time since boot.
const JUMP_MICROS: i64 = 10 * 60 * 1_000_000;
/// How long a roll may rest before its next start needs a witness.
const ABSENCE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// How far a witness may be from the clock to agree with it.
const WITNESS_MICROS: i64 = 5 * 60 * 1_000_000;

/// Why time rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A clock. Clones read the same one.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hand: Hand,
    /// Wall minus boot at the moment when the clock was last believed.
    believed: AtomicI64,
    absent_for: AtomicI64,
    rests: AtomicBool,
}

#[derive(Debug)]
enum Hand {
    System {
        started: Instant,
    },
    Manual {
        wall: AtomicI64,
        boot: AtomicI64,
    },
    /// Goes with the runtime's time; both hands can be moved against it.
    Paced {
        started: tokio::time::Instant,
        wall: AtomicI64,
        boot: AtomicI64,
    },
}

impl Clock {
    /// The machine's.
    pub fn system() -> Self {
        Self::of(Hand::System { started: Instant::now() })
    }

    /// One that a test moves by hand.
    pub fn manual(now: Time) -> Self {
        let wall = AtomicI64::new(now.micros());
        Self::of(Hand::Manual { wall, boot: AtomicI64::new(0) })
    }

    /// One that goes with the runtime's time, which a simulation holds or lets go: the wall from
    /// `now`, the time since boot from `boot_micros`.
    pub fn paced(now: Time, boot_micros: i64) -> Self {
        let (wall, boot) = (AtomicI64::new(now.micros()), AtomicI64::new(boot_micros));
        Self::of(Hand::Paced { started: tokio::time::Instant::now(), wall, boot })
    }

    fn of(hand: Hand) -> Self {
        let believed = hand.wall() - hand.boot();
        Self(Arc::new(Inner {
            hand,
            believed: AtomicI64::new(believed),
            absent_for: AtomicI64::new(0),
            rests: AtomicBool::new(false),
        }))
    }

    /// What the wall clock says.
    pub fn now(&self) -> Time {
        Time::from_micros(self.0.hand.wall())
    }

    /// Whether time causes nothing, and why.
    pub fn doubt(&self) -> Option<Doubt> {
        let strayed =
            self.0.hand.wall() - self.0.hand.boot() - self.0.believed.load(Ordering::Relaxed);
        if strayed.abs() > JUMP_MICROS {
            self.0.rests.store(true, Ordering::Relaxed);
            return Some(Doubt::Jumped { micros: strayed });
        }
        if self.0.rests.load(Ordering::Relaxed) {
            let micros = self.0.absent_for.load(Ordering::Relaxed);
            return Some(Doubt::LongAbsence { micros });
        }
        None
    }

    /// Compares the clock with the last record, at start.
    pub fn compare_with_last(&self, last: Option<Time>) {
        let absent = last.map_or(0, |last| self.now().micros_since(last));
        if absent > ABSENCE_MICROS {
            self.0.absent_for.store(absent, Ordering::Relaxed);
            self.0.rests.store(true, Ordering::Relaxed);
        }
    }

    /// An operator accepts the clock as it is.
    pub fn accept(&self) {
        let believed = self.0.hand.wall() - self.0.hand.boot();
        self.0.believed.store(believed, Ordering::Relaxed);
        self.0.rests.store(false, Ordering::Relaxed);
    }

    /// Somebody else, such as a provider, says what the time is. If the clock agrees, it is accepted.
    pub fn witness(&self, elsewhere: Time) -> bool {
        let agrees = self.now().micros_since(elsewhere).abs() <= WITNESS_MICROS;
        if agrees && self.doubt().is_some() {
            self.accept();
        }
        agrees
    }

    /// Moves a clock that is not the machine's: the wall by `wall_micros`, the time since boot by `boot_micros`.
    pub fn advance(&self, wall_micros: i64, boot_micros: i64) {
        if let Hand::Manual { wall, boot } | Hand::Paced { wall, boot, .. } = &self.0.hand {
            wall.fetch_add(wall_micros, Ordering::Relaxed);
            boot.fetch_add(boot_micros, Ordering::Relaxed);
        }
    }
}

impl Hand {
    fn wall(&self) -> i64 {
        match self {
            Self::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Self::Manual { wall, .. } => wall.load(Ordering::Relaxed),
            Self::Paced { started, wall, .. } => wall.load(Ordering::Relaxed) + micros(*started),
        }
    }

    /// Linux counts it through a suspension in `/proc/uptime`; elsewhere the monotonic clock serves.
    fn boot(&self) -> i64 {
        match self {
            Self::System { started } => uptime().unwrap_or_else(|| {
                i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX)
            }),
            Self::Manual { boot, .. } => boot.load(Ordering::Relaxed),
            Self::Paced { started, boot, .. } => boot.load(Ordering::Relaxed) + micros(*started),
        }
    }
}

fn micros(since: tokio::time::Instant) -> i64 {
    i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX)
}

fn uptime() -> Option<i64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, rest) = text.split_once('.')?;
    let hundredths: i64 = rest.split_whitespace().next()?.parse().ok()?;
    let seconds: i64 = seconds.parse().ok()?;
    Some(seconds * 1_000_000 + hundredths * 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn a_clock_that_goes_with_the_machine_is_believed() {
        let clock = Clock::manual(Time::from_seconds(1_000_000));
        clock.advance(600 * MINUTE, 600 * MINUTE);
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_jump_rests_until_it_is_accepted_even_if_it_goes_back() {
        let clock = Clock::manual(Time::from_seconds(1_000_000));
        clock.advance(11 * MINUTE, 0);
        assert_eq!(clock.doubt(), Some(Doubt::Jumped { micros: 11 * MINUTE }));
        clock.advance(-11 * MINUTE, 0);
        assert!(clock.doubt().is_some());
        clock.accept();
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn a_long_absence_rests_until_a_witness_agrees() {
        let clock = Clock::manual(Time::from_seconds(1_000_000));
        clock.compare_with_last(Some(Time::from_seconds(1_000_000 - 25 * 3600)));
        assert!(clock.doubt().is_some());
        assert!(!clock.witness(Time::from_seconds(1_000_000 + 301)));
        assert!(clock.doubt().is_some());
        assert!(clock.witness(Time::from_seconds(1_000_000 + 299)));
        assert_eq!(clock.doubt(), None);
    }

    #[test]
    fn the_machine_knows_its_uptime() {
        assert_eq!(Clock::system().doubt(), None);
    }
}

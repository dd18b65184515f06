//! Instants and spans in microseconds. The domain is told the time; it never asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// Later than anything that will ever be recorded.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch; the far ends saturate.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This many seconds later; the far end saturates.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u32) -> Self {
        self.plus_micros(widen(seconds).saturating_mul(1_000_000))
    }

    /// This many microseconds later; the far end saturates.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this; negative when this is earlier.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[expect(clippy::as_conversions, reason = "u32 to i64 is lossless; `From` is not const")]
const fn widen(seconds: u32) -> i64 {
    seconds as i64
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

/// What a decision is told about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The recorded time of the command's first event.
    pub now: Time,
    /// The clock is in doubt: nothing counts as expired until an operator or a witness agrees
    /// (one-way door: time alone causes nothing while it rests).
    pub rests: bool,
    /// The latest time that is beyond doubt: now, or the last record before the doubt began.
    pub sure: Time,
}

impl Moment {
    /// A moment whose clock is trusted.
    pub const fn at(now: Time) -> Self {
        Self { now, rests: false, sure: now }
    }

    /// A moment whose clock is in doubt since the record of that time.
    pub const fn in_doubt(now: Time, since: Time) -> Self {
        Self { now, rests: true, sure: since }
    }

    /// Whether what begins at `from` has begun: what had before a doubt goes on through it.
    pub fn has_begun(self, from: Time) -> bool {
        self.sure >= from
    }

    /// Whether `deadline` has passed, as far as this clock may say so.
    pub fn is_past(self, deadline: Time) -> bool {
        !self.rests && self.now >= deadline
    }
}

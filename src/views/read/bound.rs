//! Up to when something counts, as a position and a time beside it tell.

use piperoll_domain::time::Time;

use super::{AsOf, Error, Snapshot};

/// A moment, as events can be held against it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    /// Everything counts.
    None,
    /// Up to and with a position.
    Position(u64),
    /// Everything before the position, whatever time it bears; from there on, up to the time. Time
    /// grows but where the clock was set, and the position is where it last was.
    Time(u64, Time),
}

impl Bound {
    /// Whether an event counts.
    pub(super) fn holds(self, position: i64, recorded_at: i64) -> bool {
        let position = unsigned(position);
        match self {
            Self::None => true,
            Self::Position(last) => position <= last,
            Self::Time(start, time) => position < start || recorded_at <= time.micros(),
        }
    }

    /// Whether something at or behind a position may count.
    pub(super) const fn may_hold(self, position: u64) -> bool {
        match self {
            Self::None | Self::Time(..) => true,
            Self::Position(last) => position <= last,
        }
    }
}

impl Snapshot {
    /// A moment as a bound.
    pub(super) async fn bound(&mut self, as_of: AsOf) -> Result<Bound, Error> {
        Ok(match as_of {
            AsOf::Now => Bound::None,
            AsOf::Position(position) => Bound::Position(position),
            AsOf::Time(time) => Bound::Time(self.era(time).await?, time),
        })
    }

    /// Positions between which the last event that counts stands: up to the first of them all count,
    /// behind the second none does.
    pub(super) async fn between(&mut self, as_of: AsOf) -> Result<(u64, u64), Error> {
        Ok(match as_of {
            AsOf::Now => (u64::MAX, u64::MAX),
            AsOf::Position(position) => (position, position),
            AsOf::Time(time) => {
                let tail = self.moment(time).await?;
                (tail.from, tail.to)
            }
        })
    }
}

/// A position as SQLite holds it.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

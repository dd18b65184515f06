//! The days of a file: beancount sorts by them, so they must never run back.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use piperoll_domain::{event::Envelope, time::Time};

use super::{Error, Scope};

/// The latest day so far.
#[derive(Debug, Default)]
pub(super) struct Dates {
    last: Option<NaiveDate>,
}

impl Dates {
    /// The day of an event in UTC. After a clock was set back, the day before that goes on.
    pub(super) fn date(&mut self, at: &Envelope) -> Result<NaiveDate, Error> {
        let date = day(at.recorded_at).ok_or(Error::Date { position: at.position })?;
        let date = self.last.map_or(date, |last| last.max(date));
        self.last = Some(date);
        Ok(date)
    }

    /// The first day behind all that was written. A balance holds at the beginning of its day.
    pub(super) fn end(&self, scope: &Scope) -> Option<NaiveDate> {
        let latest = self.last.map(|last| scope.from.map_or(last, |from| from.max(last)));
        latest.and_then(|latest| scope.to.or_else(|| latest.succ_opt()))
    }
}

/// A day that beancount can read.
pub(super) fn day(time: Time) -> Option<NaiveDate> {
    let date = DateTime::<Utc>::from_timestamp_micros(time.micros())?.date_naive();
    (1..=9999).contains(&date.year()).then_some(date)
}

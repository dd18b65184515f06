//! Queries: one consistent look at the rows, pages by key, balances now and back then.

mod bound;
mod campaigns;
mod checks;
mod credit;
mod cursor;
mod drift;
mod entries;
mod ledger;
mod letters;
mod payments;
mod query;
mod readiness;
mod receipts;
mod reservations;
mod rows;
mod shares;

use std::sync::Arc;

use piperoll_domain::{bytes::Bytes, time::Time};
use sqlx::{Row, Sqlite, Transaction};

pub use self::{
    campaigns::{Campaign, Grant},
    checks::{Counts, Step, TableRow, Tail},
    credit::{Account, Balance, Entry, Held, Lot},
    cursor::{Cursor, LIMIT_MAX, Page, PageRequest},
    drift::Drift,
    ledger::{JournalEntry, Leg, Run, TrialLine},
    letters::Letter,
    payments::{Entitlement, Order, Payment, PaymentFilter, Review},
    query::Direction,
    readiness::{Hours, ModeSince, Pattern, Proofs},
    receipts::{Receipt, ReceiptFilter, Refused},
    reservations::{Reservation, ReservationFilter, ReservationStatus},
};
use crate::views::store::{Error, Generation, Mark};

/// A cursor of `list`, written again.
#[cfg(feature = "fuzzing")]
pub fn reread(text: &str, list: &str, shape: &[bool]) -> Option<String> {
    let key = Cursor::from_text(text).key(list, shape).ok()?;
    Some(Cursor::behind(list, &key).to_string())
}

/// Up to when a balance counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Everything that has been taken in.
    Now,
    /// Up to and with an event.
    Position(u64),
    /// Up to the last event that had been recorded by then.
    Time(Time),
}

/// One consistent look at the rows of a generation: all its answers are of one position.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Sqlite>,
    mark: Mark,
    /// Keeps the file while somebody reads it.
    _generation: Arc<Generation>,
}

impl Snapshot {
    /// A look at a generation as it is now.
    pub async fn of(generation: Arc<Generation>) -> Result<Self, Error> {
        let mut transaction = generation.readers().begin().await.map_err(Error::Read)?;
        let row = sqlx::query("SELECT position, hash FROM checkpoint WHERE one = 1")
            .fetch_one(&mut *transaction)
            .await
            .map_err(Error::Read)?;
        let position: i64 = row.try_get("position").map_err(Error::Read)?;
        let hash = Bytes::from_slice(row.try_get("hash").map_err(Error::Read)?);
        let position = u64::try_from(position).ok();
        let mark = position.zip(hash).map(|(position, hash)| Mark { position, hash });
        let mark = mark.ok_or(Error::Shape("checkpoint"))?;
        Ok(Self { transaction, mark, _generation: generation })
    }

    /// The last event that its rows know.
    pub const fn mark(&self) -> Mark {
        self.mark
    }
}

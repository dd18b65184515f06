//! A lot: an amount of prepaid credit with a source, a cost and perhaps an expiry.

use serde::{Deserialize, Serialize};

use crate::{
    account::{LotMinted, Part, SourceKind},
    book::Broken,
    id::{LotId, Pool},
    money::{Amount, Code, Money},
    time::Time,
};

/// Where a lot stands in the order in which credit is used: earliest expiry first (none last), then
/// oldest, then id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Lots of one commodity stand together.
    pub commodity: Code,
    /// Lots of one pool stand together.
    pub pool: Pool,
    /// [`Time::MAX`] for a lot that never expires.
    pub expires_at: Time,
    /// Position of its mint.
    pub minted: u64,
    /// The last tie-break.
    pub lot: LotId,
}

/// A lot's amounts. Invariant: available + reserved + consumed + expired = minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// What it began with. Immutable.
    pub minted: Amount,
    /// What can be used.
    pub available: Amount,
    /// What is set aside for work in progress.
    pub reserved: Amount,
    /// What was used.
    pub consumed: Amount,
    /// What lapsed.
    pub expired: Amount,
    /// What all of it cost.
    pub cost: Option<Money>,
    /// How much of the cost has gone with what is gone.
    pub released: Amount,
    /// Where it comes from.
    pub source: SourceKind,
}

impl Lot {
    pub(crate) fn of(minted: &LotMinted) -> Self {
        Self {
            minted: minted.amount.amount,
            available: minted.amount.amount,
            reserved: Amount::ZERO,
            consumed: Amount::ZERO,
            expired: Amount::ZERO,
            cost: minted.cost,
            released: Amount::ZERO,
            source: minted.source.kind,
        }
    }

    /// What has left it for good.
    fn gone(&self) -> Amount {
        self.minted.saturating_sub(self.available).saturating_sub(self.reserved)
    }

    /// What is still in it.
    pub fn left(&self) -> Amount {
        self.available.checked_add(self.reserved).unwrap_or(Amount::MAX)
    }

    /// Taking `amount` out of what is available: the part that a fact carries.
    /// Cost released = floor(total × cumulative amount gone / minted) − released before.
    pub(crate) fn part(&self, place: &Place, amount: Amount) -> Option<Part> {
        let left = self.left().checked_sub(amount)?;
        let gone = self.gone().checked_add(amount)?;
        let share = |cost: Money| {
            let through = cost.amount.share(gone, self.minted)?;
            Some(cost.with(through.checked_sub(self.released)?))
        };
        Some(Part {
            lot: place.lot.clone(),
            amount,
            left,
            cost: self.cost.and_then(share),
            source: self.source,
            pool: place.pool.clone(),
        })
    }

    /// Takes a part out, as consumed or as expired. The part must be what [`Lot::part`] says.
    pub(crate) fn take(&mut self, place: &Place, part: &Part, expired: bool) -> Result<(), Broken> {
        let short = || Broken::new("a part is covered by its lot", self.available, part.amount);
        let available = self.available.checked_sub(part.amount).ok_or_else(short)?;
        let due = self.part(place, part.amount).ok_or_else(short)?;
        let (expected, found) = (format_args!("{due:?}"), format_args!("{part:?}"));
        Broken::unless(due == *part, "a part agrees with its lot", expected, found)?;
        let sink = if expired { &mut self.expired } else { &mut self.consumed };
        // Cannot overflow: no sink holds more than was minted.
        *sink = sink.checked_add(part.amount).unwrap_or(Amount::MAX);
        let cost = part.cost.map_or(Amount::ZERO, |cost| cost.amount);
        self.released = self.released.checked_add(cost).unwrap_or(Amount::MAX);
        self.available = available;
        Ok(())
    }
}

//! An account: a holder of lots, of what is set aside of them, and of what it owes.
//!
//! Its state holds what a decision may still need: lots with something left, open reservations,
//! debts. Lots of which nothing is left are history, unless more happened to them than use and one
//! lapse; so neither time nor memory grows with the lots that an account has had.

mod correct;
mod correction;
mod event;
mod kept;
mod lot;
mod open;
mod order;
mod reservation;
mod reserve;
mod scratch;
#[cfg(test)]
mod tests;
mod unnamed;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use correct::Bygone;
pub use correction::*;
pub use event::*;
pub use lot::Lot;
pub use order::{Order, Place};
pub use reservation::*;
pub use reserve::{Charge, Hold, finalized_again, released_again};
pub use work::Sum;

use open::Open;
use order::Rank;
use scratch::Scratch;
use unnamed::Unnamed;
use work::{Changes, Work};

use crate::{
    book::Broken,
    event::{Envelope, Event as Fact},
    few::Few,
    id::{LotId, Pool, ReservationId},
    money::{Amount, Code, Money},
    rejection::Rejection,
    time::Moment,
};

/// The order in which lots are used unless somebody says otherwise, as it stands in facts.
pub const ORDER: &str = "pool-expiry-age.v1";

/// An account's state. Written down without what is only another order of the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "kept::Kept")]
pub struct Account {
    open: bool,
    lots: Few<LotId, Lot>,
    reservations: Open,
    debts: BTreeMap<(Code, Pool), Amount>,
    /// How much of these debts stands for credit that was taken back and had not been shared out.
    barren: BTreeMap<(Code, Pool), Amount>,
    shared: BTreeMap<Code, Sum>,
    /// What was given of late from sources that nobody named.
    unnamed: Unnamed,
    /// Where lots stand that can be used, under each policy.
    #[serde(skip)]
    ranks: BTreeSet<Rank>,
}

impl Account {
    /// Whether anything ever happened to it.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The lots with something left, and those to which more happened than their mint tells.
    pub fn lots(&self) -> impl Iterator<Item = &Lot> {
        self.lots.iter().map(|(_, lot)| lot)
    }

    /// A lot with something left, or to which more happened than its mint tells.
    pub fn lot(&self, lot: &LotId) -> Option<&Lot> {
        self.lots.get(lot)
    }

    /// The open reservations.
    pub fn reservations(&self) -> impl Iterator<Item = (&ReservationId, &Reservation)> {
        self.reservations.iter()
    }

    /// An open reservation.
    pub fn reservation(&self, reservation: &ReservationId) -> Option<&Reservation> {
        self.reservations.get(reservation)
    }

    /// What is owed, by commodity and pool.
    pub fn debts(&self) -> impl Iterator<Item = (&(Code, Pool), &Amount)> {
        self.debts.iter()
    }

    /// What was shared of its use, by commodity.
    pub fn shared(&self) -> impl Iterator<Item = (&Code, &Sum)> {
        self.shared.iter()
    }

    /// How much there is to write when it is written down, in lots.
    pub fn weight(&self) -> usize {
        self.lots.len().saturating_add(self.reservations.len())
    }

    /// What opening by command causes; twice is once.
    pub fn open(&self) -> Option<Opened> {
        (!self.open).then_some(Opened {})
    }

    /// What spending `total` causes: the lapse of lots that are met on the way, and the use.
    /// Lots of `pool` go first, those of the general pool after them. What is owed counts against
    /// what is there.
    pub fn spend(
        &self,
        total: Money,
        pool: &Pool,
        reference: Option<String>,
        order: Order,
        moment: Moment,
    ) -> Result<Vec<Fact>, Rejection> {
        self.must_be_usable("amount", total)?;
        let mut scratch = Scratch::over(self, moment);
        let picked = scratch.pick_all(order, total, pool)?;
        let parts = scratch.parts(&picked).collect();
        let spent = Spent { total, parts, order: order.as_str().to_owned(), reference };
        Ok(scratch.conclude(Event::Spent(spent)))
    }

    /// Refuses what looks like an unnamed gift of less than a day ago, sent again.
    pub fn must_not_repeat(
        &self,
        kind: SourceKind,
        amount: Money,
        moment: Moment,
    ) -> Result<(), Rejection> {
        self.unnamed.must_not_repeat(kind, amount, moment)
    }

    fn must_be_usable(&self, field: &'static str, total: Money) -> Result<(), Rejection> {
        if total.amount.is_zero() {
            return Err(Rejection::AmountZero { field });
        }
        if !self.open {
            return Err(Rejection::AccountNotFound);
        }
        Ok(())
    }

    /// What a lot's expiry causes; nothing where nothing is left of it that could be used.
    pub fn expire(&self, lot: &LotId, moment: Moment) -> Result<Option<LotExpired>, Rejection> {
        let left = self.lots.get(lot).filter(|lot| !lot.left().is_zero());
        let Some(lot) = left else { return Ok(None) };
        if !moment.is_past(lot.place.expires_at) {
            return Err(Rejection::LotNotExpired);
        }
        Ok(lapse(lot))
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, at: &Envelope) -> Result<(), Broken> {
        let mut work = Work::of_a_fact(self);
        work.apply(event, at.position)?;
        let changes = work.changes;
        self.take_in(changes);
        self.unnamed.take_in(event, at);
        self.open = true;
        Ok(())
    }

    fn take_in(&mut self, changes: Changes) {
        let Changes { lots, reservations, debts, barren, shared, .. } = changes;
        lots.hand_over(|id, lot| self.put(id, lot));
        reservations.hand_over(|id, reservation| match reservation {
            Some(open) => self.reservations.insert(id, open),
            None => self.reservations.remove(&id),
        });
        debts.hand_over(|name, owed| {
            self.debts.insert(name, owed);
        });
        self.debts.retain(|_, owed| !owed.is_zero());
        barren.hand_over(|name, owed| {
            self.barren.insert(name, owed);
        });
        self.barren.retain(|_, owed| !owed.is_zero());
        shared.hand_over(|code, sum| {
            self.shared.insert(code, sum);
        });
    }

    fn put(&mut self, id: LotId, lot: Option<Lot>) {
        let (ranks, is_usable) = match (self.lots.get_mut(&id), lot) {
            (Some(known), Some(lot)) => {
                let before = known.is_usable();
                *known = lot;
                if before == known.is_usable() {
                    return;
                }
                (Rank::all(known), !before)
            }
            (None, Some(lot)) => {
                let new = (Rank::all(&lot), lot.is_usable());
                self.lots.insert(id, lot);
                new
            }
            (_, None) => match self.lots.remove(&id) {
                Some(lot) => (Rank::all(&lot), false),
                None => return,
            },
        };
        for rank in ranks {
            if is_usable {
                self.ranks.insert(rank);
            } else {
                self.ranks.remove(&rank);
            }
        }
    }
}

fn lapse(lot: &Lot) -> Option<LotExpired> {
    let part = lot.part(lot.available)?;
    let amount = Money { commodity: lot.place.commodity, amount: part.amount };
    (!part.amount.is_zero()).then_some(LotExpired { amount, part })
}

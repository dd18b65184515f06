//! An account: a holder of lots.

mod event;
mod lot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use event::*;
pub use lot::{Lot, Place};

use crate::{
    book::Broken,
    event::{Envelope, Event as Fact},
    id::{LotId, Pool},
    money::{Amount, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// The order in which lots are used, as it stands in facts: pool, then earliest expiry, then oldest.
pub const ORDER: &str = "pool-expiry-age.v1";

/// An account's state. Only lots with something left are kept; the rest is history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    open: bool,
    lots: BTreeMap<Place, Lot>,
    places: BTreeMap<LotId, Place>,
}

impl Account {
    /// Whether anything ever happened to it.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The lots with something left, in the order in which they are used.
    pub fn lots(&self) -> impl Iterator<Item = (&Place, &Lot)> {
        self.lots.iter()
    }

    /// A lot with something left.
    pub fn lot(&self, lot: &LotId) -> Option<(&Place, &Lot)> {
        self.places.get(lot).and_then(|place| self.lots.get_key_value(place))
    }

    /// What opening by command causes; twice is once.
    pub fn open(&self) -> Option<Opened> {
        (!self.open).then_some(Opened {})
    }

    /// What minting causes.
    pub fn mint(&self, minted: LotMinted) -> Result<LotMinted, Rejection> {
        if minted.amount.amount.is_zero() {
            return Err(Rejection::AmountZero);
        }
        if self.places.contains_key(&minted.lot) {
            return Err(Rejection::LotExists);
        }
        Ok(minted)
    }

    /// What spending `total` causes: the lapse of lots that are met on the way, and the use.
    /// Lots of `pool` go first, those of the general pool after them.
    pub fn spend(
        &self,
        total: Money,
        pool: &Pool,
        reference: Option<String>,
        moment: Moment,
    ) -> Result<Vec<Fact>, Rejection> {
        if total.amount.is_zero() {
            return Err(Rejection::AmountZero);
        }
        if !self.open {
            return Err(Rejection::AccountNotFound);
        }
        let mut facts = vec![];
        let mut parts = vec![];
        let mut missing = total.amount;
        for (place, lot) in self.in_order(total, pool) {
            if missing.is_zero() {
                break;
            }
            if moment.is_past(place.expires_at) {
                facts.extend(lapse(place, lot).map(Fact::from));
                continue;
            }
            let amount = missing.min(lot.available);
            parts.extend(lot.part(place, amount).filter(|part| !part.amount.is_zero()));
            missing = missing.saturating_sub(amount);
        }
        if !missing.is_zero() {
            return Err(Rejection::CreditInsufficient { missing: total.with(missing) });
        }
        facts.push(Spent { total, parts, order: ORDER.to_owned(), reference }.into());
        Ok(facts)
    }

    /// What a lot's expiry causes; nothing where nothing is left of it.
    pub fn expire(&self, lot: &LotId, moment: Moment) -> Result<Option<LotExpired>, Rejection> {
        let Some((place, lot)) = self.lot(lot) else { return Ok(None) };
        if !moment.is_past(place.expires_at) {
            return Err(Rejection::LotNotExpired);
        }
        Ok(lapse(place, lot))
    }

    /// What can be used of `money`'s commodity in `pool` and the general pool.
    pub fn available(&self, money: Money, pool: &Pool, moment: Moment) -> Amount {
        self.in_order(money, pool)
            .filter(|(place, _)| !moment.is_past(place.expires_at))
            .fold(Amount::ZERO, |sum, (_, lot)| {
                sum.checked_add(lot.available).unwrap_or(Amount::MAX)
            })
    }

    fn in_order(&self, money: Money, pool: &Pool) -> impl Iterator<Item = (&Place, &Lot)> {
        let general = Pool::general();
        let fallback = (*pool != general).then_some(general);
        let pools = std::iter::once(pool.clone()).chain(fallback);
        pools.flat_map(move |pool| {
            let first = Place {
                commodity: money.commodity,
                pool: pool.clone(),
                expires_at: Time::from_micros(i64::MIN),
                minted: 0,
                lot: LotId::lowest(),
            };
            let same = move |(place, _): &(&Place, &Lot)| {
                place.commodity == money.commodity && place.pool == pool
            };
            self.lots.range(first..).take_while(same)
        })
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, at: &Envelope) -> Result<(), Broken> {
        match event {
            Event::Opened(Opened {}) => {}
            Event::LotMinted(minted) => self.insert(minted, at.position)?,
            Event::Spent(Spent { total, parts, .. }) => self.take_all(*total, parts, false)?,
            Event::LotExpired(LotExpired { amount, part }) => {
                self.take_all(*amount, std::slice::from_ref(part), true)?;
            }
        }
        self.open = true;
        Ok(())
    }

    fn insert(&mut self, minted: &LotMinted, position: u64) -> Result<(), Broken> {
        let some = !minted.amount.amount.is_zero();
        Broken::unless(some, "a lot begins with something", "more than 0", 0)?;
        let new = !self.places.contains_key(&minted.lot);
        Broken::unless(new, "a lot is minted once", "a new name", &minted.lot)?;
        let place = Place {
            commodity: minted.amount.commodity,
            pool: minted.pool.clone(),
            expires_at: minted.expires_at.unwrap_or(Time::MAX),
            minted: position,
            lot: minted.lot.clone(),
        };
        self.places.insert(minted.lot.clone(), place.clone());
        self.lots.insert(place, Lot::of(minted));
        Ok(())
    }

    /// Takes parts out of their lots. Checked on copies first: a broken fact leaves the account as
    /// it stood.
    fn take_all(&mut self, total: Money, parts: &[Part], expired: bool) -> Result<(), Broken> {
        let sum = parts.iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(part.amount));
        let found = sum.map_or_else(|| "too much".to_owned(), |sum| sum.to_string());
        Broken::unless(
            sum == Some(total.amount),
            "parts add up to the total",
            total.amount,
            found,
        )?;
        let mut taken: BTreeMap<Place, Lot> = BTreeMap::new();
        for part in parts {
            let known = self.lot(&part.lot);
            let (place, lot) = known
                .ok_or_else(|| Broken::new("a part's lot has something left", &part.lot, "none"))?;
            let (same, expected) = (place.commodity == total.commodity, total.commodity);
            Broken::unless(same, "a part is of the total's commodity", expected, place.commodity)?;
            let mut lot = *lot;
            lot.take(place, part, expired)?;
            let twice = taken.insert(place.clone(), lot).is_some();
            Broken::unless(!twice, "a lot has one part in a movement", "one", &part.lot)?;
        }
        for (place, lot) in taken {
            self.put(place, lot);
        }
        Ok(())
    }

    fn put(&mut self, place: Place, lot: Lot) {
        if lot.left().is_zero() {
            self.places.remove(&place.lot);
            self.lots.remove(&place);
        } else {
            self.lots.insert(place, lot);
        }
    }
}

fn lapse(place: &Place, lot: &Lot) -> Option<LotExpired> {
    let part = lot.part(place, lot.available)?;
    let amount = Money { commodity: place.commodity, amount: part.amount };
    (!part.amount.is_zero()).then_some(LotExpired { amount, part })
}

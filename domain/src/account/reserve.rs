//! Deciding about reservations: set aside before the work, charge after it.

use std::collections::BTreeMap;

use super::{
    Account, Cause, Debt, Event, Finalized, LotId, Order, Part, Parts, Reservation, Reserved,
    Scratch, ShadowFinalized, ShadowReleased, ShadowReserved, Why, scratch::Picked,
};
use crate::{
    billing::{Mode, Shares, Terms},
    event::Event as Fact,
    id::{Pool, ReservationId},
    money::{Amount, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// What is to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its name.
    pub reservation: ReservationId,
    /// What the caller thought it would cost, where that was multiplied by a safety.
    pub estimate: Option<Money>,
    /// How much.
    pub wanted: Money,
    /// From which pool first.
    pub pool: Pool,
    /// Until when.
    pub expires_at: Time,
    /// The caller's own name for the use.
    pub reference: Option<String>,
}

/// What the work cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Which reservation.
    pub reservation: ReservationId,
    /// How much it was.
    pub cost: Money,
}

pub(super) fn end_of_shadow(name: &ReservationId, known: &Reservation, why: Why) -> Event {
    Event::ShadowReleased(ShadowReleased { reservation: name.clone(), why, total: known.total })
}

impl Account {
    /// What setting credit aside causes.
    pub fn reserve(
        &self,
        hold: Hold,
        terms: &Terms,
        moment: Moment,
    ) -> Result<Vec<Fact>, Rejection> {
        let field = if hold.estimate.is_some() { "estimate" } else { "amount" };
        self.must_be_usable(field, hold.wanted)?;
        if self.reservation(&hold.reservation).is_some() {
            return Err(Rejection::ReservationExists);
        }
        match terms.mode {
            Mode::Shadow => Ok(self.reserve_in_shadow(hold, terms, moment)),
            Mode::Soft => {
                let mut scratch = Scratch::over(self, moment);
                let (picked, _) = scratch.pick(terms.order, hold.wanted, &hold.pool);
                Ok(scratch.reserve(hold, terms, &picked))
            }
            Mode::Live => {
                let mut scratch = Scratch::over(self, moment);
                let picked = scratch.pick_all(terms.order, hold.wanted, &hold.pool)?;
                Ok(scratch.reserve(hold, terms, &picked))
            }
        }
    }

    /// How much of `total` is not there. Looks, and says nothing.
    fn missing(&self, total: Money, order: Order, pool: &Pool, moment: Moment) -> Amount {
        let mut scratch = Scratch::over(self, moment);
        match scratch.pick_all(order, total, pool) {
            Ok(_) => Amount::ZERO,
            Err(Rejection::CreditInsufficient { missing }) => missing.amount.min(total.amount),
            Err(_) => total.amount,
        }
    }

    fn reserve_in_shadow(&self, hold: Hold, terms: &Terms, moment: Moment) -> Vec<Fact> {
        let missing = self.missing(hold.wanted, terms.order, &hold.pool, moment);
        let Hold { reservation, estimate, wanted, pool, expires_at, reference } = hold;
        let reserved =
            ShadowReserved { reservation, estimate, wanted, missing, pool, expires_at, reference };
        vec![reserved.into()]
    }

    /// What having done the work causes. Twice is not decided here: what has ended is not open.
    pub fn finalize(
        &self,
        charge: &Charge,
        terms: &Terms,
        moment: Moment,
    ) -> Result<Vec<Fact>, Rejection> {
        let known = self.must_hold(&charge.reservation)?;
        if known.total.commodity != charge.cost.commodity {
            let (field, code) = ("cost.commodity", charge.cost.commodity);
            return Err(Rejection::CommodityForeign { field, code });
        }
        if moment.is_past(known.expires_at) {
            return Err(Rejection::ReservationExpired);
        }
        if known.mode == Mode::Shadow {
            return Ok(self.finalize_in_shadow(charge, known, terms, moment));
        }
        let mut scratch = Scratch::over(self, moment);
        let over = charge.cost.amount.saturating_sub(known.total.amount);
        let (more, missing) = match known.mode {
            Mode::Soft if !over.is_zero() => {
                scratch.pick(terms.order, charge.cost.with(over), &known.pool)
            }
            Mode::Soft | Mode::Live | Mode::Shadow => (Picked::new(), Amount::ZERO),
        };
        scratch.finalize(charge, known, terms, &more, missing)
    }

    fn finalize_in_shadow(
        &self,
        charge: &Charge,
        known: &Reservation,
        terms: &Terms,
        moment: Moment,
    ) -> Vec<Fact> {
        let finalized = ShadowFinalized {
            reservation: charge.reservation.clone(),
            reserved: known.total,
            cost: charge.cost,
            overrun: charge.cost.amount.saturating_sub(known.total.amount),
            missing: self.missing(charge.cost, terms.order, &known.pool, moment),
            reference: known.reference.clone(),
        };
        vec![finalized.into()]
    }

    /// What ending a reservation without a charge causes.
    pub fn release(&self, name: &ReservationId, moment: Moment) -> Result<Vec<Fact>, Rejection> {
        let known = self.must_hold(name)?;
        let over = moment.is_past(known.expires_at);
        let mut scratch = Scratch::over(self, moment);
        scratch.release(name, if over { Why::Expired } else { Why::Released });
        Ok(scratch.facts())
    }

    /// What the end of a reservation's time causes; nothing where it has ended.
    pub fn expire_reservation(
        &self,
        name: &ReservationId,
        moment: Moment,
    ) -> Result<Vec<Fact>, Rejection> {
        let Some(known) = self.reservation(name) else { return Ok(vec![]) };
        if !moment.is_past(known.expires_at) {
            return Err(Rejection::ReservationNotExpired);
        }
        let mut scratch = Scratch::over(self, moment);
        scratch.release(name, Why::Expired);
        Ok(scratch.facts())
    }

    fn must_hold(&self, name: &ReservationId) -> Result<&Reservation, Rejection> {
        self.reservation(name).ok_or(Rejection::ReservationNotFound)
    }
}

impl Scratch<'_> {
    fn reserve(&mut self, hold: Hold, terms: &Terms, picked: &Picked) -> Vec<Fact> {
        let Hold { reservation, estimate, wanted, pool, expires_at, reference } = hold;
        let taken = self.held(picked);
        let total = taken.iter().fold(Amount::ZERO, |sum, held| plus(sum, held.amount));
        self.conclude(Event::Reserved(Reserved {
            reservation,
            mode: terms.mode,
            estimate,
            wanted,
            total: wanted.with(total),
            held: taken,
            pool,
            order: terms.order,
            expires_at,
            reference,
        }))
    }

    fn finalize(
        &mut self,
        charge: &Charge,
        known: &Reservation,
        terms: &Terms,
        more: &Picked,
        missing: Amount,
    ) -> Result<Vec<Fact>, Rejection> {
        let reserved = known.total;
        let overrun = charge.cost.amount.saturating_sub(reserved.amount);
        let is_live = known.mode == Mode::Live;
        let charged =
            if is_live { charge.cost.amount.min(reserved.amount) } else { charge.cost.amount };
        let uncollected = if is_live { overrun } else { Amount::ZERO };
        let parts: Parts = self.parts(&uses(known, charged, more)).collect();
        let ended = self.would_end(known, &parts).unwrap_or_default();
        let debts = self.debts(known, missing, &ended.debts)?;
        let unpaid =
            |debt: &(LotId, Pool, Amount)| self.is_shared(&debt.0, terms).then_some(debt.2);
        let unpaid = ended.debts.iter().filter_map(unpaid).fold(Amount::ZERO, plus);
        let base = self.collected(&parts, terms).saturating_sub(unpaid);
        let back = ended.returned.iter().map(|held| &held.lot).filter(|lot| self.is_over(lot));
        let over: Vec<LotId> = back.cloned().collect();
        let finalized = Finalized {
            reservation: charge.reservation.clone(),
            mode: known.mode,
            reserved,
            held: known.held.clone(),
            cost: charge.cost,
            charged: charge.cost.with(charged),
            overrun,
            uncollected,
            parts,
            returned: ended.returned,
            clawed_back: ended.clawed_back,
            debts,
            shares: Shares::of(base, terms.rule),
            order: terms.order,
            reference: known.reference.clone(),
        };
        let finalized = Event::Finalized(finalized.into());
        if over.is_empty() {
            return Ok(self.conclude(finalized));
        }
        self.say(finalized);
        self.lapse_all(&over);
        Ok(self.facts())
    }

    /// What is owed from here on: what was missing, and what was awaited and is used instead.
    fn debts(
        &self,
        known: &Reservation,
        missing: Amount,
        instead: &[(LotId, Pool, Amount)],
    ) -> Result<Vec<Debt>, Rejection> {
        let overrun = (known.pool.clone(), missing, Cause::Overrun {});
        let claws = instead.iter().map(|(lot, pool, amount)| {
            (pool.clone(), *amount, Cause::Clawback { lot: lot.clone() })
        });
        let mut owed: BTreeMap<Pool, Amount> = BTreeMap::new();
        let mut debts = vec![];
        for (pool, amount, cause) in std::iter::once(overrun).chain(claws) {
            if amount.is_zero() {
                continue;
            }
            let before = owed.get(&pool).copied();
            let before = before.unwrap_or_else(|| self.work.debt(known.total.commodity, &pool));
            let after =
                before.checked_add(amount).ok_or(Rejection::AmountOverflow { field: "cost" })?;
            owed.insert(pool.clone(), after);
            debts.push(Debt { pool, amount, owed: after, cause });
        }
        Ok(debts)
    }

    /// How much of what was used somebody had paid for, or is shared out all the same.
    pub(super) fn collected(&self, parts: &[Part], terms: &Terms) -> Amount {
        let ours = parts.iter().filter(|part| self.is_shared(&part.lot, terms));
        ours.fold(Amount::ZERO, |sum, part| plus(sum, part.amount))
    }

    pub(super) fn is_shared(&self, lot: &LotId, terms: &Terms) -> bool {
        terms.share_gifts || self.work.lot(lot).is_some_and(super::Lot::is_paid)
    }
}

/// What is used of which lot: first what was held, in its order, then more.
fn uses(known: &Reservation, charged: Amount, more: &Picked) -> Picked {
    let mut left = charged;
    let mut uses = Picked::new();
    for held in &known.held {
        let amount = held.amount.min(left);
        left = left.saturating_sub(amount);
        uses.push((held.lot.clone(), amount));
    }
    for (lot, amount) in more {
        match uses.iter_mut().find(|(known, _)| known == lot) {
            Some((_, sum)) => *sum = plus(*sum, *amount),
            None => uses.push((lot.clone(), *amount)),
        }
    }
    uses.retain(|(_, amount)| !amount.is_zero());
    uses
}

/// A sum that its parts bound.
pub(super) fn plus(one: Amount, other: Amount) -> Amount {
    one.checked_add(other).unwrap_or(Amount::MAX)
}

/// At what cost a reservation was finalized, if that is how it ended.
fn cost_of(fact: &Fact) -> Option<Money> {
    if let Fact::Account(Event::Finalized(said)) = fact {
        Some(said.cost)
    } else if let Fact::Account(Event::ShadowFinalized(said)) = fact {
        Some(said.cost)
    } else {
        None
    }
}

/// What asking again to finalize a reservation comes to that ended with `fact`: the same cost, the
/// same answer.
pub fn finalized_again(fact: &Fact, cost: Money) -> Result<(), Rejection> {
    match cost_of(fact) {
        Some(before) if before == cost => Ok(()),
        Some(before) => Err(Rejection::ReservationFinalized { cost: before }),
        None if has_expired(fact) => Err(Rejection::ReservationExpired),
        None => Err(Rejection::ReservationNotFound),
    }
}

/// Whether its time ended it, whoever noticed.
fn has_expired(fact: &Fact) -> bool {
    let real = matches!(fact, Fact::Account(Event::Released(said)) if said.why == Why::Expired);
    real || matches!(fact, Fact::Account(Event::ShadowReleased(said)) if said.why == Why::Expired)
}

/// What asking again to release a reservation comes to that ended with `fact`.
pub fn released_again(fact: &Fact) -> Result<(), Rejection> {
    cost_of(fact).map_or(Ok(()), |cost| Err(Rejection::ReservationFinalized { cost }))
}

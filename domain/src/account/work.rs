//! An account while facts are taken in: what changes lies over what stood before, so that a fact
//! that breaks a rule leaves the account as it was, a decision can look ahead, and neither copies
//! the account.

mod checks;
mod owed;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use smallvec::SmallVec;

use self::checks::{
    must_add_up, must_be, must_be_first, must_be_of, must_be_one_commodity, unknown,
};
use super::{
    Account, Event, Finalized, Held, Holds, Lot, LotExpired, LotReceived, Part, Rank, Released,
    Reservation, Reserved, ShadowReserved, Spent, TransferredOut,
    lot::{Settling, Sink},
};
use crate::{
    account::LotVoided,
    billing::Mode,
    book::Broken,
    few::Few,
    id::{LotId, Pool, ReservationId},
    money::{Amount, Code, Money},
};

/// What changes, by name. None: it is gone.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) lots: Few<LotId, Option<Lot>>,
    pub(super) reservations: Few<ReservationId, Option<Reservation>>,
    pub(super) debts: Few<(Code, Pool), Amount>,
    pub(super) barren: Few<(Code, Pool), Amount>,
    pub(super) shared: Few<Code, Sum>,
    /// Where lots stand that can be used again, or for the first time; none if nobody will ask.
    ranks: Option<BTreeSet<Rank>>,
}

/// What was shared of an account's use, less what was given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sum {
    /// How much was shared.
    pub base: Amount,
    /// What the commons got.
    pub commons: Amount,
    /// What the community got.
    pub community: Amount,
}

/// An account and what changes.
pub(super) struct Work<'a> {
    base: &'a Account,
    pub(super) changes: Changes,
}

impl<'a> Work<'a> {
    /// To look for lots while facts are said.
    pub(super) fn over(base: &'a Account) -> Self {
        let changes = Changes { ranks: Some(BTreeSet::new()), ..Changes::default() };
        Self { base, changes }
    }

    /// To take one fact in.
    pub(super) fn of_a_fact(base: &'a Account) -> Self {
        Self { base, changes: Changes::default() }
    }

    pub(super) fn lot(&self, lot: &LotId) -> Option<&Lot> {
        match self.changes.lots.get(lot) {
            Some(changed) => changed.as_ref(),
            None => self.base.lots.get(lot),
        }
    }

    pub(super) fn reservation(&self, reservation: &ReservationId) -> Option<&Reservation> {
        match self.changes.reservations.get(reservation) {
            Some(changed) => changed.as_ref(),
            None => self.base.reservation(reservation),
        }
    }

    pub(super) fn debt(&self, commodity: Code, pool: &Pool) -> Amount {
        let name = (commodity, pool.clone());
        let changed = self.changes.debts.get(&name).or_else(|| self.base.debts.get(&name));
        changed.copied().unwrap_or_default()
    }

    /// How much of what a pool owes bears no shares when it is repaid.
    pub(super) fn barren(&self, commodity: Code, pool: &Pool) -> Amount {
        let name = (commodity, pool.clone());
        let changed = self.changes.barren.get(&name).or_else(|| self.base.barren.get(&name));
        changed.copied().unwrap_or_default()
    }

    /// What every pool owes of a commodity, in order of the pools' names.
    pub(super) fn debts(&self, commodity: Code) -> BTreeMap<Pool, Amount> {
        let all = self.base.debts.iter().chain(self.changes.debts.iter());
        let ours = all.filter(|((code, _), _)| *code == commodity);
        let mut debts: BTreeMap<Pool, Amount> =
            ours.map(|((_, pool), owed)| (pool.clone(), *owed)).collect();
        debts.retain(|_, owed| !owed.is_zero());
        debts
    }

    pub(super) fn shared(&self, commodity: Code) -> Sum {
        let changed = self.changes.shared.get(&commodity);
        changed.or_else(|| self.base.shared.get(&commodity)).copied().unwrap_or_default()
    }

    /// The lot behind `rank` that can be used next.
    pub(super) fn next(&self, rank: &Rank) -> Option<&Lot> {
        let behind = || (Bound::Excluded(rank), Bound::Unbounded);
        let usable = |next: &&Rank| self.lot(next.lot()).is_some_and(Lot::is_usable);
        let first = |ranks: &'_ BTreeSet<Rank>| {
            let row = ranks.range::<Rank, _>(behind()).take_while(|next| next.is_beside(rank));
            row.into_iter().find(usable).cloned()
        };
        let (known, new) = (first(&self.base.ranks), self.changes.ranks.as_ref().and_then(first));
        let next = match (known, new) {
            (Some(known), Some(new)) => known.min(new),
            (known, new) => known.or(new)?,
        };
        self.lot(next.lot())
    }

    fn known(&self, lot: &LotId) -> Result<Lot, Broken> {
        self.lot(lot).cloned().ok_or_else(|| unknown(lot))
    }

    /// Changes a lot where it lies; `change` says whether it is history from here on.
    fn change(
        &mut self,
        id: &LotId,
        change: impl FnOnce(&mut Lot) -> Result<bool, Broken>,
    ) -> Result<(), Broken> {
        if !self.changes.lots.contains(id) {
            self.changes.lots.insert(id.clone(), self.base.lots.get(id).cloned());
        }
        let place = self.changes.lots.get_mut(id);
        let lot = place.and_then(Option::as_mut).ok_or_else(|| unknown(id))?;
        let is_history = change(lot)?;
        self.end_change(id, is_history);
        Ok(())
    }

    fn put(&mut self, lot: Lot, is_history: bool) {
        let id = lot.place.lot.clone();
        self.changes.lots.insert(id.clone(), Some(lot));
        self.end_change(&id, is_history);
    }

    /// A changed lot finds its place, and none if it is history.
    fn end_change(&mut self, id: &LotId, is_history: bool) {
        self.rank(id);
        if is_history {
            self.changes.lots.insert(id.clone(), None);
        }
    }

    /// Finds a changed lot its place among those that can be used.
    fn rank(&mut self, id: &LotId) {
        let Changes { lots, ranks, .. } = &mut self.changes;
        let Some((ranks, Some(lot))) = ranks.as_mut().zip(lots.get(id)) else { return };
        if self.base.lots.get(id).is_some_and(Lot::is_usable) {
            return;
        }
        for rank in Rank::all(lot) {
            if lot.is_usable() {
                ranks.insert(rank);
            } else {
                ranks.remove(&rank);
            }
        }
    }

    /// The only applier.
    pub(super) fn apply(&mut self, event: &Event, position: u64) -> Result<(), Broken> {
        match event {
            Event::Opened(_) => Ok(()),
            Event::LotMinted(minted) => self.insert(Lot::of(minted, position)),
            Event::LotReceived(received) => self.receive(received, position),
            Event::Spent(Spent { total, parts, .. }) => {
                self.take_all(*total, parts.iter(), Sink::Consumed)
            }
            Event::LotExpired(LotExpired { amount, part }) => {
                self.take_all(*amount, std::iter::once(part), Sink::Expired)
            }
            Event::LotVoided(LotVoided { amount, part, .. }) => {
                self.take_all(*amount, std::iter::once(part), Sink::Voided)
            }
            Event::TransferredOut(TransferredOut { total, debits, .. }) => {
                self.take_all(*total, debits.iter().map(|debit| &debit.part), Sink::Moved)
            }
            Event::Reserved(reserved) => self.reserve(reserved),
            Event::Finalized(finalized) => self.finalize(finalized),
            Event::Released(released) => self.release(released),
            Event::ShadowReserved(reserved) => self.shadow(reserved),
            Event::ShadowFinalized(ended) => self.end(&ended.reservation, Mode::Shadow).map(drop),
            Event::ShadowReleased(ended) => self.end(&ended.reservation, Mode::Shadow).map(drop),
            Event::DebtRepaid(repaid) => self.repay(repaid),
            Event::ClawedBack(clawed) => self.claw_back(clawed),
        }
    }

    fn insert(&mut self, lot: Lot) -> Result<(), Broken> {
        let some = !lot.minted.is_zero();
        Broken::unless(some, "a lot begins with something", "more than 0", 0)?;
        let new = self.lot(&lot.place.lot).is_none();
        Broken::unless(new, "a lot is minted once", "a new name", &lot.place.lot)?;
        self.put(lot, false);
        Ok(())
    }

    fn receive(&mut self, received: &LotReceived, position: u64) -> Result<(), Broken> {
        self.insert(Lot::received(received, position))
    }

    /// Takes parts out of their lots, each lot once.
    fn take_all<'b>(
        &mut self,
        total: Money,
        parts: impl Iterator<Item = &'b Part> + Clone,
        sink: Sink,
    ) -> Result<(), Broken> {
        must_add_up("parts add up to the total", total.amount, parts.clone().map(|p| p.amount))?;
        let mut seen = Few::default();
        for part in parts {
            must_be_first(&mut seen, &part.lot)?;
            self.change(&part.lot, |lot| {
                must_be_of(total.commodity, lot)?;
                lot.take(part, sink)?;
                let lapsed = sink == Sink::Expired && lot.has_lapsed_by(part);
                Ok(lot.left().is_zero() && (lot.is_used_up() || lapsed))
            })?;
        }
        Ok(())
    }

    fn reserve(&mut self, reserved: &Reserved) -> Result<(), Broken> {
        let Reserved { mode, total, held, pool, expires_at, reference, .. } = reserved;
        Broken::unless(*mode != Mode::Shadow, "a shadow holds nothing", "soft or live", "shadow")?;
        let amounts = held.iter().map(|held| held.amount);
        must_add_up("what is held adds up to the total", total.amount, amounts)?;
        let mut seen = Few::default();
        for Held { lot, amount, .. } in held {
            must_be_first(&mut seen, lot)?;
            self.change(lot, |lot| {
                must_be_of(total.commodity, lot)?;
                lot.hold(*amount)?;
                Ok(false)
            })?;
        }
        self.begin(
            &reserved.reservation,
            Reservation {
                mode: *mode,
                total: *total,
                held: held.clone(),
                pool: pool.clone(),
                expires_at: *expires_at,
                reference: reference.clone(),
            },
        )
    }

    fn shadow(&mut self, reserved: &ShadowReserved) -> Result<(), Broken> {
        let ShadowReserved { reservation, wanted, pool, expires_at, reference, .. } = reserved;
        let begun = Reservation {
            mode: Mode::Shadow,
            total: *wanted,
            held: Holds::new(),
            pool: pool.clone(),
            expires_at: *expires_at,
            reference: reference.clone(),
        };
        self.begin(reservation, begun)
    }

    fn begin(&mut self, name: &ReservationId, begun: Reservation) -> Result<(), Broken> {
        let new = self.reservation(name).is_none();
        Broken::unless(new, "a reservation begins once", "a new name", name)?;
        self.changes.reservations.insert(name.clone(), Some(begun));
        Ok(())
    }

    fn end(&mut self, name: &ReservationId, mode: Mode) -> Result<Cow<'a, Reservation>, Broken> {
        let known = match self.changes.reservations.get(name) {
            Some(changed) => changed.clone().map(Cow::Owned),
            None => self.base.reservation(name).map(Cow::Borrowed),
        };
        let known = known.ok_or_else(|| Broken::new("what ends is open", name, "none"))?;
        let same = (known.mode == Mode::Shadow) == (mode == Mode::Shadow);
        let (expected, found) = (known.mode.as_str(), mode.as_str());
        Broken::unless(same, "a reservation ends in its own mode", expected, found)?;
        self.changes.reservations.insert(name.clone(), None);
        Ok(known)
    }

    fn finalize(&mut self, said: &Finalized) -> Result<(), Broken> {
        let known = self.end(&said.reservation, said.mode)?;
        let overrun = said.debts.iter().filter(|debt| debt.cause == super::Cause::Overrun {});
        let amounts = said.parts.iter().map(|part| part.amount);
        let amounts = amounts.chain(overrun.map(|debt| debt.amount));
        must_add_up("parts and debt add up to the charge", said.charged.amount, amounts)?;
        must_be_one_commodity(known.total, said.charged)?;
        must_be("what was held", &known.held, &said.held)?;
        let ended = self.settle(&known, &said.parts)?;
        must_be("what is given back", &ended.returned, &said.returned)?;
        must_be("what is taken back", &ended.clawed_back, &said.clawed_back)?;
        self.owe_all(known.total.commodity, &said.debts)?;
        self.share(known.total.commodity, said.shares)
    }

    fn release(&mut self, said: &Released) -> Result<(), Broken> {
        let known = self.end(&said.reservation, said.mode)?;
        let ended = self.settle(&known, &[])?;
        must_be("what is given back", &ended.returned, &said.returned)?;
        must_be("what is taken back", &ended.clawed_back, &said.clawed_back)
    }

    /// Ends a reservation in its lots, using `parts` of them and of others.
    fn settle(&mut self, known: &Reservation, parts: &[Part]) -> Result<Ended, Broken> {
        let mut lots: SmallVec<[Lot; 1]> = SmallVec::new();
        let ended = self.would_end(known, parts, |lot| lots.push(lot))?;
        for lot in lots {
            let is_history = lot.left().is_zero() && lot.is_used_up();
            self.put(lot, is_history);
        }
        Ok(ended)
    }

    /// What ending a reservation comes to. Shows each lot as it is after it.
    pub(super) fn would_end(
        &self,
        known: &Reservation,
        parts: &[Part],
        mut show: impl FnMut(Lot),
    ) -> Result<Ended, Broken> {
        let (mut ended, mut used) = (Ended::default(), Few::default());
        for part in parts {
            let twice = used.insert(&part.lot, part).is_some();
            Broken::unless(!twice, "a lot has one part in a movement", "one", &part.lot)?;
        }
        for held in &known.held {
            let part = used.remove(&&held.lot);
            let mut lot = self.known(&held.lot)?;
            let settling = lot.settle(held.amount, part)?;
            ended.take(held, &lot, settling);
            show(lot);
        }
        for (_, part) in used.iter() {
            let mut lot = self.known(&part.lot)?;
            must_be_of(known.total.commodity, &lot)?;
            lot.settle(Amount::ZERO, Some(part))?;
            show(lot);
        }
        Ok(ended)
    }
}

/// What the end of a reservation comes to.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) returned: Holds,
    pub(super) clawed_back: Vec<Part>,
    /// What was awaited and used instead, by lot.
    pub(super) debts: Vec<(LotId, Pool, Amount)>,
}

impl Ended {
    fn take(&mut self, held: &Held, lot: &Lot, settling: Settling) {
        let Settling { returned, clawed, debt } = settling;
        if !returned.is_zero() {
            self.returned.push(Held { amount: returned, ..held.clone() });
        }
        self.clawed_back.extend(clawed);
        if !debt.is_zero() {
            self.debts.push((held.lot.clone(), lot.place.pool.clone(), debt));
        }
    }
}

//! Deciding about what went wrong: debts, clawbacks, voids; and about credit that moves.

use super::{
    Account, Cause, ClawedBack, Debit, Debt, DebtRepaid, Event, Lot, LotId, LotMinted, LotReceived,
    LotVoided, Order, Past, Repaid, Scratch, SourceKind, Sum, TransferredOut,
};
use crate::{
    billing::{Shares, Terms},
    event::Event as Fact,
    id::{AccountId, Pool, RefundId, TransferId},
    money::{Amount, Code, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// A lot that its account has forgotten, as its mint and its lapse tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bygone {
    /// In which commodity.
    pub commodity: Code,
    /// The lot as it ended.
    pub past: Past,
}

impl Bygone {
    /// As the fact that made it tells, and how much of it lapsed.
    pub fn of(fact: &Fact, position: u64, expired: Amount) -> Option<Self> {
        let lot = if let Fact::Account(Event::LotMinted(minted)) = fact {
            Lot::of(minted, position)
        } else if let Fact::Account(Event::LotReceived(received)) = fact {
            Lot::received(received, position)
        } else {
            return None;
        };
        let expires_at = Some(lot.place.expires_at).filter(|at| *at != Time::MAX);
        let past = Past {
            position,
            minted: lot.minted,
            expired,
            cost: lot.cost,
            pool: lot.place.pool,
            expires_at,
            source: lot.source,
            origin: lot.origin,
            by_payment: lot.by_payment,
        };
        Some(Self { commodity: lot.place.commodity, past })
    }
}

impl Account {
    /// What new credit causes: the lot, and what of it goes to debts.
    pub fn mint(
        &self,
        minted: LotMinted,
        terms: &Terms,
        moment: Moment,
        position: u64,
    ) -> Result<Vec<Fact>, Rejection> {
        if minted.amount.amount.is_zero() {
            return Err(Rejection::AmountZero { field: "amount" });
        }
        self.must_be_free(&minted.lot)?;
        let lot = minted.lot.clone();
        let mut scratch = Scratch::over(self, moment).at(position);
        scratch.say(Event::LotMinted(minted));
        scratch.repay(&lot, terms);
        Ok(scratch.facts())
    }

    fn must_be_free(&self, lot: &LotId) -> Result<(), Rejection> {
        if self.lots.contains(lot) { Err(Rejection::LotExists) } else { Ok(()) }
    }

    /// What credit from another account causes here.
    pub fn receive(
        &self,
        received: Vec<LotReceived>,
        terms: impl Fn(&Pool) -> Terms,
        moment: Moment,
        position: u64,
    ) -> Result<Vec<Fact>, Rejection> {
        let mut scratch = Scratch::over(self, moment).at(position);
        for received in received {
            self.must_be_free(&received.lot)?;
            let (lot, terms) = (received.lot.clone(), terms(&received.pool));
            scratch.say(Event::LotReceived(received));
            scratch.repay(&lot, &terms);
        }
        Ok(scratch.facts())
    }

    /// What sending credit to another account causes here. Only lots of that very pool go.
    pub fn transfer(
        &self,
        transfer: &TransferId,
        (to, total, pool): (&AccountId, Money, &Pool),
        order: Order,
        reason: &str,
        moment: Moment,
    ) -> Result<Vec<Fact>, Rejection> {
        self.must_be_usable("amount", total)?;
        let mut scratch = Scratch::over(self, moment);
        let picked = scratch.pick_all(order, total, pool)?;
        let debit = |(lot, amount): &(LotId, Amount)| scratch.work.lot(lot)?.debit(*amount);
        let debits: Vec<Debit> = picked.iter().filter_map(debit).collect();
        Ok(scratch.conclude(Event::TransferredOut(TransferredOut {
            transfer: transfer.clone(),
            to: to.clone(),
            total,
            debits,
            order,
            reason: reason.to_owned(),
        })))
    }

    /// What taking back what is left of a lot that should never have been causes.
    pub fn void(&self, lot: &LotId, reason: &str) -> Result<LotVoided, Rejection> {
        let known = self.lots.get(lot).ok_or(Rejection::LotEmpty)?;
        if !known.reserved.is_zero() {
            return Err(Rejection::LotReserved);
        }
        let part = known.part(known.available).filter(|part| !part.amount.is_zero());
        let part = part.ok_or(Rejection::LotEmpty)?;
        let amount = Money { commodity: known.place.commodity, amount: part.amount };
        Ok(LotVoided { amount, part, by_payment: known.by_payment, reason: reason.to_owned() })
    }

    /// How much of a lot can still be taken back.
    pub fn clawable(&self, lot: &LotId, bygone: Option<&Bygone>) -> Option<Money> {
        let (known, _) = self.known(lot, bygone)?;
        let free = known.reserved.saturating_sub(known.awaited);
        let sum = [known.available, free, known.chargeable()];
        let sum = sum.into_iter().fold(Amount::ZERO, super::reserve::plus);
        Some(Money { commodity: known.place.commodity, amount: sum })
    }

    /// The lot, and whether it has to be told again.
    fn known(&self, lot: &LotId, bygone: Option<&Bygone>) -> Option<(Lot, Option<Past>)> {
        let told =
            |bygone: &Bygone| (bygone.past.lot(lot, bygone.commodity), Some(bygone.past.clone()));
        let here = self.lots.get(lot).map(|known| (known.clone(), None));
        here.or_else(|| bygone.map(told))
    }

    /// What taking `amount` of a lot back causes: what is there at once, what is reserved once it
    /// is free, and what is used as a debt.
    pub fn claw_back(
        &self,
        lot: &LotId,
        amount: Amount,
        bygone: Option<&Bygone>,
        terms: &Terms,
        (refund, reason): (Option<&RefundId>, &str),
    ) -> Result<ClawedBack, Rejection> {
        if amount.is_zero() {
            return Err(Rejection::AmountZero { field: "amount" });
        }
        let (state, told) = self.known(lot, bygone).ok_or(Rejection::LotNotFound)?;
        let total = Money { commodity: state.place.commodity, amount };
        let part = state.part(amount.min(state.available)).filter(|part| !part.amount.is_zero());
        let taken = part.as_ref().map_or(Amount::ZERO, |part| part.amount);
        let rest = amount.saturating_sub(taken);
        let awaited = rest.min(state.reserved.saturating_sub(state.awaited));
        let gone = rest.saturating_sub(awaited);
        if gone > state.chargeable() {
            let left = self.clawable(lot, bygone).unwrap_or(total.with(Amount::ZERO));
            return Err(Rejection::ClawbackExceeds { left });
        }
        let debt = self.debt_for(&state, gone)?;
        let shared = terms.share_gifts || state.is_paid();
        let sum = self.shared.get(&total.commodity).copied().unwrap_or_default();
        let base = if shared { gone.min(state.used()) } else { Amount::ZERO };
        Ok(ClawedBack {
            refund: refund.cloned(),
            lot: lot.clone(),
            total,
            part,
            awaited,
            debt,
            reversed: sum.in_proportion(base, terms.rule.0),
            past: told,
            reason: reason.to_owned(),
        })
    }

    fn debt_for(&self, lot: &Lot, amount: Amount) -> Result<Option<Debt>, Rejection> {
        if amount.is_zero() {
            return Ok(None);
        }
        let Lot { place, .. } = lot;
        let before = self.debts.get(&(place.commodity, place.pool.clone()));
        let owed = before.copied().unwrap_or_default().checked_add(amount);
        let owed = owed.ok_or(Rejection::AmountOverflow { field: "amount" })?;
        let cause = Cause::Clawback { lot: place.lot.clone() };
        Ok(Some(Debt { pool: place.pool.clone(), amount, owed, cause }))
    }
}

impl Sum {
    /// What the three give back of `base`, in proportion to what they got; at most all of it. The
    /// foundation gives the remainder, as far as it has it; the community, then the commons what is
    /// left of that.
    fn in_proportion(self, base: Amount, rule: u32) -> Option<Shares> {
        let base = base.min(self.base);
        let commons = self.commons.share(base, self.base)?;
        let community = self.community.share(base, self.base)?;
        let rest = base.saturating_sub(commons).saturating_sub(community);
        let had = self.base.saturating_sub(self.commons).saturating_sub(self.community);
        let foundation = rest.min(had);
        let more = rest.saturating_sub(foundation);
        let of_community = more.min(self.community.saturating_sub(community));
        let community = super::reserve::plus(community, of_community);
        let commons = super::reserve::plus(commons, more.saturating_sub(of_community));
        (!base.is_zero()).then_some(Shares { rule, base, commons, community, foundation })
    }
}

impl Scratch<'_> {
    /// Lets a new lot repay what is owed: its own pool's debts, or everybody's if it may be used
    /// for everything. Gifts stay gifts, and credit that nobody could use repays nothing.
    fn repay(&mut self, lot: &LotId, terms: &Terms) {
        let Some(known) = self.work.lot(lot) else { return };
        let gift = matches!(known.origin, SourceKind::Grant | SourceKind::CommonsDividend);
        if gift || self.moment.is_past(known.place.expires_at) {
            return;
        }
        let (commodity, own) = (known.place.commodity, known.place.pool.clone());
        let (mut left, mut barren) = (known.available, Amount::ZERO);
        let mut debts = vec![];
        for (pool, owed) in in_turn(self.work.debts(commodity), &own) {
            let amount = owed.min(left);
            left = left.saturating_sub(amount);
            if !amount.is_zero() {
                let of_it = amount.min(self.work.barren(commodity, &pool));
                barren = super::reserve::plus(barren, of_it);
                debts.push(Repaid { pool, amount, owed: owed.saturating_sub(amount) });
            }
        }
        let total = debts.iter().fold(Amount::ZERO, |sum, d| super::reserve::plus(sum, d.amount));
        let Some(part) = known.part(total).filter(|part| !part.amount.is_zero()) else { return };
        let is_shared = self.is_shared(lot, terms);
        let base = if is_shared { total.saturating_sub(barren) } else { Amount::ZERO };
        let shares = Shares::of(base, terms.rule);
        let total = Money { commodity, amount: total };
        self.say(Event::DebtRepaid(DebtRepaid { total, part, debts, shares }));
    }
}

/// The debts that credit of `own` repays, in order: the pool's own, then the others'.
fn in_turn(mut debts: std::collections::BTreeMap<Pool, Amount>, own: &Pool) -> Vec<(Pool, Amount)> {
    let first = debts.remove_entry(own);
    let others = if *own == Pool::general() { debts } else { std::collections::BTreeMap::new() };
    first.into_iter().chain(others).collect()
}

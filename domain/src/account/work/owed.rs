//! What is owed, what was shared, and what goes back of both.

use super::{
    Sum, Work,
    checks::{must_add_up, must_be_of},
};
use crate::{
    account::{ClawedBack, Debt, DebtRepaid, Lot, Past, Place, lot::Sink},
    billing::Shares,
    book::Broken,
    id::LotId,
    money::{Amount, Code},
    time::Time,
};

impl Work<'_> {
    pub(super) fn owe_all(&mut self, commodity: Code, debts: &[Debt]) -> Result<(), Broken> {
        for Debt { pool, amount, owed, .. } in debts {
            let before = self.debt(commodity, pool);
            let after = before.checked_add(*amount);
            let expected = after.unwrap_or(Amount::MAX);
            Broken::unless(after == Some(*owed), "debts add up", expected, owed)?;
            self.changes.debts.insert((commodity, pool.clone()), *owed);
        }
        Ok(())
    }

    pub(super) fn share(&mut self, commodity: Code, shares: Option<Shares>) -> Result<(), Broken> {
        let Some(Shares { base, commons, community, foundation, .. }) = shares else {
            return Ok(());
        };
        must_add_up("shares add up", base, [commons, community, foundation].into_iter())?;
        let sum = self.shared(commodity);
        let plus = |one: Amount, other| one.checked_add(other).unwrap_or(Amount::MAX);
        let sum = Sum {
            base: plus(sum.base, base),
            commons: plus(sum.commons, commons),
            community: plus(sum.community, community),
        };
        self.changes.shared.insert(commodity, sum);
        Ok(())
    }

    pub(super) fn repay(&mut self, said: &DebtRepaid) -> Result<(), Broken> {
        let DebtRepaid { total, part, debts, shares } = said;
        let amounts = debts.iter().map(|debt| debt.amount);
        must_add_up("what is repaid adds up", total.amount, amounts)?;
        for debt in debts {
            let before = self.debt(total.commodity, &debt.pool);
            let after = before.checked_sub(debt.amount);
            let found = format!("{} of {before}", debt.amount);
            Broken::unless(after == Some(debt.owed), "debts add up", debt.owed, found)?;
            self.changes.debts.insert((total.commodity, debt.pool.clone()), debt.owed);
            let barren = self.barren(total.commodity, &debt.pool).saturating_sub(debt.amount);
            self.changes.barren.insert((total.commodity, debt.pool.clone()), barren);
        }
        self.take_all(*total, std::iter::once(part), Sink::Consumed)?;
        self.share(total.commodity, *shares)
    }

    pub(super) fn claw_back(&mut self, said: &ClawedBack) -> Result<(), Broken> {
        let commodity = said.total.commodity;
        let debt = said.debt.as_ref().map_or(Amount::ZERO, |debt| debt.amount);
        let taken = said.part.as_ref().map_or(Amount::ZERO, |part| part.amount);
        let amounts = [taken, said.awaited, debt].into_iter();
        must_add_up("what is taken back adds up", said.total.amount, amounts)?;
        let mut lot = match &said.past {
            Some(past) => {
                let new = self.lot(&said.lot).is_none();
                Broken::unless(new, "only a forgotten lot is told again", "none", &said.lot)?;
                past.lot(&said.lot, commodity)
            }
            None => self.known(&said.lot)?,
        };
        must_be_of(commodity, &lot)?;
        if let Some(part) = &said.part {
            lot.take(part, Sink::ClawedBack)?;
        }
        let fruitful = said.reversed.map_or(Amount::ZERO, |shares| shares.base);
        let fruitful = if lot.is_paid() { fruitful } else { fruitful.max(debt.min(lot.used())) };
        lot.charge_back(said.awaited, debt)?;
        self.put(lot, false);
        self.owe_barren(commodity, said.debt.as_ref(), fruitful)?;
        self.owe_all(commodity, said.debt.as_slice())?;
        self.unshare(commodity, said.reversed)
    }

    /// What of a debt had not been shared out is not shared when it is repaid.
    fn owe_barren(
        &mut self,
        commodity: Code,
        debt: Option<&Debt>,
        fruitful: Amount,
    ) -> Result<(), Broken> {
        let Some(Debt { pool, amount, .. }) = debt else { return Ok(()) };
        let before = self.barren(commodity, pool);
        let after = before.checked_add(amount.saturating_sub(fruitful));
        let after = after.ok_or_else(|| Broken::new("debts add up", before, amount))?;
        self.changes.barren.insert((commodity, pool.clone()), after);
        Ok(())
    }

    fn unshare(&mut self, commodity: Code, reversed: Option<Shares>) -> Result<(), Broken> {
        let Some(Shares { base, commons, community, foundation, .. }) = reversed else {
            return Ok(());
        };
        must_add_up("shares add up", base, [commons, community, foundation].into_iter())?;
        let sum = self.shared(commodity);
        let short = || Broken::new("only what was shared is given back", sum.base, base);
        let sum = Sum {
            base: sum.base.checked_sub(base).ok_or_else(short)?,
            commons: sum.commons.checked_sub(commons).ok_or_else(short)?,
            community: sum.community.checked_sub(community).ok_or_else(short)?,
        };
        self.changes.shared.insert(commodity, sum);
        Ok(())
    }
}

impl Past {
    /// The lot as it ended.
    pub(in crate::account) fn lot(&self, lot: &LotId, commodity: Code) -> Lot {
        let place = Place {
            commodity,
            pool: self.pool.clone(),
            expires_at: self.expires_at.unwrap_or(Time::MAX),
            minted: self.position,
            lot: lot.clone(),
        };
        let whole =
            Lot::whole(place, self.minted, self.cost, self.source, self.origin, self.by_payment);
        whole.remembered(self.expired)
    }
}

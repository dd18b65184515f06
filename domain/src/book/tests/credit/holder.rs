//! What an account does with its lots, one list at a time.

use std::collections::BTreeMap;

use super::{End, Holder, Lot, Refused};
use crate::{
    account::Order,
    billing::Mode,
    time::{Moment, Time},
};

impl Holder {
    pub(super) fn share(&mut self, commodity: &str, base: u128) {
        let sum = self.shared.entry(commodity.to_owned()).or_default();
        sum[0] += base;
        sum[1] += base * 500 / 10_000;
        sum[2] += base * 7_000 / 10_000;
    }

    pub(super) fn unshare(&mut self, commodity: &str, base: u128) -> u128 {
        let sum = self.shared.entry(commodity.to_owned()).or_default();
        let base = base.min(sum[0]);
        if base == 0 {
            return 0;
        }
        let [all, commons, community] = *sum;
        let (mut of_commons, mut of_community) = (commons * base / all, community * base / all);
        // The foundation gives the remainder as far as it goes.
        let mut missing =
            (base - of_commons - of_community).saturating_sub(all - commons - community);
        while missing > 0 {
            if of_community < community {
                of_community += 1;
            } else {
                of_commons += 1;
            }
            missing -= 1;
        }
        *sum = [all - base, commons - of_commons, community - of_community];
        assert!(sum[0] >= sum[1] + sum[2], "nobody gives back more than it got");
        base
    }

    pub(super) fn owed(&self, commodity: &str, pool: &str) -> u128 {
        self.debts.get(&(commodity.to_owned(), pool.to_owned())).copied().unwrap_or(0)
    }

    /// Ends what is over, oldest end first.
    pub(super) fn end_all(&mut self, moment: Moment, ended: &mut BTreeMap<String, End>) {
        let mut over: Vec<(Time, String)> = self
            .holds
            .iter()
            .filter(|(_, hold)| !moment.rests && moment.now >= hold.expires)
            .map(|(name, hold)| (hold.expires, name.clone()))
            .collect();
        over.sort();
        for (_, name) in over.into_iter().take(64) {
            self.release(&name, moment);
            ended.insert(name, Err("reservation_expired"));
        }
    }

    pub(super) fn release(&mut self, name: &str, moment: Moment) {
        let hold = self.holds.remove(name).unwrap();
        let back: Vec<usize> = hold
            .held
            .iter()
            .filter(|(lot, held)| self.settle(*lot, *held, 0).0 > 0)
            .map(|(lot, _)| *lot)
            .collect::<Vec<_>>();
        self.lapse_all(&back, moment);
    }

    pub(super) fn lapse_all(&mut self, lots: &[usize], moment: Moment) {
        for lot in lots {
            let lot = &mut self.lots[*lot];
            if lot.is_over(moment) {
                lot.lapse();
            }
        }
    }

    /// What comes back of a lot, and what of it is owed from here on.
    pub(super) fn settle(&mut self, lot: usize, held: u128, used: u128) -> (u128, u128) {
        let lot = &mut self.lots[lot];
        let of_held = used.min(held);
        lot.consumed += used;
        lot.available -= used - of_held;
        lot.reserved -= held;
        let back = held - of_held;
        let taken = back.min(lot.awaited);
        lot.awaited -= taken;
        lot.clawed += taken;
        lot.available += back - taken;
        let debt = lot.awaited.saturating_sub(lot.reserved);
        lot.awaited -= debt;
        lot.indebted += debt;
        (back - taken, debt)
    }

    pub(super) fn pick(
        &mut self,
        order: Order,
        commodity: &str,
        pool: &str,
        total: u128,
        moment: Moment,
    ) -> (Vec<(usize, u128)>, u128) {
        let pools = [pool, "general"];
        let rank = |lot: &Lot| pools.iter().position(|pool| *pool == lot.pool);
        let mut places: Vec<usize> = (0..self.lots.len())
            .filter(|lot| {
                rank(&self.lots[*lot]).is_some() && self.lots[*lot].commodity == commodity
            })
            .collect();
        places.sort_by_key(|lot| {
            let lot = &self.lots[*lot];
            let expiry = match order {
                Order::PoolExpiryAge => (lot.expires.is_none(), lot.expires),
                Order::PoolAge => (false, None),
            };
            (rank(lot), expiry, lot.age)
        });
        let (mut picked, mut missing) = (vec![], total);
        for place in places {
            let lot = &mut self.lots[place];
            if missing == 0 || lot.available == 0 {
                continue;
            }
            if lot.is_over(moment) {
                lot.lapse();
                continue;
            }
            let amount = missing.min(lot.available);
            picked.push((place, amount));
            missing -= amount;
        }
        (picked, missing)
    }

    /// All of `total`, with what is owed left over.
    pub(super) fn pick_all(
        &mut self,
        order: Order,
        commodity: &str,
        pool: &str,
        total: u128,
        moment: Moment,
    ) -> Result<Vec<(usize, u128)>, Refused> {
        let mut owed = self.owed(commodity, pool);
        if pool != "general" {
            owed += self.owed(commodity, "general");
        }
        let (picked, missing) = self.pick(order, commodity, pool, total + owed, moment);
        if missing > 0 {
            return Err("credit_insufficient");
        }
        let mut left = total;
        let mut taken = vec![];
        for (lot, amount) in picked {
            let amount = amount.min(left);
            left -= amount;
            if amount > 0 {
                taken.push((lot, amount));
            }
        }
        Ok(taken)
    }

    pub(super) fn finalize(
        &mut self,
        name: &str,
        (commodity, cost): (&str, u128),
        order: Order,
        moment: Moment,
        ended: &mut BTreeMap<String, End>,
    ) -> Result<(), Refused> {
        let hold = self.holds[name].clone();
        if hold.commodity != commodity {
            return Err("commodity_foreign");
        }
        if !moment.rests && moment.now >= hold.expires {
            return Err("reservation_expired");
        }
        if hold.mode == Mode::Shadow {
            self.holds.remove(name);
            return Ok(());
        }
        let charged = if hold.mode == Mode::Live { cost.min(hold.total) } else { cost };
        let over = charged.saturating_sub(hold.total);
        let (mut more, mut missing) = (vec![], 0);
        if over > 0 {
            self.end_all(moment, ended);
            (more, missing) = self.pick(order, commodity, &hold.pool, over, moment);
        }
        self.holds.remove(name);
        let mut used: BTreeMap<usize, u128> = BTreeMap::new();
        let mut left = charged;
        for (lot, held) in &hold.held {
            let amount = left.min(*held);
            left -= amount;
            *used.entry(*lot).or_default() += amount;
        }
        for (lot, amount) in more {
            *used.entry(lot).or_default() += amount;
        }
        let paid = used.iter().filter(|(lot, _)| self.lots[**lot].paid).map(|(_, sum)| sum);
        let mut base: u128 = paid.sum();
        let mut back = vec![];
        for (lot, held) in &hold.held {
            let (returned, debt) = self.settle(*lot, *held, used.remove(lot).unwrap());
            if returned > 0 {
                back.push(*lot);
            }
            let key = (commodity.to_owned(), self.lots[*lot].pool.clone());
            *self.debts.entry(key).or_default() += debt;
            base -= if self.lots[*lot].paid { debt } else { 0 };
        }
        for (lot, amount) in used {
            self.settle(lot, 0, amount);
        }
        *self.debts.entry((commodity.to_owned(), hold.pool)).or_default() += missing;
        self.share(commodity, base);
        self.lapse_all(&back, moment);
        Ok(())
    }
}

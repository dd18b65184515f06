//! What reservations should come to.

use super::{End, Hold, Model, Refused, plain};
use crate::{
    account::Order,
    billing::Mode,
    money::Amount,
    operation::{ExpireReservation, Finalize, Release, Reserve},
    time::Moment,
};

impl Model {
    pub(super) fn order(&self, pool: &str) -> Order {
        let set = self.billing.orders.iter().find(|(known, _)| known.as_str() == pool);
        set.map_or(Order::PoolExpiryAge, |(_, order)| *order)
    }

    pub(super) fn reserve(&mut self, wish: &Reserve, moment: Moment) -> Result<(), Refused> {
        let (commodity, mut total) = plain(wish.amount);
        if !self.billing.enabled {
            return Err("billing_off");
        }
        let name = wish.reservation.to_string();
        if let Some(before) = self.begun.get(&name) {
            let ttl_seconds = wish.ttl_seconds.or(before.ttl_seconds);
            let again = Reserve { ttl_seconds, ..wish.clone() } == *before;
            return if again { Ok(()) } else { Err("reservation_exists") };
        }
        if wish.is_estimate {
            let bps = u128::from(self.billing.safety_multiplier_bps);
            total = (total * bps).div_ceil(10_000);
        }
        self.below_ceiling(&commodity, total)?;
        let seconds = wish.ttl_seconds.unwrap_or(self.billing.reserve_ttl_seconds);
        if seconds == 0 || seconds > 86_400 {
            return Err("duration_out_of_range");
        }
        let (mode, pool) = (self.billing.mode, wish.pool.to_string());
        let order = self.order(&pool);
        let mut ended = self.ended.clone();
        let account = wish.account.to_string();
        let holder = self.holder(&account, total)?;
        let mut held = vec![];
        if mode != Mode::Shadow {
            holder.end_all(moment, &mut ended);
        }
        if mode == Mode::Soft {
            held = holder.pick(order, &commodity, &pool, total, moment).0;
        } else if mode == Mode::Live {
            held = holder.pick_all(order, &commodity, &pool, total, moment)?;
        }
        for (lot, amount) in &held {
            holder.lots[*lot].available -= amount;
            holder.lots[*lot].reserved += amount;
        }
        if mode != Mode::Shadow {
            total = held.iter().map(|(_, amount)| amount).sum();
        }
        let expires = moment.now.plus_seconds(seconds);
        let begun = Hold { mode, commodity, total, held, pool, expires };
        holder.holds.insert(name.clone(), begun);
        self.ended = ended;
        self.begun.insert(name.clone(), Reserve { ttl_seconds: Some(seconds), ..wish.clone() });
        self.owners.insert(name, account);
        Ok(())
    }

    pub(super) fn below_ceiling(&self, commodity: &str, amount: u128) -> Result<(), Refused> {
        let ceilings = self.billing.ceilings.iter();
        let above = |(code, most): (&crate::money::Code, &Amount)| {
            code.as_str() == commodity && amount > u128::from(most.units())
        };
        if ceilings.into_iter().any(above) { Err("ceiling_exceeded") } else { Ok(()) }
    }

    /// The account in which a reservation is open, or how it ended.
    pub(super) fn find(
        &self,
        account: Option<&str>,
        name: &str,
    ) -> Result<Result<String, End>, Refused> {
        let owner = self.owners.get(name).ok_or("reservation_not_found")?;
        if account.is_some_and(|account| account != owner) {
            return Err("reservation_not_found");
        }
        Ok(match self.ended.get(name) {
            Some(end) => Err(end.clone()),
            None => Ok(owner.clone()),
        })
    }

    pub(super) fn finalize(&mut self, wish: &Finalize, moment: Moment) -> Result<(), Refused> {
        if !self.billing.enabled {
            return Err("billing_off");
        }
        let (commodity, cost) = plain(wish.cost);
        let name = wish.reservation.as_str();
        let account =
            match self.find(wish.account.as_ref().map(crate::id::AccountId::as_str), name)? {
                Ok(account) => account,
                Err(Ok(before)) if before == (commodity.clone(), cost) => return Ok(()),
                Err(Ok(_)) => return Err("reservation_finalized"),
                Err(Err(why)) => return Err(why),
            };
        let hold = &self.accounts[&account].holds[name];
        if hold.mode != Mode::Live && cost > hold.total {
            self.below_ceiling(&commodity, cost)?;
        }
        let order = self.order(&hold.pool);
        let mut ended = self.ended.clone();
        let holder = self.accounts.get_mut(&account).unwrap();
        holder.finalize(name, (&commodity, cost), order, moment, &mut ended)?;
        ended.insert(name.to_owned(), Ok((commodity, cost)));
        self.ended = ended;
        Ok(())
    }

    pub(super) fn give_back(&mut self, wish: &Release, moment: Moment) -> Result<(), Refused> {
        let name = wish.reservation.as_str();
        let account =
            match self.find(wish.account.as_ref().map(crate::id::AccountId::as_str), name)? {
                Ok(account) => account,
                Err(Err(_)) => return Ok(()),
                Err(Ok(_)) => return Err("reservation_finalized"),
            };
        let holder = self.accounts.get_mut(&account).unwrap();
        let is_over = !moment.rests && moment.now >= holder.holds[name].expires;
        holder.release(name, moment);
        let why = if is_over { "reservation_expired" } else { "reservation_not_found" };
        self.ended.insert(name.to_owned(), Err(why));
        Ok(())
    }

    pub(super) fn time_out(
        &mut self,
        wish: &ExpireReservation,
        moment: Moment,
    ) -> Result<(), Refused> {
        let name = wish.reservation.as_str();
        let Some(holder) = self.accounts.get_mut(wish.account.as_str()) else { return Ok(()) };
        let Some(hold) = holder.holds.get(name) else { return Ok(()) };
        if moment.rests || moment.now < hold.expires {
            return Err("reservation_not_expired");
        }
        holder.release(name, moment);
        self.ended.insert(name.to_owned(), Err("reservation_expired"));
        Ok(())
    }
}

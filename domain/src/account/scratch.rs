//! A decision about an account while it is made: the facts so far, and what they would change.

use smallvec::SmallVec;

use super::{
    Account, Event, Held, Holds, LotId, Order, Part, Rank, Released, Why, Work, lapse,
    reserve::end_of_shadow,
};
use crate::{
    billing::Mode,
    event::Event as Fact,
    id::{Pool, ReservationId},
    money::{Amount, Money},
    rejection::Rejection,
    time::Moment,
};

/// How many reservations whose time is over one decision ends on its way. The others are a duty, unless
/// it needs what they hold.
const ENDS_MAX: usize = 64;

/// So much of lots, in the order in which they are used.
pub(super) type Picked = SmallVec<[(LotId, Amount); 1]>;

/// The facts so far, over the account.
pub(super) struct Scratch<'a> {
    account: &'a Account,
    pub(super) work: Work<'a>,
    pub(super) moment: Moment,
    /// Where the first fact would stand.
    position: u64,
    facts: Vec<Fact>,
}

impl<'a> Scratch<'a> {
    pub(super) fn over(account: &'a Account, moment: Moment) -> Self {
        Self { account, work: Work::over(account), moment, position: 0, facts: vec![] }
    }

    /// The same, where the place of its facts in the roll matters.
    pub(super) fn at(self, position: u64) -> Self {
        Self { position, ..self }
    }

    pub(super) fn facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// Says a fact. The applier checks it again when it is taken in; one that it refuses is caught
    /// there, and nothing of the command stands.
    pub(super) fn say(&mut self, event: Event) {
        let said = u64::try_from(self.facts.len()).unwrap_or(u64::MAX);
        drop(self.work.apply(&event, self.position.saturating_add(said)));
        self.facts.push(Fact::Account(event));
    }

    /// Says the last fact. Nobody looks at what it would change any more, so that is left to whoever
    /// takes it in.
    pub(super) fn conclude(&mut self, event: Event) -> Vec<Fact> {
        self.facts.reserve_exact(1);
        self.facts.push(Fact::Account(event));
        self.facts()
    }

    /// Ends at most so many reservations whose time is over, oldest end first, so that they hold
    /// nobody up; says whether there may be more.
    fn end_what_is_over(&mut self, most: usize) -> bool {
        let over = self.account.reservations.over(self.moment, most);
        for reservation in &over {
            self.release(reservation, Why::Expired);
        }
        over.len() == most
    }

    /// Ends a reservation without a charge; lots whose time is over lapse as they come back.
    pub(super) fn release(&mut self, name: &ReservationId, why: Why) {
        let Some(known) = self.work.reservation(name).cloned() else { return };
        if known.mode == Mode::Shadow {
            self.say(end_of_shadow(name, &known, why));
            return;
        }
        let Some(ended) = self.would_end(&known, &[]) else { return };
        let returned: Vec<LotId> = ended.returned.iter().map(|held| held.lot.clone()).collect();
        self.say(Event::Released(Released {
            reservation: name.clone(),
            mode: known.mode,
            why,
            total: known.total,
            returned: ended.returned,
            clawed_back: ended.clawed_back,
        }));
        self.lapse_all(&returned);
    }

    /// What ending a reservation would come to, without ending it.
    pub(super) fn would_end(
        &self,
        known: &super::Reservation,
        parts: &[Part],
    ) -> Option<super::work::Ended> {
        self.work.would_end(known, parts, drop).ok()
    }

    /// Whether a lot's time is over.
    pub(super) fn is_over(&self, lot: &LotId) -> bool {
        self.work.lot(lot).is_some_and(|lot| self.moment.is_past(lot.place.expires_at))
    }

    /// Lets lots lapse whose time is over.
    pub(super) fn lapse_all(&mut self, lots: &[LotId]) {
        for lot in lots {
            let known = self.work.lot(lot).filter(|_| self.is_over(lot));
            if let Some(lapsed) = known.and_then(lapse) {
                self.say(Event::LotExpired(lapsed));
            }
        }
    }

    /// Looks for `total` where reservations whose time is over hold nothing any more, and says how much
    /// was found nowhere.
    pub(super) fn pick(&mut self, order: Order, total: Money, pool: &Pool) -> (Picked, Amount) {
        let more = self.end_what_is_over(ENDS_MAX);
        let found = self.look(order, total, pool);
        if found.1.is_zero() || !more {
            return found;
        }
        self.end_what_is_over(usize::MAX);
        self.look(order, total, pool)
    }

    /// Looks for `total` in the pool and the general pool, lets lots lapse that are met on the way,
    /// and says how much was found nowhere.
    fn look(&mut self, order: Order, total: Money, pool: &Pool) -> (Picked, Amount) {
        let (mut picked, mut missing) = (Picked::new(), total.amount);
        for pool in pools(pool) {
            let mut rank = Rank::before(order, total.commodity, &pool);
            while !missing.is_zero() {
                let Some(lot) = self.work.next(&rank) else { break };
                rank = Rank::of(order, &lot.place);
                if self.moment.is_past(lot.place.expires_at) {
                    if let Some(lapsed) = lapse(lot) {
                        self.say(Event::LotExpired(lapsed));
                    }
                    continue;
                }
                let amount = missing.min(lot.available);
                picked.push((lot.place.lot.clone(), amount));
                missing = missing.saturating_sub(amount);
            }
        }
        (picked, missing)
    }

    /// Looks for all of `total`. What the pools owe must be there too, and stays.
    pub(super) fn pick_all(
        &mut self,
        order: Order,
        total: Money,
        pool: &Pool,
    ) -> Result<Picked, Rejection> {
        let owed = self.owed(total, pool);
        let demanded =
            total.amount.checked_add(owed).ok_or(Rejection::AmountOverflow { field: "amount" })?;
        let (picked, missing) = self.pick(order, total.with(demanded), pool);
        if !missing.is_zero() {
            return Err(Rejection::CreditInsufficient { missing: total.with(missing) });
        }
        Ok(first(picked, total.amount))
    }

    /// What the pool and the general pool owe.
    pub(super) fn owed(&self, total: Money, pool: &Pool) -> Amount {
        let owed = pools(pool).map(|pool| self.work.debt(total.commodity, &pool));
        owed.fold(Amount::ZERO, |sum, owed| sum.checked_add(owed).unwrap_or(Amount::MAX))
    }

    /// The parts that taking what was picked comes to.
    pub(super) fn parts(&self, picked: &Picked) -> impl Iterator<Item = Part> {
        picked.iter().filter_map(|(lot, amount)| self.work.lot(lot)?.part(*amount))
    }

    /// What was picked, to be set aside.
    pub(super) fn held(&self, picked: &Picked) -> Holds {
        let one = |(lot, amount): &(LotId, Amount)| {
            let known = self.work.lot(lot)?;
            let (source, pool) = (known.source, known.place.pool.clone());
            Some(Held { lot: lot.clone(), amount: *amount, source, pool })
        };
        picked.iter().filter_map(one).collect()
    }
}

/// The pool that is asked for, and the general one after it.
fn pools(pool: &Pool) -> impl Iterator<Item = Pool> {
    let general = Pool::general();
    let fallback = (*pool != general).then_some(general);
    std::iter::once(pool.clone()).chain(fallback)
}

/// The first `amount` of what was picked.
fn first(picked: Picked, amount: Amount) -> Picked {
    let mut left = amount;
    let mut cut = |(lot, most): (LotId, Amount)| {
        let amount = most.min(left);
        left = left.saturating_sub(amount);
        (!amount.is_zero()).then_some((lot, amount))
    };
    picked.into_iter().filter_map(&mut cut).collect()
}

//! A lot: an amount of prepaid credit with a source, a cost and perhaps an expiry.

use serde::{Deserialize, Serialize};

use crate::{
    account::{Debit, LotMinted, LotReceived, Part, Place, SourceKind},
    book::Broken,
    money::{Amount, Money},
    time::Time,
};

/// A lot's amounts. Invariant: available + reserved + consumed + expired + clawed back + voided +
/// moved = minted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Where it lies.
    pub place: Place,
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
    /// What was taken back.
    pub clawed_back: Amount,
    /// What should never have been.
    pub voided: Amount,
    /// What went to other accounts.
    pub moved: Amount,
    /// How much of what is reserved is taken back once it is free.
    pub awaited: Amount,
    /// How much of what is gone was taken back as a debt.
    pub indebted: Amount,
    /// What all of it cost.
    pub cost: Option<Money>,
    /// How much of the cost has gone with what is gone.
    pub released: Amount,
    /// Where it comes from.
    pub source: SourceKind,
    /// Where it first came from, in whichever account that was.
    pub origin: SourceKind,
    /// Whether it came with a payment that piperoll took.
    pub by_payment: bool,
}

/// What becomes of credit that leaves a lot for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    Consumed,
    Expired,
    ClawedBack,
    Voided,
    Moved,
}

/// What the end of a reservation means to one of its lots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settling {
    /// What can be used again.
    pub(super) returned: Amount,
    /// What was waited for, to be taken back.
    pub(super) clawed: Option<Part>,
    /// What was waited for and is used instead.
    pub(super) debt: Amount,
}

impl Lot {
    pub(super) fn of(minted: &LotMinted, position: u64) -> Self {
        let LotMinted { lot, amount, source, pool, expires_at, cost, payment, .. } = minted;
        let place = Place {
            commodity: amount.commodity,
            pool: pool.clone(),
            expires_at: expires_at.unwrap_or(Time::MAX),
            minted: position,
            lot: lot.clone(),
        };
        Self::whole(place, amount.amount, *cost, source.kind, source.kind, payment.is_some())
    }

    pub(super) fn received(received: &LotReceived, position: u64) -> Self {
        let LotReceived { lot, amount, pool, expires_at, cost, origin, .. } = received;
        let place = Place {
            commodity: amount.commodity,
            pool: pool.clone(),
            expires_at: expires_at.unwrap_or(Time::MAX),
            minted: position,
            lot: lot.clone(),
        };
        let (kind, by_payment) = (SourceKind::TransferIn, origin.by_payment);
        Self::whole(place, amount.amount, *cost, kind, origin.source, by_payment)
    }

    pub(super) fn whole(
        place: Place,
        amount: Amount,
        cost: Option<Money>,
        source: SourceKind,
        origin: SourceKind,
        by_payment: bool,
    ) -> Self {
        Self {
            place,
            minted: amount,
            available: amount,
            reserved: Amount::ZERO,
            consumed: Amount::ZERO,
            expired: Amount::ZERO,
            clawed_back: Amount::ZERO,
            voided: Amount::ZERO,
            moved: Amount::ZERO,
            awaited: Amount::ZERO,
            indebted: Amount::ZERO,
            cost,
            released: Amount::ZERO,
            source,
            origin,
            by_payment,
        }
    }

    /// What has left it for good.
    fn gone(&self) -> Amount {
        self.minted.saturating_sub(self.available).saturating_sub(self.reserved)
    }

    /// What is still in it.
    pub fn left(&self) -> Amount {
        plus(self.available, self.reserved)
    }

    /// Whether there is something of it to be used.
    pub(super) fn is_usable(&self) -> bool {
        !self.available.is_zero()
    }

    /// Whether somebody paid for it, here or where it came from.
    pub const fn is_paid(&self) -> bool {
        matches!(self.origin, SourceKind::Deposit | SourceKind::Purchase | SourceKind::Review)
    }

    /// Whether its mint tells all there is to know: all of it was used.
    pub(super) fn is_used_up(&self) -> bool {
        self.consumed == self.minted && self.indebted.is_zero()
    }

    /// Whether its mint and its one lapse tell all there is to know.
    pub(super) fn has_lapsed_by(&self, part: &Part) -> bool {
        let known = plus(self.consumed, self.expired) == self.minted && self.indebted.is_zero();
        known && part.amount == self.expired
    }

    /// What was used or given away, and has not been taken back as a debt.
    pub(super) fn chargeable(&self) -> Amount {
        plus(self.consumed, self.moved).saturating_sub(self.indebted)
    }

    /// What was used here, and has not been taken back as a debt: that comes first.
    pub(super) fn used(&self) -> Amount {
        self.consumed.saturating_sub(self.indebted)
    }

    /// Taking `amount` out for good: the part that a fact carries.
    /// Cost released = floor(total × cumulative amount gone / minted) − released before.
    pub(super) fn part(&self, amount: Amount) -> Option<Part> {
        let left = self.left().checked_sub(amount)?;
        let gone = self.gone().checked_add(amount)?;
        let share = |cost: Money| {
            let through = cost.amount.share(gone, self.minted)?;
            Some(cost.with(through.checked_sub(self.released)?))
        };
        Some(Part {
            lot: self.place.lot.clone(),
            amount,
            left,
            cost: self.cost.and_then(share),
            source: self.source,
            pool: self.place.pool.clone(),
        })
    }

    /// A part must be what [`Lot::part`] says.
    fn must_agree(&self, part: &Part) -> Result<(), Broken> {
        let due = self.part(part.amount);
        if due.as_ref() == Some(part) {
            return Ok(());
        }
        Err(Broken::new("a part agrees with its lot", format!("{due:?}"), format!("{part:?}")))
    }

    /// Takes a part out of what is available.
    pub(super) fn take(&mut self, part: &Part, sink: Sink) -> Result<(), Broken> {
        let short = || Broken::new("a part is covered by its lot", self.available, part.amount);
        let available = self.available.checked_sub(part.amount).ok_or_else(short)?;
        self.must_agree(part)?;
        self.available = available;
        self.pour(part, sink);
        Ok(())
    }

    /// What has been taken out, somewhere else. Cannot overflow: no sink holds more than was minted.
    fn pour(&mut self, part: &Part, sink: Sink) {
        let sink = match sink {
            Sink::Consumed => &mut self.consumed,
            Sink::Expired => &mut self.expired,
            Sink::ClawedBack => &mut self.clawed_back,
            Sink::Voided => &mut self.voided,
            Sink::Moved => &mut self.moved,
        };
        *sink = plus(*sink, part.amount);
        let cost = part.cost.map_or(Amount::ZERO, |cost| cost.amount);
        self.released = plus(self.released, cost);
    }

    /// Sets some of it aside.
    pub(super) fn hold(&mut self, amount: Amount) -> Result<(), Broken> {
        let short = || Broken::new("a reservation is covered by its lot", self.available, amount);
        self.available = self.available.checked_sub(amount).ok_or_else(short)?;
        self.reserved = plus(self.reserved, amount);
        Ok(())
    }

    /// Ends a reservation of `held`: what is used goes, first out of what was held; what is awaited
    /// is taken back; the rest can be used again. What is awaited and no longer there is a debt.
    pub(super) fn settle(&mut self, held: Amount, used: Option<&Part>) -> Result<Settling, Broken> {
        let amount = used.map_or(Amount::ZERO, |part| part.amount);
        let of_held = held.min(amount);
        let more = amount.saturating_sub(of_held);
        let short = || Broken::new("what is held is reserved", self.reserved, held);
        let bare = || Broken::new("a part is covered by its lot", self.available, more);
        let reserved = self.reserved.checked_sub(held).ok_or_else(short)?;
        let available = self.available.checked_sub(more).ok_or_else(bare)?;
        if let Some(part) = used {
            self.must_agree(part)?;
            self.pour(part, Sink::Consumed);
        }
        let back = held.saturating_sub(of_held);
        let taken = back.min(self.awaited);
        (self.reserved, self.available) = (plus(reserved, back), available);
        let clawed = if taken.is_zero() { None } else { self.part(taken) };
        if let Some(part) = &clawed {
            self.pour(part, Sink::ClawedBack);
        }
        let returned = back.saturating_sub(taken);
        self.reserved = reserved;
        self.available = plus(available, returned);
        let awaited = self.awaited.saturating_sub(taken);
        self.awaited = awaited.min(reserved);
        let debt = awaited.saturating_sub(reserved);
        self.indebted = plus(self.indebted, debt);
        Ok(Settling { returned, clawed, debt })
    }

    /// Takes `waits` of what is reserved back once it is free, and `debt` of what is gone as a debt.
    pub(super) fn charge_back(&mut self, waits: Amount, debt: Amount) -> Result<(), Broken> {
        let free = self.reserved.saturating_sub(self.awaited);
        Broken::unless(waits <= free, "what is awaited is reserved", free, waits)?;
        let most = self.chargeable();
        Broken::unless(debt <= most, "only what is gone becomes a debt", most, debt)?;
        self.awaited = plus(self.awaited, waits);
        self.indebted = plus(self.indebted, debt);
        Ok(())
    }

    /// One that its account has forgotten, because its mint, and perhaps one lapse, told all of it.
    pub(super) fn remembered(mut self, expired: Amount) -> Self {
        self.available = Amount::ZERO;
        self.expired = expired;
        self.consumed = self.minted.saturating_sub(expired);
        self.released = self.cost.map_or(Amount::ZERO, |cost| cost.amount);
        self
    }

    /// What all its amounts add up to: what was minted, or something is wrong with it.
    pub fn sum(&self) -> Amount {
        let parts = [
            self.available,
            self.reserved,
            self.consumed,
            self.expired,
            self.clawed_back,
            self.voided,
            self.moved,
        ];
        parts.into_iter().fold(Amount::ZERO, plus)
    }

    /// How a transfer takes `amount` of it along.
    pub(super) fn debit(&self, amount: Amount) -> Option<Debit> {
        let expires_at = (self.place.expires_at != Time::MAX).then_some(self.place.expires_at);
        let part = self.part(amount)?;
        Some(Debit { part, expires_at, origin: self.origin, by_payment: self.by_payment })
    }
}

/// The sum of amounts of one lot, which cannot overflow.
fn plus(one: Amount, other: Amount) -> Amount {
    one.checked_add(other).unwrap_or(Amount::MAX)
}

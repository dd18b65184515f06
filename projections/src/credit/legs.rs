//! The movements of one event: each changes a balance, a lot and adds an entry. What changes in the
//! same balance or lot one after the other is one change: each costs finding its row.

use piperoll_domain::{
    account::{Held, Part},
    billing::Shares,
    event::Envelope,
    id::{LotId, Pool},
    money::{Amount, Money},
};

use super::{BALANCES, ENTRIES, LOTS, SHARES, kind};
use crate::{
    change::{Change, Delta, change},
    value::Value,
};

/// What becomes of credit that leaves a lot.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Consumed,
    Expired,
    ClawedBack,
    Voided,
    Moved,
}

impl Way {
    /// The columns that it adds to, of balances and of lots.
    const fn columns(self) -> (usize, usize) {
        match self {
            Self::Consumed => const { (BALANCES.at("consumed"), LOTS.at("consumed")) },
            Self::Expired => const { (BALANCES.at("expired"), LOTS.at("expired")) },
            Self::ClawedBack => const { (BALANCES.at("clawed_back"), LOTS.at("clawed_back")) },
            Self::Voided => const { (BALANCES.at("voided"), LOTS.at("voided")) },
            Self::Moved => const { (BALANCES.at("moved"), LOTS.at("moved")) },
        }
    }
}

/// The movements of one event, one after the other.
pub(super) struct Legs<'a> {
    at: &'a Envelope,
    of: Money,
    reference: Option<Value>,
    into: &'a mut Vec<Change>,
    leg: u32,
    /// Where the last change of a balance stands.
    balance: usize,
    /// Where the first change of a lot stands that may be gone on with.
    lot: usize,
}

impl<'a> Legs<'a> {
    pub(super) fn new(
        at: &'a Envelope,
        of: Money,
        reference: Option<Value>,
        into: &'a mut Vec<Change>,
    ) -> Self {
        let end = into.len();
        Self { at, of, reference, into, leg: 0, balance: end, lot: end }
    }

    /// What changes in the balance of a pool: one row for movements that follow one another.
    fn balance(&mut self, pool: &Pool, deltas: &[Delta]) {
        let pool = Value::from(pool);
        let known = self.into.get_mut(self.balance);
        let known = known.filter(|row| row.is_in(BALANCES) && row.key.last() == Some(&pool));
        if let Some(row) = known {
            row.also(deltas);
            return;
        }
        let (at, commodity) = (self.at, self.of.commodity);
        self.balance = self.into.len();
        let mut row = change!(BALANCES [&at.tenant, &at.stream.id, commodity, pool] {
            set position: at.position,
        });
        row.also(deltas);
        self.into.push(row);
    }

    /// What changes in a lot: one row for what is free again and then used, lot by lot.
    fn lot(&mut self, lot: &LotId, deltas: &[Delta]) {
        while self.into.get(self.lot).is_some_and(|row| !row.is_in(LOTS)) {
            self.lot = self.lot.saturating_add(1);
        }
        let lot = Value::from(lot);
        let known = self.into.get_mut(self.lot).filter(|row| row.key.last() == Some(&lot));
        if let Some(row) = known {
            row.also(deltas);
            self.lot = self.lot.saturating_add(1);
            return;
        }
        let at = self.at;
        let mut row = change!(LOTS [&at.tenant, &at.stream.id, lot] { set position: at.position });
        row.also(deltas);
        self.into.push(row);
    }

    /// An entry, to be filled in.
    fn entry(&mut self, kind: &'static str, amount: i64, pool: &Pool) -> Change {
        let (at, leg) = (self.at, self.leg);
        self.leg = self.leg.saturating_add(1);
        let row = super::entry(at, leg);
        change!(ENTRIES row {
            set kind: kind,
            set amount: amount,
            set commodity: self.of.commodity,
            set pool: pool,
            may reference: self.reference.clone(),
            set recorded_at: at.recorded_at,
            may effective_at: at.effective_at,
        })
    }

    /// A part of a lot leaves what can be used.
    pub(super) fn out(&mut self, kind: &'static str, way: Way, part: &Part) {
        let amount = part.amount.signed();
        let cost = part.cost.map_or(Amount::ZERO, |cost| cost.amount);
        let gone = amount.saturating_neg();
        let (in_balance, in_lot) = way.columns();
        self.balance(
            &part.pool,
            &[(const { BALANCES.at("available") }, gone), (in_balance, amount)],
        );
        let available = (const { LOTS.at("available") }, gone);
        let released = (const { LOTS.at("released") }, cost.signed());
        self.lot(&part.lot, &[available, released, (in_lot, amount)]);
        let entry = self.entry(kind, gone, &part.pool);
        self.into.push(change!(ENTRIES entry {
            set lot: &part.lot,
            set lot_left: part.left,
            may cost_commodity: part.cost.map(|cost| cost.commodity),
            may cost: part.cost.map(|cost| cost.amount),
        }));
    }

    /// So much more, or less, of what a lot has set aside is to be taken back once it is free.
    pub(super) fn awaits(&mut self, lot: &LotId, amount: i64) {
        if amount != 0 {
            self.lot(lot, &[(const { LOTS.at("awaited") }, amount)]);
        }
    }

    /// What was awaited is free, and taken back.
    pub(super) fn came_back(&mut self, part: &Part) {
        self.out(kind::CLAWED_BACK, Way::ClawedBack, part);
        self.awaits(&part.lot, part.amount.signed().saturating_neg());
    }

    /// Some of a lot is set aside.
    pub(super) fn hold(&mut self, held: &Held) {
        self.shift(kind::RESERVED, &held.lot, &held.pool, held.amount.signed());
    }

    /// Some of a lot is set aside no more.
    pub(super) fn free(&mut self, lot: &LotId, pool: &Pool, amount: Amount) {
        self.shift(kind::RELEASED, lot, pool, amount.signed().saturating_neg());
    }

    fn shift(&mut self, kind: &'static str, lot: &LotId, pool: &Pool, reserved: i64) {
        let gone = reserved.saturating_neg();
        let available = (const { BALANCES.at("available") }, gone);
        self.balance(pool, &[available, (const { BALANCES.at("reserved") }, reserved)]);
        let available = (const { LOTS.at("available") }, gone);
        self.lot(lot, &[available, (const { LOTS.at("reserved") }, reserved)]);
        let entry = self.entry(kind, gone, pool);
        self.into.push(change!(ENTRIES entry { set lot: lot }));
    }

    /// More is owed, or less.
    pub(super) fn owe(&mut self, kind: &'static str, pool: &Pool, amount: i64) {
        self.balance(pool, &[(const { BALANCES.at("owed") }, amount.saturating_neg())]);
        let entry = self.entry(kind, amount, pool);
        self.into.push(entry);
    }

    /// The three get what use is worth to them, or give it back. They hold no lots.
    pub(super) fn share(&mut self, shares: Option<&Shares>, back: bool) {
        let Some(shares) = shares else { return };
        let at = self.at;
        let signed = |amount: Amount| {
            if back { amount.signed().saturating_neg() } else { amount.signed() }
        };
        let general = Pool::general();
        for (account, amount) in shares.each() {
            self.into.push(change!(BALANCES [&at.tenant, account, self.of.commodity, &general] {
                add available: signed(amount),
                add minted: signed(amount),
                set position: at.position,
            }));
        }
        self.into.push(change!(SHARES [&at.tenant, at.position] {
            set account: &at.stream.id,
            may reference: self.reference.clone(),
            set commodity: self.of.commodity,
            set rule: shares.rule,
            set commons: signed(shares.commons),
            set community: signed(shares.community),
            set foundation: signed(shares.foundation),
            set recorded_at: at.recorded_at,
        }));
    }
}

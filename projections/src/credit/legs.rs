//! The movements of one event: each changes a balance, a lot and adds an entry.

use piperoll_domain::{
    account::{Held, Part},
    billing::Shares,
    event::Envelope,
    id::{LotId, Pool},
    money::{Amount, Money},
};

use super::{BALANCES, ENTRIES, LOTS, SHARES, kind};
use crate::change::{Change, change};

/// What becomes of credit that leaves a lot.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Consumed,
    Expired,
    ClawedBack,
    Voided,
    Moved,
}

/// The movements of one event, one after the other.
pub(super) struct Legs<'a> {
    at: &'a Envelope,
    of: Money,
    reference: Option<&'a str>,
    into: &'a mut Vec<Change>,
    leg: u32,
}

impl<'a> Legs<'a> {
    pub(super) fn new(
        at: &'a Envelope,
        of: Money,
        reference: Option<&'a str>,
        into: &'a mut Vec<Change>,
    ) -> Self {
        Self { at, of, reference, into, leg: 0 }
    }

    /// An entry, to be filled in.
    fn entry(&mut self, kind: &'static str, amount: i64, pool: &Pool) -> Change {
        let (at, leg) = (self.at, self.leg);
        self.leg = self.leg.saturating_add(1);
        change!(ENTRIES [at.position, leg] {
            set kind: kind,
            set amount: amount,
            set commodity: self.of.commodity,
            set pool: pool,
            may reference: self.reference.map(str::to_owned),
            set recorded_at: at.recorded_at,
            may effective_at: at.effective_at,
        })
    }

    /// A part of a lot leaves what can be used.
    pub(super) fn out(&mut self, kind: &'static str, way: Way, part: &Part) {
        let at = self.at;
        let amount = part.amount.signed();
        let cost = part.cost.map_or(Amount::ZERO, |cost| cost.amount);
        let balance = change!(BALANCES [&at.tenant, &at.stream.id, self.of.commodity, &part.pool] {
            add available: amount.saturating_neg(),
            set position: at.position,
        });
        let lot = change!(LOTS [&at.tenant, &at.stream.id, &part.lot] {
            add available: amount.saturating_neg(),
            add released: cost.signed(),
            set position: at.position,
        });
        let (balance, lot) = match way {
            Way::Consumed => (
                change!(BALANCES balance { add consumed: amount }),
                change!(LOTS lot { add consumed: amount }),
            ),
            Way::Expired => (
                change!(BALANCES balance { add expired: amount }),
                change!(LOTS lot { add expired: amount }),
            ),
            Way::ClawedBack => (
                change!(BALANCES balance { add clawed_back: amount }),
                change!(LOTS lot { add clawed_back: amount }),
            ),
            Way::Voided => (
                change!(BALANCES balance { add voided: amount }),
                change!(LOTS lot { add voided: amount }),
            ),
            Way::Moved => (
                change!(BALANCES balance { add moved: amount }),
                change!(LOTS lot { add moved: amount }),
            ),
        };
        self.into.extend([balance, lot]);
        let entry = self.entry(kind, amount.saturating_neg(), &part.pool);
        self.into.push(change!(ENTRIES entry {
            set lot: &part.lot,
            set lot_left: part.left,
            may cost_commodity: part.cost.map(|cost| cost.commodity),
            may cost: part.cost.map(|cost| cost.amount),
        }));
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
        let at = self.at;
        self.into.push(change!(BALANCES [&at.tenant, &at.stream.id, self.of.commodity, pool] {
            add available: reserved.saturating_neg(),
            add reserved: reserved,
            set position: at.position,
        }));
        self.into.push(change!(LOTS [&at.tenant, &at.stream.id, lot] {
            add available: reserved.saturating_neg(),
            add reserved: reserved,
            set position: at.position,
        }));
        let entry = self.entry(kind, reserved.saturating_neg(), pool);
        self.into.push(change!(ENTRIES entry { set lot: lot }));
    }

    /// More is owed, or less.
    pub(super) fn owe(&mut self, kind: &'static str, pool: &Pool, amount: i64) {
        let at = self.at;
        self.into.push(change!(BALANCES [&at.tenant, &at.stream.id, self.of.commodity, pool] {
            add owed: amount.saturating_neg(),
            set position: at.position,
        }));
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
            may reference: self.reference.map(str::to_owned),
            set commodity: self.of.commodity,
            set rule: shares.rule,
            set commons: signed(shares.commons),
            set community: signed(shares.community),
            set foundation: signed(shares.foundation),
            set recorded_at: at.recorded_at,
        }));
    }
}

//! Credit: what every account holds, its lots, and each movement of them.
//!
//! An entry's amount is what it changes of what an account can use, less what it owes; so the
//! entries of an account add up to its balance.

use piperoll_domain::{
    account::{
        ClawedBack, Debt, DebtRepaid, Event, Finalized, Held, LotExpired, LotMinted, LotReceived,
        LotVoided, Opened, Part, Released, Reserved, SourceKind, Spent, TransferredOut,
    },
    billing::{SYSTEM, Shares},
    event::Envelope,
    id::{LotId, PaymentId, Pool, RefundId},
    money::{Amount, Money},
};

use crate::{
    change::{Change, change},
    schema::{Schema, Type, integer, sum, text, wide},
};

/// What an account holds of a commodity in a pool.
pub const BALANCES: &Schema = &Schema {
    name: "balances",
    index: 0,
    key: &[
        ("tenant", Type::Text),
        ("account", Type::Text),
        ("commodity", Type::Text),
        ("pool", Type::Text),
    ],
    columns: &[
        wide("available"),
        wide("reserved"),
        wide("consumed"),
        wide("expired"),
        wide("minted"),
        wide("clawed_back"),
        wide("voided"),
        wide("moved"),
        wide("owed"),
        integer("position"),
    ],
    indexes: &[],
};

/// A lot with its amounts.
pub const LOTS: &Schema = &Schema {
    name: "lots",
    index: 1,
    key: &[("tenant", Type::Text), ("account", Type::Text), ("lot", Type::Text)],
    columns: &[
        text("commodity"),
        text("pool"),
        integer("minted"),
        sum("available"),
        sum("reserved"),
        sum("consumed"),
        sum("expired"),
        sum("clawed_back"),
        sum("voided"),
        sum("moved"),
        text("cost_commodity"),
        integer("cost"),
        sum("released"),
        text("source_kind"),
        text("source_id"),
        text("offer"),
        integer("offer_version"),
        text("payment"),
        text("transfer"),
        text("reason"),
        integer("expires_at"),
        integer("minted_at"),
        integer("minted_position"),
        integer("position"),
    ],
    indexes: &[],
};

/// The credit ledger: each movement of each lot, by account, in order.
pub const ENTRIES: &Schema = &Schema {
    name: "entries",
    index: 2,
    key: &[
        ("tenant", Type::Text),
        ("account", Type::Text),
        ("position", Type::Integer),
        ("leg", Type::Integer),
    ],
    columns: &[
        text("kind"),
        integer("amount"),
        text("commodity"),
        text("pool"),
        text("lot"),
        integer("lot_left"),
        text("cost_commodity"),
        integer("cost"),
        text("reference"),
        integer("recorded_at"),
        integer("effective_at"),
    ],
    indexes: &[],
};

/// Accounts, also those that hold nothing yet. Use leaves no trace here: rows are what writing costs.
pub const ACCOUNTS: &Schema = &Schema {
    name: "accounts",
    index: 3,
    key: &[("tenant", Type::Text), ("account", Type::Text)],
    columns: &[integer("opened_at"), integer("minted_at"), integer("position")],
    indexes: &[],
};

/// The words that stand in [`ENTRIES`] under `kind`.
pub mod kind {
    /// Credit came to be.
    pub const MINTED: &str = "minted";
    /// Credit came from another account.
    pub const RECEIVED: &str = "received";
    /// Credit was used at once.
    pub const SPENT: &str = "spent";
    /// Credit lapsed.
    pub const EXPIRED: &str = "expired";
    /// Credit was set aside.
    pub const RESERVED: &str = "reserved";
    /// What was set aside is free again, be it to be used.
    pub const RELEASED: &str = "released";
    /// Credit was used that had been set aside, or more.
    pub const FINALIZED: &str = "finalized";
    /// More was used than there was, or used credit was taken back: it is owed.
    pub const OWED: &str = "owed";
    /// Credit went to what was owed.
    pub const REPAID: &str = "repaid";
    /// It is owed no more.
    pub const SETTLED: &str = "settled";
    /// Credit was taken back.
    pub const CLAWED_BACK: &str = "clawed_back";
    /// Credit should never have been.
    pub const VOIDED: &str = "voided";
    /// Credit went to another account.
    pub const SENT: &str = "sent";
    /// What use was worth to the commons, less what was given back.
    pub const COMMONS: &str = "commons_contribution";
    /// What use was worth to the community and the foundation, less what was given back.
    pub const REVENUE: &str = "revenue_share";
}

/// What becomes of credit that leaves a lot.
#[derive(Clone, Copy)]
enum Way {
    Consumed,
    Expired,
    ClawedBack,
    Voided,
    Moved,
}

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    match event {
        Event::Opened(Opened {}) => {
            into.push(change!(ACCOUNTS [&at.tenant, &at.stream.id] {
                set opened_at: at.recorded_at,
                set position: at.position,
            }));
        }
        Event::LotMinted(minted) => of_mint(at, minted, into),
        Event::LotReceived(received) => of_received(at, received, into),
        Event::Spent(Spent { total, parts, reference, .. }) => {
            let mut legs = Legs::new(at, *total, reference.as_deref(), into);
            for part in parts {
                legs.out(kind::SPENT, Way::Consumed, part);
            }
        }
        Event::LotExpired(LotExpired { amount, part }) => {
            Legs::new(at, *amount, None, into).out(kind::EXPIRED, Way::Expired, part);
        }
        Event::LotVoided(LotVoided { amount, part, .. }) => {
            Legs::new(at, *amount, None, into).out(kind::VOIDED, Way::Voided, part);
        }
        Event::TransferredOut(TransferredOut { transfer, total, debits, .. }) => {
            let mut legs = Legs::new(at, *total, Some(transfer.as_str()), into);
            for debit in debits {
                legs.out(kind::SENT, Way::Moved, &debit.part);
            }
        }
        Event::Reserved(Reserved { reservation, total, held, .. }) => {
            let mut legs = Legs::new(at, *total, Some(reservation.as_str()), into);
            for held in held {
                legs.hold(held);
            }
        }
        Event::Released(Released { reservation, total, returned, clawed_back, .. }) => {
            let mut legs = Legs::new(at, *total, Some(reservation.as_str()), into);
            for held in returned {
                legs.free(&held.lot, &held.pool, held.amount);
            }
            for part in clawed_back {
                legs.free(&part.lot, &part.pool, part.amount);
                legs.out(kind::CLAWED_BACK, Way::ClawedBack, part);
            }
        }
        Event::Finalized(finalized) => of_finalized(at, finalized, into),
        Event::DebtRepaid(repaid) => of_repayment(at, repaid, into),
        Event::ClawedBack(clawed) => of_clawback(at, clawed, into),
        Event::ShadowReserved(_) | Event::ShadowFinalized(_) | Event::ShadowReleased(_) => {}
    }
}

fn of_repayment(at: &Envelope, repaid: &DebtRepaid, into: &mut Vec<Change>) {
    let DebtRepaid { total, part, debts, shares } = repaid;
    let mut legs = Legs::new(at, *total, None, into);
    legs.out(kind::REPAID, Way::Consumed, part);
    for debt in debts {
        legs.owe(kind::SETTLED, &debt.pool, debt.amount.signed());
    }
    legs.share(shares.as_ref(), false);
}

fn of_clawback(at: &Envelope, clawed: &ClawedBack, into: &mut Vec<Change>) {
    let ClawedBack { refund, total, part, debt, reversed, .. } = clawed;
    let mut legs = Legs::new(at, *total, refund.as_ref().map(RefundId::as_str), into);
    if let Some(part) = part {
        legs.out(kind::CLAWED_BACK, Way::ClawedBack, part);
    }
    if let Some(Debt { pool, amount, .. }) = debt {
        legs.owe(kind::OWED, pool, amount.signed().saturating_neg());
    }
    legs.share(reversed.as_ref(), true);
}

fn of_finalized(at: &Envelope, finalized: &Finalized, into: &mut Vec<Change>) {
    let Finalized { reservation, cost, held, parts, clawed_back, debts, shares, .. } = finalized;
    let mut legs = Legs::new(at, *cost, Some(reservation.as_str()), into);
    for held in held {
        legs.free(&held.lot, &held.pool, held.amount);
    }
    for part in parts {
        legs.out(kind::FINALIZED, Way::Consumed, part);
    }
    for part in clawed_back {
        legs.out(kind::CLAWED_BACK, Way::ClawedBack, part);
    }
    for debt in debts {
        legs.owe(kind::OWED, &debt.pool, debt.amount.signed().saturating_neg());
    }
    legs.share(shares.as_ref(), false);
}

fn of_mint(at: &Envelope, minted: &LotMinted, into: &mut Vec<Change>) {
    let row = change!(LOTS [&at.tenant, &at.stream.id, &minted.lot] {
        set source_kind: minted.source.kind.as_str(),
        set source_id: &minted.source.id,
        may offer: minted.offer.as_ref().map(|offer| &offer.id),
        may offer_version: minted.offer.as_ref().map(|offer| offer.version),
        may payment: minted.payment.as_ref(),
        may reason: minted.reason.as_ref(),
        may expires_at: minted.expires_at,
    });
    let reference = minted.payment.as_ref().map(PaymentId::as_str);
    let arrived = Arrived {
        lot: &minted.lot,
        pool: &minted.pool,
        money: minted.amount,
        cost: minted.cost,
        kind: kind::MINTED,
        reference,
    };
    arrived.changes(at, row, into);
}

fn of_received(at: &Envelope, received: &LotReceived, into: &mut Vec<Change>) {
    let row = change!(LOTS [&at.tenant, &at.stream.id, &received.lot] {
        set source_kind: SourceKind::TransferIn.as_str(),
        set source_id: &received.lot,
        set transfer: received.transfer.to_string(),
        may expires_at: received.expires_at,
    });
    let arrived = Arrived {
        lot: &received.lot,
        pool: &received.pool,
        money: received.amount,
        cost: received.cost,
        kind: kind::RECEIVED,
        reference: Some(received.transfer.as_str()),
    };
    arrived.changes(at, row, into);
}

/// A lot that came to an account.
struct Arrived<'a> {
    lot: &'a LotId,
    pool: &'a Pool,
    money: Money,
    cost: Option<Money>,
    kind: &'static str,
    reference: Option<&'a str>,
}

impl Arrived<'_> {
    fn changes(&self, at: &Envelope, row: Change, into: &mut Vec<Change>) {
        let Self { lot, pool, money: Money { commodity, amount }, cost, kind, reference } = self;
        let (tenant, account) = (&at.tenant, &at.stream.id);
        into.push(change!(ACCOUNTS [tenant, account] {
            set minted_at: at.recorded_at,
            set position: at.position,
        }));
        into.push(change!(BALANCES [tenant, account, *commodity, *pool] {
            add available: amount.signed(),
            add minted: amount.signed(),
            set position: at.position,
        }));
        into.push(change!(LOTS row {
            set commodity: *commodity,
            set pool: *pool,
            set minted: *amount,
            add available: amount.signed(),
            may cost_commodity: cost.map(|cost| cost.commodity),
            may cost: cost.map(|cost| cost.amount),
            set minted_at: at.recorded_at,
            set minted_position: at.position,
            set position: at.position,
        }));
        into.push(change!(ENTRIES [tenant, account, at.position, 0_u32] {
            set kind: *kind,
            set amount: *amount,
            set commodity: *commodity,
            set pool: *pool,
            set lot: *lot,
            set lot_left: *amount,
            may cost_commodity: cost.map(|cost| cost.commodity),
            may cost: cost.map(|cost| cost.amount),
            may reference: reference.map(str::to_owned),
            set recorded_at: at.recorded_at,
            may effective_at: at.effective_at,
        }));
    }
}

/// The movements of one event, one after the other.
struct Legs<'a> {
    at: &'a Envelope,
    of: Money,
    reference: Option<&'a str>,
    into: &'a mut Vec<Change>,
    leg: u32,
}

impl<'a> Legs<'a> {
    fn new(
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
        change!(ENTRIES [&at.tenant, &at.stream.id, at.position, leg] {
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
    fn out(&mut self, kind: &'static str, way: Way, part: &Part) {
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
    fn hold(&mut self, held: &Held) {
        self.shift(kind::RESERVED, &held.lot, &held.pool, held.amount.signed());
    }

    /// Some of a lot is set aside no more.
    fn free(&mut self, lot: &LotId, pool: &Pool, amount: Amount) {
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
    fn owe(&mut self, kind: &'static str, pool: &Pool, amount: i64) {
        let at = self.at;
        self.into.push(change!(BALANCES [&at.tenant, &at.stream.id, self.of.commodity, pool] {
            add owed: amount.saturating_neg(),
            set position: at.position,
        }));
        let entry = self.entry(kind, amount, pool);
        self.into.push(entry);
    }

    /// The three get what use is worth to them, or give it back. They hold no lots.
    fn share(&mut self, shares: Option<&Shares>, back: bool) {
        let at = self.at;
        let general = Pool::general();
        for (account, amount) in shares.iter().flat_map(|shares| shares.each()) {
            if amount.is_zero() {
                continue;
            }
            let amount = if back { amount.signed().saturating_neg() } else { amount.signed() };
            let commons = account == SYSTEM[0];
            let kind = if commons { kind::COMMONS } else { kind::REVENUE };
            self.into.push(change!(BALANCES [&at.tenant, account, self.of.commodity, &general] {
                add available: amount,
                add minted: amount,
                set position: at.position,
            }));
            self.into.push(change!(ENTRIES [&at.tenant, account, at.position, 0_u32] {
                set kind: kind,
                set amount: amount,
                set commodity: self.of.commodity,
                set pool: &general,
                may reference: self.reference.map(str::to_owned),
                set recorded_at: at.recorded_at,
                may effective_at: at.effective_at,
            }));
        }
    }
}

//! Credit: what every account holds, its lots, and each movement of them.
//!
//! Movements stand in the order of the roll, so that writing one touches the end of its table and
//! nothing else, however many accounts there are. An account's own are found by walking back: each
//! tells where the one before it stands. [`MARKS`] are where to begin such a walk, and [`SUMS`] are
//! what need not be walked; both cost a row only once in [`STEP`] events of an account.
//!
//! An entry's amount is what it changes of what an account can use, less what it owes; so the
//! entries of an account add up to its balance.

mod legs;

use piperoll_domain::{
    account::{
        Cause, ClawedBack, Debt, DebtRepaid, Event, Finalized, LotExpired, LotMinted, LotReceived,
        LotVoided, Opened, Released, Reserved, SourceKind, Spent, TransferredOut,
    },
    event::Envelope,
    id::{LotId, PaymentId, Pool},
    money::Money,
};

use self::legs::{Legs, Way};
use crate::{
    change::{Cell, Change, change},
    schema::{BY_KEY, Layout, Schema, Type, integer, sum, text, wide},
    value::Value,
};

/// Lots whose parts do not add up to what was minted.
macro_rules! unbalanced {
    () => {
        "minted IS NULL OR available < 0 OR reserved < 0 OR available + reserved + consumed \
         + expired + clawed_back + voided + moved <> minted"
    };
}
pub(crate) use unbalanced;

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
    layout: Layout { often: &["available", "reserved", "consumed", "position"], ..BY_KEY },
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
        sum("awaited"),
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
        text("idempotency"),
        integer("expires_at"),
        integer("minted_at"),
        integer("minted_position"),
        integer("position"),
    ],
    layout: Layout {
        often: &["available", "reserved", "consumed", "released", "position"],
        ..BY_KEY
    },
    // Of broken lots only: it is empty, costs no write, and is asked every time somebody looks.
    indexes: &[("lots_broken", concat!("(tenant, account, lot) WHERE ", unbalanced!()))],
};

/// The credit ledger: each movement of each lot, in order.
pub const ENTRIES: &Schema = &Schema {
    name: "entries",
    index: 2,
    key: &[("position", Type::Integer), ("leg", Type::Integer)],
    columns: &[
        text("tenant"),
        text("account"),
        integer("previous"),
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
    layout: BY_KEY,
    indexes: &[],
};

/// Accounts, also those that hold nothing yet. Use leaves no trace here: rows are what writing costs.
pub const ACCOUNTS: &Schema = &Schema {
    name: "accounts",
    index: 3,
    key: &[("tenant", Type::Text), ("account", Type::Text)],
    columns: &[integer("opened_at"), integer("minted_at"), integer("position")],
    layout: BY_KEY,
    indexes: &[],
};

/// Where an account's steps end: the last event of each, but of the one that is not over yet.
pub const MARKS: &Schema = &Schema {
    name: "entry_marks",
    index: 13,
    key: &[("tenant", Type::Text), ("account", Type::Text), ("position", Type::Integer)],
    columns: &[integer("step")],
    layout: BY_KEY,
    indexes: &[],
};

/// What an account's entries of a step add up to; but of its first, since most accounts have no other.
pub const SUMS: &Schema = &Schema {
    name: "entry_sums",
    index: 14,
    key: &[
        ("tenant", Type::Text),
        ("account", Type::Text),
        ("step", Type::Integer),
        ("commodity", Type::Text),
        ("pool", Type::Text),
        ("kind", Type::Text),
    ],
    columns: &[wide("amount")],
    layout: BY_KEY,
    indexes: &[],
};

/// How many of an account's events are a step.
pub const STEP: u64 = 32;

/// What each use was worth to the three who share, or what they gave back, with a minus. Their
/// accounts have no events of their own, so their movements stand here and not among the entries.
pub const SHARES: &Schema = &Schema {
    name: "shares",
    index: 18,
    key: &[("tenant", Type::Text), ("position", Type::Integer)],
    columns: &[
        text("account"),
        text("reference"),
        text("commodity"),
        integer("rule"),
        integer("commons"),
        integer("community"),
        integer("foundation"),
        integer("recorded_at"),
    ],
    layout: BY_KEY,
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
    /// What use is worth to one of the three who share; only [`super::SHARES`] hold such.
    pub const SHARED: &str = "shared";
}

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    let before = into.len();
    movements(at, event, into);
    let (mut moved, after) = (false, into.len());
    for index in before..after {
        let entry = into.get(index).filter(|row| row.is_in(ENTRIES));
        moved |= entry.is_some();
        let sum = entry.and_then(|entry| summed(at, entry));
        into.extend(sum);
    }
    if !moved {
        // Nothing moved, but the walk goes on from here.
        into.push(entry(at, 0));
    }
    if at.version.is_multiple_of(STEP) {
        into.push(change!(MARKS [&at.tenant, &at.stream.id, at.previous] {
            set step: (at.version / STEP).saturating_sub(1),
        }));
    }
}

/// An entry that says only whose it is, and where the walk goes on.
fn entry(at: &Envelope, leg: u32) -> Change {
    let row = Change::of(ENTRIES, vec![at.position.into(), leg.into()], ENTRIES.columns.len());
    change!(ENTRIES row {
        set tenant: &at.tenant,
        set account: &at.stream.id,
        set previous: at.previous,
    })
}

/// What an entry adds to its step's sum.
fn summed(at: &Envelope, entry: &Change) -> Option<Change> {
    let step = at.version / STEP;
    if step == 0 {
        return None;
    }
    let cell = |column| match entry.cells.iter().find(|(at, _)| *at == column) {
        Some((_, Cell::Last(value))) => value.clone(),
        _ => None,
    };
    let (commodity, pool) =
        (cell(const { ENTRIES.at("commodity") })?, cell(const { ENTRIES.at("pool") })?);
    let kind = cell(const { ENTRIES.at("kind") })?;
    let Value::Integer(amount) = cell(const { ENTRIES.at("amount") })? else { return None };
    Some(change!(SUMS [&at.tenant, &at.stream.id, step, commodity, pool, kind] {
        add amount: amount,
    }))
}

fn movements(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
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
            let mut legs = Legs::new(at, *total, reference.as_ref().map(Value::from), into);
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
            let mut legs = Legs::new(at, *total, Some(transfer.to_string().into()), into);
            for debit in debits {
                legs.out(kind::SENT, Way::Moved, &debit.part);
            }
        }
        Event::Reserved(Reserved { reservation, total, held, .. }) => {
            let mut legs = Legs::new(at, *total, Some(reservation.into()), into);
            for held in held {
                legs.hold(held);
            }
        }
        Event::Released(Released { reservation, total, returned, clawed_back, .. }) => {
            let mut legs = Legs::new(at, *total, Some(reservation.into()), into);
            for held in returned {
                legs.free(&held.lot, &held.pool, held.amount);
            }
            for part in clawed_back {
                legs.free(&part.lot, &part.pool, part.amount);
                legs.came_back(part);
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
    let ClawedBack { refund, lot, total, part, awaited, debt, reversed, .. } = clawed;
    let refund = refund.as_ref().map(|refund| Value::from(refund.to_string()));
    let mut legs = Legs::new(at, *total, refund, into);
    if let Some(part) = part {
        legs.out(kind::CLAWED_BACK, Way::ClawedBack, part);
    }
    legs.awaits(lot, awaited.signed());
    if let Some(Debt { pool, amount, .. }) = debt {
        legs.owe(kind::OWED, pool, amount.signed().saturating_neg());
    }
    legs.share(reversed.as_ref(), true);
}

fn of_finalized(at: &Envelope, finalized: &Finalized, into: &mut Vec<Change>) {
    let Finalized { reservation, cost, held, parts, clawed_back, debts, shares, .. } = finalized;
    let mut legs = Legs::new(at, *cost, Some(reservation.into()), into);
    for held in held {
        legs.free(&held.lot, &held.pool, held.amount);
    }
    for part in parts {
        legs.out(kind::FINALIZED, Way::Consumed, part);
    }
    for part in clawed_back {
        legs.came_back(part);
    }
    for debt in debts {
        legs.owe(kind::OWED, &debt.pool, debt.amount.signed().saturating_neg());
        if let Cause::Clawback { lot } = &debt.cause {
            legs.awaits(lot, debt.amount.signed().saturating_neg());
        }
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
        may idempotency: at.idempotency.as_ref().map(|key| &key.key),
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
            may opened_at: (at.version == 1).then_some(at.recorded_at),
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
        let row = entry(at, 0);
        into.push(change!(ENTRIES row {
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

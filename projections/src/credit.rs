//! Credit: what every account holds, its lots, and each movement of them.
//!
//! Movements stand in the order of the roll, so that writing one touches the end of its table and
//! nothing else, however many accounts there are. An account's own are found by walking back: each
//! tells where the one before it stands. [`MARKS`] are where to begin such a walk, and [`SUMS`] are
//! what need not be walked; both cost a row only once in [`STEP`] events of an account.

use piperoll_domain::{
    account::{Event, LotExpired, LotMinted, Opened, Part, Spent},
    event::Envelope,
    money::{Amount, Money},
};

use crate::{
    change::{Cell, Change, change},
    schema::{Schema, Type, integer, sum, text, wide},
    value::Value,
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
        integer("position"),
    ],
    indexes: &[],
};

/// A lot with its four amounts.
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
        text("cost_commodity"),
        integer("cost"),
        sum("released"),
        text("source_kind"),
        text("source_id"),
        text("offer"),
        integer("offer_version"),
        text("payment"),
        text("reason"),
        integer("expires_at"),
        integer("minted_at"),
        integer("minted_position"),
        integer("position"),
    ],
    indexes: &[],
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

/// Where an account's steps end: the last event of each, but of the one that is not over yet.
pub const MARKS: &Schema = &Schema {
    name: "entry_marks",
    index: 13,
    key: &[("tenant", Type::Text), ("account", Type::Text), ("position", Type::Integer)],
    columns: &[integer("step")],
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
    indexes: &[],
};

/// How many of an account's events are a step.
pub const STEP: u64 = 128;

/// The words that stand in [`ENTRIES`] under `kind`.
pub mod kind {
    /// Credit came to be.
    pub const MINTED: &str = "minted";
    /// Credit was used.
    pub const SPENT: &str = "spent";
    /// Credit lapsed.
    pub const EXPIRED: &str = "expired";
}

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    let before = into.len();
    movements(at, event, into);
    let (mut sums, mut linked) = (vec![], false);
    for entry in into.iter_mut().skip(before).filter(|row| row.table.index == ENTRIES.index) {
        sums.extend(summed(at, entry));
        link(at, entry);
        linked = true;
    }
    if !linked {
        // Nothing moved, but the walk goes on from here.
        let mut bare = change!(ENTRIES [at.position, 0_u32] {});
        link(at, &mut bare);
        into.push(bare);
    }
    into.append(&mut sums);
    if at.version.is_multiple_of(STEP) {
        into.push(change!(MARKS [&at.tenant, &at.stream.id, at.previous] {
            set step: (at.version / STEP).saturating_sub(1),
        }));
    }
}

/// Says whose an entry is, and where the walk goes on.
fn link(at: &Envelope, entry: &mut Change) {
    let mut set = |column, value| entry.cells.push((column, Cell::Last(Some(value))));
    set(const { ENTRIES.at("tenant") }, (&at.tenant).into());
    set(const { ENTRIES.at("account") }, (&at.stream.id).into());
    set(const { ENTRIES.at("previous") }, at.previous.into());
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
        Event::Spent(Spent { total, parts, reference, .. }) => {
            for (leg, part) in (0_u32..).zip(parts) {
                let movement = Movement { at, part, leg, total: *total, reference };
                movement.out(kind::SPENT, into);
            }
        }
        Event::LotExpired(LotExpired { amount, part }) => {
            let movement = Movement { at, part, leg: 0, total: *amount, reference: &None };
            movement.out(kind::EXPIRED, into);
        }
    }
}

fn of_mint(at: &Envelope, minted: &LotMinted, into: &mut Vec<Change>) {
    let Money { commodity, amount } = minted.amount;
    let (tenant, account) = (&at.tenant, &at.stream.id);
    into.push(change!(ACCOUNTS [tenant, account] {
        set minted_at: at.recorded_at,
        set position: at.position,
    }));
    into.push(change!(BALANCES [tenant, account, commodity, &minted.pool] {
        add available: amount.signed(),
        add minted: amount.signed(),
        set position: at.position,
    }));
    into.push(change!(LOTS [tenant, account, &minted.lot] {
        set commodity: commodity,
        set pool: &minted.pool,
        set minted: amount,
        add available: amount.signed(),
        may cost_commodity: minted.cost.map(|cost| cost.commodity),
        may cost: minted.cost.map(|cost| cost.amount),
        set source_kind: minted.source.kind.as_str(),
        set source_id: &minted.source.id,
        may offer: minted.offer.as_ref().map(|offer| &offer.id),
        may offer_version: minted.offer.as_ref().map(|offer| offer.version),
        may payment: minted.payment.as_ref(),
        may reason: minted.reason.as_ref(),
        may expires_at: minted.expires_at,
        set minted_at: at.recorded_at,
        set minted_position: at.position,
        set position: at.position,
    }));
    into.push(change!(ENTRIES [at.position, 0_u32] {
        set kind: kind::MINTED,
        set amount: amount,
        set commodity: commodity,
        set pool: &minted.pool,
        set lot: &minted.lot,
        set lot_left: amount,
        may cost_commodity: minted.cost.map(|cost| cost.commodity),
        may cost: minted.cost.map(|cost| cost.amount),
        may reference: minted.payment.as_ref(),
        set recorded_at: at.recorded_at,
        may effective_at: at.effective_at,
    }));
}

/// A part of a lot on its way out.
struct Movement<'a> {
    at: &'a Envelope,
    part: &'a Part,
    leg: u32,
    total: Money,
    reference: &'a Option<String>,
}

impl Movement<'_> {
    fn out(&self, kind: &'static str, into: &mut Vec<Change>) {
        let Self { at, part, leg, total, reference } = self;
        let (tenant, account) = (&at.tenant, &at.stream.id);
        let amount = part.amount.signed();
        let lapsed = kind == kind::EXPIRED;
        let (consumed, expired) = if lapsed { (0, amount) } else { (amount, 0) };
        into.push(change!(BALANCES [tenant, account, total.commodity, &part.pool] {
            add available: amount.saturating_neg(),
            add consumed: consumed,
            add expired: expired,
            set position: at.position,
        }));
        into.push(change!(LOTS [tenant, account, &part.lot] {
            add available: amount.saturating_neg(),
            add consumed: consumed,
            add expired: expired,
            add released: part.cost.map_or(Amount::ZERO, |cost| cost.amount).signed(),
            set position: at.position,
        }));
        into.push(change!(ENTRIES [at.position, *leg] {
            set kind: kind,
            set amount: amount.saturating_neg(),
            set commodity: total.commodity,
            set pool: &part.pool,
            set lot: &part.lot,
            set lot_left: part.left,
            may cost_commodity: part.cost.map(|cost| cost.commodity),
            may cost: part.cost.map(|cost| cost.amount),
            may reference: reference.as_ref(),
            set recorded_at: at.recorded_at,
            may effective_at: at.effective_at,
        }));
    }
}

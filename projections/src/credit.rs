//! Credit: what every account holds, its lots, and each movement of them.

use piperoll_domain::{
    account::{Event, LotExpired, LotMinted, Opened, Part, Spent},
    event::Envelope,
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
    /// Credit was used.
    pub const SPENT: &str = "spent";
    /// Credit lapsed.
    pub const EXPIRED: &str = "expired";
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
    into.push(change!(ENTRIES [tenant, account, at.position, 0_u32] {
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
        into.push(change!(ENTRIES [tenant, account, at.position, *leg] {
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

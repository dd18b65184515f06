//! Entitlements: what paid offers gave, and how much of it is used.

use piperoll_domain::{
    entitlement::{Event, Granted, Released, Repeated, Revoked, Used},
    event::Envelope,
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, sum, text},
};

/// What a paid offer gave.
pub const ENTITLEMENTS: &Schema = &Schema {
    name: "entitlements",
    index: 6,
    key: &[("tenant", Type::Text), ("entitlement", Type::Text)],
    columns: &[
        text("payment"),
        text("offer"),
        integer("offer_version"),
        text("service"),
        text("token"),
        text("methods"),
        text("path"),
        integer("uses"),
        integer("until"),
        text("commodity"),
        integer("price"),
        sum("used"),
        sum("repeated"),
        sum("earned"),
        integer("granted_at"),
        integer("used_at"),
        integer("revoked_at"),
        text("revoked_because"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[("entitlements_by_payment", "(tenant, payment)")],
};

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    let row = change!(ENTITLEMENTS [&at.tenant, &at.stream.id] { set position: at.position });
    into.push(match event {
        Event::Granted(granted) => of_grant(at, granted, row),
        Event::Used(Used { earned, .. }) => change!(ENTITLEMENTS row {
            add used: 1,
            add earned: earned.amount.signed(),
            set used_at: at.recorded_at,
        }),
        Event::Repeated(Repeated { .. }) => change!(ENTITLEMENTS row { add repeated: 1 }),
        Event::Released(Released { earned, .. }) => change!(ENTITLEMENTS row {
            add used: -1,
            add earned: earned.amount.signed().saturating_neg(),
        }),
        Event::Revoked(Revoked { reason }) => change!(ENTITLEMENTS row {
            set revoked_at: at.recorded_at,
            set revoked_because: reason,
        }),
    });
}

fn of_grant(at: &Envelope, granted: &Granted, row: Change) -> Change {
    let offer = granted.offer.as_ref();
    change!(ENTITLEMENTS row {
        set payment: &granted.payment,
        may offer: offer.map(|offer| &offer.id),
        may offer_version: offer.map(|offer| offer.version),
        set service: &granted.service,
        may token: granted.token,
        set methods: granted.methods.join(","),
        set path: &granted.path,
        may uses: granted.uses,
        may until: granted.until,
        set commodity: granted.price.commodity,
        set price: granted.price.amount,
        set granted_at: at.recorded_at,
    })
}

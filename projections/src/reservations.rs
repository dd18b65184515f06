//! Reservations: what was set aside, in which mode, and what became of it.

use std::cmp::Ordering;

use piperoll_domain::{
    account::{
        Event, Finalized, Released, Reserved, ShadowFinalized, ShadowReleased, ShadowReserved, Why,
    },
    billing::Mode,
    event::Envelope,
    id::ReservationId,
    money::Amount,
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Layout, Schema, Type, integer, sum, text},
};

/// A reservation, of credit or in shadow.
pub const RESERVATIONS: &Schema = &Schema {
    name: "reservations",
    index: 15,
    key: &[("tenant", Type::Text), ("reservation", Type::Text)],
    columns: &[
        text("account"),
        text("status"),
        text("mode"),
        text("commodity"),
        text("pool"),
        integer("wanted"),
        integer("reserved"),
        integer("missing"),
        integer("missing_at_end"),
        integer("cost"),
        integer("charged"),
        integer("overrun"),
        integer("uncollected"),
        integer("owed"),
        text("reference"),
        text("idempotency"),
        integer("reserved_at"),
        integer("expires_at"),
        integer("ended_at"),
        integer("reserved_position"),
        integer("position"),
    ],
    layout: Layout {
        grows: true,
        often: &[
            "status",
            "missing_at_end",
            "cost",
            "charged",
            "overrun",
            "uncollected",
            "owed",
            "ended_at",
            "position",
        ],
    },
    indexes: &[
        ("reservations_pending", "(tenant, expires_at, reservation) WHERE status = 'pending'"),
        ("reservations_by_account", "(tenant, account, reserved_at, reservation)"),
        ("reservations_ended", "(tenant, status, position) WHERE ended_at IS NOT NULL"),
    ],
};

/// What became of reservations, hour by hour: what the rates of the runbook are taken of, without
/// reading each.
pub const HOURS: &Schema = &Schema {
    name: "metered_hours",
    index: 22,
    key: &[("tenant", Type::Text), ("mode", Type::Text), ("hour", Type::Integer)],
    columns: &[
        sum("reserved"),
        sum("short"),
        sum("exact"),
        sum("under"),
        sum("over"),
        sum("released"),
        sum("expired"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// Charges above what was set aside that are too many, in hundredths of all charges.
pub const OVERRUNS_ALERT_PERCENT: u32 = 5;

/// The microseconds of an hour in [`HOURS`].
pub const HOUR: i64 = 3_600_000_000;

/// The words that stand under `status`.
pub mod status {
    /// Nobody has ended it.
    pub const PENDING: &str = "pending";
    /// The work was done and charged.
    pub const FINALIZED: &str = "finalized";
    /// It was given back.
    pub const RELEASED: &str = "released";
    /// Its time was over.
    pub const EXPIRED: &str = "expired";
}

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    match event {
        Event::Reserved(reserved) => {
            let missing = reserved.wanted.amount.saturating_sub(reserved.total.amount);
            into.push(of_reserved(at, reserved, missing));
            into.push(made(at, reserved.mode, missing));
        }
        Event::ShadowReserved(reserved) => {
            into.push(of_shadow(at, reserved));
            into.push(made(at, Mode::Shadow, reserved.missing));
        }
        Event::Finalized(finalized) => {
            into.push(of_finalized(at, finalized));
            into.push(charged(
                at,
                finalized.mode,
                finalized.reserved.amount,
                finalized.cost.amount,
            ));
        }
        Event::ShadowFinalized(finalized) => {
            into.push(of_shadow_end(at, finalized));
            let ShadowFinalized { reserved, cost, .. } = finalized;
            into.push(charged(at, Mode::Shadow, reserved.amount, cost.amount));
        }
        Event::Released(Released { reservation, why, mode, .. }) => {
            into.extend(given_back(at, reservation, *mode, *why));
        }
        Event::ShadowReleased(ShadowReleased { reservation, why, .. }) => {
            into.extend(given_back(at, reservation, Mode::Shadow, *why));
        }
        Event::Opened(_)
        | Event::LotMinted(_)
        | Event::LotReceived(_)
        | Event::Spent(_)
        | Event::LotExpired(_)
        | Event::DebtRepaid(_)
        | Event::ClawedBack(_)
        | Event::LotVoided(_)
        | Event::TransferredOut(_) => {}
    }
}

fn hour(at: &Envelope, mode: Mode) -> Change {
    let hour = at.recorded_at.micros().div_euclid(HOUR);
    change!(HOURS [&at.tenant, mode.as_str(), hour] {})
}

fn made(at: &Envelope, mode: Mode, missing: Amount) -> Change {
    let row = hour(at, mode);
    change!(HOURS row { add reserved: 1, add short: i64::from(!missing.is_zero()) })
}

fn charged(at: &Envelope, mode: Mode, reserved: Amount, cost: Amount) -> Change {
    let row = hour(at, mode);
    match cost.cmp(&reserved) {
        Ordering::Equal => change!(HOURS row { add exact: 1 }),
        Ordering::Less => change!(HOURS row { add under: 1 }),
        Ordering::Greater => change!(HOURS row { add over: 1 }),
    }
}

fn given_back(at: &Envelope, reservation: &ReservationId, mode: Mode, why: Why) -> [Change; 2] {
    let row = hour(at, mode);
    match why {
        Why::Released => {
            [ended(at, reservation, status::RELEASED), change!(HOURS row { add released: 1 })]
        }
        Why::Expired => {
            [ended(at, reservation, status::EXPIRED), change!(HOURS row { add expired: 1 })]
        }
    }
}

fn of_shadow_end(at: &Envelope, finalized: &ShadowFinalized) -> Change {
    let ShadowFinalized { reservation, cost, overrun, missing, .. } = finalized;
    let row = ended(at, reservation, status::FINALIZED);
    change!(RESERVATIONS row {
        set cost: cost.amount,
        set charged: Amount::ZERO,
        set overrun: *overrun,
        set missing_at_end: *missing,
    })
}

fn of_reserved(at: &Envelope, reserved: &Reserved, missing: Amount) -> Change {
    let Reserved { reservation, mode, wanted, total, pool, expires_at, reference, .. } = reserved;
    change!(RESERVATIONS [&at.tenant, reservation] {
        set account: &at.stream.id,
        set status: status::PENDING,
        set mode: mode.as_str(),
        set commodity: wanted.commodity,
        set pool: pool,
        set wanted: wanted.amount,
        set reserved: total.amount,
        set missing: missing,
        may reference: reference.as_ref(),
        may idempotency: at.idempotency.as_ref().map(|key| &key.key),
        set reserved_at: at.recorded_at,
        set expires_at: *expires_at,
        set reserved_position: at.position,
        set position: at.position,
    })
}

fn of_shadow(at: &Envelope, reserved: &ShadowReserved) -> Change {
    let ShadowReserved { reservation, wanted, missing, pool, expires_at, reference, .. } = reserved;
    change!(RESERVATIONS [&at.tenant, reservation] {
        set account: &at.stream.id,
        set status: status::PENDING,
        set mode: Mode::Shadow.as_str(),
        set commodity: wanted.commodity,
        set pool: pool,
        set wanted: wanted.amount,
        set reserved: Amount::ZERO,
        set missing: *missing,
        may reference: reference.as_ref(),
        may idempotency: at.idempotency.as_ref().map(|key| &key.key),
        set reserved_at: at.recorded_at,
        set expires_at: *expires_at,
        set reserved_position: at.position,
        set position: at.position,
    })
}

fn of_finalized(at: &Envelope, finalized: &Finalized) -> Change {
    let Finalized { reservation, cost, charged, overrun, uncollected, debts, .. } = finalized;
    let owed = debts.iter().map(|debt| debt.amount);
    let owed = owed.fold(Amount::ZERO, |sum, owed| sum.checked_add(owed).unwrap_or(Amount::MAX));
    let row = ended(at, reservation, status::FINALIZED);
    change!(RESERVATIONS row {
        set cost: cost.amount,
        set charged: charged.amount,
        set overrun: *overrun,
        set uncollected: *uncollected,
        set owed: owed,
    })
}

fn ended(at: &Envelope, reservation: &ReservationId, status: &'static str) -> Change {
    change!(RESERVATIONS [&at.tenant, reservation] {
        set status: status,
        set ended_at: at.recorded_at,
        set position: at.position,
    })
}

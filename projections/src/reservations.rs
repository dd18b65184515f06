//! Reservations: what was set aside, in which mode, and what became of it.

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
    schema::{Schema, Type, integer, text},
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
        integer("position"),
    ],
    indexes: &[
        ("reservations_pending", "(tenant, expires_at, reservation) WHERE status = 'pending'"),
        ("reservations_by_account", "(tenant, account, reserved_at, reservation)"),
    ],
};

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
        Event::Reserved(reserved) => into.push(of_reserved(at, reserved)),
        Event::ShadowReserved(reserved) => into.push(of_shadow(at, reserved)),
        Event::Finalized(finalized) => into.push(of_finalized(at, finalized)),
        Event::ShadowFinalized(ShadowFinalized { reservation, cost, overrun, missing, .. }) => {
            let row = ended(at, reservation, status::FINALIZED);
            into.push(change!(RESERVATIONS row {
                set cost: cost.amount,
                set charged: Amount::ZERO,
                set overrun: *overrun,
                set missing_at_end: *missing,
            }));
        }
        Event::Released(Released { reservation, why, .. })
        | Event::ShadowReleased(ShadowReleased { reservation, why, .. }) => {
            let status = match why {
                Why::Released => status::RELEASED,
                Why::Expired => status::EXPIRED,
            };
            into.push(ended(at, reservation, status));
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

fn of_reserved(at: &Envelope, reserved: &Reserved) -> Change {
    let Reserved { reservation, mode, wanted, total, pool, expires_at, reference, .. } = reserved;
    let missing = wanted.amount.saturating_sub(total.amount);
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

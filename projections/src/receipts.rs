//! Webhook receipts: what providers told us, and what others tried.

use piperoll_domain::{
    event::Envelope,
    payment::{LedTo, PaymentRef, Says},
    receipt::{Event, Matched, Recorded, Refused},
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, sum, text},
};

/// What a provider told us. Receipts are the roll's own; `payment_tenant` says whom one concerns.
pub const RECEIPTS: &Schema = &Schema {
    name: "receipts",
    index: 9,
    key: &[("tenant", Type::Text), ("receipt", Type::Text)],
    columns: &[
        text("connection"),
        text("network"),
        text("event_id"),
        text("digest"),
        text("scheme"),
        text("scheme_key"),
        text("provider_id"),
        text("payment_hash"),
        text("says"),
        text("settlement"),
        integer("needs_confirmation"),
        text("payment_tenant"),
        text("payment"),
        text("led_to"),
        integer("recorded_at"),
        integer("occurred_at"),
        integer("matched_at"),
        integer("received_position"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[
        // The runbooks check the health of the replay protection by this name.
        (
            "payment_provider_events_provider_event_idx",
            "(connection, event_id) WHERE event_id IS NOT NULL",
        ),
        ("receipts_by_payment", "(payment_tenant, payment) WHERE payment IS NOT NULL"),
        ("receipts_by_position", "(received_position)"),
    ],
};

/// Attempts that proved nothing, by connection and reason.
pub const REFUSED: &Schema = &Schema {
    name: "receipts_refused",
    index: 10,
    key: &[("tenant", Type::Text), ("connection", Type::Text), ("reason", Type::Text)],
    columns: &[sum("count"), integer("last_at"), integer("position")],
    layout: BY_KEY,
    indexes: &[],
};

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    into.push(match event {
        Event::Recorded(recorded) => of_recorded(at, recorded),
        Event::Matched(Matched { payment, led_to }) => {
            change!(RECEIPTS [&at.tenant, &at.stream.id] {
                may payment_tenant: payment.as_ref().map(|payment| &payment.tenant),
                may payment: payment.as_ref().map(|payment| &payment.id),
                set led_to: led_to_word(*led_to),
                set matched_at: at.recorded_at,
                set position: at.position,
            })
        }
        Event::Refused(Refused { connection, reason, count, last, .. }) => {
            change!(REFUSED [&at.tenant, connection, reason] {
                add count: *count,
                set last_at: *last,
                set position: at.position,
            })
        }
    });
}

fn of_recorded(at: &Envelope, heard: &Recorded) -> Change {
    let payment: Option<&PaymentRef> = heard.payment.as_ref();
    change!(RECEIPTS [&at.tenant, &at.stream.id] {
        set connection: &heard.connection,
        set network: &heard.network,
        may event_id: heard.event_id.as_ref(),
        set digest: heard.digest,
        set scheme: &heard.verification.scheme,
        set scheme_key: &heard.verification.key,
        may provider_id: heard.lookup.provider_id.as_ref(),
        may payment_hash: heard.lookup.payment_hash,
        set says: says_word(&heard.says),
        may settlement: heard.settlement.as_ref(),
        set needs_confirmation: u32::from(heard.needs_confirmation),
        may payment_tenant: payment.map(|payment| &payment.tenant),
        may payment: payment.map(|payment| &payment.id),
        set led_to: led_to_word(heard.led_to),
        set recorded_at: at.recorded_at,
        may occurred_at: heard.occurred_at,
        set received_position: at.position,
        set position: at.position,
    })
}

const fn says_word(says: &Says) -> &'static str {
    match says {
        Says::Paid { .. } => "paid",
        Says::Expired { .. } => "expired",
        Says::Failed { .. } => "failed",
        Says::Pending { .. } => "pending",
        Says::NotFound {} => "not_found",
    }
}

/// The word that stands under `led_to`.
pub const fn led_to_word(led_to: LedTo) -> &'static str {
    match led_to {
        LedTo::Applied => "applied",
        LedTo::NoEffect => "no_effect",
        LedTo::Parked => "parked",
        LedTo::Asks => "asks",
        LedTo::Violation => "violation",
        LedTo::Review => "review",
        LedTo::GivenUp => "given_up",
    }
}

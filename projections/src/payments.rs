//! Payments: where each stands, and what somebody has to look at.

use piperoll_domain::{
    event::Envelope,
    payment::{
        Abandoned, Consumed, DetailNoted, Event, Expired, Failed, Gave, InstrumentCreated,
        OutcomeUnknown, Promise, Protocol, Refunded, Requested, ReviewAction, ReviewKind,
        ReviewOpened, ReviewResolved, Settled, Status,
    },
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, sum, text},
};

/// A request to be paid.
pub const PAYMENTS: &Schema = &Schema {
    name: "payments",
    index: 11,
    key: &[("tenant", Type::Text), ("payment", Type::Text)],
    columns: &[
        text("status"),
        text("promise"),
        text("commodity"),
        integer("price"),
        integer("received"),
        integer("fee"),
        text("fee_commodity"),
        text("connection"),
        text("protocol"),
        text("network"),
        text("provider_id"),
        text("payment_hash"),
        text("account"),
        text("offer"),
        integer("offer_version"),
        text("service"),
        text("reference"),
        text("truth"),
        text("settled_by"),
        text("gave_kind"),
        text("gave_account"),
        text("gave"),
        integer("gave_minted"),
        text("detail"),
        text("reason"),
        integer("requested_at"),
        integer("pending_at"),
        integer("expires_at"),
        integer("settled_at"),
        integer("provider_time"),
        integer("consumed_at"),
        integer("ended_at"),
        sum("instruments"),
        sum("reviews"),
        sum("reviews_open"),
        sum("refused_transitions"),
        sum("refunded"),
        text("correlation"),
        integer("requested_position"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[
        ("payments_by_time", "(tenant, requested_at, payment)"),
        ("payments_by_time_of_all", "(requested_at, tenant, payment)"),
        ("payments_by_status", "(tenant, status, requested_at, payment)"),
        (
            "payments_unsettled",
            "(status, requested_at) WHERE status IN ('requested', 'unknown', 'pending')",
        ),
        (
            "payments_by_account",
            "(tenant, account, requested_at, payment) WHERE account IS NOT NULL",
        ),
        ("payments_by_hash", "(payment_hash) WHERE payment_hash IS NOT NULL"),
        ("payments_by_provider_id", "(provider_id, connection) WHERE provider_id IS NOT NULL"),
        ("payments_by_reference", "(tenant, reference) WHERE reference IS NOT NULL"),
    ],
};

/// What an operator has to decide, or has decided.
pub const REVIEWS: &Schema = &Schema {
    name: "reviews",
    index: 12,
    key: &[("tenant", Type::Text), ("payment", Type::Text), ("number", Type::Integer)],
    columns: &[
        text("state"),
        text("kind"),
        text("commodity"),
        integer("amount"),
        text("requested_commodity"),
        integer("requested"),
        text("connection"),
        text("provider_id"),
        text("truth"),
        text("receipt"),
        integer("opened_at"),
        text("action"),
        text("reference"),
        text("reason"),
        integer("resolved_at"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[("reviews_open", "(tenant, opened_at, payment, number) WHERE state = 'open'")],
};

/// Money that went back, by the name of each refund.
pub const REFUNDS: &Schema = &Schema {
    name: "refunds",
    index: 25,
    key: &[("tenant", Type::Text), ("refund", Type::Text)],
    columns: &[
        text("payment"),
        text("commodity"),
        integer("amount"),
        text("reference"),
        text("reason"),
        text("idempotency"),
        integer("refunded_at"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    let row = change!(PAYMENTS [&at.tenant, &at.stream.id] { set position: at.position });
    let row = match event {
        Event::Requested(requested) => of_request(at, requested, row),
        Event::InstrumentCreated(created) => of_instrument(at, created, row),
        Event::Failed(Failed { reason, detail }) => {
            let row = ended(at, Status::Failed, row);
            change!(PAYMENTS row { set reason: reason, set detail: detail })
        }
        Event::OutcomeUnknown(OutcomeUnknown { class }) => {
            change!(PAYMENTS row { set status: Status::Unknown.as_str(), set reason: class })
        }
        Event::Abandoned(Abandoned { reason }) => {
            let row = ended(at, Status::Abandoned, row);
            change!(PAYMENTS row { set reason: reason })
        }
        Event::Expired(Expired { word }) => {
            let row = ended(at, Status::Expired, row);
            change!(PAYMENTS row { set detail: word })
        }
        Event::DetailNoted(DetailNoted { word }) => change!(PAYMENTS row { set detail: word }),
        Event::Settled(settled) => of_settlement(at, settled, row),
        Event::Consumed(Consumed { gave, .. }) => of_gift(at, gave, row),
        Event::ReviewOpened(opened) => {
            into.push(of_review(at, opened));
            change!(PAYMENTS row { add reviews: 1, add reviews_open: 1 })
        }
        Event::ReviewResolved(resolved) => {
            into.push(of_resolution(at, resolved));
            change!(PAYMENTS row { add reviews_open: -1 })
        }
        Event::TransitionRefused(_) => change!(PAYMENTS row { add refused_transitions: 1 }),
        Event::Refunded(refunded) => {
            into.push(of_refund(at, refunded));
            change!(PAYMENTS row { add refunded: refunded.amount.amount.signed() })
        }
        Event::SettlementNamed(_) => row,
    };
    into.push(row);
}

fn of_refund(at: &Envelope, refunded: &Refunded) -> Change {
    let Refunded { refund, amount, reference, reason, .. } = refunded;
    change!(REFUNDS [&at.tenant, refund] {
        set payment: &at.stream.id,
        set commodity: amount.commodity,
        set amount: amount.amount,
        may reference: reference.as_ref(),
        set reason: reason,
        may idempotency: at.idempotency.as_ref().map(|key| &key.key),
        set refunded_at: at.recorded_at,
        set position: at.position,
    })
}

fn ended(at: &Envelope, status: Status, row: Change) -> Change {
    change!(PAYMENTS row { set status: status.as_str(), set ended_at: at.recorded_at })
}

fn of_request(at: &Envelope, requested: &Requested, row: Change) -> Change {
    let offer = requested.offer.as_ref();
    let (promise, service) = match &requested.promise {
        Promise::Nothing {} => ("nothing", None),
        Promise::Credit { .. } => ("credit", None),
        Promise::Access { service, .. } => ("access", Some(service)),
    };
    change!(PAYMENTS row {
        set status: Status::Requested.as_str(),
        set promise: promise,
        may service: service,
        set commodity: requested.price.commodity,
        set price: requested.price.amount,
        set connection: &requested.connection,
        may account: requested.account.as_ref(),
        may offer: offer.map(|offer| &offer.id),
        may offer_version: offer.map(|offer| offer.version),
        may reference: requested.reference.as_ref(),
        set requested_at: at.recorded_at,
        set requested_position: at.position,
        set correlation: at.correlation,
    })
}

fn of_instrument(at: &Envelope, created: &InstrumentCreated, row: Change) -> Change {
    change!(PAYMENTS row {
        set status: Status::Pending.as_str(),
        set connection: &created.connection,
        set protocol: protocol_word(created.protocol),
        set network: &created.network,
        set provider_id: &created.provider_id,
        may payment_hash: created.payment_hash,
        set pending_at: at.recorded_at,
        set expires_at: created.expires_at,
        add instruments: 1,
    })
}

fn of_settlement(at: &Envelope, settled: &Settled, row: Change) -> Change {
    change!(PAYMENTS row {
        set status: Status::Paid.as_str(),
        set received: settled.received.amount,
        may fee: settled.fee.map(|fee| fee.amount),
        may fee_commodity: settled.fee.map(|fee| fee.commodity),
        set truth: settled.truth.as_str(),
        set settled_by: &settled.provider_id,
        set settled_at: at.recorded_at,
        may provider_time: settled.provider_time,
    })
}

fn of_gift(at: &Envelope, gave: &Gave, row: Change) -> Change {
    let row = change!(PAYMENTS row {
        set status: Status::Consumed.as_str(),
        set consumed_at: at.recorded_at,
    });
    match gave {
        Gave::Nothing {} => change!(PAYMENTS row { set gave_kind: "nothing" }),
        Gave::Lot { account, lot } => {
            change!(PAYMENTS row { set gave_kind: "lot", set gave: lot, set gave_account: account })
        }
        Gave::Recovered { account, lot, minted } => change!(PAYMENTS row {
            set gave_kind: "recovered",
            may gave: lot.as_ref(),
            set gave_account: account,
            set gave_minted: *minted,
        }),
        Gave::Entitlement { id } => {
            change!(PAYMENTS row { set gave_kind: "entitlement", set gave: id })
        }
    }
}

fn of_review(at: &Envelope, opened: &ReviewOpened) -> Change {
    change!(REVIEWS [&at.tenant, &at.stream.id, opened.number] {
        set state: "open",
        set kind: kind_word(opened.kind),
        may commodity: opened.money.map(|money| money.commodity),
        may amount: opened.money.map(|money| money.amount),
        set requested_commodity: opened.requested.commodity,
        set requested: opened.requested.amount,
        set connection: &opened.connection,
        set provider_id: &opened.provider_id,
        set truth: opened.truth.as_str(),
        may receipt: opened.receipt.as_ref(),
        set opened_at: at.recorded_at,
        set position: at.position,
    })
}

fn of_resolution(at: &Envelope, resolved: &ReviewResolved) -> Change {
    let action = match resolved.action {
        ReviewAction::Apply => "apply",
        ReviewAction::Refund => "refund",
        ReviewAction::Dismiss => "dismiss",
    };
    change!(REVIEWS [&at.tenant, &at.stream.id, resolved.number] {
        set state: "resolved",
        set action: action,
        may reference: resolved.reference.as_ref(),
        set reason: &resolved.reason,
        set resolved_at: at.recorded_at,
        set position: at.position,
    })
}

const fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::L402 => "l402",
        Protocol::Lightning => "lightning",
        Protocol::Mpp => "mpp",
        Protocol::X402 => "x402",
        Protocol::Hosted => "hosted",
    }
}

const fn kind_word(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Late => "late",
        ReviewKind::Double => "double",
        ReviewKind::Short => "short",
        ReviewKind::Over => "over",
        ReviewKind::WrongAsset => "wrong_asset",
        ReviewKind::ProviderSilent => "provider_silent",
    }
}

//! A payment, as callers see it.

use piperoll_domain::payment::{self, Gave, ReviewAction};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    api::{
        Api,
        challenge::lines,
        render::{At, Sum},
    },
    service::PaymentView,
    views::read,
};

/// A payment as it stands in the roll.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Payment {
    /// Its name.
    payment: String,
    /// Where it stands.
    #[schema(example = "pending")]
    status: &'static str,
    /// What it costs.
    price: Option<Sum>,
    /// Whose account it concerns.
    account: Option<String>,
    /// Under which offer.
    offer: Option<String>,
    /// Under which version of it.
    offer_version: Option<u32>,
    /// Through which provider account.
    connection: Option<String>,
    /// The caller's own name for it.
    reference: Option<String>,
    /// The caller's metadata; null once it was erased.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// When it was asked for.
    requested_at: At,
    /// The invoice; null without one, or once it was erased.
    invoice: Option<Invoice>,
    /// The provider's own word for where it stands.
    detail: Option<String>,
    /// How it was settled.
    settled: Option<Settled>,
    /// What it gave.
    gave: Option<Given>,
    /// How much of what it costs was given back: `none`, `part` or `full`.
    refund: &'static str,
    /// As a sum.
    refunded: Option<Sum>,
    /// What somebody has to look at, or had to.
    reviews: Vec<Review>,
    /// The position of its last event.
    position: u64,
    /// Where its history breaks a rule, if it does: nothing is accepted until that is acknowledged.
    frozen_at: Option<u64>,
}

/// An invoice.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Invoice {
    /// What the payer pays: BOLT11.
    payment_request: Option<String>,
    /// Its payment hash.
    payment_hash: Option<String>,
    /// The provider's own name for it.
    provider_id: String,
    /// `bitcoin`, `regtest` …
    network: String,
    /// How much it asks for.
    amount: Sum,
    /// Until when it can be paid.
    expires_at: At,
    /// The token that paying it makes good.
    token: Option<String>,
    /// The lines of a 402.
    www_authenticate: Vec<String>,
}

/// How a payment was settled.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Settled {
    /// When we knew.
    at: Option<At>,
    /// What arrived.
    received: Sum,
    /// What the provider kept, if it told.
    fee: Option<Sum>,
    /// How we know: `webhook`, `status`, `stream` or `operator`.
    truth: &'static str,
    /// The provider's time.
    provider_time: Option<At>,
}

/// What a payment gave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(in crate::api) enum Given {
    /// Nothing that piperoll keeps.
    Nothing,
    /// Credit.
    Lot {
        /// In which account.
        account: String,
        /// Which lot.
        lot: String,
    },
    /// Credit that had been given by hand before.
    Recovered {
        /// In which account.
        account: String,
        /// Which lot; null once it is empty.
        lot: Option<String>,
        /// The position of its mint.
        minted: u64,
    },
    /// Access.
    Entitlement {
        /// Which.
        entitlement: String,
    },
}

impl Given {
    pub(in crate::api) fn of(gave: &Gave) -> Self {
        match gave {
            Gave::Nothing {} => Self::Nothing,
            Gave::Lot { account, lot } => {
                Self::Lot { account: account.to_string(), lot: lot.to_string() }
            }
            Gave::Recovered { account, lot, minted } => Self::Recovered {
                account: account.to_string(),
                lot: lot.as_ref().map(ToString::to_string),
                minted: *minted,
            },
            Gave::Entitlement { id } => Self::Entitlement { entitlement: id.to_string() },
        }
    }
}

/// A review of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Review {
    /// 1, 2, 3 … within the payment.
    number: u32,
    /// Why it was opened.
    #[schema(value_type = String)]
    kind: payment::ReviewKind,
    /// What lies in suspense.
    money: Option<Sum>,
    /// When it was opened.
    opened_at: At,
    /// What was decided; null while it is open.
    #[schema(value_type = Option<String>)]
    resolved: Option<ReviewAction>,
}

impl Payment {
    pub(in crate::api) fn of(api: &Api, view: &PaymentView) -> Self {
        let state = &view.payment;
        let request = state.request.as_ref();
        let offer = request.and_then(|request| request.offer.as_ref());
        let metadata = view.metadata.as_deref();
        Self {
            payment: view.id.to_string(),
            status: state.status.as_str(),
            price: request.map(|request| request.price.into()),
            account: request.and_then(|request| Some(request.account.as_ref()?.to_string())),
            offer: offer.map(|offer| offer.id.to_string()),
            offer_version: offer.map(|offer| offer.version),
            connection: request.map(|request| request.connection.to_string()),
            reference: request.and_then(|request| request.reference.clone()),
            metadata: metadata.and_then(|bytes| serde_json::from_slice(bytes).ok()),
            requested_at: At(state.requested_at),
            invoice: Invoice::of(api, view),
            detail: state.detail.clone(),
            settled: Settled::of(state),
            gave: state.gave.as_ref().map(Given::of),
            refund: refund(state),
            refunded: request.map(|request| request.price.with(state.refunded).into()),
            reviews: state.reviews.iter().map(Review::of).collect(),
            position: view.last,
            frozen_at: view.frozen_at,
        }
    }
}

/// How far a payment was given back.
fn refund(state: &payment::Payment) -> &'static str {
    match &state.request {
        _ if state.refunded.is_zero() => "none",
        Some(request) if state.refunded >= request.price.amount => "full",
        _ => "part",
    }
}

impl Invoice {
    fn of(api: &Api, view: &PaymentView) -> Option<Self> {
        let shown = view.payment.instrument_shown()?;
        Some(Self {
            payment_request: view.invoice.clone(),
            payment_hash: shown.payment_hash.map(|hash| hash.to_string()),
            provider_id: shown.provider_id.clone(),
            network: shown.network.clone(),
            amount: shown.amount.into(),
            expires_at: At(shown.expires_at),
            token: view.token.clone(),
            www_authenticate: lines(api, view.challenge.as_ref()),
        })
    }
}

impl Settled {
    fn of(state: &payment::Payment) -> Option<Self> {
        let settled = state.settled.as_ref()?;
        Some(Self {
            at: state.settled_at.map(At),
            received: settled.received.into(),
            fee: settled.fee.map(Sum::from),
            truth: settled.truth.as_str(),
            provider_time: settled.provider_time.map(At),
        })
    }
}

impl Review {
    fn of(review: &payment::Review) -> Self {
        Self {
            number: review.opened.number,
            kind: review.opened.kind,
            money: review.opened.money.map(Sum::from),
            opened_at: At(review.opened_at),
            resolved: review.resolved,
        }
    }
}

/// A payment in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Row {
    /// Whose.
    tenant: String,
    /// Its name.
    payment: String,
    /// Where it stands.
    status: Option<String>,
    /// What it costs.
    price: Option<Sum>,
    /// What arrived.
    received: Option<Sum>,
    /// What the provider kept, if it told.
    fee: Option<Sum>,
    /// Through which provider account.
    connection: Option<String>,
    /// The provider's own name for it.
    provider_id: Option<String>,
    /// The Lightning payment hash.
    payment_hash: Option<String>,
    /// Whose account it concerns.
    account: Option<String>,
    /// Under which offer.
    offer: Option<String>,
    /// To which service it gives access.
    service: Option<String>,
    /// The caller's own name for it.
    reference: Option<String>,
    /// How we know that it is paid.
    truth: Option<String>,
    /// The provider's own word.
    detail: Option<String>,
    /// Why it failed, was lost or abandoned.
    reason: Option<String>,
    /// When it was asked for.
    requested_at: Option<At>,
    /// Until when the invoice can be paid.
    expires_at: Option<At>,
    /// When we knew that it is paid.
    settled_at: Option<At>,
    /// When what was promised had been given.
    consumed_at: Option<At>,
    /// How many reviews are open.
    reviews_open: i64,
    /// The position of its last event.
    position: i64,
}

impl Row {
    pub(in crate::api) fn of(row: read::Payment) -> Self {
        Self {
            price: Sum::both(row.commodity.as_ref(), row.price),
            received: Sum::both(row.commodity.as_ref(), row.received),
            fee: Sum::both(row.fee_commodity.as_ref(), row.fee),
            tenant: row.tenant,
            payment: row.payment,
            status: row.status,
            connection: row.connection,
            provider_id: row.provider_id,
            payment_hash: row.payment_hash,
            account: row.account,
            offer: row.offer,
            service: row.service,
            reference: row.reference,
            truth: row.truth,
            detail: row.detail,
            reason: row.reason,
            requested_at: row.requested_at.map(At::micros),
            expires_at: row.expires_at.map(At::micros),
            settled_at: row.settled_at.map(At::micros),
            consumed_at: row.consumed_at.map(At::micros),
            reviews_open: row.reviews_open,
            position: row.position,
        }
    }
}

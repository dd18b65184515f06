//! What set something right, as callers see it: out of its own facts, so that a repeat is told the
//! same.

use piperoll_domain::{
    account::{self, Event as OfAccount},
    event::{Event, Recorded},
    id::{AccountId, PaymentId},
    payment::Event as OfPayment,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{
    render::{At, Sum},
    reservations::{Debt, Shares, Used, debt, shared, used},
};

/// Money of a payment that went back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Refunded {
    /// Its name.
    refund: String,
    /// Of which payment.
    payment: String,
    /// How much went back.
    amount: Sum,
    /// How much has gone back by now in all.
    total: Sum,
    /// What had been paid.
    paid: Sum,
    /// Where the refund can be found.
    reference: Option<String>,
    /// Why.
    reason: String,
    /// What was taken back of the credit that it had bought; null where there is none left.
    clawback: Option<ClawedBack>,
}

/// Credit that was taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ClawedBack {
    /// In whose account.
    account: String,
    /// Of which lot.
    lot: String,
    /// How much in all.
    amount: Sum,
    /// What was there, and is gone.
    taken: Sum,
    /// What is reserved, and is taken as soon as it is free.
    awaited: Sum,
    /// What was used, and is owed from here on.
    debt: Option<Debt>,
    /// What those who shared in the use give back.
    reversed: Option<Shares>,
    /// The refund that it belongs to.
    refund: Option<String>,
    /// Why.
    reason: String,
}

/// What was left of a lot that should never have been.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Voided {
    /// In whose account.
    account: String,
    /// Which lot.
    lot: String,
    /// How much was left, and is gone.
    amount: Sum,
    /// Why.
    reason: String,
}

/// Credit that went to another account.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Transferred {
    /// Its name.
    transfer: String,
    /// Out of which account.
    from: String,
    /// Into which account.
    to: String,
    /// How much.
    amount: Sum,
    /// From which lots.
    lots: Vec<Used>,
    /// As which lots it arrived.
    received: Vec<Received>,
    /// Why.
    reason: String,
}

/// A lot that arrived.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Received {
    /// Its name there.
    lot: String,
    /// How much.
    amount: Sum,
    /// Which lot it was part of.
    origin: String,
    /// Where it lies.
    pool: String,
    /// Until when it can be spent; none for ever.
    expires_at: Option<At>,
}

/// The facts of accounts, and whose they are.
fn of_accounts(events: &[Recorded]) -> impl Iterator<Item = (String, &OfAccount)> {
    events.iter().filter_map(|fact| match &fact.event {
        Event::Account(event) => Some((fact.envelope.stream.id.to_string(), event)),
        _ => None,
    })
}

impl Refunded {
    pub(super) fn of(payment: &PaymentId, events: &[Recorded]) -> Option<Self> {
        let refunded = events.iter().find_map(|fact| match &fact.event {
            Event::Payment(OfPayment::Refunded(refunded)) => Some(refunded),
            _ => None,
        })?;
        Some(Self {
            refund: refunded.refund.to_string(),
            payment: payment.to_string(),
            amount: refunded.amount.into(),
            total: refunded.total.into(),
            paid: refunded.paid.into(),
            reference: refunded.reference.clone(),
            reason: refunded.reason.clone(),
            clawback: ClawedBack::among(events),
        })
    }
}

impl ClawedBack {
    pub(super) fn among(events: &[Recorded]) -> Option<Self> {
        of_accounts(events).find_map(|(account, event)| match event {
            OfAccount::ClawedBack(clawed) => Some(Self::of(account, clawed)),
            _ => None,
        })
    }

    fn of(account: String, clawed: &account::ClawedBack) -> Self {
        let of = clawed.total;
        let taken = clawed.part.as_ref().map(|part| part.amount).unwrap_or_default();
        Self {
            account,
            lot: clawed.lot.to_string(),
            amount: of.into(),
            taken: of.with(taken).into(),
            awaited: of.with(clawed.awaited).into(),
            debt: clawed.debt.as_ref().map(|owed| debt(owed, of)),
            reversed: clawed.reversed.as_ref().map(|shares| shared(shares, of)),
            refund: clawed.refund.as_ref().map(ToString::to_string),
            reason: clawed.reason.clone(),
        }
    }
}

impl Voided {
    pub(super) fn among(events: &[Recorded]) -> Option<Self> {
        of_accounts(events).find_map(|(account, event)| match event {
            OfAccount::LotVoided(voided) => Some(Self {
                account,
                lot: voided.part.lot.to_string(),
                amount: voided.amount.into(),
                reason: voided.reason.clone(),
            }),
            _ => None,
        })
    }
}

impl Transferred {
    pub(super) fn among(from: &AccountId, events: &[Recorded]) -> Option<Self> {
        let out = of_accounts(events).find_map(|(_, event)| match event {
            OfAccount::TransferredOut(out) => Some(out),
            _ => None,
        })?;
        let parts: Vec<_> = out.debits.iter().map(|debit| debit.part.clone()).collect();
        Some(Self {
            transfer: out.transfer.to_string(),
            from: from.to_string(),
            to: out.to.to_string(),
            amount: out.total.into(),
            lots: used(&parts, out.total),
            received: of_accounts(events).filter_map(|(_, event)| received(event)).collect(),
            reason: out.reason.clone(),
        })
    }
}

fn received(event: &OfAccount) -> Option<Received> {
    let OfAccount::LotReceived(received) = event else { return None };
    Some(Received {
        lot: received.lot.to_string(),
        amount: received.amount.into(),
        origin: received.origin.lot.to_string(),
        pool: received.pool.to_string(),
        expires_at: received.expires_at.map(At),
    })
}

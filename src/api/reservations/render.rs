//! A reservation, as callers see it: how it began, and how it ended. Out of the facts alone, so that
//! every edge says the same, and says it again.

use piperoll_domain::{
    account::{self, Cause, Event as Of, Finalized, ShadowFinalized, Why},
    billing::{self, Mode},
    event::{Event, Recorded},
    money::{Amount, Money},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::render::{At, Sum};

/// Credit that was set aside.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Reservation {
    /// Its name.
    reservation: String,
    /// Whose credit.
    account: String,
    /// `pending`, `finalized`, `released` or `expired`.
    #[schema(example = "pending")]
    status: &'static str,
    /// How strictly credit is demanded: `shadow`, `soft` or `live`; captured when it was made.
    #[schema(example = "live")]
    mode: &'static str,
    /// The pool that was asked for.
    pool: String,
    /// What the caller thought it would cost, where that was multiplied by a safety.
    estimate: Option<Sum>,
    /// What was to be set aside.
    wanted: Sum,
    /// What was; nothing in shadow mode, perhaps less than wanted in soft mode.
    reserved: Sum,
    /// How much of it was not there.
    missing: Sum,
    /// In live mode this would have been refused.
    would_be_402: bool,
    /// From which lots, in the order in which they were taken.
    lots: Vec<Held>,
    /// When it ends if nobody ends it before.
    expires_at: At,
    /// The caller's own name for the use.
    reference: Option<String>,
    /// When it was made.
    reserved_at: At,
    /// How it ended; null while it is open.
    end: Option<Ended>,
}

/// So much of a lot, set aside or given back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Held {
    /// Which lot.
    lot: String,
    /// How much of it.
    amount: Sum,
    /// Where the lot comes from.
    source: &'static str,
    /// Where it lies.
    pool: String,
}

/// So much of a lot that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Used {
    /// Which lot.
    lot: String,
    /// How much of it.
    amount: Sum,
    /// How much of it remains, available and reserved.
    left: Sum,
    /// Its share of the lot's cost.
    cost: Option<Sum>,
    /// Where the lot comes from.
    source: &'static str,
    /// Where it lies.
    pool: String,
}

/// What an account owes from here on, until credit repays it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Debt {
    /// In which pool it counts.
    pool: String,
    /// How much.
    amount: Sum,
    /// How much the pool owes by now in all.
    owed: Sum,
    /// `overrun`, or `clawback` of a lot that was used.
    cause: &'static str,
}

/// Who shares in what was collected.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Shares {
    /// Under which rule.
    rule: u32,
    /// What is shared out.
    base: Sum,
    /// To `sys-commons`.
    commons: Sum,
    /// To `sys-community-pool`.
    community: Sum,
    /// To `sys-foundation`.
    foundation: Sum,
}

/// How a reservation ended. What would have happened is told in shadow mode, where nothing did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Ended {
    /// Its name.
    reservation: String,
    /// Whose credit.
    account: String,
    /// `finalized`, `released` or `expired`.
    #[schema(example = "finalized")]
    status: &'static str,
    /// The mode that it was made in.
    #[schema(example = "live")]
    mode: &'static str,
    /// What had been set aside.
    reserved: Sum,
    /// What the work cost; null where there was no charge.
    cost: Option<Sum>,
    /// What was charged.
    charged: Sum,
    /// How much more it cost than was set aside.
    overrun: Sum,
    /// How much of that nobody pays.
    uncollected: Sum,
    /// How much of the charge is owed: nobody had it.
    owed: Sum,
    /// In shadow mode: how much of the cost was not there.
    missing: Sum,
    /// In shadow mode: in live mode the cost would not have been there.
    would_be_402: bool,
    /// What was used, from which lots.
    lots: Vec<Used>,
    /// What was given back to which lots.
    returned: Vec<Held>,
    /// What was taken back as soon as it was free.
    clawed_back: Vec<Used>,
    /// What is owed, and why.
    debts: Vec<Debt>,
    /// Who shares in what was collected; null where nothing was.
    shares: Option<Shares>,
    /// The caller's own name for the use.
    reference: Option<String>,
    /// When.
    ended_at: At,
}

/// A reservation as it was made; none if the fact is no such thing.
pub(in crate::api) fn begun(fact: &Recorded) -> Option<Reservation> {
    let Event::Account(event) = &fact.event else { return None };
    let account = fact.envelope.stream.id.to_string();
    let reserved_at = At(fact.envelope.recorded_at);
    match event {
        Of::Reserved(said) => {
            let missing = said.wanted.amount.saturating_sub(said.total.amount);
            Some(Reservation {
                reservation: said.reservation.to_string(),
                account,
                status: "pending",
                mode: said.mode.as_str(),
                pool: said.pool.to_string(),
                estimate: said.estimate.map(Sum::from),
                wanted: said.wanted.into(),
                reserved: said.total.into(),
                missing: said.wanted.with(missing).into(),
                would_be_402: !missing.is_zero(),
                lots: held(&said.held, said.total),
                expires_at: At(said.expires_at),
                reference: said.reference.clone(),
                reserved_at,
                end: None,
            })
        }
        Of::ShadowReserved(said) => Some(Reservation {
            reservation: said.reservation.to_string(),
            account,
            status: "pending",
            mode: Mode::Shadow.as_str(),
            pool: said.pool.to_string(),
            estimate: said.estimate.map(Sum::from),
            wanted: said.wanted.into(),
            reserved: said.wanted.with(Amount::ZERO).into(),
            missing: said.wanted.with(said.missing).into(),
            would_be_402: !said.missing.is_zero(),
            lots: vec![],
            expires_at: At(said.expires_at),
            reference: said.reference.clone(),
            reserved_at,
            end: None,
        }),
        _ => None,
    }
}

impl Reservation {
    /// The same, with how it ended.
    pub(in crate::api) fn with_end(self, end: Option<Ended>) -> Self {
        let status = end.as_ref().map_or(self.status, |end| end.status);
        Self { status, end, ..self }
    }
}

/// How a reservation ended; none if the fact is no such thing.
pub(in crate::api) fn ended(fact: &Recorded) -> Option<Ended> {
    let Event::Account(event) = &fact.event else { return None };
    let account = fact.envelope.stream.id.to_string();
    let ended_at = At(fact.envelope.recorded_at);
    match event {
        Of::Finalized(said) => Some(finalized(said, account, ended_at)),
        Of::ShadowFinalized(said) => Some(in_shadow(said, account, ended_at)),
        Of::Released(said) => Some(Ended {
            reservation: said.reservation.to_string(),
            status: why(said.why),
            mode: said.mode.as_str(),
            reserved: said.total.into(),
            returned: held(&said.returned, said.total),
            clawed_back: used(&said.clawed_back, said.total),
            ..nothing(account, ended_at, said.total)
        }),
        Of::ShadowReleased(said) => Some(Ended {
            reservation: said.reservation.to_string(),
            status: why(said.why),
            ..nothing(account, ended_at, said.total)
        }),
        _ => None,
    }
}

fn finalized(said: &Finalized, account: String, ended_at: At) -> Ended {
    let cost = said.cost;
    let owed = said.debts.iter().map(|debt| debt.amount);
    let owed = owed.fold(Amount::ZERO, |sum, owed| sum.checked_add(owed).unwrap_or(Amount::MAX));
    Ended {
        reservation: said.reservation.to_string(),
        status: "finalized",
        mode: said.mode.as_str(),
        reserved: said.reserved.into(),
        cost: Some(cost.into()),
        charged: said.charged.into(),
        overrun: cost.with(said.overrun).into(),
        uncollected: cost.with(said.uncollected).into(),
        owed: cost.with(owed).into(),
        lots: used(&said.parts, cost),
        returned: held(&said.returned, cost),
        clawed_back: used(&said.clawed_back, cost),
        debts: said.debts.iter().map(|debt| self::debt(debt, cost)).collect(),
        shares: said.shares.as_ref().map(|shares| shared(shares, cost)),
        reference: said.reference.clone(),
        ..nothing(account, ended_at, cost)
    }
}

fn in_shadow(said: &ShadowFinalized, account: String, ended_at: At) -> Ended {
    let cost = said.cost;
    Ended {
        reservation: said.reservation.to_string(),
        status: "finalized",
        cost: Some(cost.into()),
        overrun: cost.with(said.overrun).into(),
        missing: cost.with(said.missing).into(),
        would_be_402: !said.missing.is_zero(),
        reference: said.reference.clone(),
        ..nothing(account, ended_at, cost)
    }
}

/// An end in shadow mode at which nothing is to be told.
fn nothing(account: String, ended_at: At, of: Money) -> Ended {
    let none = || Sum::from(of.with(Amount::ZERO));
    Ended {
        reservation: String::new(),
        account,
        status: "released",
        mode: Mode::Shadow.as_str(),
        reserved: none(),
        cost: None,
        charged: none(),
        overrun: none(),
        uncollected: none(),
        owed: none(),
        missing: none(),
        would_be_402: false,
        lots: vec![],
        returned: vec![],
        clawed_back: vec![],
        debts: vec![],
        shares: None,
        reference: None,
        ended_at,
    }
}

const fn why(why: Why) -> &'static str {
    match why {
        Why::Released => "released",
        Why::Expired => "expired",
    }
}

fn held(held: &[account::Held], of: Money) -> Vec<Held> {
    let one = |held: &account::Held| Held {
        lot: held.lot.to_string(),
        amount: of.with(held.amount).into(),
        source: held.source.as_str(),
        pool: held.pool.to_string(),
    };
    held.iter().map(one).collect()
}

/// Parts of lots that are gone.
pub(in crate::api) fn used(parts: &[account::Part], of: Money) -> Vec<Used> {
    let one = |part: &account::Part| Used {
        lot: part.lot.to_string(),
        amount: of.with(part.amount).into(),
        left: of.with(part.left).into(),
        cost: part.cost.map(Sum::from),
        source: part.source.as_str(),
        pool: part.pool.to_string(),
    };
    parts.iter().map(one).collect()
}

/// A debt.
pub(in crate::api) fn debt(debt: &account::Debt, of: Money) -> Debt {
    Debt {
        pool: debt.pool.to_string(),
        amount: of.with(debt.amount).into(),
        owed: of.with(debt.owed).into(),
        cause: match debt.cause {
            Cause::Overrun {} => "overrun",
            Cause::Clawback { .. } => "clawback",
        },
    }
}

/// Who shares.
pub(in crate::api) fn shared(shares: &billing::Shares, of: Money) -> Shares {
    let billing::Shares { rule, base, commons, community, foundation } = *shares;
    Shares {
        rule,
        base: of.with(base).into(),
        commons: of.with(commons).into(),
        community: of.with(community).into(),
        foundation: of.with(foundation).into(),
    }
}

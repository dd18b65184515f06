//! Campaigns: where each stands, and every grant of it.

use piperoll_domain::{
    campaign::{
        Activated, BudgetSpent, Completed, Created, Event, Paused, Status, Terms, ThresholdReached,
    },
    event::Envelope,
    grantee::{self, Given},
};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, sum, text},
    value::Value,
};

/// A campaign, and how much of its budget is given.
pub const CAMPAIGNS: &Schema = &Schema {
    name: "campaigns",
    index: 23,
    key: &[("tenant", Type::Text), ("campaign", Type::Text)],
    columns: &[
        text("purpose"),
        text("status"),
        text("commodity"),
        integer("budget"),
        integer("spent"),
        sum("grants"),
        integer("account_cap"),
        integer("threshold_percent"),
        text("pool"),
        integer("ends_at"),
        integer("lots_expire_after_seconds"),
        integer("lots_expire_at"),
        integer("created_at"),
        integer("threshold_reached_at"),
        text("reason"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// A grant, in the order in which a campaign's were given.
pub const GRANTS: &Schema = &Schema {
    name: "grants",
    index: 24,
    key: &[("tenant", Type::Text), ("campaign", Type::Text), ("position", Type::Integer)],
    columns: &[
        text("grant_id"),
        text("account"),
        text("lot"),
        text("commodity"),
        integer("amount"),
        integer("total"),
        text("pool"),
        integer("expires_at"),
        integer("granted_at"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// Why a campaign stands as expired.
const ITS_TIME_WAS_OVER: &str = "its time was over";

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    let row = change!(CAMPAIGNS [&at.tenant, &at.stream.id] { set position: at.position });
    into.push(match event {
        Event::Created(Created { terms }) => of_terms(at, terms, row),
        Event::Activated(Activated { reason }) => moved(row, Status::Active, reason),
        Event::Paused(Paused { reason }) => moved(row, Status::Paused, reason),
        Event::Completed(Completed { reason, .. }) => moved(row, Status::Completed, reason),
        // Nobody says why; what stood there tells why it was active, or paused.
        Event::Expired(_) => moved(row, Status::Expired, ITS_TIME_WAS_OVER),
        Event::BudgetSpent(BudgetSpent { spent, .. }) => {
            change!(CAMPAIGNS row { set spent: *spent, add grants: 1 })
        }
        Event::ThresholdReached(ThresholdReached { .. }) => {
            change!(CAMPAIGNS row { set threshold_reached_at: at.recorded_at })
        }
    });
}

fn moved(row: Change, status: Status, reason: impl Into<Value>) -> Change {
    change!(CAMPAIGNS row { set status: status.as_str(), set reason: reason })
}

fn of_terms(at: &Envelope, terms: &Terms, row: Change) -> Change {
    change!(CAMPAIGNS row {
        set purpose: terms.purpose.as_str(),
        set status: Status::Draft.as_str(),
        set commodity: terms.budget.commodity,
        set budget: terms.budget.amount,
        set spent: 0_u32,
        may account_cap: terms.account_cap,
        set threshold_percent: terms.threshold_percent,
        set pool: &terms.pool,
        may ends_at: terms.ends_at,
        may lots_expire_after_seconds: terms.lots_expire_after_seconds,
        may lots_expire_at: terms.lots_expire_at,
        set created_at: at.recorded_at,
    })
}

pub(crate) fn of_grant(at: &Envelope, event: &grantee::Event, into: &mut Vec<Change>) {
    let grantee::Event::Given(Given {
        grant,
        campaign,
        account,
        lot,
        amount,
        total,
        pool,
        expires_at,
    }) = event;
    into.push(change!(GRANTS [&at.tenant, campaign, at.position] {
        set grant_id: grant,
        set account: account,
        set lot: lot,
        set commodity: amount.commodity,
        set amount: amount.amount,
        set total: *total,
        set pool: pool,
        may expires_at: *expires_at,
        set granted_at: at.recorded_at,
    }));
}

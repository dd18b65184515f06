//! How tenants bill: what holds, the rules of shares, and the accounts that every tenant has.

use piperoll_domain::{
    billing::{Approved, Billing, Changed, Cut, Event, Hastened, Proposed, Rejected, SYSTEM},
    event::Envelope,
    money::Code,
    tenant,
};

use crate::{
    change::{Change, change},
    credit::ACCOUNTS,
    schema::{BY_KEY, Schema, Type, integer, latest_integer, text},
};

/// How a tenant bills.
pub const BILLING: &Schema = &Schema {
    name: "billing",
    index: 16,
    key: &[("tenant", Type::Text)],
    columns: &[
        integer("version"),
        integer("enabled"),
        text("mode"),
        integer("reserve_ttl_seconds"),
        integer("safety_multiplier_bps"),
        latest_integer("ceiling_micro"),
        text("orders"),
        integer("share_gifts"),
        integer("shares_cooldown_seconds"),
        text("reason"),
        integer("changed_at"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// Every change of how a tenant bills: since when a mode holds is a question of these.
pub const CHANGES: &Schema = &Schema {
    name: "billing_changes",
    index: 20,
    key: &[("tenant", Type::Text), ("version", Type::Integer)],
    columns: &[
        integer("enabled"),
        text("mode"),
        text("changed_by"),
        text("reason"),
        integer("changed_at"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// Rules of shares. Which of them holds is a question of time.
pub const RULES: &Schema = &Schema {
    name: "share_rules",
    index: 17,
    key: &[("tenant", Type::Text), ("rule", Type::Integer)],
    columns: &[
        text("state"),
        integer("commons_bps"),
        integer("community_bps"),
        integer("foundation_bps"),
        integer("holds_from"),
        text("proposed_by"),
        text("decided_by"),
        text("reason"),
        integer("position"),
    ],
    layout: BY_KEY,
    indexes: &[],
};

/// A tenant begins with its three accounts and bills in shadow.
pub(crate) fn of_tenant(at: &Envelope, event: &tenant::Event, into: &mut Vec<Change>) {
    let tenant::Event::Opened(_) = event else { return };
    for account in SYSTEM {
        into.push(change!(ACCOUNTS [&at.tenant, account] {
            set opened_at: at.recorded_at,
            set position: at.position,
        }));
    }
    into.push(of_billing(at, 0, &Billing::default()));
    into.push(of_change(at, 0, &Billing::default()));
}

pub(crate) fn changes(at: &Envelope, event: &Event, into: &mut Vec<Change>) {
    match event {
        Event::Changed(Changed { version, billing, reason }) => {
            let row = of_billing(at, *version, billing);
            into.push(change!(BILLING row { set reason: reason, set changed_at: at.recorded_at }));
            let row = of_change(at, *version, billing);
            into.push(change!(CHANGES row { set reason: reason }));
        }
        Event::Proposed(Proposed { rule, cut, reason }) => {
            let Cut { commons_bps, community_bps, foundation_bps } = *cut;
            into.push(change!(RULES [&at.tenant, *rule] {
                set state: "proposed",
                set commons_bps: commons_bps,
                set community_bps: community_bps,
                set foundation_bps: foundation_bps,
                set proposed_by: &at.actor.id,
                set reason: reason,
                set position: at.position,
            }));
        }
        Event::Approved(Approved { rule, from, reason, .. }) => {
            into.push(change!(RULES [&at.tenant, *rule] {
                set state: "approved",
                set holds_from: *from,
                set decided_by: &at.actor.id,
                set reason: reason,
                set position: at.position,
            }));
        }
        Event::Rejected(Rejected { rule, reason }) => {
            into.push(change!(RULES [&at.tenant, *rule] {
                set state: "rejected",
                set decided_by: &at.actor.id,
                set reason: reason,
                set position: at.position,
            }));
        }
        Event::Hastened(Hastened { rule, from, reason, .. }) => {
            into.push(change!(RULES [&at.tenant, *rule] {
                set holds_from: *from,
                set reason: reason,
                set position: at.position,
            }));
        }
    }
}

fn of_change(at: &Envelope, version: u32, billing: &Billing) -> Change {
    change!(CHANGES [&at.tenant, version] {
        set enabled: u32::from(billing.enabled),
        set mode: billing.mode.as_str(),
        set changed_by: &at.actor.id,
        set changed_at: at.recorded_at,
        set position: at.position,
    })
}

fn of_billing(at: &Envelope, version: u32, billing: &Billing) -> Change {
    // Names only: encoding them cannot fail.
    let orders = serde_json::to_string(&billing.orders).unwrap_or_default();
    change!(BILLING [&at.tenant] {
        set version: version,
        set enabled: u32::from(billing.enabled),
        set mode: billing.mode.as_str(),
        set reserve_ttl_seconds: billing.reserve_ttl_seconds,
        set safety_multiplier_bps: billing.safety_multiplier_bps,
        now ceiling_micro: billing.ceilings.get(&Code::USD).copied(),
        set orders: orders,
        set share_gifts: u32::from(billing.share_gifts),
        set shares_cooldown_seconds: billing.shares_cooldown_seconds,
        set position: at.position,
    })
}

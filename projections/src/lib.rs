//! Read models, as pure functions from one event to the rows it changes.
//!
//! Changes of one row compose, so a writer folds a whole batch in memory and writes each row once,
//! and a fold in memory is what written tables are compared with. Nothing here waits, decides
//! or knows a database beyond the words it reads.
#![warn(clippy::arithmetic_side_effects, clippy::float_arithmetic)]
#![warn(clippy::wildcard_enum_match_arm, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod batch;
pub mod billing;
pub mod campaigns;
pub mod change;
pub mod credit;
pub mod diff;
pub mod entitlements;
pub mod journal;
pub mod letters;
pub mod payments;
pub mod receipts;
pub mod reservations;
pub mod runbook_views;
pub mod runs;
pub mod schema;
mod sql;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod value;
pub mod wide;

use piperoll_domain::event::{Event, Recorded};

use crate::{change::Change, schema::Schema};

/// What rows mean, where no schema tells: raise it when `changes` says something else than before.
pub const VERSION: u32 = 4;

/// Every table.
pub const SCHEMAS: [&Schema; 26] = [
    credit::BALANCES,
    credit::LOTS,
    credit::ENTRIES,
    credit::ACCOUNTS,
    journal::JOURNAL,
    journal::LEDGER,
    entitlements::ENTITLEMENTS,
    runs::RUNS,
    runs::MOMENTS,
    receipts::RECEIPTS,
    receipts::REFUSED,
    payments::PAYMENTS,
    payments::REVIEWS,
    credit::MARKS,
    credit::SUMS,
    reservations::RESERVATIONS,
    billing::BILLING,
    billing::RULES,
    credit::SHARES,
    letters::LETTERS,
    billing::CHANGES,
    runs::STEPS,
    reservations::HOURS,
    campaigns::CAMPAIGNS,
    campaigns::GRANTS,
    payments::REFUNDS,
];

/// What one event changes.
pub fn changes(recorded: &Recorded) -> Vec<Change> {
    let Recorded { envelope: at, event } = recorded;
    let mut into = Vec::with_capacity(16);
    runs::moment(at, &mut into);
    match event {
        Event::Roll(event) => runs::changes(at, event, &mut into),
        Event::Payment(event) => payments::changes(at, event, &mut into),
        Event::Receipt(event) => receipts::changes(at, event, &mut into),
        Event::Account(event) => {
            credit::changes(at, event, &mut into);
            reservations::changes(at, event, &mut into);
        }
        Event::Tenant(event) => billing::of_tenant(at, event, &mut into),
        Event::Billing(event) => billing::changes(at, event, &mut into),
        Event::Letter(event) => letters::changes(at, event, &mut into),
        Event::Campaign(event) => campaigns::changes(at, event, &mut into),
        Event::Grantee(event) => campaigns::of_grant(at, event, &mut into),
        Event::Entitlement(event) => entitlements::changes(at, event, &mut into),
        Event::Commodity(_) | Event::Settings(_) | Event::Connection(_) | Event::Offer(_) => {}
    }
    journal::changes(recorded, &mut into);
    into
}

/// The table of a name.
pub fn schema(name: &str) -> Option<&'static Schema> {
    SCHEMAS.into_iter().find(|schema| schema.name == name)
}

/// Everything that makes rows of another release unusable, as text.
pub fn canonical() -> String {
    let schemas = SCHEMAS.into_iter().map(Schema::canonical);
    let views = runbook_views::create();
    let version = format!("version {VERSION}");
    std::iter::once(version).chain(schemas).chain(views).collect::<Vec<_>>().join("\n")
}

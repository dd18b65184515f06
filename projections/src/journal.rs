//! The general ledger: the postings of each event, and what every account adds up to.
//!
//! One row an event, its legs side by side: rows are what writing costs, and a page of a journal
//! wants whole entries. The SQL view `journal` shows one row a leg.

use piperoll_domain::{
    chart::Chart,
    event::Recorded,
    money::Code,
    postings::{Posting, postings},
};

use crate::{
    change::{Change, change},
    schema::{Schema, Type, integer, text, wide},
};

/// What each event posted.
pub const JOURNAL: &Schema = &Schema {
    name: "journal_entries",
    index: 4,
    key: &[("tenant", Type::Text), ("position", Type::Integer)],
    columns: &[
        text("event"),
        text("legs"),
        integer("recorded_at"),
        integer("effective_at"),
        text("correlation"),
    ],
    indexes: &[],
};

/// What each account of the chart adds up to, by holder. Memo accounts of credit stand as one: their
/// holders are accounts, and [`crate::credit::BALANCES`] tells of each.
pub const LEDGER: &Schema = &Schema {
    name: "ledger",
    index: 5,
    key: &[
        ("tenant", Type::Text),
        ("account", Type::Integer),
        ("holder", Type::Text),
        ("commodity", Type::Text),
    ],
    columns: &[wide("debit"), wide("credit"), integer("position")],
    indexes: &[],
};

/// An account's number, a holder, a commodity, an amount.
fn leg(leg: &Posting) -> (u16, &str, Code, i64) {
    (leg.account.number(), &leg.holder, leg.commodity, leg.amount)
}

pub(crate) fn changes(recorded: &Recorded, into: &mut Vec<Change>) {
    let at = &recorded.envelope;
    let postings = postings(recorded);
    if postings.is_empty() {
        return;
    }
    // Numbers and texts only: encoding them cannot fail.
    let legs = postings.iter().map(leg).collect::<Vec<_>>();
    let legs = serde_json::to_string(&legs).unwrap_or_default();
    into.push(change!(JOURNAL [&at.tenant, at.position] {
        set event: recorded.event.name(),
        set legs: legs,
        set recorded_at: at.recorded_at,
        may effective_at: at.effective_at,
        set correlation: at.correlation,
    }));
    for leg in &postings {
        let by_account = matches!(leg.account, Chart::Credit | Chart::CreditOwed);
        let holder = if by_account { "" } else { &leg.holder };
        let amount = i128::from(leg.amount);
        let row = change!(LEDGER [&at.tenant, leg.account.number(), holder.to_owned(), leg.commodity] {
            set position: at.position,
        });
        into.push(if leg.amount < 0 {
            change!(LEDGER row { add credit: 0_i128.saturating_sub(amount) })
        } else {
            change!(LEDGER row { add debit: amount })
        });
    }
}

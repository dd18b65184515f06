//! The general ledger: the postings of each event, and what every account adds up to.
//!
//! Some entries a row, their legs side by side: rows are what writing costs, and a page of a journal
//! wants whole entries. The SQL view `journal_entries` shows one row an event, `journal` one a leg.

use std::borrow::Cow;

use piperoll_domain::{
    chart::Chart,
    event::Recorded,
    postings::{Posting, postings},
    time::Time,
};
use serde::{Deserialize, Serialize};

use crate::{
    change::{Change, change},
    schema::{BY_KEY, Schema, Type, integer, joined, wide},
    value::hex,
};

/// What each event posted: the entries of [`PAGE`] positions in one row.
pub const JOURNAL: &Schema = &Schema {
    name: "journal_pages",
    index: 4,
    key: &[("tenant", Type::Text), ("page", Type::Integer)],
    columns: &[joined("entries")],
    layout: BY_KEY,
    indexes: &[],
};

/// How many positions share a row of [`JOURNAL`]: so few that the row fits on a page of the file
/// with others, so many that a row costs little for each.
pub const PAGE: u64 = 8;

/// An entry of the journal as it stands in [`JOURNAL`]: a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a>(
    /// Which event.
    pub u64,
    /// The event's wire name.
    #[serde(borrow)]
    pub Cow<'a, str>,
    /// When it was recorded.
    pub i64,
    /// When it happened outside.
    pub Option<i64>,
    /// What it belongs to.
    #[serde(borrow)]
    pub Cow<'a, str>,
    /// Its legs.
    #[serde(borrow)]
    pub Vec<Leg<'a>>,
);

/// An account's number, a holder, a commodity, an amount.
pub type Leg<'a> = (u16, Cow<'a, str>, Cow<'a, str>, i64);

impl<'a> Entry<'a> {
    /// The entries in a row, in order.
    pub fn read(lines: &'a str) -> impl Iterator<Item = Result<Self, serde_json::Error>> {
        serde_json::Deserializer::from_str(lines).into_iter()
    }

    fn line(&self) -> String {
        let mut line = Vec::with_capacity(256);
        // Numbers and texts only: encoding them cannot fail.
        let _ = serde_json::to_writer(&mut line, self);
        line.push(b'\n');
        String::from_utf8(line).unwrap_or_default()
    }
}

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
    layout: BY_KEY,
    indexes: &[],
};

pub(crate) fn changes(recorded: &Recorded, into: &mut Vec<Change>) {
    let at = &recorded.envelope;
    let postings = postings(recorded);
    if postings.is_empty() {
        return;
    }
    into.push(change!(JOURNAL [&at.tenant, at.position / PAGE] {
        join entries: line(recorded, &postings),
    }));
    for leg in postings {
        let by_account = matches!(leg.account, Chart::Credit | Chart::CreditOwed);
        let holder = if by_account { String::new() } else { leg.holder };
        let amount = i128::from(leg.amount);
        let row = change!(LEDGER [&at.tenant, leg.account.number(), holder, leg.commodity] {
            set position: at.position,
        });
        into.push(if leg.amount < 0 {
            change!(LEDGER row { add credit: 0_i128.saturating_sub(amount) })
        } else {
            change!(LEDGER row { add debit: amount })
        });
    }
}

fn line(recorded: &Recorded, postings: &[Posting]) -> String {
    let at = &recorded.envelope;
    let correlation = hex(&at.correlation.0);
    let legs = postings.iter().map(leg).collect();
    let effective_at = at.effective_at.map(Time::micros);
    let name = recorded.event.name().into();
    Entry(at.position, name, at.recorded_at.micros(), effective_at, correlation.into(), legs).line()
}

fn leg(leg: &Posting) -> Leg<'_> {
    (leg.account.number(), leg.holder.as_str().into(), leg.commodity.as_str().into(), leg.amount)
}

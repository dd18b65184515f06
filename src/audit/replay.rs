//! A history folded anew from its lines, and everything that it adds up to as one JSON document.
//!
//! The document is the same for the same history, byte for byte, on every machine.

use std::{collections::BTreeMap, io::BufRead};

use piperoll_domain::{
    book::{Book, Frozen},
    bytes::Id16,
    chart::Chart,
    event::{Event, Recorded},
    id::Stream,
    money::Code,
    postings::postings,
    roll,
};
use piperoll_projections::{
    change::{Cell, Key},
    schema::Schema,
    tables::{Row, Table, Tables},
    value::Value,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::line::{self, Line};
use crate::roll::{Head, leaf, link};

/// Why lines are no whole history.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lines could not be read.
    #[error("failed to read the events")]
    Read(#[from] std::io::Error),
    /// A line is no event.
    #[error(transparent)]
    Line(#[from] line::Error),
    /// An event is missing, or they do not begin at the beginning.
    #[error(
        "position {expected} comes next, and {found} stands there: a replay needs a whole roll"
    )]
    Position {
        /// What comes next.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// The first event does not open the roll.
    #[error("a roll begins with `roll.opened.v1`, and this one with `{found}`")]
    Opening {
        /// What stands there.
        found: &'static str,
    },
    /// The events lead to another hash than the line says.
    #[error("the chain's hash at position {position} is {found}, and the line says {told}")]
    Hash {
        /// Where.
        position: u64,
        /// What the events lead to.
        found: String,
        /// What the line says.
        told: String,
    },
}

/// A history under way.
#[derive(Debug, Default)]
pub struct Replay {
    book: Book,
    tables: Tables,
    head: Option<Head>,
    balance: BTreeMap<(Code, u16), Sides>,
}

/// Both sides of an account.
#[derive(Debug, Clone, Copy, Default)]
struct Sides {
    debit: i128,
    credit: i128,
}

impl Replay {
    /// Folds lines, in either form.
    pub fn read(lines: impl BufRead) -> Result<Self, Error> {
        let mut replay = Self::default();
        for (number, text) in (1..).zip(lines.lines()) {
            let text = text?;
            if !text.trim().is_empty() {
                replay.fold(&line::read(number, &text)?)?;
            }
        }
        Ok(replay)
    }

    /// One more event.
    pub fn fold(&mut self, line: &Line) -> Result<(), Error> {
        let recorded = &line.recorded;
        self.advance(line)?;
        self.book.fold(recorded);
        self.tables.fold(recorded);
        for leg in postings(recorded) {
            let sides = self.balance.entry((leg.commodity, leg.account.number())).or_default();
            let side = if leg.amount < 0 { &mut sides.credit } else { &mut sides.debit };
            *side += i128::from(leg.amount).abs();
        }
        Ok(())
    }

    /// The chain up to and with the event.
    fn advance(&mut self, line: &Line) -> Result<(), Error> {
        let position = line.recorded.envelope.position;
        let before = match self.head {
            Some(head) => head,
            None => Head::genesis(roll_id(&line.recorded)?),
        };
        let expected = before.position.saturating_add(1);
        if position != expected {
            return Err(Error::Position { expected, found: position });
        }
        let hash = link(before.hash, leaf(&line::record(&line.recorded)?));
        if let Some(told) = line.hash.filter(|told| *told != hash) {
            let (found, told) = (hash.to_string(), told.to_string());
            return Err(Error::Hash { position, found, told });
        }
        self.head = Some(Head { position, hash });
        Ok(())
    }

    /// Everything that it adds up to, as JSON.
    pub fn state(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(&State(self))?;
        text.push('\n');
        Ok(text)
    }

    /// What stopped, and where.
    pub fn frozen(&self) -> impl Iterator<Item = (&Stream, &Frozen)> {
        self.book.frozen()
    }
}

fn roll_id(first: &Recorded) -> Result<Id16, Error> {
    match &first.event {
        Event::Roll(roll::Event::Opened(opened)) => Ok(opened.roll_id),
        other if first.envelope.position == 1 => Err(Error::Opening { found: other.name() }),
        _ => Err(Error::Position { expected: 1, found: first.envelope.position }),
    }
}

/// The document.
struct State<'a>(&'a Replay);

#[derive(Serialize)]
struct Written<'a> {
    position: u64,
    hash: Option<String>,
    tenants: &'a BTreeMap<piperoll_domain::id::TenantId, u64>,
    streams: usize,
    trial_balance: Vec<Balance>,
    duties: Vec<String>,
    frozen: Vec<Stopped<'a>>,
    acknowledged: Vec<Stopped<'a>>,
    claims_taken: usize,
    claims_doubled: Vec<String>,
    tables: AllTables<'a>,
}

#[derive(Serialize)]
struct Balance {
    commodity: Code,
    number: u16,
    account: &'static str,
    debit: i128,
    credit: i128,
}

#[derive(Serialize)]
struct Stopped<'a> {
    stream: &'a Stream,
    position: u64,
    check: &'a str,
    expected: &'a str,
    found: &'a str,
}

impl<'a> Stopped<'a> {
    fn of(stream: &'a Stream, frozen: &'a Frozen) -> Self {
        let Frozen { position, broken } = frozen;
        let (check, expected, found) = (&broken.check, &broken.expected, &broken.found);
        Self { stream, position: *position, check, expected, found }
    }
}

impl Serialize for State<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Replay { book, tables, head, .. } = self.0;
        let duty = |duty: &piperoll_domain::duty::Duty| {
            let (kind, due) = (duty.name.kind.as_str(), duty.due.micros());
            let item = duty.name.item.as_ref().map(|item| format!(" {item}")).unwrap_or_default();
            format!("{kind} {}{item}, due {due}, opened at {}", duty.name.stream, duty.opener)
        };
        let doubled = |(position, claim): &(u64, piperoll_domain::claim::Claim)| {
            format!("{claim} at {position}")
        };
        let acknowledged = book.streams.iter().flat_map(|(stream, slot)| {
            slot.acknowledged.iter().map(move |frozen| Stopped::of(stream, frozen))
        });
        let written = Written {
            position: head.map_or(0, |head| head.position),
            hash: head.map(|head| head.hash.to_string()),
            tenants: &book.tenants,
            streams: book.streams.len(),
            trial_balance: self.0.trial_balance(),
            duties: book.duties.values().map(duty).collect(),
            frozen: book.frozen().map(|(stream, frozen)| Stopped::of(stream, frozen)).collect(),
            acknowledged: acknowledged.collect(),
            claims_taken: book.claims.len(),
            claims_doubled: book.doubled.iter().map(doubled).collect(),
            tables: AllTables(tables),
        };
        written.serialize(serializer)
    }
}

impl Replay {
    fn trial_balance(&self) -> Vec<Balance> {
        let named =
            |number| Chart::TABLE.into_iter().find(|row| row.1 == number).map_or("", |row| row.2);
        let account = |(&(commodity, number), sides): (&(Code, u16), &Sides)| {
            let (account, Sides { debit, credit }) = (named(number), *sides);
            Balance { commodity, number, account, debit, credit }
        };
        self.balance.iter().map(account).collect()
    }
}

/// Every table by name, each a list of rows.
struct AllTables<'a>(&'a Tables);

impl Serialize for AllTables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = |schema, table| {
            Table::iter(table)
                .map(move |(key, row)| OneRow { schema, key, row })
                .collect::<Vec<_>>()
        };
        serializer
            .collect_map(self.0.iter().map(|(schema, table)| (schema.name, rows(schema, table))))
    }
}

/// A row by column names, the key first.
struct OneRow<'a> {
    schema: &'static Schema,
    key: &'a Key,
    row: &'a Row,
}

impl Serialize for OneRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for ((name, _), value) in self.schema.key.iter().zip(self.key) {
            map.serialize_entry(name, &OneValue(Some(value)))?;
        }
        for (column, cell) in self.schema.columns.iter().zip(self.row) {
            match cell {
                Cell::Last(value) => {
                    map.serialize_entry(column.name, &OneValue(value.as_ref()))?;
                }
                Cell::Sum(sum) => map.serialize_entry(column.name, &sum.get())?,
                Cell::Joined(text) => map.serialize_entry(column.name, text)?,
            }
        }
        map.end()
    }
}

struct OneValue<'a>(Option<&'a Value>);

impl Serialize for OneValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_none(),
            Some(Value::Integer(number)) => serializer.serialize_i64(*number),
            Some(Value::Text(text)) => serializer.serialize_str(text.as_str()),
        }
    }
}

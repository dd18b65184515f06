//! What a batch of events changes: each row once, in the order in which it was first touched.

use std::array;

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use piperoll_domain::event::Recorded;

use crate::{
    SCHEMAS,
    change::{Cell, Change, Key},
    changes, credit,
    schema::Schema,
    tables::{Row, blank, take_in},
};

/// The changes of a batch, ready to be written.
///
/// [`crate::tables::Tables`] keeps rows in the order of their keys, which comparing wants and writing
/// does not: finding a row by hash is several times faster, and what is young is touched in order.
#[derive(Debug)]
pub struct Batch {
    tables: [Rows; SCHEMAS.len()],
}

/// The rows of one table.
#[derive(Debug)]
enum Rows {
    /// Rows that one event makes and no other touches again: nobody need find them.
    Once(Vec<(Key, Row)>),
    /// Rows that many events change.
    Often(IndexMap<Key, Row, RandomState>),
}

impl Default for Batch {
    fn default() -> Self {
        Self { tables: array::from_fn(Rows::of) }
    }
}

impl Rows {
    fn of(table: usize) -> Self {
        if table == credit::ENTRIES.index {
            Self::Once(vec![])
        } else {
            Self::Often(IndexMap::default())
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Once(rows) => rows.len(),
            Self::Often(rows) => rows.len(),
        }
    }

    fn take_in(&mut self, schema: &Schema, key: Key, cells: Vec<(usize, Cell)>) {
        match self {
            Self::Once(rows) => {
                rows.push((key, whole(schema, cells)));
            }
            Self::Often(rows) => {
                take_in(schema, rows.entry(key).or_insert_with(|| blank(schema)), cells);
            }
        }
    }
}

/// The row that one change makes, which names no column twice.
fn whole(schema: &Schema, cells: Vec<(usize, Cell)>) -> Row {
    let mut row = blank(schema);
    for (at, cell) in cells {
        if let Some(known) = row.get_mut(at) {
            *known = cell;
        }
    }
    row
}

impl Batch {
    /// What a part of a history changes.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut batch = Self::default();
        for recorded in events {
            batch.fold(recorded);
        }
        batch
    }

    /// One more event.
    pub fn fold(&mut self, recorded: &Recorded) {
        for Change { table: schema, key, cells } in changes(recorded) {
            if let Some(table) = self.tables.get_mut(schema.index) {
                table.take_in(schema, key, cells);
            }
        }
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(Rows::len).fold(0, usize::saturating_add)
    }

    /// Every table's rows, and how many they are.
    pub fn into_tables(
        self,
    ) -> impl Iterator<Item = (&'static Schema, usize, impl Iterator<Item = (Key, Row)>)> {
        SCHEMAS.into_iter().zip(self.tables).map(|(schema, rows)| {
            let count = rows.len();
            let (once, often) = match rows {
                Rows::Once(rows) => (rows, IndexMap::default()),
                Rows::Often(rows) => (vec![], rows),
            };
            (schema, count, once.into_iter().chain(often))
        })
    }
}

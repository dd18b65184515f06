//! Rows in memory: what a batch changes, and what whole tables must be.

use std::collections::BTreeMap;

use piperoll_domain::event::Recorded;

use crate::{
    SCHEMAS,
    change::{Cell, Change, Key},
    changes,
    schema::{Breadth, Kind, Schema},
    value::Value,
    wide,
};

/// A row's cells, in the order of its schema's columns.
pub type Row = Vec<Cell>;

/// One table's rows in the order of their keys.
pub type Table = BTreeMap<Key, Row>;

/// All tables in memory: the truth that written tables are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    tables: [Table; SCHEMAS.len()],
}

impl Tables {
    /// What a history adds up to.
    pub fn of<'a>(history: impl IntoIterator<Item = &'a Recorded>) -> Self {
        let mut tables = Self::default();
        for recorded in history {
            tables.fold(recorded);
        }
        tables
    }

    /// One more event.
    pub fn fold(&mut self, recorded: &Recorded) {
        for change in changes(recorded) {
            self.apply(change);
        }
    }

    /// One more event, as far as `wanted` wants to know it: to hold a part of a large history.
    pub fn fold_some(&mut self, recorded: &Recorded, wanted: impl Fn(&Schema, &Key) -> bool) {
        let ours = |change: &Change| wanted(change.table, &change.key);
        for change in changes(recorded).into_iter().filter(ours) {
            self.apply(change);
        }
    }

    /// One more change.
    pub fn apply(&mut self, change: Change) {
        let Change { table: schema, key, cells } = change;
        let Some(table) = self.tables.get_mut(schema.index) else { return };
        let row = table.entry(key).or_insert_with(|| blank(schema));
        take_in(schema, row, cells);
    }

    /// A table's rows.
    pub fn table(&self, schema: &Schema) -> Option<&Table> {
        self.tables.get(schema.index)
    }

    /// Every table with its rows.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Schema, &Table)> {
        SCHEMAS.into_iter().zip(&self.tables)
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(BTreeMap::len).fold(0, usize::saturating_add)
    }
}

pub(crate) fn take_in(schema: &Schema, row: &mut Row, cells: Vec<(usize, Cell)>) {
    for (at, cell) in cells {
        if let (Some(known), Some(column)) = (row.get_mut(at), schema.columns.get(at)) {
            known.fold(column.kind, cell);
        }
    }
}

pub(crate) fn blank(schema: &Schema) -> Row {
    schema.columns.iter().map(|column| Cell::blank(column.kind)).collect()
}

/// The columns that are written at a breadth.
#[derive(Debug)]
pub struct Columns(Vec<bool>);

impl Columns {
    /// Those of a table.
    pub fn of(schema: &Schema, breadth: Breadth) -> Self {
        Self(schema.columns.iter().map(|column| schema.holds(breadth, column.name)).collect())
    }

    /// Whether nothing of a change of a row is lost if no other columns are written.
    pub fn tell(&self, row: &Row) -> bool {
        self.0.iter().zip(row).all(|(written, cell)| *written || cell.is_blank())
    }
}

/// A row as it is written, the key first: one cell for each of [`Schema::written`].
pub fn stored<E>(
    schema: &Schema,
    columns: &Columns,
    key: Key,
    row: Row,
    mut cell: impl FnMut(Option<Value>) -> Result<(), E>,
) -> Result<(), E> {
    for value in key {
        cell(Some(value))?;
    }
    let cells = schema.columns.iter().zip(row).zip(&columns.0);
    for ((column, value), _) in cells.filter(|(_, written)| **written) {
        match value {
            Cell::Last(value) => cell(value)?,
            Cell::Sum(sum) if column.kind == Kind::Wide => {
                let (low, over) = wide::split(sum.get());
                cell(Some(low.into()))?;
                cell(Some(over.into()))?;
            }
            Cell::Sum(sum) => cell(Some(wide::saturate(sum.get()).into()))?,
            Cell::Joined(text) => cell(Some(text.into()))?,
        }
    }
    Ok(())
}

/// The row behind stored cells; none when they are not as the schema says.
pub fn restored(
    schema: &Schema,
    cells: impl IntoIterator<Item = Option<Value>>,
) -> Option<(Key, Row)> {
    let mut cells = cells.into_iter();
    let key = schema.key.iter().map(|_| cells.next().flatten()).collect::<Option<Key>>()?;
    let mut row = Row::with_capacity(schema.columns.len());
    for column in schema.columns {
        row.push(match column.kind {
            Kind::Last(_) | Kind::Latest(_) => Cell::Last(cells.next()?),
            Kind::Sum => Cell::Sum(integer(&cells.next()??)?.into()),
            Kind::Joined => Cell::Joined(text(&cells.next()??)?),
            Kind::Wide => {
                let (low, over) = (integer(&cells.next()??)?, integer(&cells.next()??)?);
                Cell::Sum(wide::join(low, over).into())
            }
        });
    }
    Some((key, row))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Integer(_) => None,
        Value::Text(text) => Some(text.as_str().to_owned()),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Text(_) => None,
    }
}

//! Where rows differ from what they must be.

use std::{cmp::Ordering, fmt};

use crate::{
    change::{Cell, Key},
    schema::Schema,
    tables::Row,
};

/// One cell, or one whole row, that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which table.
    pub table: &'static str,
    /// In which row.
    pub key: Key,
    /// In which column; none for a whole row.
    pub column: Option<&'static str>,
    /// What must be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, column, expected, found } = self;
        let column = column.unwrap_or("row");
        write!(f, "{table} {key:?} {column}: expected {expected}, found {found}")
    }
}

/// Where `found` differs from `expected`. Both stand in the order of their keys, and may be any
/// part of the table as long as it is the same part.
pub fn diff<'a>(
    schema: &Schema,
    expected: impl IntoIterator<Item = (&'a Key, &'a Row)>,
    found: impl IntoIterator<Item = (Key, Row)>,
) -> Vec<Difference> {
    let (mut expected, mut found) = (expected.into_iter().peekable(), found.into_iter().peekable());
    let mut differences = vec![];
    loop {
        let order = match (expected.peek(), found.peek()) {
            (None, None) => return differences,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((ours, _)), Some((theirs, _))) => (*ours).cmp(theirs),
        };
        let must = if order.is_le() { expected.next() } else { None };
        let is = if order.is_ge() { found.next() } else { None };
        match (must, is) {
            (Some((key, must)), Some((_, is))) => cells(schema, key, must, &is, &mut differences),
            (Some((key, _)), None) => differences.push(row(schema, key, "a row", "none")),
            (None, Some((key, _))) => differences.push(row(schema, &key, "none", "a row")),
            (None, None) => {}
        }
    }
}

fn row(schema: &Schema, key: &Key, expected: &str, found: &str) -> Difference {
    let (expected, found) = (expected.to_owned(), found.to_owned());
    Difference { table: schema.name, key: key.clone(), column: None, expected, found }
}

fn cells(schema: &Schema, key: &Key, must: &[Cell], is: &[Cell], into: &mut Vec<Difference>) {
    let pairs = schema.columns.iter().zip(must.iter().zip(is));
    into.extend(pairs.filter(|(_, (must, is))| must != is).map(|(column, (must, is))| {
        Difference {
            table: schema.name,
            key: key.clone(),
            column: Some(column.name),
            expected: must.to_string(),
            found: is.to_string(),
        }
    }));
}

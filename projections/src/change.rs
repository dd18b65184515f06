//! What one event changes in one row.

use std::fmt;

use crate::{
    schema::{Kind, Schema},
    value::Value,
    wide::{self, Sum},
};

/// Names a row of a table.
pub type Key = Vec<Value>;

/// A cell, or what changes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// The last value; none while nobody said one.
    Last(Option<Value>),
    /// The sum.
    Sum(Sum),
    /// All that was said, one behind the other.
    Joined(String),
}

impl Cell {
    /// What stands in a row before anything is said.
    pub const fn blank(kind: Kind) -> Self {
        match kind {
            Kind::Last(_) | Kind::Latest(_) => Self::Last(None),
            Kind::Sum | Kind::Wide => Self::Sum(Sum::ZERO),
            Kind::Joined => Self::Joined(String::new()),
        }
    }

    /// Whether it says nothing, or changes nothing.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Last(value) => value.is_none(),
            Self::Sum(sum) => sum.get() == 0,
            Self::Joined(text) => text.is_empty(),
        }
    }

    pub(crate) fn fold(&mut self, kind: Kind, change: Self) {
        match (self, change) {
            (Self::Last(value), Self::Last(later)) if matches!(kind, Kind::Latest(_)) => {
                *value = later;
            }
            (Self::Last(value), Self::Last(Some(later))) => *value = Some(later),
            (Self::Sum(sum), Self::Sum(delta)) => {
                let total = sum.get().saturating_add(delta.get());
                let bound = kind == Kind::Sum;
                *sum = if bound { wide::saturate(total).into() } else { total.into() };
            }
            (Self::Joined(text), Self::Joined(more)) => {
                if text.is_empty() {
                    *text = more;
                } else {
                    text.push_str(&more);
                }
            }
            (
                Self::Last(_) | Self::Sum(_) | Self::Joined(_),
                Self::Last(_) | Self::Sum(_) | Self::Joined(_),
            ) => {}
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(None) => f.write_str("null"),
            Self::Last(Some(value)) => value.fmt(f),
            Self::Sum(sum) => sum.get().fmt(f),
            Self::Joined(text) => f.write_str(text),
        }
    }
}

/// What is added in which column.
pub(crate) type Delta = (usize, i64);

/// How many cells are often said after the first ones.
const MORE: usize = 6;

/// What one event changes in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which table.
    pub table: &'static Schema,
    /// Which row; it comes to be with its first change.
    pub key: Key,
    /// Which columns, and how.
    pub cells: Vec<(usize, Cell)>,
}

impl Change {
    pub(crate) fn of(table: &'static Schema, key: Key, cells: usize) -> Self {
        Self { table, key, cells: Vec::with_capacity(cells.saturating_add(MORE)) }
    }

    pub(crate) fn set(mut self, column: usize, value: impl Into<Value>) -> Self {
        self.cells.push((column, Cell::Last(Some(value.into()))));
        self
    }

    pub(crate) fn may(self, column: usize, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }

    /// Says what there is now, be it nothing: for columns of [`Kind::Latest`].
    pub(crate) fn now(mut self, column: usize, value: Option<impl Into<Value>>) -> Self {
        self.cells.push((column, Cell::Last(value.map(Into::into))));
        self
    }

    pub(crate) fn join(mut self, column: usize, text: String) -> Self {
        self.cells.push((column, Cell::Joined(text)));
        self
    }

    pub(crate) fn add(mut self, column: usize, delta: impl Into<Sum>) -> Self {
        self.cells.push((column, Cell::Sum(delta.into())));
        self
    }

    /// Adds in a row that has its place already.
    pub(crate) fn also(&mut self, deltas: &[Delta]) {
        self.cells
            .extend(deltas.iter().map(|(column, delta)| (*column, Cell::Sum((*delta).into()))));
    }

    pub(crate) fn is_in(&self, table: &Schema) -> bool {
        self.table.index == table.index
    }
}

/// Writes a change: `change!(TABLE [key, …] { set column: value, may column: option, now column: option,
/// add … })`, or goes on writing one: `change!(TABLE row { … })`. Columns are checked by the compiler.
macro_rules! change {
    ($table:ident [$($key:expr),+ $(,)?] {
        $($verb:ident $column:ident: $value:expr),* $(,)?
    }) => {{
        let key = vec![$($crate::value::Value::from($key)),+];
        let cells = const { <[&str]>::len(&[$(stringify!($column)),*]) };
        let row = $crate::change::Change::of($table, key, cells);
        $crate::change::change!($table row { $($verb $column: $value),* })
    }};
    ($table:ident $row:ident { $($verb:ident $column:ident: $value:expr),* $(,)? }) => {
        $row$(.$verb(const { $table.at(stringify!($column)) }, $value))*
    };
}
pub(crate) use change;

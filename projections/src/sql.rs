//! The SQL words of a schema, as SQLite reads them.

use std::fmt::Write as _;

use crate::{
    schema::{Breadth, Schema, Stored, Type},
    wide,
};

const fn type_of(kind: Type) -> &'static str {
    match kind {
        Type::Integer => "INTEGER",
        Type::Text => "TEXT",
    }
}

impl Stored {
    /// Its name in SQL.
    pub fn name(self) -> String {
        match self {
            Self::Key(name, _)
            | Self::Last(name, _)
            | Self::Latest(name, _)
            | Self::Sum(name)
            | Self::Low(name)
            | Self::Joined(name) => name.to_owned(),
            Self::Over(name) => format!("{name}_over"),
        }
    }

    fn definition(self) -> String {
        let name = self.name();
        match self {
            Self::Key(_, kind) => format!("{name} {} NOT NULL", type_of(kind)),
            Self::Last(_, kind) | Self::Latest(_, kind) => format!("{name} {}", type_of(kind)),
            Self::Sum(_) | Self::Low(_) | Self::Over(_) => {
                format!("{name} INTEGER NOT NULL DEFAULT 0")
            }
            Self::Joined(_) => format!("{name} TEXT NOT NULL"),
        }
    }

    /// How a change of it is taken in; none for the key, and for a low part's carry.
    fn taken_in(self) -> Option<String> {
        let name = self.name();
        let (bits, mask, max) = (wide::BITS, wide::LOW_MAX, i64::MAX);
        match self {
            Self::Key(..) => None,
            Self::Last(..) => Some(format!("{name}=coalesce(excluded.{name},t.{name})")),
            Self::Latest(..) => Some(format!("{name}=excluded.{name}")),
            Self::Sum(_) => Some(format!("{name}=min({max},max(-{max},t.{name}+excluded.{name}))")),
            Self::Joined(_) => Some(format!("{name}=t.{name}||excluded.{name}")),
            Self::Low(_) => Some(format!("{name}=(t.{name}+excluded.{name})&{mask}")),
            Self::Over(low) => {
                Some(format!("{name}=t.{name}+excluded.{name}+((t.{low}+excluded.{low})>>{bits})"))
            }
        }
    }
}

impl Schema {
    fn names(&self, breadth: Breadth) -> String {
        self.written(breadth).map(Stored::name).collect::<Vec<_>>().join(",")
    }

    fn key_names(&self) -> String {
        self.key.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",")
    }

    /// Makes the table.
    pub fn create(&self) -> String {
        let columns: Vec<_> = self.stored().map(Stored::definition).collect();
        let (name, columns, key) = (self.name, columns.join(", "), self.key_names());
        let order = if self.layout.grows { "" } else { ", WITHOUT ROWID" };
        format!("CREATE TABLE {name} ({columns}, PRIMARY KEY ({key})) STRICT{order}")
    }

    /// Makes the further orders.
    pub fn create_indexes(&self) -> impl Iterator<Item = String> {
        let table = self.name;
        self.indexes.iter().map(move |(name, on)| format!("CREATE INDEX {name} ON {table} {on}"))
    }

    /// Takes in the changes of so many rows, each bound in the order of [`Schema::written`].
    ///
    /// `OR FAIL`: whoever writes throws everything away when anything fails, so SQLite need not keep
    /// each page aside as it was before the statement.
    pub fn upsert(&self, rows: usize, breadth: Breadth) -> String {
        let row = format!("({})", vec!["?"; self.written(breadth).count()].join(","));
        let rows = vec![row; rows].join(",");
        let taken_in: Vec<_> = self.written(breadth).filter_map(Stored::taken_in).collect();
        let (table, names, key) = (self.name, self.names(breadth), self.key_names());
        let taken_in = taken_in.join(",");
        format!(
            "INSERT OR FAIL INTO {table} AS t ({names}) VALUES {rows} \
             ON CONFLICT ({key}) DO UPDATE SET {taken_in}"
        )
    }

    /// Reads whole rows; what follows `FROM table` is the caller's.
    pub fn select(&self, rest: &str) -> String {
        format!("SELECT {} FROM {} {rest}", self.names(Breadth::Whole), self.name)
    }

    /// Reads a page of rows in the order of their keys: bind the last key, then the limit. Without a
    /// last key, the first page.
    pub fn page(&self, after: bool) -> String {
        let key = self.key_names();
        let marks = vec!["?"; self.key.len()].join(",");
        let after = if after { format!("WHERE ({key}) > ({marks})") } else { String::new() };
        self.select(&format!("{after} ORDER BY {key} LIMIT ?"))
    }

    /// Everything about it that another release could do otherwise, as text.
    pub fn canonical(&self) -> String {
        let mut text = self.create();
        for index in self.create_indexes() {
            let _ = write!(text, ";{index}");
        }
        for breadth in self.breadths() {
            let _ = write!(text, ";{}", self.upsert(1, breadth));
        }
        text
    }
}

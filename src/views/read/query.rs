//! One list: conditions, an order by key, a page of it.

use std::sync::Arc;

use piperoll_projections::value::{Text, Value};
#[cfg(test)]
use sqlx::Row as _;
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use super::{Cursor, Error, Page, PageRequest, Snapshot};

/// Which way a list runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// The smallest key first.
    #[default]
    Up,
    /// The largest key first.
    Down,
}

/// A query that is being put together. The words are ours, the values always bound.
pub(super) struct Query {
    words: QueryBuilder<Sqlite>,
    conditions: u32,
}

impl Query {
    pub(super) fn over(select: &'static str) -> Self {
        Self { words: QueryBuilder::new(select), conditions: 0 }
    }

    /// Only rows where `words`, then the value, hold: `tenant =`, `requested_at <`.
    pub(super) fn only(&mut self, words: &'static str, value: impl Into<Value>) -> &mut Self {
        self.and().push(words).push(" ");
        self.bind(value.into());
        self
    }

    /// Only rows where `words` hold.
    pub(super) fn only_where(&mut self, words: &'static str) -> &mut Self {
        self.and().push(words);
        self
    }

    pub(super) fn words(&mut self, words: &'static str) -> &mut Self {
        self.words.push(words);
        self
    }

    pub(super) fn value(&mut self, value: impl Into<Value>) -> &mut Self {
        self.bind(value.into());
        self
    }

    fn and(&mut self) -> &mut QueryBuilder<Sqlite> {
        self.words.push(if self.conditions == 0 { " WHERE " } else { " AND " });
        self.conditions = self.conditions.saturating_add(1);
        &mut self.words
    }

    fn bind(&mut self, value: Value) {
        match value {
            Value::Integer(number) => self.words.push_bind(number),
            Value::Text(Text::Word(text)) => self.words.push_bind(text),
            Value::Text(Text::Shared(text)) => self.words.push_bind(Arc::<str>::from(text)),
        };
    }

    pub(super) async fn all(mut self, snapshot: &mut Snapshot) -> Result<Vec<SqliteRow>, Error> {
        let rows = self.words.build().fetch_all(&mut *snapshot.transaction).await;
        rows.map_err(Error::Read)
    }

    pub(super) async fn one(mut self, snapshot: &mut Snapshot) -> Result<Option<SqliteRow>, Error> {
        let row = self.words.build().fetch_optional(&mut *snapshot.transaction).await;
        row.map_err(Error::Read)
    }
}

/// How a list is ordered: by which columns, which of them are numbers, which way.
pub(super) struct Order {
    pub(super) list: &'static str,
    pub(super) columns: &'static [(&'static str, bool)],
    pub(super) direction: Direction,
}

impl Order {
    /// One page of a query.
    pub(super) async fn page<T>(
        &self,
        mut query: Query,
        request: &PageRequest,
        snapshot: &mut Snapshot,
        read: impl Fn(&SqliteRow) -> Result<(T, Vec<Value>), sqlx::Error>,
    ) -> Result<Page<T>, Error> {
        if let Some(cursor) = &request.after {
            let shape: Vec<_> = self.columns.iter().map(|(_, number)| *number).collect();
            self.behind(&mut query, cursor.key(self.list, &shape)?);
        }
        let limit = request.limit();
        self.ordered(&mut query, limit);
        let rows = query.all(snapshot).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        let read = rows.iter().take(limit).map(read).collect::<Result<Vec<_>, _>>();
        let mut read = read.map_err(Error::Read)?;
        let last = read.last_mut().filter(|_| more).map(|(_, key)| std::mem::take(key));
        let next = last.map(|key| Cursor::behind(self.list, &key));
        Ok(Page { items: read.into_iter().map(|(item, _)| item).collect(), next })
    }

    fn behind(&self, query: &mut Query, key: Vec<Value>) {
        query.and().push("(");
        self.names(query, "");
        let down = self.direction == Direction::Down;
        query.words.push(if down { ") < (" } else { ") > (" });
        for (index, value) in key.into_iter().enumerate() {
            query.words.push(if index == 0 { "" } else { ", " });
            query.bind(value);
        }
        query.words.push(")");
    }

    /// One row more than wanted tells whether there is another page.
    fn ordered(&self, query: &mut Query, limit: u32) {
        query.words.push(" ORDER BY ");
        self.names(query, if self.direction == Direction::Down { " DESC" } else { "" });
        query.words.push(" LIMIT ").push_bind(i64::from(limit).saturating_add(1));
    }

    fn names(&self, query: &mut Query, suffix: &'static str) {
        for (index, (name, _)) in self.columns.iter().enumerate() {
            query.words.push(if index == 0 { "" } else { ", " }).push(*name).push(suffix);
        }
    }
}

#[cfg(test)]
impl Order {
    /// How SQLite looks for the page behind a key, a line a table.
    pub(super) async fn plan(
        &self,
        mut query: Query,
        behind: Vec<Value>,
        snapshot: &mut Snapshot,
    ) -> Vec<String> {
        self.behind(&mut query, behind);
        self.ordered(&mut query, 100);
        let words = format!("EXPLAIN QUERY PLAN {}", query.words.sql().as_str());
        let asked = sqlx::query(sqlx::AssertSqlSafe(words));
        let rows = asked.fetch_all(&mut *snapshot.transaction).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }
}

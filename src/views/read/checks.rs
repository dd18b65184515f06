//! What operators and auditors ask: counts, broken lots, every row in order, where a time stands.

use piperoll_domain::time::Time;
use piperoll_projections::{
    SCHEMAS,
    change::Key,
    schema::{Schema, Stored, Type},
    tables::{Row, restored},
    value::Value,
};
use sqlx::{
    AssertSqlSafe, Row as _,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{Error, Snapshot, query::Query, rows::row};
use crate::{
    roll::shape,
    views::store::{bind, definitions},
};

/// What stands in gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pending payments that were asked for before the threshold.
    pub pending_over: u64,
    /// When the oldest pending payment was asked for.
    pub oldest_pending: Option<Time>,
    /// Open reviews.
    pub reviews_open: u64,
    /// Receipts that still look for their payment.
    pub receipts_parked: u64,
}

/// A row of any table.
pub type TableRow = (Key, Row);

row! {
    /// What wrote the roll, and since when.
    #[derive(serde::Serialize)]
    Step {
        /// The position where it began.
        id: i64,
        /// Its name.
        name: String,
        /// What it is: the roll's format, a release, a feature.
        kind: String,
        /// Since when, in UTC.
        applied_at: String,
    }
}

/// Where a time stands: the event sought is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The last event known to have been recorded by then; 0 if there was none.
    pub from: u64,
    /// The last event that may have been recorded by then.
    pub to: u64,
}

impl Snapshot {
    /// The gauges; `threshold` is the time before which a pending payment is an old one.
    pub async fn counts(&mut self, threshold: Time) -> Result<Counts, Error> {
        let mut query = Query::over("SELECT (SELECT count(*) FROM payments");
        query
            .only_where("status IN ('requested', 'unknown', 'pending')")
            .only_where("status = 'pending'")
            .only("requested_at <", threshold)
            .words(
                ") AS pending_over, (SELECT min(requested_at) FROM payments \
                 WHERE status IN ('requested', 'unknown', 'pending') AND status = 'pending') \
                 AS oldest_pending, (SELECT count(*) FROM reviews WHERE state = 'open') \
                 AS reviews_open, (SELECT count(*) FROM receipts WHERE led_to = 'parked') \
                 AS receipts_parked",
            );
        let Some(row) = query.one(self).await? else { return Ok(Counts::default()) };
        let oldest: Option<i64> = row.try_get("oldest_pending").map_err(Error::Read)?;
        Ok(Counts {
            pending_over: count(&row, "pending_over")?,
            oldest_pending: oldest.map(Time::from_micros),
            reviews_open: count(&row, "reviews_open")?,
            receipts_parked: count(&row, "receipts_parked")?,
        })
    }

    /// How many lots break available + reserved + consumed + expired = minted.
    pub async fn lot_violations(&mut self) -> Result<u64, Error> {
        let query = Query::over("SELECT count(*) AS n FROM lot_invariant");
        query.one(self).await?.map_or(Ok(0), |row| count(&row, "n"))
    }

    /// How many names of provider events stand in more than one receipt; 0 unless history is broken.
    pub async fn provider_events_doubled(&mut self) -> Result<u64, Error> {
        let query = Query::over("SELECT count(*) AS n FROM payment_provider_events_doubled");
        query.one(self).await?.map_or(Ok(0), |row| count(&row, "n"))
    }

    /// What wrote the roll, the latest first.
    pub async fn steps(&mut self) -> Result<Vec<Step>, Error> {
        let mut query = Query::over(Step::SELECT);
        query.words(" FROM migrations ORDER BY applied_at DESC, id DESC");
        let rows = query.all(self).await?;
        rows.iter().map(Step::read).collect::<Result<_, _>>().map_err(Error::Read)
    }

    /// How many rows each table has.
    pub async fn row_counts(&mut self) -> Result<Vec<(&'static str, u64)>, Error> {
        let mut counts = vec![];
        for schema in SCHEMAS {
            let sql = format!("SELECT count(*) AS n FROM {}", schema.name);
            let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *self.transaction).await;
            counts.push((schema.name, count(&row.map_err(Error::Read)?, "n")?));
        }
        Ok(counts)
    }

    /// So many rows of a table behind a key, in the order of their keys: with the last one's key, the
    /// next ones, until there are none.
    pub async fn rows_behind(
        &mut self,
        schema: &'static Schema,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Vec<TableRow>, Error> {
        let mut arguments = SqliteArguments::default();
        for value in after.into_iter().flatten() {
            bind(&mut arguments, Some(value.clone())).map_err(Error::Read)?;
        }
        bind(&mut arguments, Some(limit.into())).map_err(Error::Read)?;
        let sql = AssertSqlSafe(schema.page(after.is_some()));
        let rows = sqlx::query_with(sql, arguments).fetch_all(&mut *self.transaction).await;
        rows.map_err(Error::Read)?.iter().map(|row| whole(schema, row)).collect()
    }

    /// Checks the file's own structure, and that every further order holds just the rows; else what
    /// SQLite finds first.
    pub async fn storage_finding(&mut self) -> Result<Option<String>, Error> {
        let finding: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(Error::Read)?;
        Ok((finding != "ok").then_some(finding))
    }

    /// What the file defines otherwise than this release does; none if nothing.
    pub async fn shape_finding(&mut self) -> Result<Option<String>, Error> {
        let expected = definitions().await.map_err(Error::Read)?;
        let found = shape::definitions(&mut *self.transaction).await.map_err(Error::Read)?;
        Ok(shape::difference(&expected, &found))
    }

    /// Where `time` stands, by the rows that tell times: read those events of the roll to know exactly.
    pub async fn moment(&mut self, time: Time) -> Result<Tail, Error> {
        let start = self.era(time).await?;
        // A clock that was set tells where it began to count anew, not when the next event came.
        let mut below = Query::over("SELECT max(position) AS n FROM moments");
        below.only_where("(era IS NULL OR position = 1)").only("recorded_at <=", time);
        let from = below.one(self).await?.map_or(Ok(0), |row| count(&row, "n"))?;
        let mut above = Query::over("SELECT min(position) AS n FROM moments");
        above.only("position >", from.max(start));
        let next = above.one(self).await?.map_or(Ok(0), |row| count(&row, "n"))?;
        let last = if next == 0 { self.mark().position } else { next.saturating_sub(1) };
        let none = start == 0;
        Ok(if none { Tail { from: 0, to: 0 } } else { Tail { from, to: last } })
    }

    /// From where on times can be compared with `time`; 0 if the roll began after it.
    pub(super) async fn era(&mut self, time: Time) -> Result<u64, Error> {
        let mut query = Query::over("SELECT max(position) AS n FROM moments");
        query.only_where("era = 1").only("recorded_at <=", time);
        query.one(self).await?.map_or(Ok(0), |row| count(&row, "n"))
    }
}

fn count(row: &SqliteRow, column: &str) -> Result<u64, Error> {
    let number: Option<i64> = row.try_get(column).map_err(Error::Read)?;
    Ok(u64::try_from(number.unwrap_or(0)).unwrap_or(0))
}

fn whole(schema: &'static Schema, row: &SqliteRow) -> Result<TableRow, Error> {
    let cell = |(index, stored): (usize, Stored)| match stored {
        Stored::Key(_, Type::Text)
        | Stored::Last(_, Type::Text)
        | Stored::Latest(_, Type::Text)
        | Stored::Joined(_) => Ok(row.try_get::<Option<String>, _>(index)?.map(Value::from)),
        Stored::Key(_, Type::Integer)
        | Stored::Last(_, Type::Integer)
        | Stored::Latest(_, Type::Integer)
        | Stored::Sum(_)
        | Stored::Low(_)
        | Stored::Over(_) => Ok(row.try_get::<Option<i64>, _>(index)?.map(Value::from)),
    };
    let cells = schema.stored().enumerate().map(cell).collect::<Result<Vec<_>, sqlx::Error>>();
    restored(schema, cells.map_err(Error::Read)?).ok_or(Error::Shape(schema.name))
}

//! An account's entries, found by walking back from one event of the account to the one before.

use std::collections::BTreeMap;

use piperoll_domain::id::{AccountId, TenantId};
use piperoll_projections::{credit::STEP, value::Value};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    Entry, Error, Held, Snapshot,
    bound::{Bound, unsigned},
    query::Query,
    rows::wide,
};

/// How many events are walked at once.
const EVENTS_AT_ONCE: usize = 256;

/// A place among entries: a position and a leg.
pub(super) type Place = (i64, i64);

/// The place in a cursor's key.
pub(super) fn place(key: &[Value]) -> Option<Place> {
    match key {
        [_, _, Value::Integer(position), Value::Integer(leg)] => Some((*position, *leg)),
        _ => None,
    }
}

/// Whose entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) account: &'a AccountId,
}

/// Some events of a walk: their entries in order, and where it goes on.
struct Stretch {
    entries: Vec<Entry>,
    next: u64,
}

impl Walk<'_> {
    /// Where the account's last movement stands; 0 for none.
    pub(super) async fn last(self, snapshot: &mut Snapshot) -> Result<u64, Error> {
        let mut query = Query::over("SELECT max(position) AS position FROM balances");
        query.only("tenant =", self.tenant).only("account =", self.account);
        let row = query.one(snapshot).await?;
        let position = row.map(|row| row.try_get::<Option<i64>, _>("position")).transpose();
        Ok(position.map_err(Error::Read)?.flatten().map_or(0, unsigned))
    }

    /// The ends of the account's first whole steps behind a position.
    pub(super) async fn marks_behind(
        self,
        snapshot: &mut Snapshot,
        position: u64,
        limit: u64,
    ) -> Result<Vec<u64>, Error> {
        let mut query = Query::over("SELECT position FROM entry_marks");
        query.only("tenant =", self.tenant).only("account =", self.account);
        query.only("position >", position).words(" ORDER BY position LIMIT ").value(limit);
        let rows = query.all(snapshot).await?;
        rows.iter().map(|row| Ok(unsigned(row.try_get("position").map_err(Error::Read)?))).collect()
    }

    /// The end of the account's last whole step up to a position, and which step that is.
    pub(super) async fn mark_before(
        self,
        snapshot: &mut Snapshot,
        position: u64,
    ) -> Result<Option<(u64, u64)>, Error> {
        let mut query = Query::over("SELECT position, step FROM entry_marks");
        query.only("tenant =", self.tenant).only("account =", self.account);
        query.only("position <=", position).words(" ORDER BY position DESC LIMIT 1");
        let read = |row: &SqliteRow| {
            Ok((unsigned(row.try_get("position")?), unsigned(row.try_get("step")?)))
        };
        query.one(snapshot).await?.as_ref().map(read).transpose().map_err(Error::Read)
    }

    /// An event from which a walk meets all up to a position: not far behind it, if there is any.
    pub(super) async fn start(self, snapshot: &mut Snapshot, position: u64) -> Result<u64, Error> {
        let behind = self.marks_behind(snapshot, position, 1).await?;
        match behind.first() {
            Some(mark) => Ok(*mark),
            None => self.last(snapshot).await,
        }
    }

    /// Events of the account from one at `from` back to `stop`, which is not among them.
    async fn back(
        self,
        snapshot: &mut Snapshot,
        from: u64,
        stop: u64,
        events: usize,
    ) -> Result<Stretch, Error> {
        // A cursor can name any position: the first must be the account's own, and each leads only
        // to another of its own.
        let mut query = Query::over(
            "WITH RECURSIVE walk(at, before) AS (SELECT position, previous FROM entries",
        );
        query.only_where("leg = 0").only("position =", from);
        query.only("tenant =", self.tenant).only("account =", self.account).words(
            " UNION ALL SELECT e.position, e.previous FROM walk CROSS JOIN entries AS e \
             WHERE e.position = walk.before AND e.leg = 0 AND walk.before > ",
        );
        query.value(stop).words(" LIMIT ").value(u64::try_from(events).unwrap_or(u64::MAX));
        query.words(") ").words(Entry::SELECT).words(
            ", previous FROM walk CROSS JOIN entries WHERE position = walk.at \
             ORDER BY position, leg",
        );
        let rows = query.all(snapshot).await?;
        let next = rows.first().map(|row| row.try_get("previous")).transpose();
        let next = unsigned(next.map_err(Error::Read)?.unwrap_or(0));
        // An event that moved nothing is a step of the walk, and no entry.
        let is_entry =
            |row: &&SqliteRow| !matches!(row.try_get::<Option<&str>, _>("kind"), Ok(None));
        let entries = rows.iter().filter(is_entry).map(Entry::read).collect::<Result<_, _>>();
        Ok(Stretch { entries: entries.map_err(Error::Read)?, next })
    }

    /// So many entries before a place, the latest first.
    pub(super) async fn down(
        self,
        snapshot: &mut Snapshot,
        before: Option<Place>,
        wanted: usize,
    ) -> Result<Vec<Entry>, Error> {
        let mut from = match before {
            Some((position, _)) => unsigned(position),
            None => self.last(snapshot).await?,
        };
        let mut found = vec![];
        while from > 0 && found.len() < wanted {
            let events = wanted.saturating_sub(found.len()).saturating_add(1);
            let stretch = self.back(snapshot, from, 0, events.min(EVENTS_AT_ONCE)).await?;
            let earlier = |entry: &Entry| before.is_none_or(|place| entry.place() < place);
            found.extend(stretch.entries.into_iter().rev().filter(earlier));
            from = stretch.next;
        }
        found.truncate(wanted);
        Ok(found)
    }

    /// So many entries behind a place, the earliest first.
    pub(super) async fn up(
        self,
        snapshot: &mut Snapshot,
        behind: Option<Place>,
        wanted: usize,
    ) -> Result<Vec<Entry>, Error> {
        let behind = behind.unwrap_or((0, i64::MAX));
        let mut found = vec![];
        // Legs of the same event may lie behind the place too.
        let mut stop = unsigned(behind.0).saturating_sub(1);
        let end = self.last(snapshot).await?;
        while stop < end && found.len() < wanted {
            let events = wanted.saturating_sub(found.len());
            let steps = u64::try_from(events).unwrap_or(u64::MAX) / STEP + 2;
            let marks = self.marks_behind(snapshot, stop, steps).await?;
            let full = u64::try_from(marks.len()).is_ok_and(|count| count == steps);
            let start = marks.last().copied().filter(|_| full).unwrap_or(end);
            let some = self.between(snapshot, start, stop).await?;
            found.extend(some.into_iter().filter(|entry| entry.place() > behind));
            stop = start;
        }
        found.truncate(wanted);
        Ok(found)
    }

    /// All entries from an event back to `stop`, which is not among them; the earliest first.
    async fn between(
        self,
        snapshot: &mut Snapshot,
        mut from: u64,
        stop: u64,
    ) -> Result<Vec<Entry>, Error> {
        let mut stretches = vec![];
        while from > stop {
            let stretch = self.back(snapshot, from, stop, EVENTS_AT_ONCE).await?;
            from = stretch.next;
            stretches.push(stretch.entries);
        }
        Ok(stretches.into_iter().rev().flatten().collect())
    }

    /// Adds up the entries that count, from an event back to `stop`, which is not among them.
    pub(super) async fn add_up(
        self,
        snapshot: &mut Snapshot,
        from: u64,
        stop: u64,
        bound: Bound,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        for entry in self.between(snapshot, from, stop).await? {
            if bound.holds(entry.position, entry.recorded_at) {
                let Entry { commodity, pool, kind, amount, .. } = entry;
                sums.entry((commodity, pool)).or_default().take(&kind, amount.into())?;
            }
        }
        Ok(())
    }

    /// Adds up whole steps, from the second one up to and with `last`.
    pub(super) async fn add_steps(
        self,
        snapshot: &mut Snapshot,
        last: u64,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let mut query =
            Query::over("SELECT commodity, pool, kind, amount, amount_over FROM entry_sums");
        query.only("tenant =", self.tenant).only("account =", self.account);
        query.only("step <=", last);
        for row in query.all(snapshot).await? {
            let sum = wide(&row, "amount", "amount_over").map_err(Error::Read)?;
            let word = |column| row.try_get::<String, _>(column).map_err(Error::Read);
            let held = sums.entry((word("commodity")?, word("pool")?)).or_default();
            held.take(&word("kind")?, sum)?;
        }
        Ok(())
    }
}

/// What accounts hold, by commodity and pool.
pub(super) type Sums = BTreeMap<(String, String), Held>;

impl Entry {
    const fn place(&self) -> Place {
        (self.position, self.leg)
    }
}

//! The general ledger: the journal, the trial balance, and the sweeps.

use std::{borrow::Cow, collections::BTreeMap};

use piperoll_domain::{chart::Chart, id::TenantId};
use piperoll_projections::{
    journal::{Entry, PAGE},
    runbook_views::class_word,
    value::Value,
};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    AsOf, Cursor, Error, Page, PageRequest, Snapshot,
    bound::unsigned,
    query::Query,
    rows::{halves, row, wide},
};

/// Under what name cursors of the journal go.
const JOURNAL_LIST: &str = "journal";
/// How many rows of the journal are read at once.
const PAGES_AT_ONCE: u32 = 16;

/// What one event posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// In whose books.
    pub tenant: String,
    /// Which event.
    pub position: i64,
    /// The event's wire name.
    pub event: String,
    /// Its legs; they sum to zero for each commodity.
    pub legs: Vec<Leg>,
    /// When it was recorded.
    pub recorded_at: i64,
    /// When it happened outside.
    pub effective_at: Option<i64>,
    /// What it belongs to.
    pub correlation: String,
}

/// One leg of a journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The account's number.
    pub account: u16,
    /// The account's name.
    pub name: &'static str,
    /// Whose part of it.
    pub holder: String,
    /// In what.
    pub commodity: String,
    /// A debit, or a credit with a minus.
    pub amount: i64,
}

/// What an account of the chart adds up to, for one holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialLine {
    /// In whose books.
    pub tenant: String,
    /// The account's number.
    pub account: u16,
    /// The account's name.
    pub name: &'static str,
    /// `asset`, `liability`, `income`, `expense` or `memo`.
    pub class: &'static str,
    /// Whose part of it; empty for credit, whose holders are accounts.
    pub holder: String,
    /// In what.
    pub commodity: String,
    /// All debits.
    pub debit: i128,
    /// All credits.
    pub credit: i128,
}

row! {
    /// A sweep over stale payments.
    Run {
        /// The event that tells of it.
        position: i64,
        /// When it began.
        started_at: i64,
        /// When it ended.
        finished_at: i64,
        /// How many payments it asked about.
        checked: i64,
        /// How many it found paid.
        paid: i64,
        /// How many it found expired.
        expired: i64,
        /// How many it found failed.
        failed: i64,
        /// How many questions got no answer.
        errors: i64,
    }
}

fn account(number: u16) -> (&'static str, &'static str) {
    let own = Chart::TABLE.into_iter().find(|row| row.1 == number);
    own.map_or(("", ""), |(account, _, name, _)| (name, class_word(account)))
}

impl Snapshot {
    /// A page of a tenant's journal, the oldest entry first; only entries behind `behind`, if given.
    pub async fn journal(
        &mut self,
        tenant: &TenantId,
        behind: u64,
        until: AsOf,
        page: &PageRequest,
    ) -> Result<Page<JournalEntry>, Error> {
        let mut behind = behind;
        if let Some(cursor) = &page.after {
            let key = cursor.key(JOURNAL_LIST, &[false, true])?;
            behind = behind.max(key.get(1).map_or(0, number));
        }
        let until = self.bound(until).await?;
        let wanted = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let (mut items, mut from) = (vec![], behind / PAGE);
        while items.len() <= wanted && until.may_hold(from.saturating_mul(PAGE)) {
            let mut query = Query::over("SELECT page, entries FROM journal_pages");
            query.only("tenant =", tenant).only("page >=", from);
            query.words(" ORDER BY page LIMIT ").value(PAGES_AT_ONCE);
            let rows = query.all(self).await?;
            let Some(last) = rows.last() else { break };
            from = last.try_get::<i64, _>("page").map(unsigned).map_err(Error::Read)? + 1;
            for row in &rows {
                JournalEntry::read(tenant, row, &mut items).map_err(Error::Read)?;
            }
            items.retain(|entry: &JournalEntry| {
                unsigned(entry.position) > behind && until.holds(entry.position, entry.recorded_at)
            });
        }
        let more = items.len() > wanted;
        items.truncate(wanted);
        let last = items.last().filter(|_| more);
        let next = last.map(|last| {
            Cursor::behind(JOURNAL_LIST, &[(&last.tenant).into(), last.position.into()])
        });
        Ok(Page { items, next })
    }

    /// The trial balance: debits and credits of each commodity are equal. Of everybody's books
    /// without a tenant. As of now it is read; as of another moment it is added up from the journal.
    pub async fn trial_balance(
        &mut self,
        tenant: Option<&TenantId>,
        as_of: AsOf,
    ) -> Result<Vec<TrialLine>, Error> {
        match as_of {
            AsOf::Now => self.trial_balance_now(tenant).await,
            AsOf::Position(_) | AsOf::Time(_) => self.trial_balance_then(tenant, as_of).await,
        }
    }

    async fn trial_balance_now(
        &mut self,
        tenant: Option<&TenantId>,
    ) -> Result<Vec<TrialLine>, Error> {
        let mut query = Query::over("SELECT * FROM ledger");
        if let Some(tenant) = tenant {
            query.only("tenant =", tenant);
        }
        query.words(" ORDER BY tenant, account, holder, commodity");
        let rows = query.all(self).await?;
        let read = |row: &_| {
            let (debit, credit) =
                (wide(row, "debit", "debit_over")?, wide(row, "credit", "credit_over")?);
            TrialLine::read(row, debit, credit)
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::Read)
    }

    async fn trial_balance_then(
        &mut self,
        tenant: Option<&TenantId>,
        as_of: AsOf,
    ) -> Result<Vec<TrialLine>, Error> {
        // Memo accounts of credit stand as one, as they do in the table that is read for now.
        let mut query = Query::over(
            "SELECT tenant, account, iif(account IN (9200, 9250), '', holder) AS holder, commodity, \
             amount < 0 AS credits, sum(amount >> 32) AS high, sum(amount & 4294967295) AS low \
             FROM journal",
        );
        if let Some(tenant) = tenant {
            query.only("tenant =", tenant);
        }
        self.until(&mut query, as_of).await?;
        query.words(" GROUP BY 1, 2, 3, 4, 5");
        let mut lines = BTreeMap::new();
        for row in query.all(self).await? {
            let sum = halves(&row, "high", "low").map_err(Error::Read)?;
            let line = TrialLine::read(&row, 0, 0).map_err(Error::Read)?;
            let key =
                (line.tenant.clone(), line.account, line.holder.clone(), line.commodity.clone());
            let line = lines.entry(key).or_insert(line);
            let credits: bool = row.try_get("credits").map_err(Error::Read)?;
            if credits {
                line.credit = 0_i128.saturating_sub(sum);
            } else {
                line.debit = sum;
            }
        }
        Ok(lines.into_values().collect())
    }

    /// The latest sweeps, the latest first.
    pub async fn reconciliation_runs(&mut self, limit: u32) -> Result<Vec<Run>, Error> {
        let mut query = Query::over(Run::SELECT);
        query.words(" FROM reconciliation_runs ORDER BY position DESC LIMIT ").value(limit);
        let rows = query.all(self).await?;
        rows.iter().map(Run::read).collect::<Result<_, _>>().map_err(Error::Read)
    }
}

impl TrialLine {
    fn read(row: &SqliteRow, debit: i128, credit: i128) -> Result<Self, sqlx::Error> {
        let number = u16::try_from(row.try_get::<i64, _>("account")?).unwrap_or(0);
        let (name, class) = account(number);
        Ok(Self {
            tenant: row.try_get("tenant")?,
            account: number,
            name,
            class,
            holder: row.try_get("holder")?,
            commodity: row.try_get("commodity")?,
            debit,
            credit,
        })
    }
}

impl JournalEntry {
    /// The entries in a row of the table.
    fn read(tenant: &TenantId, row: &SqliteRow, into: &mut Vec<Self>) -> Result<(), sqlx::Error> {
        let decode = |source| sqlx::Error::ColumnDecode { index: "entries".into(), source };
        for entry in Entry::read(row.try_get("entries")?) {
            let Entry(position, event, recorded_at, effective_at, correlation, legs) =
                entry.map_err(|error| decode(error.into()))?;
            let leg = |(number, holder, commodity, amount): (_, Cow<'_, str>, Cow<'_, str>, _)| {
                let (name, _) = account(number);
                let (holder, commodity) = (holder.into_owned(), commodity.into_owned());
                Leg { account: number, name, holder, commodity, amount }
            };
            into.push(Self {
                tenant: tenant.to_string(),
                position: i64::try_from(position).unwrap_or(i64::MAX),
                event: event.into_owned(),
                legs: legs.into_iter().map(leg).collect(),
                recorded_at,
                effective_at,
                correlation: correlation.into_owned(),
            });
        }
        Ok(())
    }
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Integer(number) => unsigned(*number),
        Value::Text(_) => 0,
    }
}

//! The general ledger: the journal, the trial balance, and the sweeps.

use std::collections::BTreeMap;

use piperoll_domain::{chart::Chart, id::TenantId};
use piperoll_projections::runbook_views::class_word;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    AsOf, Error, Page, PageRequest, Snapshot,
    query::{Direction, Order, Query},
    rows::{halves, row, wide},
};

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
        let mut query = Query::over("SELECT * FROM journal_entries");
        query.only("tenant =", tenant).only("position >", behind);
        self.until(&mut query, until).await?;
        let columns: &[(&str, bool)] = &[("tenant", false), ("position", true)];
        let order = Order { list: "journal", columns, direction: Direction::Up };
        let read = |row: &_| {
            let entry = JournalEntry::read(row)?;
            let key = vec![(&entry.tenant).into(), entry.position.into()];
            Ok((entry, key))
        };
        order.page(query, page, self, read).await
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
            "SELECT tenant, account, iif(account = 9200, '', holder) AS holder, commodity, \
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
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let legs: &str = row.try_get("legs")?;
        let decode = |source| sqlx::Error::ColumnDecode { index: "legs".into(), source };
        let legs: Vec<(u16, String, String, i64)> =
            serde_json::from_str(legs).map_err(|error| decode(error.into()))?;
        let leg = |(number, holder, commodity, amount)| {
            let (name, _) = account(number);
            Leg { account: number, name, holder, commodity, amount }
        };
        Ok(Self {
            tenant: row.try_get("tenant")?,
            position: row.try_get("position")?,
            event: row.try_get("event")?,
            legs: legs.into_iter().map(leg).collect(),
            recorded_at: row.try_get("recorded_at")?,
            effective_at: row.try_get("effective_at")?,
            correlation: row.try_get("correlation")?,
        })
    }
}

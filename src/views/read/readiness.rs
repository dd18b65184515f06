//! What an operator weighs before billing becomes stricter, out of a tenant's history.

use piperoll_domain::{id::TenantId, time::Time};
use piperoll_projections::reservations::HOUR;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{Error, Snapshot, query::Query};

/// What became of the reservations of some hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hours {
    /// Made.
    pub reserved: i64,
    /// Made, though credit was missing.
    pub short: i64,
    /// Charged just what was set aside.
    pub exact: i64,
    /// Charged less.
    pub under: i64,
    /// Charged more.
    pub over: i64,
    /// Given back.
    pub released: i64,
    /// Ended by nobody.
    pub expired: i64,
}

impl Hours {
    /// How many were charged.
    pub const fn charged(&self) -> i64 {
        self.exact.saturating_add(self.under).saturating_add(self.over)
    }

    /// How many ended.
    pub const fn ended(&self) -> i64 {
        self.charged().saturating_add(self.released).saturating_add(self.expired)
    }
}

/// A tenant's mode, and since when it has been that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeSince {
    /// Which.
    pub mode: String,
    /// Since when.
    pub since: Time,
}

/// What the rest of the runbook's checklist asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proofs {
    /// Payments that were asked for with a 402, and paid.
    pub challenges_paid: u64,
    /// Whether credit was ever taken back, or money given back.
    pub taken_back: bool,
    /// Accounts that owe something.
    pub accounts_in_debt: u64,
    /// Open reservations.
    pub pending: u64,
    /// Open reservations whose time is over.
    pub overdue: u64,
    /// Dead letters that will be tried again.
    pub letters_pending: u64,
    /// Dead letters that wait for a person.
    pub letters_for_review: u64,
}

/// What dead letters have in common.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pattern {
    /// Why they were refused.
    pub error_code: String,
    /// How many are not done.
    pub letters: u64,
}

impl Snapshot {
    /// A tenant's mode; none if there is no such tenant.
    pub async fn billing_mode(&mut self, tenant: &TenantId) -> Result<Option<ModeSince>, Error> {
        let mut query = Query::over(
            "SELECT now.mode, (SELECT min(c.changed_at) FROM billing_changes AS c \
             WHERE c.tenant = now.tenant AND c.version > coalesce((SELECT max(o.version) \
             FROM billing_changes AS o WHERE o.tenant = now.tenant AND o.mode <> now.mode), -1)) \
             AS since FROM billing AS now",
        );
        query.only("now.tenant =", tenant);
        let read = |row: &SqliteRow| {
            let since: Option<i64> = row.try_get("since")?;
            let since = Time::from_micros(since.unwrap_or(i64::MAX));
            Ok(ModeSince { mode: row.try_get("mode")?, since })
        };
        query.one(self).await?.as_ref().map(read).transpose().map_err(Error::Read)
    }

    /// What became of a tenant's reservations of a mode, in whole hours from `from` on.
    pub async fn metered(
        &mut self,
        tenant: &TenantId,
        mode: &'static str,
        from: Time,
    ) -> Result<Hours, Error> {
        let mut query = Query::over(
            "SELECT sum(reserved) AS reserved, sum(short) AS short, sum(exact) AS exact, \
             sum(under) AS under, sum(\"over\") AS \"over\", sum(released) AS released, \
             sum(expired) AS expired FROM metered_hours",
        );
        query.only("tenant =", tenant).only("mode =", mode.to_owned());
        query.only("hour >=", from.micros().div_euclid(HOUR));
        let row = query.one(self).await?.ok_or(Error::Shape("metered_hours"))?;
        let sum = |column| {
            let sum: Option<i64> = row.try_get(column).map_err(Error::Read)?;
            Ok(sum.unwrap_or(0))
        };
        Ok(Hours {
            reserved: sum("reserved")?,
            short: sum("short")?,
            exact: sum("exact")?,
            under: sum("under")?,
            over: sum("over")?,
            released: sum("released")?,
            expired: sum("expired")?,
        })
    }

    /// The rest of the checklist.
    pub async fn proofs(&mut self, tenant: &TenantId, now: Time) -> Result<Proofs, Error> {
        let row = sqlx::query(PROOFS).bind(tenant.to_string()).bind(now.micros());
        let row = row.fetch_one(&mut *self.transaction).await.map_err(Error::Read)?;
        let count = |column| {
            let number: i64 = row.try_get(column).map_err(Error::Read)?;
            Ok(u64::try_from(number).unwrap_or(0))
        };
        Ok(Proofs {
            challenges_paid: count("challenges_paid")?,
            taken_back: count("taken_back")? > 0,
            accounts_in_debt: count("accounts_in_debt")?,
            pending: count("pending")?,
            overdue: count("overdue")?,
            letters_pending: count("letters_pending")?,
            letters_for_review: count("letters_for_review")?,
        })
    }

    /// What a tenant's dead letters that are not done have in common, the most frequent first.
    pub async fn letter_patterns(&mut self, tenant: &TenantId) -> Result<Vec<Pattern>, Error> {
        let mut query = Query::over(
            "SELECT coalesce(error_code, '') AS error_code, count(*) AS letters FROM dead_letters",
        );
        query.only("tenant =", tenant);
        query.only_where("status IN ('pending', 'processing', 'manual_review')");
        query.words(" GROUP BY error_code ORDER BY letters DESC, error_code LIMIT 10");
        let rows = query.all(self).await?;
        let read = |row: &SqliteRow| {
            let letters: i64 = row.try_get("letters")?;
            let letters = u64::try_from(letters).unwrap_or(0);
            Ok(Pattern { error_code: row.try_get("error_code")?, letters })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::Read)
    }
}

/// Of a tenant, at a time.
const PROOFS: &str = "SELECT \
    (SELECT count(*) FROM payments WHERE tenant = ?1 AND status = 'consumed' \
     AND protocol IN ('l402', 'x402')) AS challenges_paid, \
    EXISTS (SELECT 1 FROM lots WHERE tenant = ?1 AND clawed_back > 0) \
     OR EXISTS (SELECT 1 FROM payments WHERE tenant = ?1 AND refunded > 0) AS taken_back, \
    (SELECT count(*) FROM (SELECT DISTINCT account FROM balances WHERE tenant = ?1 \
     AND (owed > 0 OR owed_over > 0))) AS accounts_in_debt, \
    (SELECT count(*) FROM reservations WHERE status = 'pending' AND tenant = ?1) AS pending, \
    (SELECT count(*) FROM reservations WHERE status = 'pending' AND tenant = ?1 \
     AND expires_at < ?2) AS overdue, \
    (SELECT count(*) FROM dead_letters WHERE tenant = ?1 \
     AND status IN ('pending', 'processing')) AS letters_pending, \
    (SELECT count(*) FROM dead_letters WHERE tenant = ?1 \
     AND status = 'manual_review') AS letters_for_review";

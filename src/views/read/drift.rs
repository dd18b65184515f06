//! The ledger compared with itself: what accounts hold, and what their lots add up to.

use sqlx::Row as _;

use super::{Error, Snapshot, query::Query};

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// How many accounts there are.
    pub accounts: u64,
    /// How many of them hold something else than their lots add up to.
    pub drifted: u64,
    /// How many lots break their own sum.
    pub lots_broken: u64,
    /// In how many commodities of tenants credit left an account and arrived in none.
    pub in_transit: u64,
    /// How far both are apart, by commodity: only what is.
    pub apart: Vec<(String, f64)>,
}

impl Drift {
    /// Whether it found nothing.
    pub const fn is_none(&self) -> bool {
        self.drifted == 0 && self.lots_broken == 0 && self.in_transit == 0
    }
}

impl Snapshot {
    /// Compares every account with its lots. Reads all of both: not for every request.
    pub async fn drift(&mut self) -> Result<Drift, Error> {
        let query = Query::over("SELECT * FROM ledger_reconciliation");
        let Some(row) = query.one(self).await? else { return Ok(Drift::default()) };
        let count = |column| {
            let number: i64 = row.try_get(column).map_err(Error::Read)?;
            Ok(u64::try_from(number).unwrap_or(0))
        };
        let (accounts, drifted) = (count("accounts")?, count("accounts_with_drift")?);
        let (lots_broken, in_transit) = (count("lots_broken")?, count("in_transit")?);
        let apart = if drifted == 0 { vec![] } else { self.apart().await? };
        Ok(Drift { accounts, drifted, lots_broken, in_transit, apart })
    }

    async fn apart(&mut self) -> Result<Vec<(String, f64)>, Error> {
        let query = Query::over(
            "SELECT commodity, total(abs(held - of_lots)) AS apart FROM ledger_drift \
             GROUP BY commodity",
        );
        let rows = query.all(self).await?;
        let read =
            |row: &sqlx::sqlite::SqliteRow| Ok((row.try_get("commodity")?, row.try_get("apart")?));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(Error::Read)
    }
}

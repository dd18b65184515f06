//! What the three who share got: they hold no lots, and no events are their own.

use piperoll_domain::{
    billing::SYSTEM,
    id::{AccountId, Pool, TenantId},
};
use piperoll_projections::credit::kind;
use sqlx::Row as _;

use super::{
    AsOf, Entry, Error, Page, PageRequest, Snapshot,
    entries::Sums,
    query::{Direction, Order, Query},
    rows::halves,
};

/// One of the three: the column of their part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share(&'static str);

impl Share {
    /// What is an account's part, if it is one of the three.
    pub(super) fn of(account: &AccountId) -> Option<Self> {
        let parts = SYSTEM.into_iter().zip(["commons", "community", "foundation"]);
        let own = parts.into_iter().find(|(name, _)| *name == account.as_str());
        own.map(|(_, column)| Self(column))
    }
}

impl Snapshot {
    /// Adds up a part until then.
    pub(super) async fn add_shares(
        &mut self,
        tenant: &TenantId,
        Share(part): Share,
        as_of: AsOf,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let mut query = Query::over("SELECT commodity, sum(");
        query.words(part).words(" >> 32) AS high, sum(").words(part);
        query.words(" & 4294967295) AS low FROM shares").only("tenant =", tenant);
        self.until(&mut query, as_of).await?;
        query.words(" GROUP BY commodity");
        for row in query.all(self).await? {
            let sum = halves(&row, "high", "low").map_err(Error::Read)?;
            let commodity = row.try_get("commodity").map_err(Error::Read)?;
            let held = sums.entry((commodity, Pool::general().to_string())).or_default();
            held.take(kind::SHARED, sum)?;
        }
        Ok(())
    }

    /// A page of a part, a movement for each event that was shared or took back what had been.
    pub(super) async fn shared(
        &mut self,
        tenant: &TenantId,
        (account, Share(part)): (&AccountId, Share),
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Entry>, Error> {
        let mut query = Query::over("SELECT tenant, position, 0 AS leg, ");
        query.value(account).words(" AS account, ").value(kind::SHARED).words(" AS kind, ");
        query.words(part).words(" AS amount, commodity, ").value(&Pool::general()).words(
            " AS pool, NULL AS lot, NULL AS lot_left, NULL AS cost_commodity, NULL AS cost, \
             reference, recorded_at, NULL AS effective_at FROM shares",
        );
        query.only("tenant =", tenant);
        let list = match direction {
            Direction::Up => "shares.up",
            Direction::Down => "shares.down",
        };
        let columns: &[(&str, bool)] = &[("tenant", false), ("position", true)];
        let read = |row: &_| {
            let row = Entry::read(row)?;
            let key = vec![(&row.tenant).into(), row.position.into()];
            Ok((row, key))
        };
        Order { list, columns, direction }.page(query, page, self, read).await
    }
}

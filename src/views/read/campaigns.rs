//! Campaigns, and what they gave.

use piperoll_domain::id::{CampaignId, TenantId};

use super::{
    Error, Page, PageRequest, Snapshot,
    query::{Direction, Order, Query},
    rows::row,
};

row! {
    /// A campaign, and how much of its budget is given.
    Campaign {
        /// Whose.
        tenant: String,
        /// Which.
        campaign: String,
        /// What it is for.
        purpose: Option<String>,
        /// Where it stands.
        status: Option<String>,
        /// Of what.
        commodity: Option<String>,
        /// The most that it gives in all.
        budget: Option<i64>,
        /// How much of that is given.
        spent: Option<i64>,
        /// How many grants that were.
        grants: i64,
        /// The most that one account gets.
        account_cap: Option<i64>,
        /// How much of the budget its owner wants to be told of.
        threshold_percent: Option<i64>,
        /// When that was reached.
        threshold_reached_at: Option<i64>,
        /// Where the credit lies.
        pool: Option<String>,
        /// When the campaign ends by itself.
        ends_at: Option<i64>,
        /// How long granted credit can be used, from its grant.
        lots_expire_after_seconds: Option<i64>,
        /// Until when granted credit can be used.
        lots_expire_at: Option<i64>,
        /// When it was planned.
        created_at: Option<i64>,
        /// Why it stands where it does.
        reason: Option<String>,
        /// Its last event.
        position: i64,
    }
}

row! {
    /// A grant.
    Grant {
        /// Whose.
        tenant: String,
        /// Of which campaign.
        campaign: String,
        /// Its event.
        position: i64,
        /// Its name.
        grant_id: Option<String>,
        /// To which account.
        account: Option<String>,
        /// As which lot.
        lot: Option<String>,
        /// Of what.
        commodity: Option<String>,
        /// How much.
        amount: Option<i64>,
        /// How much the account got of the campaign in all, with this.
        total: Option<i64>,
        /// Where the credit lies.
        pool: Option<String>,
        /// Until when it can be used.
        expires_at: Option<i64>,
        /// When it was given.
        granted_at: Option<i64>,
    }
}

/// How many campaigns are measured: those to which something happened last.
const MEASURED_MAX: &str = " ORDER BY position DESC LIMIT 500";

impl Snapshot {
    /// A page of a tenant's campaigns, in order of their names.
    pub async fn campaigns(
        &mut self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Campaign>, Error> {
        let mut query = Query::over(Campaign::SELECT);
        query.words(" FROM campaigns").only("tenant =", tenant);
        let columns: &[(&str, bool)] = &[("tenant", false), ("campaign", false)];
        let order = Order { list: "campaigns", columns, direction: Direction::Up };
        let read = |row: &_| {
            let row = Campaign::read(row)?;
            let key = vec![(&row.tenant).into(), (&row.campaign).into()];
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }

    /// A campaign.
    pub async fn campaign(
        &mut self,
        tenant: &TenantId,
        campaign: &CampaignId,
    ) -> Result<Option<Campaign>, Error> {
        let mut query = Query::over(Campaign::SELECT);
        query.words(" FROM campaigns").only("tenant =", tenant).only("campaign =", campaign);
        let row = query.one(self).await?;
        row.as_ref().map(Campaign::read).transpose().map_err(Error::Read)
    }

    /// A page of a campaign's grants, the oldest first.
    pub async fn grants(
        &mut self,
        tenant: &TenantId,
        campaign: &CampaignId,
        page: &PageRequest,
    ) -> Result<Page<Grant>, Error> {
        let mut query = Query::over(Grant::SELECT);
        query.words(" FROM grants").only("tenant =", tenant).only("campaign =", campaign);
        let columns: &[(&str, bool)] = &[("position", true)];
        let order = Order { list: "grants", columns, direction: Direction::Up };
        let read = |row: &_| {
            let row = Grant::read(row)?;
            let key = vec![row.position.into()];
            Ok((row, key))
        };
        order.page(query, page, self, read).await
    }

    /// Every tenant's latest campaigns, to be measured.
    pub async fn campaigns_measured(&mut self) -> Result<Vec<Campaign>, Error> {
        let mut query = Query::over(Campaign::SELECT);
        query.words(" FROM campaigns").words(MEASURED_MAX);
        let rows = query.all(self).await?;
        rows.iter().map(Campaign::read).collect::<Result<_, _>>().map_err(Error::Read)
    }
}

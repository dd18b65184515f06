//! Grants of a campaign: up to a thousand in one request, and all that were given.

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    response::Response,
    routing::get,
};
use piperoll_domain::{
    event::{Event, Recorded},
    grantee,
    id::{AccountId, CampaignId, GrantId, TenantId},
    money::Money,
    operation::GrantCredit,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shapes::named;
use crate::{
    api::{
        Api, Problem,
        accounts::{PageQuery, looked},
        batch::{self, Answered, Asked, GrantItem, ItemAnswer, Mode, ModeQuery},
        caller::Of,
        extract::{Path, Query},
        listing::{Listed, page},
        position::Look,
        render::{Answer, At, Sum},
    },
    views::{Snapshot, read},
};

pub(super) fn routes() -> Router<Api> {
    let limit = DefaultBodyLimit::max(batch::BYTES_MAX);
    Router::new().route(batch::GRANTS, get(list_grants).post(give).layer(limit))
}

/// Credit to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewGrant {
    /// For which account.
    #[schema(value_type = String)]
    pub(in crate::api) account: AccountId,
    /// How much, in the budget's commodity.
    #[schema(value_type = Sum)]
    amount: Money,
    /// The grant's name, and its lot's; made up unless said.
    #[schema(value_type = Option<String>)]
    grant: Option<GrantId>,
}

impl NewGrant {
    pub(in crate::api) fn of(
        self,
        tenant: TenantId,
        campaign: CampaignId,
    ) -> Result<GrantCredit, Problem> {
        let Self { account, amount, grant } = self;
        let grant = match grant {
            Some(grant) => grant,
            None => named("grant")?,
        };
        Ok(GrantCredit { tenant, campaign, grant, account, amount })
    }
}

/// Grants to be given.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it only describes what a body says")]
pub(in crate::api) struct Grants {
    /// Whether each item is taken by itself, or all of them or none.
    #[schema(value_type = String, pattern = "^(independent|atomic)$", example = "atomic")]
    mode: Mode,
    /// 1 to 1000 items.
    items: Vec<GrantItem>,
}

/// Gives credit out of a campaign's budget, to many accounts at once. Each item has a key of its own.
///
/// Taken by themselves, items are refused by themselves: those for which there is budget are given. Of
/// an atomic request all land in one append, or the first refusal refuses all of it.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/grants", tag = "campaigns",
    params(("campaign" = String, Path), ModeQuery),
    request_body(content((Grants = "application/json"), (GrantItem = "application/x-ndjson"))),
    responses((status = 200, content(
        (Answered = "application/json"), (ItemAnswer = "application/x-ndjson")))))]
pub(in crate::api) async fn give(
    State(api): State<Api>,
    of: Of,
    Path(campaign): Path<CampaignId>,
    Query(query): Query<ModeQuery>,
    asked: Asked,
) -> Result<Response, Problem> {
    batch::carry_out(&api, &of, &query, &asked, Some(&campaign)).await
}

/// A grant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grant)]
pub(in crate::api) struct Given {
    /// Its name.
    grant: Option<String>,
    /// Of which campaign.
    campaign: String,
    /// To which account.
    account: Option<String>,
    /// As which lot.
    lot: Option<String>,
    /// How much.
    amount: Option<Sum>,
    /// How much the account got of the campaign in all, with this.
    total: Option<Sum>,
    /// Where the credit lies.
    pool: Option<String>,
    /// Until when it can be used; null for ever.
    expires_at: Option<At>,
    /// When it was given.
    granted_at: Option<At>,
}

impl Given {
    fn of(row: read::Grant) -> Self {
        let sum = |amount| Sum::both(row.commodity.as_ref(), amount);
        Self {
            amount: sum(row.amount),
            total: sum(row.total),
            grant: row.grant_id,
            campaign: row.campaign,
            account: row.account,
            lot: row.lot,
            pool: row.pool,
            expires_at: row.expires_at.map(At::micros),
            granted_at: row.granted_at.map(At::micros),
        }
    }

    fn said(recorded: &Recorded, given: &grantee::Given) -> Self {
        Self {
            grant: Some(given.grant.to_string()),
            campaign: given.campaign.to_string(),
            account: Some(given.account.to_string()),
            lot: Some(given.lot.to_string()),
            amount: Some(given.amount.into()),
            total: Some(given.amount.with(given.total).into()),
            pool: Some(given.pool.to_string()),
            expires_at: given.expires_at.map(At),
            granted_at: Some(At(recorded.envelope.recorded_at)),
        }
    }
}

/// A grant is said by its own facts; there is always one.
pub(in crate::api) fn given(events: &[Recorded]) -> Option<Given> {
    events.iter().find_map(|recorded| match &recorded.event {
        Event::Grantee(grantee::Event::Given(given)) => Some(Given::said(recorded, given)),
        _ => None,
    })
}

/// Lists what a campaign gave, the oldest first.
#[utoipa::path(get, path = "/v1/campaigns/{campaign}/grants", tag = "campaigns",
    params(("campaign" = String, Path), PageQuery),
    responses((status = 200, body = Listed<Given>)))]
pub(in crate::api) async fn list_grants(
    State(api): State<Api>,
    of: Of,
    Path(campaign): Path<CampaignId>,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Given>>, Problem> {
    listed(&api, &of.tenant, &campaign, query, snapshot).await
}

pub(super) async fn listed(
    api: &Api,
    tenant: &TenantId,
    campaign: &CampaignId,
    query: PageQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Listed<Given>>, Problem> {
    let page = page(query.after, query.limit)?;
    snapshot.campaign(tenant, campaign).await?.ok_or_else(super::absent)?;
    let grants = snapshot.grants(tenant, campaign, &page).await?;
    Ok(looked(api, &snapshot, Listed::of(grants, Given::of)))
}

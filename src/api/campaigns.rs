//! Campaigns: plan, begin, pause, end; and what they gave.

pub(super) mod grants;
pub(super) mod of_tenant;
mod shapes;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::{
    campaign::{self, Status},
    event::Event,
    id::{CampaignId, TenantId},
    operation::{ActivateCampaign, CompleteCampaign, CreateCampaign, PauseCampaign},
};

pub(super) use self::{
    grants::{Given, NewGrant, given},
    shapes::{Campaign, Moved, NewCampaign},
};
use crate::{
    api::{
        Api, Problem,
        accounts::{PageQuery, looked, untold},
        caller::Of,
        extract::{Path, Query, Write},
        listing::{Listed, page},
        offers::Reason,
        position::Look,
        problem::Code,
        render::Answer,
    },
    engine::Done,
    views::Snapshot,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/campaigns", get(list).post(create))
        .route("/v1/campaigns/{campaign}", get(show))
        .route("/v1/campaigns/{campaign}/activate", post(activate))
        .route("/v1/campaigns/{campaign}/pause", post(pause))
        .route("/v1/campaigns/{campaign}/complete", post(complete))
        .merge(grants::routes())
        .merge(of_tenant::routes())
}

/// Lists a tenant's campaigns.
#[utoipa::path(get, path = "/v1/campaigns", tag = "campaigns", params(PageQuery),
    responses((status = 200, body = Listed<Campaign>)))]
pub(super) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Campaign>>, Problem> {
    listed(&api, &of.tenant, query, snapshot).await
}

async fn listed(
    api: &Api,
    tenant: &TenantId,
    query: PageQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Listed<Campaign>>, Problem> {
    let page = page(query.after, query.limit)?;
    let campaigns = snapshot.campaigns(tenant, &page).await?;
    Ok(looked(api, &snapshot, Listed::of(campaigns, Campaign::of)))
}

/// Tells one campaign: what was planned, and how much of it is given.
#[utoipa::path(get, path = "/v1/campaigns/{campaign}", tag = "campaigns",
    params(("campaign" = String, Path)), responses((status = 200, body = Campaign)))]
pub(super) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(campaign): Path<CampaignId>,
    Look(snapshot): Look,
) -> Result<Answer<Campaign>, Problem> {
    shown(&api, &of.tenant, &campaign, snapshot).await
}

async fn shown(
    api: &Api,
    tenant: &TenantId,
    campaign: &CampaignId,
    mut snapshot: Snapshot,
) -> Result<Answer<Campaign>, Problem> {
    let row = snapshot.campaign(tenant, campaign).await?;
    Ok(looked(api, &snapshot, Campaign::of(row.ok_or_else(absent)?)))
}

fn absent() -> Problem {
    Problem::new(Code::CampaignNotFound, "the campaign does not exist")
}

/// Plans a campaign. It gives nothing before it is activated; what was planned never changes.
#[utoipa::path(post, path = "/v1/campaigns", tag = "campaigns", request_body = NewCampaign,
    responses((status = 201, body = Campaign)))]
pub(super) async fn create(
    State(api): State<Api>,
    of: Of,
    write: Write<NewCampaign>,
) -> Result<Answer<Campaign>, Problem> {
    created(&api, of, write).await
}

async fn created(
    api: &Api,
    of: Of,
    write: Write<NewCampaign>,
) -> Result<Answer<Campaign>, Problem> {
    let key = write.key("campaign.create", &[])?;
    let (campaign, terms) = write.body.named()?;
    let operation = CreateCampaign { tenant: of.tenant, campaign, terms };
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
    let planned = done.events.iter().find_map(|recorded| match &recorded.event {
        Event::Campaign(campaign::Event::Created(created)) => {
            Some(Campaign::planned(&recorded.envelope, created))
        }
        _ => None,
    });
    Ok(Answer::done(api, &done, planned.ok_or_else(untold)?).created())
}

/// Lets a campaign give, for the first time or again. Twice is once.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/activate", tag = "campaigns",
    params(("campaign" = String, Path)), request_body = Reason,
    responses((status = 200, body = Moved)))]
pub(super) async fn activate(
    State(api): State<Api>,
    of: Of,
    Path(campaign): Path<CampaignId>,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    activated(&api, of, campaign, write).await
}

async fn activated(
    api: &Api,
    of: Of,
    campaign: CampaignId,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    let key = write.key("campaign.activate", &[campaign.as_str()])?;
    let (tenant, reason) = (of.tenant.clone(), write.body.reason);
    let wish = ActivateCampaign { tenant, campaign: campaign.clone(), reason };
    let done = api.service().execute(&of.who, wish, Some(key)).await?;
    Ok(moved(api, &done, &campaign, Status::Active))
}

/// Lets a campaign give nothing until it is activated again. Twice is once.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/pause", tag = "campaigns",
    params(("campaign" = String, Path)), request_body = Reason,
    responses((status = 200, body = Moved)))]
pub(super) async fn pause(
    State(api): State<Api>,
    of: Of,
    Path(campaign): Path<CampaignId>,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    paused(&api, of, campaign, write).await
}

async fn paused(
    api: &Api,
    of: Of,
    campaign: CampaignId,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    let key = write.key("campaign.pause", &[campaign.as_str()])?;
    let (tenant, reason) = (of.tenant.clone(), write.body.reason);
    let wish = PauseCampaign { tenant, campaign: campaign.clone(), reason };
    let done = api.service().execute(&of.who, wish, Some(key)).await?;
    Ok(moved(api, &done, &campaign, Status::Paused))
}

/// Ends a campaign for good. What it gave stays given. Twice is once.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/complete", tag = "campaigns",
    params(("campaign" = String, Path)), request_body = Reason,
    responses((status = 200, body = Moved)))]
pub(super) async fn complete(
    State(api): State<Api>,
    of: Of,
    Path(campaign): Path<CampaignId>,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    completed(&api, of, campaign, write).await
}

async fn completed(
    api: &Api,
    of: Of,
    campaign: CampaignId,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    let key = write.key("campaign.complete", &[campaign.as_str()])?;
    let (tenant, reason) = (of.tenant.clone(), write.body.reason);
    let wish = CompleteCampaign { tenant, campaign: campaign.clone(), reason };
    let done = api.service().execute(&of.who, wish, Some(key)).await?;
    Ok(moved(api, &done, &campaign, Status::Completed))
}

fn moved(api: &Api, done: &Done, campaign: &CampaignId, status: Status) -> Answer<Moved> {
    Answer::done(api, done, Moved::to(campaign, status))
}

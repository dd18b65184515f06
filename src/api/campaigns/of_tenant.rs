//! Any tenant's campaigns, as an operator plans, begins, pauses and ends them, and gives out of them.

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    response::Response,
    routing::{get, post},
};
use piperoll_domain::id::{CampaignId, TenantId};

use super::{
    grants::{self, Given, Grants},
    shapes::{Campaign, Moved, NewCampaign},
};
use crate::{
    api::{
        Api, Problem,
        accounts::PageQuery,
        admin::must_be_tenant,
        batch::{self, Answered, Asked, GrantItem, ItemAnswer, ModeQuery},
        caller::{Caller, Of},
        extract::{Path, Query, Write},
        listing::Listed,
        offers::Reason,
        position::Look,
        render::Answer,
    },
    service::Principal,
};

pub(super) fn routes() -> Router<Api> {
    let limit = DefaultBodyLimit::max(batch::BYTES_MAX);
    let one = "/v1/admin/tenants/{tenant}/campaigns/{campaign}";
    Router::new()
        .route("/v1/admin/tenants/{tenant}/campaigns", get(list).post(create))
        .route(one, get(show))
        .route(&format!("{one}/activate"), post(activate))
        .route(&format!("{one}/pause"), post(pause))
        .route(&format!("{one}/complete"), post(complete))
        .route(batch::GRANTS_OF, get(list_grants).post(give).layer(limit))
}

/// An operator who acts for a tenant that there is.
fn by(api: &Api, who: Principal, tenant: TenantId) -> Result<Of, Problem> {
    must_be_tenant(api, &tenant)?;
    Ok(Of { who, tenant })
}

/// Lists any tenant's campaigns.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/campaigns", tag = "admin",
    params(("tenant" = String, Path), PageQuery),
    responses((status = 200, body = Listed<Campaign>)))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    _: Caller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Campaign>>, Problem> {
    must_be_tenant(&api, &tenant)?;
    super::listed(&api, &tenant, query, snapshot).await
}

/// Tells one campaign of any tenant's.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/campaigns/{campaign}", tag = "admin",
    params(("tenant" = String, Path), ("campaign" = String, Path)),
    responses((status = 200, body = Campaign)))]
pub(in crate::api) async fn show(
    State(api): State<Api>,
    _: Caller,
    Path((tenant, campaign)): Path<(TenantId, CampaignId)>,
    Look(snapshot): Look,
) -> Result<Answer<Campaign>, Problem> {
    must_be_tenant(&api, &tenant)?;
    super::shown(&api, &tenant, &campaign, snapshot).await
}

/// Plans a campaign for any tenant.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/campaigns", tag = "admin",
    params(("tenant" = String, Path)), request_body = NewCampaign,
    responses((status = 201, body = Campaign)))]
pub(in crate::api) async fn create(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    write: Write<NewCampaign>,
) -> Result<Answer<Campaign>, Problem> {
    super::created(&api, by(&api, who, tenant)?, write).await
}

/// Lets a campaign of any tenant's give. Twice is once.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/campaigns/{campaign}/activate",
    tag = "admin", params(("tenant" = String, Path), ("campaign" = String, Path)),
    request_body = Reason, responses((status = 200, body = Moved)))]
pub(in crate::api) async fn activate(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, campaign)): Path<(TenantId, CampaignId)>,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    super::activated(&api, by(&api, who, tenant)?, campaign, write).await
}

/// Lets a campaign of any tenant's give nothing until it is activated again. Twice is once.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/campaigns/{campaign}/pause",
    tag = "admin", params(("tenant" = String, Path), ("campaign" = String, Path)),
    request_body = Reason, responses((status = 200, body = Moved)))]
pub(in crate::api) async fn pause(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, campaign)): Path<(TenantId, CampaignId)>,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    super::paused(&api, by(&api, who, tenant)?, campaign, write).await
}

/// Ends a campaign of any tenant's for good. Twice is once.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/campaigns/{campaign}/complete",
    tag = "admin", params(("tenant" = String, Path), ("campaign" = String, Path)),
    request_body = Reason, responses((status = 200, body = Moved)))]
pub(in crate::api) async fn complete(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, campaign)): Path<(TenantId, CampaignId)>,
    write: Write<Reason>,
) -> Result<Answer<Moved>, Problem> {
    super::completed(&api, by(&api, who, tenant)?, campaign, write).await
}

/// Gives credit out of the budget of any tenant's campaign, as the tenant's own request does.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants",
    tag = "admin", params(("tenant" = String, Path), ("campaign" = String, Path), ModeQuery),
    request_body(content((Grants = "application/json"), (GrantItem = "application/x-ndjson"))),
    responses((status = 200, content(
        (Answered = "application/json"), (ItemAnswer = "application/x-ndjson")))))]
pub(in crate::api) async fn give(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, campaign)): Path<(TenantId, CampaignId)>,
    Query(query): Query<ModeQuery>,
    asked: Asked,
) -> Result<Response, Problem> {
    let of = by(&api, who, tenant)?;
    batch::carry_out(&api, &of, &query, &asked, Some(&campaign)).await
}

/// Lists what any tenant's campaign gave, the oldest first.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants", tag = "admin",
    params(("tenant" = String, Path), ("campaign" = String, Path), PageQuery),
    responses((status = 200, body = Listed<Given>)))]
pub(in crate::api) async fn list_grants(
    State(api): State<Api>,
    _: Caller,
    Path((tenant, campaign)): Path<(TenantId, CampaignId)>,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Given>>, Problem> {
    must_be_tenant(&api, &tenant)?;
    grants::listed(&api, &tenant, &campaign, query, snapshot).await
}

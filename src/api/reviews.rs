//! Reviews: money that came late, twice, short or in the wrong asset, and what is decided about it.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::{
    id::{PaymentId, TenantId},
    operation::ResolveReview,
    payment::ReviewAction,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        accounts::{PageQuery, looked},
        caller::{Caller, Of},
        extract::{Path, Query, Write, must_be_reference},
        listing::{Listed, page},
        position::Look,
        render::{Answer, At, Sum},
    },
    service::Principal,
    views::{Snapshot, read},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/reviews", get(list))
        .route("/v1/reviews/{payment}/{number}", post(resolve))
        .route("/v1/admin/reviews", get(list_all))
        .route("/v1/admin/tenants/{tenant}/reviews/{payment}/{number}", post(resolve_of))
}

/// A review that is open.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Review {
    /// Whose payment.
    tenant: String,
    /// Which payment.
    payment: String,
    /// Which of its reviews.
    number: i64,
    /// `open` or `resolved`.
    state: String,
    /// Why it was opened.
    kind: Option<String>,
    /// What lies in suspense.
    money: Option<Sum>,
    /// What had been asked.
    requested: Option<Sum>,
    /// Through which provider account.
    connection: Option<String>,
    /// When it was opened.
    opened_at: Option<At>,
}

impl Review {
    fn of(row: read::Review) -> Self {
        Self {
            money: Sum::both(row.commodity.as_ref(), row.amount),
            requested: Sum::both(row.requested_commodity.as_ref(), row.requested),
            tenant: row.tenant,
            payment: row.payment,
            number: row.number,
            state: row.state,
            kind: row.kind,
            connection: row.connection,
            opened_at: row.opened_at.map(At::micros),
        }
    }
}

/// Lists a tenant's open reviews, the oldest first.
#[utoipa::path(get, path = "/v1/reviews", tag = "reviews", params(PageQuery),
    responses((status = 200, body = Listed<Review>)))]
pub(super) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Review>>, Problem> {
    listed(&api, Some(&of.tenant), query, snapshot).await
}

/// Lists everybody's open reviews.
#[utoipa::path(get, path = "/v1/admin/reviews", tag = "admin", params(PageQuery),
    responses((status = 200, body = Listed<Review>)))]
pub(super) async fn list_all(
    State(api): State<Api>,
    _: Caller,
    Query(query): Query<PageQuery>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Review>>, Problem> {
    listed(&api, None, query, snapshot).await
}

async fn listed(
    api: &Api,
    tenant: Option<&TenantId>,
    query: PageQuery,
    mut snapshot: Snapshot,
) -> Result<Answer<Listed<Review>>, Problem> {
    let page = page(query.after, query.limit)?;
    let reviews = snapshot.reviews_open(tenant, &page).await?;
    Ok(looked(api, &snapshot, Listed::of(reviews, Review::of)))
}

/// What is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// `apply` the money, `refund` it, or `dismiss` a review without money.
    #[schema(value_type = String, example = "apply")]
    action: ReviewAction,
    /// Where the refund can be found, if it was one.
    reference: Option<String>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// A review that is decided.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Decided {
    /// Which payment.
    payment: String,
    /// Which of its reviews.
    number: u32,
    /// What was decided.
    #[schema(value_type = String)]
    action: ReviewAction,
}

/// Decides a review of the tenant's own.
#[utoipa::path(post, path = "/v1/reviews/{payment}/{number}", tag = "reviews",
    params(("payment" = String, Path), ("number" = u32, Path)), request_body = Decision,
    responses((status = 200, body = Decided)))]
pub(super) async fn resolve(
    State(api): State<Api>,
    of: Of,
    Path((payment, number)): Path<(PaymentId, u32)>,
    write: Write<Decision>,
) -> Result<Answer<Decided>, Problem> {
    decided(&api, &of.who, of.tenant, payment, number, write).await
}

/// Decides a review of any tenant's.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/reviews/{payment}/{number}", tag = "admin",
    params(("tenant" = String, Path), ("payment" = String, Path), ("number" = u32, Path)),
    request_body = Decision, responses((status = 200, body = Decided)))]
pub(super) async fn resolve_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, payment, number)): Path<(TenantId, PaymentId, u32)>,
    write: Write<Decision>,
) -> Result<Answer<Decided>, Problem> {
    decided(&api, &who, tenant, payment, number, write).await
}

async fn decided(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    payment: PaymentId,
    number: u32,
    write: Write<Decision>,
) -> Result<Answer<Decided>, Problem> {
    let path = [tenant.as_str(), payment.as_str(), &number.to_string()];
    let key = write.key("review.resolve", &path)?;
    let Decision { action, reference, reason } = write.body;
    must_be_reference(reference.as_deref())?;
    let decided = Decided { payment: payment.to_string(), number, action };
    let operation = ResolveReview { tenant, payment, review: number, action, reference, reason };
    let done = api.service().execute(who, operation, Some(key)).await?;
    Ok(Answer::done(api, &done, decided))
}

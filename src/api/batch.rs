//! Many commands in one request: each by itself, or all of them or none.

mod body;
mod item;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use metrics::counter;
use piperoll_domain::{
    id::{CampaignId, TenantId},
    rejection::Rejection,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use self::{
    body::Form,
    item::{About, Item, Outcome},
};
pub(super) use self::{
    body::{Asked, Mode},
    item::{BatchItem, GrantItem},
};
use crate::{
    api::{
        Api, Problem,
        accounts::untold,
        caller::{Caller, Of},
        demand::{Demand, Refusals},
        extract::{Path, Query},
        position::{POSITION, Position},
        problem,
        render::mark_replayed,
    },
    engine::Done,
    service,
};

/// The longest body, whatever other bodies may be.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// The most items.
const ITEMS_MAX: usize = 1_000;
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// What is wrong with a batch, or with each of its items, for those who throw garbage at it.
#[cfg(feature = "fuzzing")]
pub(super) fn wrong(
    bytes: &[u8],
    of: &Of,
    campaign: Option<&CampaignId>,
    depth_max: usize,
) -> Result<Vec<Problem>, Problem> {
    let asked = Asked::of(bytes);
    asked.mode((asked.form() == Form::Lines).then_some(Mode::Atomic))?;
    let items = asked.items()?;
    let read = items.into_iter().map(|raw| Item::read(raw, of, depth_max, campaign));
    Ok(read.filter_map(Result::err).collect())
}

const ROUTE: &str = "/v1/batch";
const ROUTE_OF: &str = "/v1/admin/tenants/{tenant}/batch";
/// Where all items are grants of one campaign.
pub(super) const GRANTS: &str = "/v1/campaigns/{campaign}/grants";
/// The same, for an operator.
pub(super) const GRANTS_OF: &str = "/v1/admin/tenants/{tenant}/campaigns/{campaign}/grants";

pub(super) fn routes() -> Router<Api> {
    let limit = DefaultBodyLimit::max(BYTES_MAX);
    let all = Router::new().route(ROUTE, post(batch)).route(ROUTE_OF, post(batch_of));
    all.route_layer(limit)
}

/// The longest body of a route that takes many items, if it is one.
pub(super) fn bytes_max(route: &str) -> Option<usize> {
    [ROUTE, ROUTE_OF, GRANTS, GRANTS_OF].contains(&route).then_some(BYTES_MAX)
}

/// How lines are to be taken.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ModeQuery {
    /// For NDJSON: `independent` or `atomic`. A JSON body says it itself.
    #[param(inline)]
    mode: Option<Mode>,
}

/// Commands to be carried out.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it only describes what a body says")]
pub(super) struct Batch {
    /// Whether each item is taken by itself, or all of them or none.
    #[schema(value_type = String, pattern = "^(independent|atomic)$", example = "atomic")]
    mode: Mode,
    /// 1 to 1000 items.
    items: Vec<BatchItem>,
}

/// What became of each item, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answered {
    /// One for each item.
    items: Vec<ItemAnswer>,
}

/// What became of an item.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ItemAnswer {
    /// It was done, now or before under the same key.
    Done {
        /// What it would be answered with alone.
        status: u16,
        /// The roll, as far as this answer depends on it.
        position: String,
        /// It was done before, and this is its first answer.
        replayed: bool,
        /// What it would be answered with alone.
        #[schema(value_type = Object)]
        result: Outcome,
    },
    /// It was refused, and nothing of it happened.
    Refused {
        /// What it would be answered with alone.
        status: u16,
        /// Why: RFC 9457.
        #[schema(value_type = Object)]
        problem: Value,
    },
}

/// Carries out many commands. Each item has a key of its own and is answered as it would be alone.
/// Whoever may do something alone may do it here: a tenant's key by its roles; with a token of their
/// own, those who administrate its billing, who give credit.
///
/// Taken by themselves, items are refused by themselves, in no promised order. Of an atomic batch
/// all items land in one append, or the first refusal refuses all of it; what was done before under
/// an item's key is not done again, and its first answer is given.
#[utoipa::path(post, path = "/v1/batch", tag = "accounts", params(ModeQuery),
    request_body(content((Batch = "application/json"), (BatchItem = "application/x-ndjson"))),
    responses((status = 200, content(
        (Answered = "application/json"), (ItemAnswer = "application/x-ndjson")))))]
pub(super) async fn batch(
    State(api): State<Api>,
    of: Of,
    Query(query): Query<ModeQuery>,
    asked: Asked,
) -> Result<Response, Problem> {
    carry_out(&api, &of, &query, &asked, None).await
}

/// Carries out many commands of an operator's for a tenant, as the tenant's own batch does.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/batch", tag = "admin",
    params(("tenant" = String, Path), ModeQuery),
    request_body(content((Batch = "application/json"), (BatchItem = "application/x-ndjson"))),
    responses((status = 200, content(
        (Answered = "application/json"), (ItemAnswer = "application/x-ndjson")))))]
pub(super) async fn batch_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<ModeQuery>,
    asked: Asked,
) -> Result<Response, Problem> {
    if api.service().engine().directory().tenant(&tenant).is_none() {
        return Err(problem::no_tenant(&tenant));
    }
    carry_out(&api, &Of { who, tenant }, &query, &asked, None).await
}

/// Carries out what is asked; where a campaign is named, each item is a grant of it.
pub(super) async fn carry_out(
    api: &Api,
    of: &Of,
    query: &ModeQuery,
    asked: &Asked,
    campaign: Option<&CampaignId>,
) -> Result<Response, Problem> {
    let (mode, form) = (asked.mode(query.mode)?, asked.form());
    let depth_max = api.settings().json_depth_max;
    let items = asked.items()?;
    let items = items.into_iter().map(|raw| Item::read(raw, of, depth_max, campaign));
    let (answers, last) = match mode {
        Mode::Independent => each(api, of, items).await?,
        Mode::Atomic => together(api, of, items).await?,
    };
    count(&answers);
    Ok(render(api, form, answers, last))
}

/// What a batch is answered with tells nothing of its items.
fn count(answers: &[ItemAnswer]) {
    let mut counts = BTreeMap::<u16, u64>::new();
    for answer in answers {
        let (ItemAnswer::Done { status, .. } | ItemAnswer::Refused { status, .. }) = answer;
        let count = counts.entry(*status).or_default();
        *count = count.saturating_add(1);
    }
    for (status, count) in counts {
        counter!("batch_items_total", "status" => status.to_string()).increment(count);
    }
}

type Answers = (Vec<ItemAnswer>, Option<Position>);

async fn each(
    api: &Api,
    of: &Of,
    items: impl Iterator<Item = Result<Item, Problem>>,
) -> Result<Answers, Problem> {
    let (mut wishes, mut read) = (vec![], vec![]);
    for item in items {
        read.push(item.map(|item| {
            let demand = Demand::of_item(&item.wish);
            wishes.push((item.wish, item.key));
            (item.about, demand)
        }));
    }
    let mut done = api.service().execute_each(&of.who, wishes).await.into_iter();
    let refusals = Refusals::to(api, &of.who, &of.tenant);
    let (mut answers, mut last) = (Vec::with_capacity(read.len()), None);
    for (index, read) in read.into_iter().enumerate() {
        let answered =
            read.and_then(|(about, demand)| Ok((about, demand, done.next().ok_or_else(untold)?)));
        let told = match answered {
            Ok((about, _, Ok(done))) => told(api, &about, &done, &mut last).await,
            Ok((_, demand, Err(error))) => Err(refusals.tell(demand, error).await),
            Err(problem) => Err(problem),
        };
        answers.push(told.unwrap_or_else(|problem| refused(&problem.of_item(index))));
    }
    Ok((answers, last))
}

async fn together(
    api: &Api,
    of: &Of,
    items: impl Iterator<Item = Result<Item, Problem>>,
) -> Result<Answers, Problem> {
    let named = items.enumerate().map(|(index, item)| item.map_err(|why| why.of_item(index)));
    let items = named.collect::<Result<Vec<_>, _>>()?;
    item::must_differ(&items)?;
    let demands: Vec<_> = items.iter().map(|item| Demand::of_item(&item.wish)).collect();
    let split = items.into_iter().map(|item| (item.about, (item.wish, item.key)));
    let (about, wishes): (Vec<_>, Vec<_>) = split.unzip();
    let done = match api.service().execute_together(&of.who, &of.tenant, wishes).await {
        Ok(done) => done,
        Err(error) => {
            let demand = index(&error).and_then(|index| demands.get(index).copied()).flatten();
            return Err(Refusals::to(api, &of.who, &of.tenant).tell(demand, error).await);
        }
    };
    let (mut answers, mut last) = (Vec::with_capacity(done.len()), None);
    for (about, done) in about.iter().zip(&done) {
        answers.push(told(api, about, done, &mut last).await?);
    }
    Ok((answers, last))
}

/// Which item a refusal is about.
fn index(error: &service::Error) -> Option<usize> {
    match error.rejection() {
        Some(Rejection::Item { index, .. }) => Some(*index),
        _ => None,
    }
}

async fn told(
    api: &Api,
    about: &About,
    done: &Done,
    last: &mut Option<Position>,
) -> Result<ItemAnswer, Problem> {
    let (result, replayed) = about.outcome(api, done).await?;
    let position = Position::head(api.service().engine(), done.head);
    let told = position.to_string();
    if last.as_ref().is_none_or(|last| last.position < position.position) {
        *last = Some(position);
    }
    let status = about.status().as_u16();
    Ok(ItemAnswer::Done { status, position: told, replayed, result })
}

fn refused(problem: &Problem) -> ItemAnswer {
    let problem = problem.body();
    let status = problem.get("status").and_then(Value::as_u64).and_then(|it| it.try_into().ok());
    ItemAnswer::Refused { status: status.unwrap_or(500), problem }
}

fn render(api: &Api, form: Form, answers: Vec<ItemAnswer>, last: Option<Position>) -> Response {
    let repeats = |answer: &ItemAnswer| matches!(answer, ItemAnswer::Done { replayed: true, .. });
    let replayed = answers.iter().all(repeats);
    let mut response = match form {
        Form::Json => axum::Json(Answered { items: answers }).into_response(),
        Form::Lines => match lines(&answers) {
            Ok(lines) => ([(CONTENT_TYPE, NDJSON)], lines).into_response(),
            Err(error) => return Problem::internal(&error).into_response(),
        },
    };
    let engine = api.service().engine();
    let position = last.unwrap_or_else(|| Position::head(engine, engine.head()));
    response.headers_mut().insert(POSITION, position.header());
    if replayed {
        mark_replayed(response.headers_mut());
    }
    response
}

fn lines(answers: &[ItemAnswer]) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = vec![];
    for answer in answers {
        serde_json::to_writer(&mut lines, answer)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

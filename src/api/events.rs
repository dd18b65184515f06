//! Events: the tenant's own part of the roll, in order, as facts or as the bytes that were stored.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use piperoll_domain::id::{Stream, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        caller::{Caller, Of},
        extract::{Path, Query},
        position::{POSITION, Position},
        problem,
    },
    audit::line::{Line, Raw},
    fact::{self, Named},
    roll::{Block, Record, Roll},
};

/// How many bytes of blocks are read at once.
const READ_BYTES: usize = 1 << 20;
/// How many bytes of the roll one answer looks through at most.
const LOOKED_THROUGH_MAX: usize = 16 << 20;
/// How many events are on a page, unless said.
const LIMIT: u32 = 100;
/// The most events on a page.
const LIMIT_MAX: u32 = 1_000;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/events", get(list))
        .route("/v1/events/{position}", get(show))
        .route("/v1/admin/events", get(list_all))
}

/// Which events.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Behind this position, or number of one; from the beginning unless said.
    after: Option<String>,
    /// Of one stream.
    #[param(value_type = Option<String>)]
    stream: Option<Stream>,
    /// Of one type, such as `payment.settled.v1`, or of all that begin like `payment.*`. One that no
    /// event has is refused.
    r#type: Option<String>,
    /// With the bytes that were stored, in base64, in place of the fields.
    raw: Option<bool>,
    /// How many: 1 to 1000 on a page, 100 unless said. Lines of NDJSON are as many as are said; unless
    /// it is said they go on to the end of the roll.
    limit: Option<u32>,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// The events, as facts or as bytes.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// Up to where the roll was looked through: give it as `after` for what follows.
    next: String,
    /// Whether that is the end of the roll.
    end: bool,
}

/// What is looked for.
#[derive(Debug, Clone)]
struct Sought {
    tenant: Option<TenantId>,
    stream: Option<String>,
    name: Option<Named>,
    raw: bool,
}

/// Lists a tenant's events; with `Accept: application/x-ndjson`, all of them, one a line.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(Which),
    responses((status = 200, body = Events)))]
pub(super) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    listed(&api, Some(of.tenant), which, &headers).await
}

/// Lists everybody's events.
#[utoipa::path(get, path = "/v1/admin/events", tag = "admin", params(Which),
    responses((status = 200, body = Events)))]
pub(super) async fn list_all(
    State(api): State<Api>,
    Caller(_): Caller,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    listed(&api, None, which, &headers).await
}

async fn listed(
    api: &Api,
    tenant: Option<TenantId>,
    which: Which,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let after = after(api, which.after.as_deref()).await?;
    let lines = headers.get(ACCEPT).is_some_and(|types| types == "application/x-ndjson");
    let limit_max = if lines { u32::MAX } else { LIMIT_MAX };
    if which.limit.is_some_and(|limit| !(1..=limit_max).contains(&limit)) {
        return Err(problem::field("limit", &format!("it is between 1 and {limit_max}")));
    }
    let sought = Sought {
        tenant,
        stream: which.stream.map(|stream| stream.to_string()),
        name: which.r#type.as_deref().map(named).transpose()?,
        raw: which.raw.unwrap_or(false),
    };
    if lines {
        return Ok(streamed(api, sought, after, which.limit));
    }
    let events = page(api, &sought, after, which.limit.unwrap_or(LIMIT)).await?;
    Ok(Json(events).into_response())
}

fn named(text: &str) -> Result<Named, Problem> {
    text.parse().map_err(|error: fact::Nameless| problem::field("type", &error.to_string()))
}

async fn after(api: &Api, text: Option<&str>) -> Result<u64, Problem> {
    let Some(text) = text else { return Ok(0) };
    if let Ok(position) = text.parse::<Position>() {
        position.must_be_ours(api.service().engine()).await?;
        return Ok(position.position);
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let position = text.parse().ok().filter(|_| plain);
    position.ok_or_else(|| problem::field("after", "it is a position"))
}

async fn page(api: &Api, sought: &Sought, after: u64, limit: u32) -> Result<Events, Problem> {
    let engine = api.service().engine();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut events, mut at, mut looked) = (vec![], after, 0_usize);
    'looking: loop {
        let blocks = read(engine.roll(), at).await?;
        if blocks.is_empty() {
            break;
        }
        for block in &blocks {
            let after = at;
            for (position, bytes) in block.iter().filter(|(position, _)| *position > after) {
                events.extend(sought.show(block, position, bytes)?);
                (at, looked) = (position, looked.saturating_add(bytes.len()));
                if events.len() >= limit || looked > LOOKED_THROUGH_MAX {
                    break 'looking;
                }
            }
        }
    }
    let hash = engine.roll().hash_at(at).await.map_err(|error| Problem::internal(&error))?;
    let hash = hash.ok_or_else(|| problem::field("after", "it is beyond the end of the roll"))?;
    let end = at >= engine.head().position;
    Ok(Events { events, next: Position::of(engine, at, hash).to_string(), end })
}

/// What follows a position. No more is read than the roll's writer has told everybody about.
async fn read(roll: &Roll, after: u64) -> Result<Vec<Arc<Block>>, Problem> {
    let blocks = roll.read(after.saturating_add(1), READ_BYTES).await;
    blocks.map_err(|error| Problem::internal(&error))
}

impl Sought {
    /// The event, if it is one that is looked for.
    fn show(&self, block: &Block, position: u64, bytes: &[u8]) -> Result<Option<Value>, Problem> {
        let record = Record::read(bytes).map_err(|error| Problem::internal(&error))?;
        let meant = self.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == record.tenant)
            && self.stream.as_ref().is_none_or(|stream| stream == record.stream)
            && self.name.as_ref().is_none_or(|named| named.holds(record.name));
        if !meant {
            return Ok(None);
        }
        let hash = block.hash_at(position);
        let shown = if let Some(hash) = hash.filter(|_| self.raw) {
            serde_json::to_value(Raw::new(position, hash, bytes))
        } else {
            let recorded = fact::decode(position, bytes);
            let recorded = recorded.map_err(|error| Problem::internal(&error))?;
            serde_json::to_value(Line { hash, recorded })
        };
        shown.map(Some).map_err(|error| Problem::internal(&error))
    }
}

/// One event a line, up to where the roll ends when it gets there, or as many as are wanted. What breaks
/// off says so in the log; a reader goes on behind the last line it has.
fn streamed(api: &Api, sought: Sought, after: u64, limit: Option<u32>) -> Response {
    let engine = api.service().engine().clone();
    let head = engine.head();
    let lines = async_stream::stream! {
        let mut at = after;
        let mut left = limit.map_or(u64::MAX, u64::from);
        while let Ok(blocks) = read(engine.roll(), at).await {
            if blocks.is_empty() {
                break;
            }
            for block in &blocks {
                let mut text = String::new();
                for (position, bytes) in block.iter().filter(|(position, _)| *position > at) {
                    match sought.show(block, position, bytes) {
                        Ok(Some(line)) => {
                            text.push_str(&line.to_string());
                            text.push('\n');
                            left -= 1;
                        }
                        Ok(None) => {}
                        Err(_) => return,
                    }
                    if left == 0 {
                        break;
                    }
                }
                at = block.last();
                if !text.is_empty() {
                    yield Ok::<_, Infallible>(text);
                }
                if left == 0 {
                    return;
                }
            }
        }
    };
    let mut response = Body::from_stream(lines).into_response();
    let position = Position::head(api.service().engine(), head).header();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(POSITION, position);
    response
}

/// Whether the bytes are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// With the bytes that were stored, in base64, in place of the fields.
    raw: Option<bool>,
}

/// Tells one event.
#[utoipa::path(get, path = "/v1/events/{position}", tag = "events",
    params(("position" = u64, Path), How), responses((status = 200, body = Object)))]
pub(super) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(position): Path<u64>,
    Query(how): Query<How>,
) -> Result<Json<Value>, Problem> {
    let raw = how.raw.unwrap_or(false);
    let sought = Sought { tenant: Some(of.tenant), stream: None, name: None, raw };
    let block = api.service().engine().roll().block_at(position).await;
    let block = block.map_err(|error| Problem::internal(&error))?;
    let absent = || problem::not_found("the event");
    let block = block.ok_or_else(absent)?;
    let bytes = block.record(position).ok_or_else(absent)?;
    sought.show(&block, position, bytes)?.map(Json).ok_or_else(absent)
}

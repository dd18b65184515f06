//! How we are: whether the process lives, and whether it takes writes.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use piperoll_domain::{roll::Environment, worker::Worker};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{Api, Problem, position::Position, problem::Code},
    engine::{Directory, Health},
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/health", get(health)).route("/ready", get(ready))
}

/// How we are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Condition {
    /// `ok`, `waiting` or `stopped`.
    #[schema(example = "ok")]
    status: &'static str,
    /// `development` or `production`.
    env: &'static str,
    /// The release.
    version: &'static str,
    /// Why no writes are taken, while that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The workers that an operator paused.
    workers_paused: Vec<&'static str>,
    /// Where the roll stands.
    position: String,
    /// How many events the views are behind it.
    view_lag_events: u64,
    /// How often in a row the views could not be carried on; the log tells why.
    view_failures: u32,
}

/// Says whether the process lives and how its store does.
#[utoipa::path(get, path = "/health", tag = "operation", responses(
    (status = 200, body = Condition), (status = 503, body = Condition)
))]
pub(super) async fn health(State(api): State<Api>) -> (StatusCode, Json<Condition>) {
    let condition = condition(&api);
    let stopped = condition.status == "stopped";
    let status = if stopped { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(condition))
}

/// Says whether writes are taken.
#[utoipa::path(get, path = "/ready", tag = "operation", responses((status = 200, body = Condition)))]
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Condition>, Problem> {
    let condition = condition(&api);
    if condition.status == "ok" {
        return Ok(Json(condition));
    }
    Err(Problem::new(Code::Unavailable, "writes are not taken"))
}

fn condition(api: &Api) -> Condition {
    let engine = api.service().engine();
    let head = engine.head();
    let (status, why) = match engine.health() {
        Health::Writing => ("ok", None),
        Health::Waiting { why } => ("waiting", Some(why)),
        Health::Stopped { why } => ("stopped", Some(why)),
    };
    Condition {
        status,
        why,
        env: match engine.directory().environment() {
            Environment::Development => "development",
            Environment::Production => "production",
        },
        version: env!("CARGO_PKG_VERSION"),
        position: Position::head(engine, head).to_string(),
        workers_paused: workers_paused(&engine.directory()),
        view_lag_events: head.position.saturating_sub(api.views().applied()),
        view_failures: api.views().lag().borrow().failures,
    }
}

fn workers_paused(directory: &Directory) -> Vec<&'static str> {
    let resting = |worker: &Worker| directory.resting(*worker).is_some();
    Worker::ALL.into_iter().filter(resting).map(Worker::as_str).collect()
}

//! Workers: which rest, since when and why.

use std::collections::BTreeSet;

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{operation::SwitchWorkers, worker::Worker};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        caller::Caller,
        extract::Write,
        render::{Answer, At},
    },
    engine::Directory,
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/admin/workers", get(list).put(switch))
}

/// All workers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Workers {
    /// Each of them.
    workers: Vec<OneWorker>,
}

/// A group of reactors.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OneWorker {
    /// Its name.
    #[schema(example = "sweeper")]
    worker: &'static str,
    /// Whether it rests.
    paused: bool,
    /// Since when; null while it works.
    since: Option<At>,
    /// By whom; null while it works.
    by: Option<String>,
    /// Why; null while it works.
    reason: Option<String>,
}

impl Workers {
    fn of(directory: &Directory) -> Self {
        let one = |worker: Worker| {
            let rest = directory.resting(worker);
            OneWorker {
                worker: worker.as_str(),
                paused: rest.is_some(),
                since: rest.map(|rest| At(rest.since)),
                by: rest.map(|rest| rest.by.clone()),
                reason: rest.map(|rest| rest.reason.clone()),
            }
        };
        Self { workers: Worker::ALL.map(one).into() }
    }
}

/// Tells which workers rest.
#[utoipa::path(get, path = "/v1/admin/workers", tag = "admin",
    responses((status = 200, body = Workers)))]
pub(in crate::api) async fn list(State(api): State<Api>, _: Caller) -> Answer<Workers> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    Answer::at(&api, head, Workers::of(&directory))
}

/// What workers shall do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Switch {
    /// Which: `all`, `sweeper`, `reconciler`, `dlq`, `fulfiller`, `matcher` or `creator`.
    #[schema(value_type = String, example = "all")]
    worker: Which,
    /// Whether they shall rest.
    paused: bool,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// One worker, or all.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    All,
    #[serde(untagged)]
    One(Worker),
}

impl Which {
    fn workers(self) -> BTreeSet<Worker> {
        match self {
            Self::All => Worker::ALL.into(),
            Self::One(worker) => [worker].into(),
        }
    }
}

/// Pauses workers, or lets them work again. What is owed stays owed; what has begun is finished.
#[utoipa::path(put, path = "/v1/admin/workers", tag = "admin", request_body = Switch,
    responses((status = 200, body = Workers)))]
pub(in crate::api) async fn switch(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Write<Switch>,
) -> Result<Answer<Workers>, Problem> {
    let key = write.key("workers.switch", &[])?;
    let Switch { worker, paused, reason } = write.body;
    let operation = SwitchWorkers { workers: worker.workers(), paused, reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    let workers = Workers::of(&api.service().engine().directory());
    Ok(Answer::done(&api, &done, workers))
}

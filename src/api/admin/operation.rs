//! Clock, anomalies, duties, views: what an operator looks after.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::{
    duty,
    id::Stream,
    operation::{AcknowledgeAnomaly, CorrectClock, WaiveDuty},
    time::Time,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        caller::Caller,
        extract::Write,
        offers::Reason,
        problem::Code,
        render::{Answer, At},
    },
    engine::OpenDuties,
    fact,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/admin/clock", get(clock))
        .route("/v1/admin/clock/accept", post(accept_clock))
        .route("/v1/admin/clock/correct", post(correct_clock))
        .route("/v1/admin/anomalies/acknowledge", post(acknowledge))
        .route("/v1/admin/duties", get(duties))
        .route("/v1/admin/duties/waive", post(waive))
        .route("/v1/admin/views/rebuild", post(rebuild))
}

/// What time it is, and whether it is believed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ClockState {
    /// The writer's time.
    now: At,
    /// Why time alone causes nothing at the moment; null while the clock is believed.
    doubt: Option<String>,
}

fn clock_state(api: &Api) -> Answer<ClockState> {
    let engine = api.service().engine();
    let clock = engine.clock();
    let doubt = clock.doubt().map(|doubt| doubt.to_string());
    Answer::at(api, engine.head(), ClockState { now: At(clock.now()), doubt })
}

/// Tells what time it is, and whether it is believed.
#[utoipa::path(get, path = "/v1/admin/clock", tag = "admin",
    responses((status = 200, body = ClockState)))]
pub(in crate::api) async fn clock(State(api): State<Api>, _: Caller) -> Answer<ClockState> {
    clock_state(&api)
}

/// Believes the clock as it stands.
#[utoipa::path(post, path = "/v1/admin/clock/accept", tag = "admin",
    responses((status = 200, body = ClockState)))]
pub(in crate::api) async fn accept_clock(State(api): State<Api>, _: Caller) -> Answer<ClockState> {
    api.service().engine().clock().accept();
    tracing::warn!("an operator accepted the clock");
    clock_state(&api)
}

/// Says that the roll goes on from the clock's time, though its last record is later.
#[utoipa::path(post, path = "/v1/admin/clock/correct", tag = "admin", request_body = Reason,
    responses((status = 200, body = ClockState)))]
pub(in crate::api) async fn correct_clock(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Write<Reason>,
) -> Result<Answer<ClockState>, Problem> {
    let key = write.key("clock.correct", &[])?;
    let engine = api.service().engine();
    let (was, now) = (last_recorded(&api).await?, engine.clock().now());
    let operation = CorrectClock { was, now, reason: write.body.reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    let state = clock_state(&api).body;
    Ok(Answer::done(&api, &done, state))
}

async fn last_recorded(api: &Api) -> Result<Time, Problem> {
    let engine = api.service().engine();
    let entry = engine.roll().record(engine.head().position).await;
    let entry = entry.map_err(|error| Problem::internal(&error))?;
    let absent = || Problem::new(Code::Unavailable, "the roll has no records yet");
    let recorded = fact::decode_entry(&entry.ok_or_else(absent)?);
    Ok(recorded.map_err(|error| Problem::internal(&error))?.envelope.recorded_at)
}

/// A broken invariant to be accepted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Anomaly {
    /// The stream that is frozen.
    #[schema(value_type = String, example = "payment-acme-pay_1")]
    stream: Stream,
    /// The position where it broke.
    position: u64,
    /// Why it is accepted; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Acted {
    /// On what.
    stream: String,
    /// Whether it is in the roll.
    done: bool,
}

/// Accepts a broken invariant, so that its stream goes on from where it stood.
#[utoipa::path(post, path = "/v1/admin/anomalies/acknowledge", tag = "admin",
    request_body = Anomaly, responses((status = 200, body = Acted)))]
pub(in crate::api) async fn acknowledge(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Write<Anomaly>,
) -> Result<Answer<Acted>, Problem> {
    let key = write.key("anomaly.acknowledge", &[])?;
    let Anomaly { stream, position, reason } = write.body;
    let acted = Acted { stream: stream.to_string(), done: true };
    let operation = AcknowledgeAnomaly { stream, position, reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, acted))
}

/// What is still owed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Owed {
    /// By kind.
    kinds: Vec<OwedKind>,
    /// The oldest of each kind.
    oldest: Vec<OwedDuty>,
}

/// How much of a kind is owed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OwedKind {
    /// What kind.
    kind: &'static str,
    /// How many.
    open: usize,
    /// When the oldest was due.
    oldest_due: Option<At>,
}

/// Something that is owed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OwedDuty {
    /// What kind.
    kind: &'static str,
    /// To what.
    stream: String,
    /// Which of it.
    item: Option<String>,
    /// When it is due.
    due: At,
    /// The event that opened it.
    opener: u64,
}

/// How many of each kind are told one by one.
const SHOWN: usize = 20;

/// Tells what is still owed.
#[utoipa::path(get, path = "/v1/admin/duties", tag = "admin",
    responses((status = 200, body = Owed)))]
pub(in crate::api) async fn duties(State(api): State<Api>, _: Caller) -> Answer<Owed> {
    let engine = api.service().engine();
    let head = engine.head();
    let kinds = engine.open_duties().into_iter().map(|OpenDuties { kind, count, oldest_due }| {
        OwedKind { kind: kind.as_str(), open: count, oldest_due: oldest_due.map(At) }
    });
    let oldest = duty::Kind::ALL.into_iter().flat_map(|kind| engine.due(kind, Time::MAX, SHOWN));
    let oldest = oldest.map(|duty| OwedDuty {
        kind: duty.name.kind.as_str(),
        stream: duty.name.stream.to_string(),
        item: duty.name.item.map(|item| item.to_string()),
        due: At(duty.due),
        opener: duty.opener,
    });
    Answer::at(&api, head, Owed { kinds: kinds.collect(), oldest: oldest.collect() })
}

/// A duty to be closed by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Waiver {
    /// What kind.
    #[schema(value_type = String, example = "sweep")]
    kind: duty::Kind,
    /// To what it is owed.
    #[schema(value_type = String)]
    stream: Stream,
    /// Which of it.
    item: Option<String>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Closes a duty by hand.
#[utoipa::path(post, path = "/v1/admin/duties/waive", tag = "admin", request_body = Waiver,
    responses((status = 200, body = Acted)))]
pub(in crate::api) async fn waive(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Write<Waiver>,
) -> Result<Answer<Acted>, Problem> {
    let key = write.key("duty.waive", &[])?;
    let Waiver { kind, stream, item, reason } = write.body;
    let acted = Acted { stream: stream.to_string(), done: true };
    let name = duty::Name { kind, stream, item: item.map(Into::into) };
    let operation = WaiveDuty { name, reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, acted))
}

/// Views that are being built anew.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Rebuilding {
    /// Always.
    started: bool,
}

/// Begins to build the views anew beside the ones in use; what they say changes when it is done.
#[utoipa::path(post, path = "/v1/admin/views/rebuild", tag = "admin",
    responses((status = 202, body = Rebuilding)))]
pub(in crate::api) async fn rebuild(State(api): State<Api>, _: Caller) -> Answer<Rebuilding> {
    let head = api.service().engine().head();
    let (views, roll) = (api.views().clone(), api.service().engine().roll().clone());
    // Lost with the process, and then nothing but time is lost.
    tokio::spawn(async move {
        match views.rebuild(&Arc::new(roll), |_| {}).await {
            Ok(()) => tracing::info!("the views were rebuilt"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the views could not be rebuilt");
            }
        }
    });
    Answer::at(&api, head, Rebuilding { started: true }).status(axum::http::StatusCode::ACCEPTED)
}

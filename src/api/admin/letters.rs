//! Dead letters: duties that were refused, and what is decided about them.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::{
    id::LetterId,
    letter::{Decision, STATUSES},
    operation::{ResolveLetter, RetryLetter},
    rejection::Rejection,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        accounts::looked,
        caller::Caller,
        extract::{Path, Query, Write},
        listing::{Listed, page},
        offers::Reason,
        position::Look,
        problem,
        render::{Answer, At},
    },
    views::read,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/admin/dead-letters", get(list))
        .route("/v1/admin/dead-letters/{letter}", get(show))
        .route("/v1/admin/dead-letters/{letter}/retry", post(retry))
        .route("/v1/admin/dead-letters/{letter}/resolve", post(resolve))
}

/// Which dead letters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Which {
    /// `pending`, `processing`, `completed`, `failed` or `manual_review`; all unless said.
    status: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    limit: Option<u32>,
}

/// A duty that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct DeadLetter {
    /// Its name: the kind of duty, and the position that opened it.
    #[schema(example = "fulfil.812")]
    id: String,
    /// Whose.
    tenant: String,
    /// `deposit`, `webhook`, `reconciliation`, `lapse` or `return`.
    operation_type: Option<String>,
    /// What is owed.
    duty: Refused,
    /// `pending`, `processing`, `completed`, `failed` or `manual_review`.
    status: Option<String>,
    /// Why it was refused the last time, for programs.
    error_code: Option<String>,
    /// The same, for people.
    error_message: Option<String>,
    /// How many attempts were refused.
    retry_count: Option<i64>,
    /// How many there are before a person is asked.
    max_retries: Option<i64>,
    /// When the next attempt is due; null unless one is.
    next_retry_at: Option<At>,
    /// Until when the attempt that is being made may last; null unless one is.
    lease_until: Option<At>,
    /// How it ended: `retried`, `elsewhere`, `handed_back` or `resolved`; null while it has not.
    resolution: Option<String>,
    /// What a person last said about it.
    reason: Option<String>,
    /// When it was opened.
    created_at: Option<At>,
    /// When anything last happened to it.
    updated_at: Option<At>,
    /// The position of its last event.
    position: i64,
}

/// A duty that is left to its letter.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Refused {
    /// What kind.
    kind: Option<String>,
    /// To what it is owed.
    stream: Option<String>,
    /// Which of it.
    item: Option<String>,
    /// The event that opened it.
    opener: Option<i64>,
}

impl DeadLetter {
    fn of(row: read::Letter) -> Self {
        let while_it_is = |status: &[&str], time: Option<i64>| {
            let is = row.status.as_deref().is_some_and(|now| status.contains(&now));
            time.filter(|_| is).map(At::micros)
        };
        let next_retry_at = while_it_is(&["pending"], row.next_retry_at);
        let lease_until = while_it_is(&["processing"], row.lease_until);
        let over = matches!(row.status.as_deref(), Some("completed" | "failed"));
        Self {
            id: row.letter,
            tenant: row.tenant,
            operation_type: row.operation_type,
            duty: Refused {
                kind: row.duty,
                stream: row.stream,
                item: row.item,
                opener: row.opener,
            },
            status: row.status,
            error_code: row.error_code,
            error_message: row.error_message,
            retry_count: row.retry_count,
            max_retries: row.max_retries,
            next_retry_at,
            lease_until,
            resolution: row.ended.filter(|_| over),
            reason: row.reason,
            created_at: row.created_at.map(At::micros),
            updated_at: row.updated_at.map(At::micros),
            position: row.position,
        }
    }
}

/// Lists everybody's dead letters, the oldest first.
#[utoipa::path(get, path = "/v1/admin/dead-letters", tag = "admin", params(Which),
    responses((status = 200, body = Listed<DeadLetter>)))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    _: Caller,
    Query(query): Query<Which>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<DeadLetter>>, Problem> {
    let Which { status, after, limit } = query;
    let known = |word: &String| STATUSES.into_iter().find(|status| status == word);
    let wrong = || problem::field("status", &format!("it is one of {}", STATUSES.join(", ")));
    let status = status.as_ref().map(|word| known(word).ok_or_else(wrong)).transpose()?;
    let page = page(after, limit)?;
    let letters = snapshot.letters(status, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(letters, DeadLetter::of)))
}

/// Shows a dead letter.
#[utoipa::path(get, path = "/v1/admin/dead-letters/{letter}", tag = "admin",
    params(("letter" = String, Path)), responses((status = 200, body = DeadLetter)))]
pub(in crate::api) async fn show(
    State(api): State<Api>,
    _: Caller,
    Path(letter): Path<LetterId>,
    Look(mut snapshot): Look,
) -> Result<Answer<DeadLetter>, Problem> {
    let row = snapshot.letter(&letter).await?;
    let row = row.ok_or_else(|| Problem::from(Rejection::LetterNotFound))?;
    Ok(looked(&api, &snapshot, DeadLetter::of(row)))
}

/// What was decided.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Decided {
    /// About which letter.
    id: String,
    /// Where it stands now: `pending`, `completed` or `failed`.
    status: &'static str,
}

/// Tries a dead letter again at once; its attempts are counted anew.
#[utoipa::path(post, path = "/v1/admin/dead-letters/{letter}/retry", tag = "admin",
    params(("letter" = String, Path)), request_body = Reason,
    responses((status = 200, body = Decided)))]
pub(in crate::api) async fn retry(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(letter): Path<LetterId>,
    write: Write<Reason>,
) -> Result<Answer<Decided>, Problem> {
    let key = write.key("letter.retry", &[letter.as_str()])?;
    let tenant = api.service().tenant_of_letter(&letter).await?;
    let decided = Decided { id: letter.to_string(), status: "pending" };
    let operation = RetryLetter { tenant, letter, reason: write.body.reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, decided))
}

/// How a dead letter ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct End {
    /// `completed`: it was done by other means; `failed`: it will not be done.
    #[schema(value_type = String, example = "completed")]
    outcome: Decision,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Ends a dead letter by hand, and with it the duty.
#[utoipa::path(post, path = "/v1/admin/dead-letters/{letter}/resolve", tag = "admin",
    params(("letter" = String, Path)), request_body = End,
    responses((status = 200, body = Decided)))]
pub(in crate::api) async fn resolve(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(letter): Path<LetterId>,
    write: Write<End>,
) -> Result<Answer<Decided>, Problem> {
    let key = write.key("letter.resolve", &[letter.as_str()])?;
    let tenant = api.service().tenant_of_letter(&letter).await?;
    let End { outcome, reason } = write.body;
    let status = match outcome {
        Decision::Completed => "completed",
        Decision::Failed => "failed",
    };
    let decided = Decided { id: letter.to_string(), status };
    let operation = ResolveLetter { tenant, letter, outcome, reason };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, decided))
}

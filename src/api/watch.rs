//! Around every request: it is borne or refused, counted, and logged by its route's template, never by
//! what stood in its place.
//!
//! One layer and not one for each: every layer costs a copy of all that is below it, a request.

use std::{sync::LazyLock, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use metrics::{counter, histogram};
use tokio::sync::SemaphorePermit;
use tracing::Instrument;

use crate::{
    api::{Api, Problem, limits, position, routes},
    problem::Limited,
};

/// Requests that meet no route share one label.
const NOWHERE: &str = "unmatched";

/// Bears, counts, times and logs.
pub(super) async fn around(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = word(request.method());
    let path = template(&request);
    let span = tracing::info_span!("request", method, path);
    let response = answered(&api, path, request, next).instrument(span.clone()).await;
    let took = began.elapsed();
    let status = response.status();
    let labels = [("method", method), ("path", path), ("status", code(status))];
    counter!("http_requests_total", &labels).increment(1);
    if let Some(limit) = response.extensions().get::<Limited>() {
        counter!("rate_limited_total", "scope" => limit.as_str()).increment(1);
    }
    histogram!("http_request_duration_seconds", "method" => method, "path" => path).record(took);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), took_us, "answered"));
    response
}

/// What is too much is refused before anything is read; what breaks breaks one request.
async fn answered(api: &Api, route: &str, request: Request, next: Next) -> Response {
    match borne(api, route, request).await {
        Err(problem) => problem.into_response(),
        // What it takes is given back once the answer is known.
        Ok((request, _taken)) => run(api, request, next).await,
    }
}

/// Room for the body, and a place among the requests in flight.
type Taken<'a> = [Option<SemaphorePermit<'a>>; 2];

async fn borne<'a>(
    api: &'a Api,
    route: &str,
    request: Request,
) -> Result<(Request, Taken<'a>), Problem> {
    limits::size(api, &request)?;
    let (request, room) = limits::whole(api, route, request).await?;
    let place = limits::place(api, &request)?;
    Ok((request, [room, place]))
}

async fn run(api: &Api, request: Request, next: Next) -> Response {
    let mut response = limits::no_panic(limits::in_time(api, next.run(request))).await;
    position::say(api, &mut response);
    response
}

/// The route's template, as the table has it.
fn template(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>();
    let known = matched.and_then(|path| routes::template(path.as_str()));
    known.unwrap_or(NOWHERE)
}

/// A status as text that lives as long as the program.
fn code(status: StatusCode) -> &'static str {
    static CODES: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..1_000).map(|code: u16| code.to_string()).collect());
    CODES.get(usize::from(status.as_u16())).map_or("", String::as_str)
}

/// Methods that nobody has heard of share one label.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

//! Every request, counted and logged by its route's template: never by what stood in its place.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use metrics::{counter, histogram};
use tracing::Instrument;

/// Requests that meet no route share one label.
const NOWHERE: &str = "unmatched";

/// Counts, times and logs.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = word(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let template = path.as_ref().map_or(NOWHERE, MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", method, path = %template);
    let response = next.run(request).instrument(span.clone()).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    let labels =
        [("method", method.to_owned()), ("path", template.clone()), ("status", status.to_string())];
    counter!("http_requests_total", &labels).increment(1);
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        // Nothing else is limited by rate.
        counter!("rate_limited_total", "scope" => "invoices").increment(1);
    }
    histogram!("http_request_duration_seconds", "method" => method, "path" => template)
        .record(took);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(status, took_us, "answered"));
    response
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

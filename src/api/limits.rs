//! How much is borne: sizes, time, and how many at once. A refusal costs little.

mod whole;

use std::{any::Any, panic::AssertUnwindSafe};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Method,
        header::{ALLOW, CONTENT_ENCODING},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

pub(super) use self::whole::{BYTES_MAX, whole};
use crate::api::{Api, Problem, problem::Code};

/// What some route or other takes.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// The longest path and query.
const URI_BYTES_MAX: usize = 8_192;

/// Header fields, the address and encoded bodies.
pub(super) async fn size(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.method() == Method::TRACE {
        // Nobody's credentials are told back to him, under any path.
        let refused = Problem::new(Code::MethodNotAllowed, "nothing is traced here");
        return ([(ALLOW, METHODS)], refused).into_response();
    }
    let most = api.settings().header_bytes_max;
    if bytes(request.headers()) > most {
        let detail = format!("all header fields together are at most {most} bytes");
        return Problem::new(Code::HeadersTooLarge, detail).into_response();
    }
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > URI_BYTES_MAX {
        return Problem::new(Code::HeadersTooLarge, "path and query are too long").into_response();
    }
    let encoded =
        |value: &axum::http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if request.headers().get_all(CONTENT_ENCODING).iter().any(encoded) {
        return Problem::new(Code::UnsupportedEncoding, "send the body as it is").into_response();
    }
    next.run(request).await
}

fn bytes(headers: &HeaderMap) -> usize {
    let one = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        name.as_str().len().saturating_add(value.len())
    };
    headers.iter().map(one).fold(0, usize::saturating_add)
}

/// Requests in flight. Whoever asks how we are is never turned away.
pub(super) async fn crowd(State(api): State<Api>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/health" | "/ready" | "/metrics") {
        return next.run(request).await;
    }
    match api.in_flight().try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Problem::new(Code::Busy, "too many requests are in flight").into_response(),
    }
}

/// How long an answer may take.
pub(super) async fn time(State(api): State<Api>, request: Request, next: Next) -> Response {
    let limit = api.settings().request_timeout;
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = "whether anything was written is not known: ask again with the same key";
        Problem::new(Code::Timeout, detail).into_response()
    })
}

/// A defect of ours ends one request, not the process.
pub(super) async fn no_panic(request: Request, next: Next) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answered.unwrap_or_else(|panic| {
        tracing::error!(panic = said(panic.as_ref()), "a handler panicked");
        Problem::new(Code::Internal, "our log tells the cause").into_response()
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

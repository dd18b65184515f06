//! How much is borne: sizes, time, and how many at once. A refusal costs little.

mod whole;

use std::{any::Any, panic::AssertUnwindSafe};

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header::CONTENT_ENCODING},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tokio::sync::SemaphorePermit;

pub(super) use self::whole::{BYTES_MAX, whole};
use crate::api::{Api, Problem, problem::Code};

/// The longest path and query.
const URI_BYTES_MAX: usize = 8_192;

/// Header fields, the address and encoded bodies.
pub(super) fn size(api: &Api, request: &Request) -> Result<(), Problem> {
    if request.method() == Method::TRACE {
        // Nobody's credentials are told back to him, under any path.
        return Err(Problem::new(Code::MethodNotAllowed, "nothing is traced here"));
    }
    let most = api.settings().header_bytes_max;
    if bytes(request.headers()) > most {
        let detail = format!("all header fields together are at most {most} bytes");
        return Err(Problem::new(Code::HeadersTooLarge, detail));
    }
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > URI_BYTES_MAX {
        return Err(Problem::new(Code::HeadersTooLarge, "path and query are too long"));
    }
    let encoded =
        |value: &axum::http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if request.headers().get_all(CONTENT_ENCODING).iter().any(encoded) {
        return Err(Problem::new(Code::UnsupportedEncoding, "send the body as it is"));
    }
    Ok(())
}

fn bytes(headers: &HeaderMap) -> usize {
    let one = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        name.as_str().len().saturating_add(value.len())
    };
    headers.iter().map(one).fold(0, usize::saturating_add)
}

/// A place among the requests in flight. Whoever asks how we are needs none.
pub(super) fn place<'a>(
    api: &'a Api,
    request: &Request,
) -> Result<Option<SemaphorePermit<'a>>, Problem> {
    if matches!(request.uri().path(), "/health" | "/ready" | "/metrics") {
        return Ok(None);
    }
    let place = api.in_flight().try_acquire().map(Some);
    place.map_err(|_| Problem::new(Code::Busy, "too many requests are in flight"))
}

/// How long an answer may take.
pub(super) async fn in_time(api: &Api, answering: impl Future<Output = Response>) -> Response {
    let limit = api.settings().request_timeout;
    tokio::time::timeout(limit, answering).await.unwrap_or_else(|_| {
        let detail = "whether anything was written is not known: ask again with the same key";
        Problem::new(Code::Timeout, detail).into_response()
    })
}

/// A defect of ours ends one request, not the process.
pub(super) async fn no_panic(answering: impl Future<Output = Response>) -> Response {
    let answered = AssertUnwindSafe(answering).catch_unwind().await;
    answered.unwrap_or_else(|panic| {
        tracing::error!(panic = said(panic.as_ref()), "a handler panicked");
        Problem::new(Code::Internal, "our log tells the cause").into_response()
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

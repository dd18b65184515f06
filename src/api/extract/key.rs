//! A write: its body and the caller's key for it.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName},
};
use piperoll_domain::event::Idempotency;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    api::{
        Api, Problem,
        extract::Json,
        problem::{self, Code},
    },
    idempotency,
};

/// Where a caller's key stands.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The other name that callers know for it (requirement D8).
const OTHER_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

/// A write: what is asked, and the key that makes asking again harmless.
#[derive(Debug)]
pub(in crate::api) struct Write<T> {
    /// What is asked.
    pub(in crate::api) body: T,
    fields: Value,
    key: Option<idempotency::Key>,
}

impl<T> Write<T> {
    /// The key, bound to an operation and everything that was asked: the path's part too.
    pub(in crate::api) fn key(
        &self,
        operation: &str,
        path: &[&str],
    ) -> Result<Idempotency, Problem> {
        self.key_if_any(operation, path)?.ok_or_else(missing)
    }

    /// The same where a name that was said can stand in for the key.
    pub(in crate::api) fn key_unless(
        &self,
        is_named: bool,
        operation: &str,
        path: &[&str],
    ) -> Result<Option<Idempotency>, Problem> {
        if is_named {
            self.key_if_any(operation, path)
        } else {
            self.key(operation, path).map(Some)
        }
    }

    fn key_if_any(&self, operation: &str, path: &[&str]) -> Result<Option<Idempotency>, Problem> {
        let bind = |key| bound(key, operation, path, &self.fields);
        self.key.clone().map(bind).transpose()
    }
}

/// A key, bound to an operation and everything that was asked: the path's part, and the body's.
pub(in crate::api) fn bound(
    key: idempotency::Key,
    operation: &str,
    path: &[&str],
    fields: &Value,
) -> Result<Idempotency, Problem> {
    let fingerprint = idempotency::fingerprint_of(path, fields)
        .map_err(|error| problem::field("", &error.to_string()))?;
    Ok(Idempotency { operation: operation.into(), key: key.into_string().into(), fingerprint })
}

impl<T: DeserializeOwned> FromRequest<Api> for Write<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let key = key(request.headers())?;
        let bodyless = request.headers().get("content-type").is_none();
        if bodyless {
            let body = Bytes::from_request(request, api).await;
            let body = body.map_err(|error| problem::body(&error))?;
            let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
            let read = super::read::<T>(&body, api.settings().json_depth_max)?;
            return Ok(Self { body: read.value, fields: read.fields, key });
        }
        let Json { value, fields } = Json::<T>::from_request(request, api).await?;
        Ok(Self { body: value, fields, key })
    }
}

/// The caller's key, if it says one. Two that differ are refused; we do not choose.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<idempotency::Key>, Problem> {
    let invalid = |detail: &str| Problem::new(Code::IdempotencyKeyInvalid, detail);
    let mut found = None;
    let all = headers.get_all(IDEMPOTENCY_KEY).iter().chain(headers.get_all(OTHER_KEY));
    for value in all {
        // What is no ASCII is no key either, and is refused in the same words.
        let key = idempotency::Key::parse(value.to_str().unwrap_or_default())
            .map_err(|error| invalid(&error.to_string()))?;
        if found.as_ref().is_some_and(|other| *other != key) {
            return Err(invalid("there are two keys"));
        }
        found = Some(key);
    }
    Ok(found)
}

fn missing() -> Problem {
    let detail = "say which request this is in `Idempotency-Key`, so that asking again is harmless";
    Problem::new(Code::IdempotencyKeyMissing, detail)
}

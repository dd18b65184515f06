//! A write under a path of the runbooks: JSON whatever it is said to be, and a key if there is one.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use piperoll_domain::event::Idempotency;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    api::{
        Api, Problem,
        extract::{Json, bound, key::key, read},
        problem,
    },
    idempotency,
};

/// What `curl -d` says of whatever it sends.
const FORM: &str = "application/x-www-form-urlencoded";

/// A write: what is asked, and perhaps the key that makes asking again harmless.
#[derive(Debug)]
pub(in crate::api) struct Loose<T> {
    /// What is asked.
    pub(in crate::api) body: T,
    fields: Value,
    key: Option<idempotency::Key>,
}

impl<T> Loose<T> {
    /// The key, bound to an operation and everything that was asked: the path's part too.
    pub(in crate::api) fn key(
        &self,
        operation: &str,
        path: &[&str],
    ) -> Result<Option<Idempotency>, Problem> {
        let bind = |key| bound(key, operation, path, &self.fields);
        self.key.clone().map(bind).transpose()
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for Loose<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let key = key(request.headers())?;
        if !is_said_to_be_a_form(request.headers()) {
            let Json { value, fields } = Json::<T>::from_request(request, api).await?;
            return Ok(Self { body: value, fields, key });
        }
        let body = Bytes::from_request(request, api).await;
        let body = body.map_err(|error| problem::body(&error))?;
        let Json { value, fields } = read::<T>(&body, api.settings().json_depth_max)?;
        Ok(Self { body: value, fields, key })
    }
}

fn is_said_to_be_a_form(headers: &HeaderMap) -> bool {
    let Some(stated) = headers.get(CONTENT_TYPE) else { return true };
    let essence = stated.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(FORM)
}

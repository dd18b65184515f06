//! The parts of a path.

use axum::{
    extract::{FromRequestParts, Path as Parts, path::ErrorKind, rejection::PathRejection},
    http::request,
};
use serde::de::DeserializeOwned;

use crate::api::{Api, Problem, problem};

/// The parts of a path, each in its own type.
#[derive(Debug)]
pub(in crate::api) struct Path<T>(pub(in crate::api) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let read = Parts::<T>::from_request_parts(parts, api).await;
        read.map(|Parts(value)| Self(value)).map_err(|rejection| refused(&rejection))
    }
}

/// Names the part that is wrong, where it is known.
fn refused(rejection: &PathRejection) -> Problem {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return problem::field("path", &rejection.body_text());
    };
    match failed.kind() {
        ErrorKind::ParseErrorAtKey { key, .. } => {
            problem::field(key, "this part of the path is not what it should be")
        }
        ErrorKind::DeserializeError { key, message, .. } => problem::field(key, message),
        ErrorKind::InvalidUtf8InPathParam { key } => {
            problem::field(key, "this part of the path is not UTF-8")
        }
        ErrorKind::Message(message) => problem::field("path", message),
        other => problem::field("path", &other.to_string()),
    }
}

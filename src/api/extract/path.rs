//! The parts of a path.

use axum::{
    extract::{FromRequestParts, Path as Parts, rejection::PathRejection},
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

fn refused(rejection: &PathRejection) -> Problem {
    problem::field("path", &rejection.body_text())
}

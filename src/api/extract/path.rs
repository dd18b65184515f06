//! The parts of a path.

use axum::{
    extract::{
        FromRequestParts, MatchedPath, Path as Parts, path::ErrorKind, rejection::PathRejection,
    },
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
        let template = parts.extensions.get::<MatchedPath>().cloned();
        let read = Parts::<T>::from_request_parts(parts, api).await;
        read.map(|Parts(value)| Self(value)).map_err(|rejection| {
            let only = template.as_ref().and_then(|template| only_part(template.as_str()));
            refused(&rejection, only.unwrap_or("path"))
        })
    }
}

/// The name of a template's part, if it has but one.
fn only_part(template: &str) -> Option<&str> {
    let (_, rest) = template.split_once('{')?;
    let (name, rest) = rest.split_once('}')?;
    (!rest.contains('{')).then(|| name.trim_start_matches('*'))
}

/// Names the part that is wrong; where axum does not know which, by the name of the only one.
fn refused(rejection: &PathRejection, only: &str) -> Problem {
    let wrong = "this part of the path is not what it should be";
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return problem::field(only, wrong);
    };
    match failed.kind() {
        ErrorKind::DeserializeError { key, message, .. } => problem::field(key, message),
        ErrorKind::InvalidUtf8InPathParam { key } => problem::field(key, "it is not UTF-8"),
        ErrorKind::ParseErrorAtKey { key, .. } => problem::field(key, wrong),
        ErrorKind::Message(message) => problem::field(only, message),
        _ => problem::field(only, wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_part_of_a_path_has_a_name() {
        assert_eq!(only_part("/v1/accounts/{account}/balance"), Some("account"));
        assert_eq!(only_part("/v1/{*path}"), Some("path"));
        assert_eq!(only_part("/v1/reviews/{payment}/{number}"), None);
        assert_eq!(only_part("/v1/offers"), None);
    }
}

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
            let names = template.as_ref().map(|template| names(template.as_str()));
            refused(&rejection, &names.unwrap_or_default())
        })
    }
}

/// The names of a template's parts, in their order.
fn names(template: &str) -> Vec<&str> {
    let parts = template.split('{').skip(1).filter_map(|part| part.split_once('}'));
    parts.map(|(name, _)| name.trim_start_matches('*')).collect()
}

/// Names the part that is wrong; where axum does not know which, by the name of the only one.
fn refused(rejection: &PathRejection, names: &[&str]) -> Problem {
    let only = if let [only] = names { only } else { "path" };
    let wrong = "this part of the path is not what it should be";
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return problem::field(only, wrong);
    };
    match failed.kind() {
        ErrorKind::DeserializeError { key, message, .. } => problem::field(key, message),
        ErrorKind::InvalidUtf8InPathParam { key } => problem::field(key, "it is not UTF-8"),
        ErrorKind::ParseErrorAtKey { key, .. } => problem::field(key, wrong),
        ErrorKind::ParseErrorAtIndex { index, .. } => {
            problem::field(names.get(*index).unwrap_or(&only), wrong)
        }
        ErrorKind::Message(message) => problem::field(only, message),
        _ => problem::field(only, wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_path_have_names() {
        assert_eq!(names("/v1/accounts/{account}/balance"), ["account"]);
        assert_eq!(names("/v1/{*path}"), ["path"]);
        assert_eq!(names("/v1/reviews/{payment}/{number}"), ["payment", "number"]);
        assert_eq!(names("/v1/offers"), [""; 0]);
    }
}

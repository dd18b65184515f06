//! Commodities: declared once, with their decimal places.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{money::Code as Commodity, operation::DeclareCommodity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{
    Api, Problem,
    caller::Caller,
    extract::{Path, Write},
    problem,
    render::Answer,
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/admin/commodities/{code}", get(show).put(declare))
}

/// A commodity.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Declared {
    /// Its code.
    code: String,
    /// Its decimal places.
    scale: u8,
}

/// Tells a commodity's decimal places.
#[utoipa::path(get, path = "/v1/admin/commodities/{code}", tag = "admin",
    params(("code" = String, Path)), responses((status = 200, body = Declared)))]
pub(in crate::api) async fn show(
    State(api): State<Api>,
    _: Caller,
    Path(code): Path<Commodity>,
) -> Result<Answer<Declared>, Problem> {
    let engine = api.service().engine();
    let (head, scale) = (engine.head(), engine.directory().scale(code));
    let scale = scale.ok_or_else(|| problem::not_found("the commodity"))?;
    Ok(Answer::at(&api, head, Declared { code: code.to_string(), scale }))
}

/// A commodity to be declared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewCommodity {
    /// Its decimal places, 12 at most.
    scale: u8,
}

/// Declares a commodity: it stands for ever.
#[utoipa::path(put, path = "/v1/admin/commodities/{code}", tag = "admin",
    params(("code" = String, Path)), request_body = NewCommodity,
    responses((status = 200, body = Declared)))]
pub(in crate::api) async fn declare(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(code): Path<Commodity>,
    write: Write<NewCommodity>,
) -> Result<Answer<Declared>, Problem> {
    let key = write.key("commodity.declare", &[code.as_str()])?;
    let scale = write.body.scale;
    let operation = DeclareCommodity { code, scale };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, Declared { code: code.to_string(), scale }))
}

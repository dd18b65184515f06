//! Lists: pages by key, moments to look back to.

use piperoll_domain::time::Time;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{Api, Problem, position::Position, problem, render},
    views::{
        Cursor, Page,
        read::{AsOf, LIMIT_MAX, PageRequest},
    },
};

/// The page that is asked for.
pub(super) fn page(after: Option<String>, limit: Option<u32>) -> Result<PageRequest, Problem> {
    if limit.is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit)) {
        return Err(problem::field("limit", &format!("it is between 1 and {LIMIT_MAX}")));
    }
    Ok(PageRequest { after: after.map(Cursor::from_text), limit })
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listed<T> {
    /// What is on it.
    pub(super) items: Vec<T>,
    /// Give it as `after` for the next page; none behind the last.
    pub(super) next: Option<String>,
}

impl<T> Listed<T> {
    pub(super) fn of<R>(page: Page<R>, show: impl Fn(R) -> T) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Self { items: page.items.into_iter().map(show).collect(), next }
    }

    /// All there is.
    pub(super) fn all(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// A moment: a position, a number of one, or a time.
pub(super) async fn moment(api: &Api, text: Option<&str>) -> Result<AsOf, Problem> {
    let Some(text) = text else { return Ok(AsOf::Now) };
    if let Ok(position) = text.parse::<Position>() {
        position.must_be_ours(api.service().engine()).await?;
        return Ok(AsOf::Position(position.position));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(position) = text.parse()
    {
        return Ok(AsOf::Position(position));
    }
    let what = "it is a position, or a time such as 2026-11-21T12:00:00Z";
    render::time(text).map(AsOf::Time).ok_or_else(|| problem::field("as_of", what))
}

/// A time out of a query.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let what = "it is a time such as 2026-11-21T12:00:00Z";
    text.map(|text| render::time(text).ok_or_else(|| problem::field(name, what))).transpose()
}

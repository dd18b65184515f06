//! Positions as they leave the house: `roll:position:first 8 hex digits of the chain's hash`.

use std::{fmt, str::FromStr, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, request},
    response::Response,
};
use piperoll_domain::bytes::{Bytes, Hash};

use crate::{
    api::{
        Api, Problem,
        problem::{self, Code},
    },
    engine::Engine,
    roll::Head,
    views::Snapshot,
};

/// Where the roll stood when this was answered.
pub(super) const POSITION: HeaderName = HeaderName::from_static("piperoll-position");
/// From where on a reader wants to see; `head` is everything that had been acknowledged.
pub(super) const MIN_POSITION: HeaderName = HeaderName::from_static("piperoll-min-position");

/// Where the roll stands when it is asked for.
const HEAD: &str = "head";

/// How long a reader waits for the views.
const PATIENCE: Duration = Duration::from_secs(2);

/// A place in a history that can be told from the same place in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    roll: String,
    pub(super) position: u64,
    hash: Bytes<4>,
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is written roll:number:8 hexadecimal digits")]
pub(super) struct NotAPosition;

impl Position {
    pub(super) fn of(engine: &Engine, position: u64, hash: Hash) -> Self {
        let [a, b, c, d, ..] = hash.0;
        let roll = engine.roll().identity().name.clone();
        Self { roll, position, hash: Bytes([a, b, c, d]) }
    }

    pub(super) fn head(engine: &Engine, head: Head) -> Self {
        Self::of(engine, head.position, head.hash)
    }

    /// How far a reader wants to see who names a position of this roll's history.
    async fn ours(text: &str, engine: &Engine) -> Result<u64, Problem> {
        let wrong = |error: NotAPosition| {
            problem::field(MIN_POSITION.as_str(), &format!("{error}, or `{HEAD}`"))
        };
        let asked: Self = text.parse().map_err(wrong)?;
        asked.must_be_ours(engine).await?;
        Ok(asked.position)
    }

    /// That it is of this roll's history.
    pub(super) async fn must_be_ours(&self, engine: &Engine) -> Result<(), Problem> {
        let ours = engine.roll().identity().name == self.roll;
        let known = engine
            .roll()
            .hash_at(self.position)
            .await
            .map_err(|error| Problem::internal(&error))?;
        let same = known.is_some_and(|hash| hash.0.starts_with(&self.hash.0));
        if ours && same {
            return Ok(());
        }
        let detail = format!("`{self}` is no position of this roll's history");
        Err(Problem::new(Code::PositionOfOtherHistory, detail))
    }

    pub(super) fn header(&self) -> HeaderValue {
        let text = HeaderValue::from_str(&self.to_string());
        text.unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.roll, self.position, self.hash)
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let mut words = text.rsplitn(3, ':');
        let (Some(hash), Some(position), Some(roll)) = (words.next(), words.next(), words.next())
        else {
            return Err(NotAPosition);
        };
        let plain = position.bytes().all(|byte| byte.is_ascii_digit());
        let position = position.parse().ok().filter(|_| plain).ok_or(NotAPosition)?;
        let hash = Bytes::from_hex(hash).ok_or(NotAPosition)?;
        Ok(Self { roll: roll.to_owned(), position, hash })
    }
}

/// A consistent look at the views, as far on as the caller asks.
#[derive(Debug)]
pub(super) struct Look(pub(super) Snapshot);

impl FromRequestParts<Api> for Look {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let views = api.views();
        let Some(asked) = parts.headers.get(MIN_POSITION) else {
            return Ok(Self(views.snapshot().await?));
        };
        let engine = api.service().engine();
        let position = match asked.to_str().unwrap_or_default() {
            HEAD => engine.head().position,
            text => Position::ours(text, engine).await?,
        };
        Ok(Self(views.snapshot_with(position, PATIENCE).await?))
    }
}

impl Look {
    /// The same look, or a later one that knows of a position.
    pub(super) async fn knowing(self, api: &Api, position: u64) -> Result<Snapshot, Problem> {
        if self.0.mark().position >= position {
            return Ok(self.0);
        }
        drop(self.0);
        Ok(api.views().snapshot_with(position, PATIENCE).await?)
    }
}

/// Says where the roll stands on every answer that does not say it itself.
pub(super) fn say(api: &Api, response: &mut Response) {
    if !response.headers().contains_key(POSITION) {
        let engine = api.service().engine();
        let position = Position::head(engine, engine.head()).header();
        response.headers_mut().insert(POSITION, position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back() {
        for text in ["main:0:00000000", "main:42:deadbeef", "a:b:7:0123abcd"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["", "42", "main:42", "main:-1:deadbeef", "main:+1:deadbeef", "main:4:deadbee"]
        {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
        }
    }
}

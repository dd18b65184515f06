//! Bodies come in whole before anything else is done: whoever is slow to say what he wants takes no
//! place among the requests in flight.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody},
    extract::Request,
};
use futures_util::StreamExt;
use tokio::{sync::SemaphorePermit, time::timeout};

use crate::api::{Api, Problem, batch, problem::Code};

/// All bodies that are coming in, or were and are being answered, together.
pub(in crate::api) const BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is made room for before it has come.
const ANNOUNCED_MAX: usize = 4_096;

/// So much of what is too long is still listened to, and for so long.
const UNHEARD_MAX: usize = 1024 * 1024;
const UNHEARD_WITHIN: Duration = Duration::from_millis(250);

/// Something of a request, and the room that its body takes until the answer is known.
type Whole<'a, T> = (T, Option<SemaphorePermit<'a>>);

/// Waits for the body, for so long and for so many bytes.
pub(in crate::api) async fn whole<'a>(
    api: &'a Api,
    route: &str,
    request: Request,
) -> Result<Whole<'a, Request>, Problem> {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok((Request::from_parts(parts, body), None));
    }
    let most = batch::bytes_max(route).unwrap_or(api.settings().body_bytes_max);
    let within = api.settings().body_timeout;
    let come = timeout(within, come_in(api, body, most)).await.unwrap_or_else(|_| {
        let detail = format!("the body did not come in within {} s", within.as_secs());
        Err(Problem::new(Code::BodyTimeout, detail))
    });
    let (bytes, room) = come?;
    Ok((Request::from_parts(parts, Body::from(bytes)), room))
}

async fn come_in(api: &Api, body: Body, most: usize) -> Result<Whole<'_, Bytes>, Problem> {
    let stated = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut room = None::<SemaphorePermit<'_>>;
    let mut pieces = body.into_data_stream();
    if stated > most {
        return Err(too_large(most, pieces).await);
    }
    // What is only announced takes no more room than this.
    let mut bytes = Vec::with_capacity(stated.min(ANNOUNCED_MAX));
    while let Some(piece) = pieces.next().await {
        let broken = |_| Problem::new(Code::MalformedJson, "the body did not come in whole");
        let piece = piece.map_err(broken)?;
        if bytes.len().saturating_add(piece.len()) > most {
            return Err(too_large(most, pieces).await);
        }
        let more = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let more = api.coming_in().try_acquire_many(more);
        let more = more.map_err(|_| Problem::new(Code::Busy, "too many bodies are coming in"))?;
        match &mut room {
            None => room = Some(more),
            Some(room) => room.merge(more),
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.into(), room))
}

/// Looks away for a moment while he says the rest: closed with words unread, he would hear of a reset
/// in place of the answer.
async fn too_large(most: usize, mut pieces: BodyDataStream) -> Problem {
    let rest = async {
        let mut left = UNHEARD_MAX;
        while let Some(Ok(piece)) = pieces.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    };
    drop(timeout(UNHEARD_WITHIN, rest).await);
    Problem::new(Code::BodyTooLarge, format!("the body is longer than {most} bytes"))
}

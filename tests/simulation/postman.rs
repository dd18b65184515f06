//! Webhooks on their way, as a network treats them; and strangers who send some of their own.

use std::{sync::Arc, time::Duration};

use piperoll::service::Service;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::sleep;

use super::{
    house::Uptime,
    world::{Letter, World},
};

/// After so many tries a provider gives up.
const TRIES: u32 = 12;

/// Brings what is due, until nobody does anything any more.
pub(super) async fn run(world: Arc<World>, service: Service, uptime: Uptime) {
    while !world.is_over() {
        bring(&world, &service, uptime).await;
        sleep(Duration::from_millis(10)).await;
    }
}

/// Brings everything that is due now.
pub(super) async fn bring(world: &World, service: &Service, uptime: Uptime) {
    while let Some(letter) = next(world, uptime.micros()) {
        let headers = headers(&letter);
        let connection = "default".parse().unwrap();
        let answer = service.receive(&connection, None, &headers, &letter.delivery.body).await;
        let taken = answer.as_ref().is_ok_and(|answer| answer.refused.is_none());
        if taken {
            world.state().mail.retain(|other| other.number != letter.number);
        }
        let answer =
            answer.map(|answer| (answer.accepted, answer.reason)).map_err(|e| e.to_string());
        world.step(format!("a webhook comes: {answer:?}"));
    }
}

/// The first that is due. Who insists keeps it until it was taken.
fn next(world: &World, now: i64) -> Option<Letter> {
    let mut state = world.state();
    let at = state.mail.iter().position(|letter| letter.due <= now)?;
    if !world.plan.node.insists || state.mail[at].tries >= TRIES {
        return Some(state.mail.remove(at));
    }
    let letter = &mut state.mail[at];
    letter.tries += 1;
    letter.due = now + 1_000_000 * i64::from(letter.tries);
    Some(letter.clone())
}

fn headers(letter: &Letter) -> HeaderMap {
    let headers = letter.delivery.headers.iter();
    headers
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

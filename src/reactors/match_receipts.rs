//! Webhooks that came before their payment: matched once it is there, or given up in time.

use piperoll_domain::{duty::Duty, operation::MatchReceipt};

use super::Outcome;
use crate::service::{Cause, Error, Principal, Service};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let patience = service.settings().match_patience.as_micros();
    let patience = i64::try_from(patience).unwrap_or(i64::MAX);
    let stream = duty.name.stream.clone();
    let wish = MatchReceipt { stream, give_up_after: duty.due.plus_micros(patience) };
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let done = service.command(&Principal::Reactor("match"), wish, Some(cause), None).await?;
    Ok(if done.events.is_empty() { Outcome::Later } else { Outcome::Done })
}

//! The end of payments that nobody paid: the provider is asked first, and only its word ends one.

use piperoll_domain::duty::Duty;

use super::Outcome;
use crate::service::{Error, Principal, Service, payment_of};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let told = service.ask_provider(&payment_of(duty), Principal::Reactor("expire")).await?;
    let ended = told.expired || told.paid || told.failed;
    Ok(if ended { Outcome::Done } else { Outcome::Later })
}

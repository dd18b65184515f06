//! Invoices that were asked for and never heard of: found at the provider, or given up in time.

use piperoll_domain::{duty::Duty, rejection::Rejection};

use super::Outcome;
use crate::service::{Cause, Error, Found, Service, payment_of};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let at = payment_of(duty);
    let found = service.look_for_invoice(&at).await;
    match found {
        Ok(Found::Recorded) => return Ok(Outcome::Done),
        Ok(Found::NotLost) => return Ok(Outcome::Later),
        Ok(Found::NotYet) | Err(_) => {}
    }
    // Whoever cannot be asked is not waited for longer than the others.
    let cause = Cause::of(&service.fact(duty.opener).await?);
    match service.abandon(&at, cause).await {
        Ok(()) => Ok(Outcome::Done),
        Err(error) if error.rejection() == Some(&Rejection::PaymentTooEarly) => {
            found.map(|_| Outcome::Later)
        }
        Err(error) => Err(error),
    }
}

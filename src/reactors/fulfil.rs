//! What a paid payment promised: given, once.

use piperoll_domain::{duty::Duty, operation::Fulfil, payment::PaymentRef};

use super::Outcome;
use crate::service::{Cause, Error, Principal, Service, payment_of};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let PaymentRef { tenant, id } = payment_of(duty);
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let wish = Fulfil { tenant, payment: id };
    service.command(&Principal::Reactor("fulfil"), wish, Some(cause), None).await?;
    Ok(Outcome::Done)
}

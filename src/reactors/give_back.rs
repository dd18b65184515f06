//! Reservations whose time is over: what they hold is given back.

use piperoll_domain::{
    duty::Duty,
    id::{AccountId, ReservationId},
    operation::ExpireReservation,
    rejection::Rejection,
};

use super::Outcome;
use crate::service::{Cause, Error, Principal, Service};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let Some(item) = &duty.name.item else { return Ok(Outcome::Later) };
    let reservation: ReservationId = item.as_str().parse()?;
    let stream = &duty.name.stream;
    let (tenant, account) = (stream.tenant.clone(), AccountId::from(&stream.id));
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let wish = ExpireReservation { tenant, account, reservation };
    match service.command(&Principal::Reactor("return"), wish, Some(cause), None).await {
        Ok(_) => Ok(Outcome::Done),
        // The clock is in doubt, or ours is ahead of the writer's.
        Err(error) if error.rejection() == Some(&Rejection::ReservationNotExpired) => {
            Ok(Outcome::Later)
        }
        Err(error) => Err(error),
    }
}

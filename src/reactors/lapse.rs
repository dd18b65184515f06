//! Lots whose time is over: what is left of them lapses.

use piperoll_domain::{
    duty::Duty,
    id::{AccountId, LotId},
    operation::ExpireLot,
    rejection::Rejection,
};

use super::Outcome;
use crate::service::{Cause, Error, Principal, Service};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let Some(item) = &duty.name.item else { return Ok(Outcome::Later) };
    let lot: LotId = item.as_str().parse()?;
    let stream = &duty.name.stream;
    let (tenant, account) = (stream.tenant.clone(), AccountId::from(&stream.id));
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let wish = ExpireLot { tenant, account, lot };
    match service.command(&Principal::Reactor("lapse"), wish, Some(cause), None).await {
        Ok(_) => Ok(Outcome::Done),
        // The clock is in doubt, or ours is ahead of the writer's.
        Err(error) if error.rejection() == Some(&Rejection::LotNotExpired) => Ok(Outcome::Later),
        Err(error) => Err(error),
    }
}

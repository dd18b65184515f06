//! Campaigns whose time is over: they end.

use piperoll_domain::{
    duty::Duty, id::CampaignId, operation::ExpireCampaign, rejection::Rejection,
};

use super::Outcome;
use crate::service::{Cause, Error, Principal, Service};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let stream = &duty.name.stream;
    let (tenant, campaign) = (stream.tenant.clone(), CampaignId::from(&stream.id));
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let wish = ExpireCampaign { tenant, campaign };
    match service.command(&Principal::Reactor("end"), wish, Some(cause), None).await {
        Ok(_) => Ok(Outcome::Done),
        // The clock is in doubt, or ours is ahead of the writer's.
        Err(error) if error.rejection() == Some(&Rejection::CampaignNotOver) => Ok(Outcome::Later),
        Err(error) => Err(error),
    }
}

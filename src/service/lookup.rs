//! Finding out what became of a create call whose answer was lost, or that a crash cut off.

use piperoll_domain::{
    operation::AbandonPayment,
    payment::{PaymentRef, Status},
};

use crate::service::{
    Error, Principal, Service, checkout::Begun, history::Cause, render::stream, settle::unavailable,
};

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is an invoice, in the roll now.
    Recorded,
    /// There is none so far; it may still come.
    NotYet,
    /// The payment stands elsewhere by now, or somebody is at it.
    NotLost,
}

impl Service {
    /// Asks the provider for the invoice of a payment that has none.
    pub(crate) async fn look_for_invoice(&self, at: &PaymentRef) -> Result<Found, Error> {
        if self.0.creating.is_under_way(&(at.tenant.clone(), at.id.clone())) {
            return Ok(Found::NotLost);
        }
        let known = self.known(at).await?;
        if !matches!(known.state.status, Status::Requested | Status::Unknown) {
            return Ok(Found::NotLost);
        }
        let line = self.line(&known.requested.connection)?;
        let asked = self.asked(&line, at, &known.requested);
        let found = line.find(&asked).await.map_err(|error| unavailable(&line, &error))?;
        let Some(invoice) = found else { return Ok(Found::NotYet) };
        let cause = self.cause_of(&stream(at)).await?.ok_or(Error::Interrupted)?;
        let subject = self.subject(&known.requested).await?;
        let who = Principal::Reactor("create");
        let begun = Begun { at: at.clone(), requested: known.requested, cause, who };
        self.record(&begun, &line, invoice, subject).await?;
        Ok(Found::Recorded)
    }

    /// Gives a payment up whose create call nobody ever answered; refused before its patience ends.
    pub(crate) async fn abandon(&self, at: &PaymentRef, cause: Cause) -> Result<(), Error> {
        let PaymentRef { tenant, id } = at.clone();
        let reason = "the provider never said what became of it".to_owned();
        let wish = AbandonPayment { tenant, payment: id, reason };
        self.command(&Principal::Reactor("create"), wish, Some(cause), None).await?;
        Ok(())
    }
}

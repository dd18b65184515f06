//! Webhooks that came before their payment, and those that only hint at what happened: matched or
//! asked about, or given up in time.

use piperoll_domain::{book::State, duty::Duty, operation::MatchReceipt, rejection::Rejection};

use super::Outcome;
use crate::service::{Cause, Error, Principal, Service};

pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let asked = match hinted_at(service, duty).await? {
        Some(at) => service.answer_hint(&duty.name.stream, &at, cause).await,
        None => Ok(false),
    };
    match asked {
        Ok(true) => Ok(Outcome::Done),
        // Whatever happens, nobody waits for ever.
        Ok(false) => look(service, duty, cause).await,
        Err(error) => match look(service, duty, cause).await? {
            Outcome::Done => Ok(Outcome::Done),
            Outcome::Later => Err(error),
        },
    }
}

/// The payment that the provider is to be asked about, if the receipt is a hint.
async fn hinted_at(
    service: &Service,
    duty: &Duty,
) -> Result<Option<piperoll_domain::payment::PaymentRef>, Error> {
    match service.engine().look(&duty.name.stream).await?.map(|slot| slot.state) {
        Some(State::Receipt(receipt)) if receipt.asks => Ok(receipt.payment),
        _ => Ok(None),
    }
}

/// Looks for the payment, or gives up.
async fn look(service: &Service, duty: &Duty, cause: Cause) -> Result<Outcome, Error> {
    let patience = service.settings().match_patience.as_micros();
    let patience = i64::try_from(patience).unwrap_or(i64::MAX);
    let stream = duty.name.stream.clone();
    let wish = MatchReceipt { stream, give_up_after: duty.due.plus_micros(patience) };
    match service.command(&Principal::Reactor("match"), wish, Some(cause), None).await {
        Ok(done) if done.events.is_empty() => Ok(Outcome::Later),
        Ok(_) => Ok(Outcome::Done),
        // Somebody was quicker.
        Err(error) if error.rejection() == Some(&Rejection::ReceiptNotParked) => Ok(Outcome::Done),
        Err(error) => Err(error),
    }
}

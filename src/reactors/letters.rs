//! Dead letters: what the rules refuse is tried again by its letter, then put to a person.
//!
//! Whoever is refused here is not merely unlucky: an engine that is busy and a provider that is down
//! are tried again by the reactor itself.

use piperoll_domain::{
    duty::Duty,
    event::Event,
    id::LetterId,
    letter::{self, Ended, Failure, Taken},
    operation::{EndAttempt, OpenLetter, TakeLetter},
};

use super::{Outcome, do_own};
use crate::{
    engine,
    service::{Cause, Error, Principal, Service},
};

const WHO: Principal = Principal::Reactor("dlq");

/// What came of a duty; one that was refused is left to a letter, and is not the reactor's then.
pub(super) async fn or_letter(
    service: &Service,
    duty: &Duty,
    outcome: Result<Outcome, Error>,
) -> Result<Outcome, Error> {
    let Err(error) = &outcome else { return outcome };
    let Some(failure) = refusal(error).filter(|_| !duty.name.kind.is_of_letter()) else {
        return outcome;
    };
    let (kind, stream) = (duty.name.kind.as_str(), &duty.name.stream);
    tracing::warn!(duty = kind, %stream, %error, "a duty was refused; a dead letter goes on with it");
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let wish = OpenLetter { duty: duty.name.clone(), failure };
    service.command(&WHO, wish, Some(cause), None).await?;
    Ok(Outcome::Done)
}

/// Takes a letter's turn.
pub(super) async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    let stream = &duty.name.stream;
    let (tenant, letter) = (stream.tenant.clone(), LetterId::from(&stream.id));
    let cause = Cause::of(&service.fact(duty.opener).await?);
    let wish = TakeLetter { tenant: tenant.clone(), letter: letter.clone() };
    let done = service.command(&WHO, wish, Some(cause), None).await?;
    let Some(said) = done.events.first() else { return Ok(Outcome::Later) };
    let Event::Letter(letter::Event::Taken(taken)) = &said.event else { return Ok(Outcome::Done) };
    let ended = attempt(service, taken).await;
    let wish = EndAttempt { tenant, letter, attempt: taken.attempt, ended };
    service.insist(&WHO, wish, Some(Cause::of(said))).await?;
    Ok(Outcome::Done)
}

/// Does what the letter is about, as its own reactor would.
async fn attempt(service: &Service, Taken { about, .. }: &Taken) -> Ended {
    let Some(duty) = service.engine().duty(&about.duty) else { return Ended::Done };
    match do_own(service, &duty).await {
        Ok(Outcome::Done) => Ended::Done,
        Ok(Outcome::Later) => Ended::Later,
        Err(error) => {
            let (letter, duty) = (&about.opener, duty.name.kind.as_str());
            tracing::warn!(duty, opener = letter, %error, "an attempt at a dead letter failed");
            Ended::Refused(failure(&error))
        }
    }
}

/// Why the duty cannot be done, if it is not merely a matter of time.
fn refusal(error: &Error) -> Option<Failure> {
    let code = match error {
        Error::Engine(engine::Error::Rejected(rejection)) => rejection.code(),
        Error::Engine(engine::Error::Unreadable(_)) => "unreadable",
        Error::Name(_) => "name_invalid",
        _ => return None,
    };
    Some(Failure::new(code, &error.to_string()))
}

/// Why an attempt failed. There are few, so each counts, whatever the reason.
fn failure(error: &Error) -> Failure {
    let code = match error {
        Error::Engine(_) => "engine",
        Error::Connection { .. } => "connection",
        Error::ProviderUnavailable { .. } => "provider_unavailable",
        _ => "other",
    };
    refusal(error).unwrap_or_else(|| Failure::new(code, &error.to_string()))
}

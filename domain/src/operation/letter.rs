//! Wishes about dead letters: what refused duties become, and what people decide about them.

use crate::{
    draft::{Draft, Stop},
    duty,
    id::{LetterId, TenantId},
    letter::{About, Decision, Ended, Failure},
    operation::must_be_reason,
    rejection::Rejection,
    roll::DutyWaived,
};

/// Leave a duty that was refused to a letter of its own. A duty that is owed no more, or has a
/// letter, gets none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLetter {
    /// The duty.
    pub duty: duty::Name,
    /// Why it was refused.
    pub failure: Failure,
}

impl OpenLetter {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let duty = draft.duty(&self.duty).filter(|duty| !duty.name.kind.is_of_letter());
        let Some(duty) = duty else { return Ok(()) };
        let about = About { duty: duty.name, opener: duty.opener };
        let (Ok(letter), Ok(stream)) = (about.letter(), about.stream()) else { return Ok(()) };
        let now = draft.moment().now;
        let state = draft.letter(&stream.tenant, &letter)?;
        let opened = state.open(about, self.failure.clone(), now);
        opened.map_or(Ok(()), |opened| draft.say(&stream, opened))
    }
}

/// Take a letter's turn: begin an attempt, end one that nobody ended, or end the letter where its
/// duty is owed no more. At another time than its own nothing is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeLetter {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub letter: LetterId,
}

impl TakeLetter {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (moment, owed) = (draft.moment(), self.is_owed(draft)?);
        let said = draft.letter(&self.tenant, &self.letter)?.take(moment, owed);
        said.map_or(Ok(()), |said| draft.say(&self.letter.stream(&self.tenant), said))
    }

    /// Whether what the letter is about is still open, and by the same fact.
    fn is_owed(&self, draft: &mut Draft<'_>) -> Result<bool, Stop> {
        let opened = draft.letter(&self.tenant, &self.letter)?.opened.clone();
        let Some(opened) = opened else { return Ok(false) };
        let duty = draft.duty(&opened.about.duty);
        Ok(duty.is_some_and(|duty| duty.opener == opened.about.opener))
    }
}

/// Say what became of an attempt. One that is not the latest changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndAttempt {
    /// Whose letter.
    pub tenant: TenantId,
    /// Which.
    pub letter: LetterId,
    /// Which attempt.
    pub attempt: u32,
    /// What became of it.
    pub ended: Ended,
}

impl EndAttempt {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let now = draft.moment().now;
        let state = draft.letter(&self.tenant, &self.letter)?;
        let said = state.end(self.attempt, &self.ended, now);
        said.map_or(Ok(()), |said| draft.say(&self.letter.stream(&self.tenant), said))
    }
}

/// Try it again at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryLetter {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub letter: LetterId,
    /// Why.
    pub reason: String,
}

impl RetryLetter {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let moment = draft.moment();
        let requeued = draft.letter(&self.tenant, &self.letter)?.requeue(&self.reason, moment)?;
        draft.say(&self.letter.stream(&self.tenant), requeued)
    }
}

/// End a letter by a person's word: its duty was done by other means, or is given up. Either way it
/// is owed no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveLetter {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub letter: LetterId,
    /// What is decided.
    pub outcome: Decision,
    /// Why.
    pub reason: String,
}

impl ResolveLetter {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let moment = draft.moment();
        let state = draft.letter(&self.tenant, &self.letter)?;
        let said = state.resolve(self.outcome, &self.reason, moment)?;
        let About { duty, opener } = said.about().clone();
        draft.say(&self.letter.stream(&self.tenant), said)?;
        let open = draft.duty(&duty).filter(|open| open.opener == opener);
        let Some(duty::Duty { name, .. }) = open else { return Ok(()) };
        let reason = self.reason.clone();
        let (duty, item) = (name.kind.as_str().to_owned(), name.item.map(|item| item.to_string()));
        let waived = DutyWaived { duty, item, opener, reason };
        draft.say(&name.stream, waived)
    }
}

/// A letter's own duties end with the letter.
pub(super) fn must_be_no_letters(name: &duty::Name) -> Result<(), Rejection> {
    if name.kind.is_of_letter() { Err(Rejection::DutyNotOpen) } else { Ok(()) }
}

//! A dead letter: a duty that the rules refused, tried again a few times, then put to a person.
//!
//! ```text
//! absent ──open──▶ pending ──take──▶ processing ──done──▶ completed
//!                    ▲ ▲ ▲              │ │ └──refused once too often──▶ manual_review
//!                    │ │ └───refused────┘ │                                  │
//!                    │ └──lease is over───┘                                  │
//!                    └───────────────────────retry, by a person──────────────┘
//!
//! resolve, by a person: pending or manual_review ──▶ completed | failed
//! ```
//!
//! Whatever closes the duty completes its letter. Opened again, a letter begins anew.

mod event;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::event::{
    About, Completed, Escalated, Event, Failure, GivenUp, How, Opened, Refused, Requeued, Returned,
    Taken,
};
use crate::{
    book::Broken,
    rejection::Rejection,
    time::{Moment, Time},
};

/// How long after the refusal before it, each attempt is due.
pub const PAUSES_SECONDS: [u32; 3] = [60, 300, 1_800];
/// How many attempts there are.
pub const RETRIES_MAX: u32 = 3;
/// The longest that a letter waits for anything but a person.
pub const WAIT_MAX_SECONDS: u32 = 1_800;
/// How long an attempt may take, before it is over whatever became of whoever made it.
pub const LEASE_SECONDS: u32 = 120;
/// How many attempts may be lost, before a person is asked whether they are what ends the process.
const LOST_MAX: u32 = 3;

/// Where a letter stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// There is none.
    #[default]
    Absent,
    /// Another attempt is due some time.
    Pending {
        /// When.
        due: Time,
        /// A person wants it, whatever the clock says.
        asked: bool,
    },
    /// An attempt is being made.
    Processing {
        /// When nobody waits for it any more.
        until: Time,
    },
    /// A person has to look.
    ManualReview,
    /// The duty is done.
    Completed,
    /// A person gave the duty up.
    Failed,
}

impl Stage {
    /// The word in answers and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Pending { .. } => "pending",
            Self::Processing { .. } => "processing",
            Self::ManualReview => "manual_review",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Every status that a letter may show.
pub const STATUSES: [&str; 5] = ["pending", "processing", "completed", "failed", "manual_review"];

/// A letter's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// What was refused, and why at first.
    pub opened: Option<Opened>,
    /// Where it stands.
    pub stage: Stage,
    /// How many attempts were refused, since it was opened or a person wanted another one.
    pub retry_count: u32,
    /// How many attempts began in its life.
    pub attempts: u32,
    /// How many of the latest were lost.
    pub lost: u32,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The duty is done.
    Done,
    /// Nothing refuses it any more, and it cannot be done yet.
    Later,
    /// It was refused.
    Refused(Failure),
}

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was done by other means.
    Completed,
    /// It will not be done.
    Failed,
}

/// Whether a time is over, or can only have been meant by a clock that was wrong.
fn is_over(moment: Moment, due: Time, wait_max_seconds: u32) -> bool {
    let wait_max = i64::from(wait_max_seconds).saturating_mul(1_000_000);
    !moment.rests && (moment.now >= due || due.micros_since(moment.now) > wait_max)
}

fn pause(retry_count: u32) -> u32 {
    let index = usize::try_from(retry_count).unwrap_or(usize::MAX);
    PAUSES_SECONDS.get(index).copied().unwrap_or(WAIT_MAX_SECONDS)
}

impl Letter {
    /// What a refusal causes; nothing while the letter is open.
    pub fn open(&self, about: About, failure: Failure, now: Time) -> Option<Opened> {
        let operation_type = about.duty.kind.operation_type().to_owned();
        match self.stage {
            Stage::Absent | Stage::Completed | Stage::Failed => Some(Opened {
                about,
                operation_type,
                failure,
                max_retries: RETRIES_MAX,
                next_retry_at: now.plus_seconds(pause(0)),
            }),
            Stage::Pending { .. } | Stage::Processing { .. } | Stage::ManualReview => None,
        }
    }

    /// What its turn causes: an attempt, the end of one that nobody ended, or the letter's end where
    /// the duty is owed no more.
    pub fn take(&self, moment: Moment, owed: bool) -> Option<Event> {
        let about = self.opened.as_ref()?.about.clone();
        let elsewhere = |about| Completed { about, how: How::Elsewhere, reason: None };
        match self.stage {
            Stage::Pending { .. } | Stage::ManualReview if !owed => {
                Some(Event::Completed(elsewhere(about)))
            }
            Stage::Pending { due, asked } => {
                let ready = asked || is_over(moment, due, WAIT_MAX_SECONDS);
                ready.then(|| {
                    Event::Taken(Taken {
                        about,
                        attempt: self.attempts.saturating_add(1),
                        lease_until: moment.now.plus_seconds(LEASE_SECONDS),
                    })
                })
            }
            Stage::Processing { until } => {
                is_over(moment, until, LEASE_SECONDS).then(|| self.lose(about, moment.now))
            }
            Stage::Absent | Stage::ManualReview | Stage::Completed | Stage::Failed => None,
        }
    }

    /// An attempt that nobody ended was made by a process that is gone.
    fn lose(&self, about: About, next_retry_at: Time) -> Event {
        let attempt = self.attempts;
        if self.lost.saturating_add(1) < LOST_MAX {
            return Event::Returned(Returned { about, attempt, next_retry_at });
        }
        let failure = Failure::new("interrupted", "attempts began, and nobody told how they ended");
        Event::Escalated(Escalated { about, attempt, retry_count: self.retry_count, failure })
    }

    /// What the end of an attempt causes; nothing if the letter is elsewhere by now.
    pub fn end(&self, attempt: u32, ended: &Ended, now: Time) -> Option<Event> {
        let about = self.opened.as_ref()?.about.clone();
        let ours = matches!(self.stage, Stage::Processing { .. }) && attempt == self.attempts;
        let completed = |about, how| Some(Event::Completed(Completed { about, how, reason: None }));
        match ended {
            _ if !ours => None,
            Ended::Done => completed(about, How::Retried),
            Ended::Later => completed(about, How::HandedBack),
            Ended::Refused(failure) => Some(self.refuse(about, failure.clone(), now)),
        }
    }

    fn refuse(&self, about: About, failure: Failure, now: Time) -> Event {
        let (attempt, retry_count) = (self.attempts, self.retry_count.saturating_add(1));
        let most = self.opened.as_ref().map_or(0, |opened| opened.max_retries);
        if retry_count >= most {
            return Event::Escalated(Escalated { about, attempt, retry_count, failure });
        }
        let next_retry_at = now.plus_seconds(pause(retry_count));
        Event::Refused(Refused { about, attempt, retry_count, failure, next_retry_at })
    }

    /// What it is about, unless there is nothing to decide about it.
    fn decidable(&self, moment: Moment) -> Result<About, Rejection> {
        let about = self.opened.as_ref().map(|opened| opened.about.clone());
        let about = about.ok_or(Rejection::LetterNotFound)?;
        match self.stage {
            Stage::Absent => Err(Rejection::LetterNotFound),
            Stage::Completed | Stage::Failed => Err(Rejection::LetterEnded),
            Stage::Processing { until } if !is_over(moment, until, LEASE_SECONDS) => {
                Err(Rejection::LetterBusy)
            }
            Stage::Pending { .. } | Stage::Processing { .. } | Stage::ManualReview => Ok(about),
        }
    }

    /// What a person's wish for another attempt causes.
    pub fn requeue(&self, reason: &str, moment: Moment) -> Result<Requeued, Rejection> {
        let about = self.decidable(moment)?;
        Ok(Requeued { about, next_retry_at: moment.now, reason: reason.to_owned() })
    }

    /// What a person's decision causes.
    pub fn resolve(
        &self,
        outcome: Decision,
        reason: &str,
        moment: Moment,
    ) -> Result<Event, Rejection> {
        let (about, reason) = (self.decidable(moment)?, reason.to_owned());
        Ok(match outcome {
            Decision::Completed => {
                let reason = Some(reason);
                Event::Completed(Completed { about, how: How::Resolved, reason })
            }
            Decision::Failed => Event::GivenUp(GivenUp { about, reason }),
        })
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        let broken = || Broken::order("letter", &self.stage, event.name());
        let open = matches!(
            self.stage,
            Stage::Pending { .. } | Stage::Processing { .. } | Stage::ManualReview
        );
        let processing = matches!(self.stage, Stage::Processing { .. });
        match event {
            Event::Opened(opened) if !open => {
                let stage = Stage::Pending { due: opened.next_retry_at, asked: false };
                let (attempts, opened) = (self.attempts, Some(opened.clone()));
                *self = Self { opened, stage, retry_count: 0, attempts, lost: 0 };
            }
            Event::Taken(taken) if matches!(self.stage, Stage::Pending { .. }) => {
                self.attempts = taken.attempt;
                self.stage = Stage::Processing { until: taken.lease_until };
            }
            Event::Refused(refused) if processing => {
                (self.retry_count, self.lost) = (refused.retry_count, 0);
                self.stage = Stage::Pending { due: refused.next_retry_at, asked: false };
            }
            Event::Returned(returned) if processing => {
                self.lost = self.lost.saturating_add(1);
                self.stage = Stage::Pending { due: returned.next_retry_at, asked: false };
            }
            Event::Escalated(escalated) if processing => {
                self.retry_count = escalated.retry_count;
                self.stage = Stage::ManualReview;
            }
            Event::Requeued(requeued) if open => {
                (self.retry_count, self.lost) = (0, 0);
                self.stage = Stage::Pending { due: requeued.next_retry_at, asked: true };
            }
            Event::Completed(_) if open => self.stage = Stage::Completed,
            Event::GivenUp(_) if open => self.stage = Stage::Failed,
            Event::Opened(_)
            | Event::Taken(_)
            | Event::Refused(_)
            | Event::Returned(_)
            | Event::Escalated(_)
            | Event::Requeued(_)
            | Event::Completed(_)
            | Event::GivenUp(_) => return Err(broken()),
        }
        Ok(())
    }
}

//! What may happen to a dead letter. Every fact names the duty that it is about.

use serde::{Deserialize, Serialize};

use crate::{duty, time::Time, wire::events};

/// Why a duty was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stable code of the refusal.
    pub code: String,
    /// The same in words; holds no secrets.
    pub message: String,
}

impl Failure {
    /// The longest message that is kept, in characters.
    const MESSAGE_MAX: usize = 500;

    /// A failure in one line of bounded length.
    pub fn new(code: &str, message: &str) -> Self {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let message = message.chars().map(plain).take(Self::MESSAGE_MAX).collect();
        Self { code: code.to_owned(), message }
    }
}

/// A duty that is not done by itself any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The duty.
    pub duty: duty::Name,
    /// Position of the fact that opened it.
    pub opener: u64,
}

/// A duty was refused: from here on it is tried by its letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What was refused.
    pub about: About,
    /// What sort of operation it is, in the words of the runbooks.
    pub operation_type: String,
    /// Why.
    pub failure: Failure,
    /// How many attempts follow before a person is asked.
    pub max_retries: u32,
    /// When the first of them is due.
    pub next_retry_at: Time,
}

/// An attempt begins; it is over at a time, whatever becomes of whoever makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What is tried.
    pub about: About,
    /// Which beginning of an attempt it is in the letter's life: 1, 2, 3 …
    pub attempt: u32,
    /// When nobody waits for it any more.
    pub lease_until: Time,
}

/// An attempt was refused, and another follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What was tried.
    pub about: About,
    /// Which attempt.
    pub attempt: u32,
    /// How many have been refused.
    pub retry_count: u32,
    /// Why.
    pub failure: Failure,
    /// When the next one is due.
    pub next_retry_at: Time,
}

/// Nobody told what became of an attempt: the letter waits for another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// What was tried.
    pub about: About,
    /// Which attempt.
    pub attempt: u32,
    /// When the next one is due.
    pub next_retry_at: Time,
}

/// Nothing is tried any more: a person has to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalated {
    /// What was tried.
    pub about: About,
    /// Which attempt was the last.
    pub attempt: u32,
    /// How many have been refused.
    pub retry_count: u32,
    /// Why the last one failed.
    pub failure: Failure,
}

/// A person wants another attempt at once; attempts are counted anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requeued {
    /// What shall be tried.
    pub about: About,
    /// When it is due.
    pub next_retry_at: Time,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// How a letter came to a good end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// An attempt did the duty.
    Retried,
    /// The duty is owed no more, whoever closed it.
    Elsewhere,
    /// Nothing refuses it any more, but it cannot be done yet: its own reactor goes on with it.
    HandedBack,
    /// A person says that it was done by other means.
    Resolved,
}

impl How {
    /// The word in answers and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Elsewhere => "elsewhere",
            Self::HandedBack => "handed_back",
            Self::Resolved => "resolved",
        }
    }
}

/// The duty is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// Which.
    pub about: About,
    /// How.
    pub how: How,
    /// Why a person says so. Plain text, no place for personal data.
    pub reason: Option<String>,
}

/// A person gave the duty up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Which.
    pub about: About,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Letter {
    /// A duty was refused.
    Opened = "letter.opened.v1",
    /// An attempt begins.
    Taken = "letter.taken.v1",
    /// It was refused, and another follows.
    Refused = "letter.refused.v1",
    /// Nobody told what became of it.
    Returned = "letter.returned.v1",
    /// A person has to look.
    Escalated = "letter.escalated.v1",
    /// A person wants another attempt.
    Requeued = "letter.requeued.v1",
    /// The duty is done.
    Completed = "letter.completed.v1",
    /// A person gave the duty up.
    GivenUp = "letter.given_up.v1",
});

impl Event {
    /// The duty that it is about.
    pub const fn about(&self) -> &About {
        match self {
            Self::Opened(Opened { about, .. })
            | Self::Taken(Taken { about, .. })
            | Self::Refused(Refused { about, .. })
            | Self::Returned(Returned { about, .. })
            | Self::Escalated(Escalated { about, .. })
            | Self::Requeued(Requeued { about, .. })
            | Self::Completed(Completed { about, .. })
            | Self::GivenUp(GivenUp { about, .. }) => about,
        }
    }
}

impl From<Event> for crate::event::Event {
    fn from(event: Event) -> Self {
        Self::Letter(event)
    }
}

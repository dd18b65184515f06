//! What a dead letter owes, and which duty it stands for: each is found by the other's name.

use super::{Change, Duty, Kind, Name};
use crate::{
    event::Envelope,
    id::{self, InvalidName, LetterId, Stream, TenantId},
    letter::{About, Completed, Escalated, Event, Opened, Refused, Requeued, Returned, Taken},
    time::Time,
};

impl About {
    /// The letter's name: there is one for each time that a duty is opened.
    pub fn letter(&self) -> Result<LetterId, InvalidName> {
        format!("{}.{}", self.duty.kind.as_str(), self.opener).parse()
    }

    /// The stream of the letter.
    pub fn stream(&self) -> Result<Stream, InvalidName> {
        Ok(Stream::new(id::Kind::Letter, &self.duty.stream.tenant, &self.letter()?))
    }

    /// What the letter owes, by this kind.
    fn owed(&self, kind: Kind, stream: Stream) -> Name {
        let Name { stream: duty, item, .. } = &self.duty;
        let item = item.as_ref().map_or_else(|| duty.to_string(), |item| format!("{duty} {item}"));
        Name { kind, stream, item: Some(item.into()) }
    }
}

impl Duty {
    /// The names that a letter about this duty would owe under: while one of them is open, the duty
    /// is the letter's.
    pub fn letters(&self) -> Option<[Name; 2]> {
        if self.name.kind.is_of_letter() {
            return None;
        }
        let about = About { duty: self.name.clone(), opener: self.opener };
        let stream = about.stream().ok()?;
        Some([Kind::Retry, Kind::ManualReview].map(|kind| about.owed(kind, stream.clone())))
    }
}

impl Name {
    /// The duty that a letter which owes this is about.
    pub fn about(&self) -> Option<About> {
        if !self.kind.is_of_letter() {
            return None;
        }
        let (kind, opener) = parts(self.stream.id.as_str())?;
        let item = self.item.as_ref()?.as_str();
        let (stream, item) = match item.split_once(' ') {
            Some((stream, item)) => (stream, Some(item.to_owned().into())),
            None => (item, None),
        };
        let duty = Self { kind, stream: stream.parse().ok()?, item };
        Some(About { duty, opener })
    }
}

impl LetterId {
    /// Position of the fact that opened the duty that the letter is about; none if no letter has
    /// such a name.
    pub fn opener(&self) -> Option<u64> {
        parts(self.as_str()).map(|(_, opener)| opener)
    }

    /// The stream of a tenant's letter.
    pub fn stream(&self, tenant: &TenantId) -> Stream {
        Stream::new(id::Kind::Letter, tenant, self)
    }
}

fn parts(letter: &str) -> Option<(Kind, u64)> {
    let (kind, opener) = letter.split_once('.')?;
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    Some((kind, opener.parse().ok()?))
}

/// What a letter's fact does to what is owed: while it is open it owes exactly one of two things.
pub(super) fn changes(event: &Event, at: &Envelope) -> [Change; 2] {
    let name = |kind| event.about().owed(kind, at.stream.clone());
    let open = |kind, due: Time| {
        let opener = at.position;
        Change::Open(Duty { name: name(kind), due, opener })
    };
    match event {
        Event::Opened(Opened { next_retry_at: due, .. })
        | Event::Taken(Taken { lease_until: due, .. })
        | Event::Refused(Refused { next_retry_at: due, .. })
        | Event::Returned(Returned { next_retry_at: due, .. })
        | Event::Requeued(Requeued { next_retry_at: due, .. }) => {
            [Change::Close(name(Kind::ManualReview)), open(Kind::Retry, *due)]
        }
        Event::Escalated(Escalated { .. }) => {
            [Change::Close(name(Kind::Retry)), open(Kind::ManualReview, at.recorded_at)]
        }
        Event::Completed(Completed { .. }) | Event::GivenUp(_) => {
            [Change::Close(name(Kind::Retry)), Change::Close(name(Kind::ManualReview))]
        }
    }
}

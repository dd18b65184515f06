//! A group's way from closed to answered: appended, then true for everybody or for nobody.
//!
//! # Correctness
//! What is decided above a group that is not stored yet stands and falls with it: it is appended
//! after it, and forgotten with it. Whatever others may see of a group is taken from memory when the
//! group is closed, before anything later is folded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use piperoll_domain::{
    book::Slot,
    event::{Event, Recorded},
    id::Stream,
    roll,
    time::Time,
};
use tokio_util::sync::CancellationToken;

use super::{
    Writer,
    append::{self, Append, LastWord, Outcome, Store},
};
use crate::{
    engine::{
        Error, directory::Directory, group::Group, index::Entries, memory::Undo, start::News,
    },
    roll::Head,
};

/// What stays here of a group that is closed, while it is being appended.
pub(super) struct InFlight {
    /// Whether what comes next has another time.
    pub(super) is_ended: bool,
    /// The position of its last fact. What it hashes to is worked out as it is appended.
    pub(super) last: u64,
    entries: Entries,
    /// Streams that everybody sees, as they are with it.
    standing: Vec<(Stream, Slot)>,
    /// How to forget it.
    undo: Undo,
    /// The last recorded time before it.
    floor: Time,
    began: Instant,
    append: Append,
}

/// How it ended; for ever nothing where nothing is under way.
pub(super) async fn outcome(in_flight: &mut Option<InFlight>) -> Outcome {
    match in_flight {
        Some(in_flight) => (&mut in_flight.append).await,
        None => std::future::pending().await,
    }
}

impl Writer {
    /// Closes the open group and begins to append it. Nothing is being appended.
    pub(super) fn close(&mut self, stop: &CancellationToken) {
        let Some(mut group) = self.groups.open.take() else { return };
        self.measures.decide.record(std::mem::take(&mut self.groups.decided_in));
        if group.is_poisoned() {
            self.memory.roll_back();
            group.fail(|| Error::NotWritten);
        } else if group.len() > 0 {
            self.groups.in_flight = Some(self.launch(group, stop));
            return;
        } else {
            group.succeed(self.head);
        }
        self.groups.spare = Some(group);
        self.settled();
    }

    fn launch(&mut self, mut group: Box<Group>, stop: &CancellationToken) -> InFlight {
        let mut entries = group.take_entries();
        let undo = self.memory.close(&mut entries);
        let newest = group.facts().rev().find_map(<[Recorded]>::last);
        let next = newest.map_or(self.floor, |newest| newest.envelope.recorded_at);
        let floor = std::mem::replace(&mut self.floor, next);
        let (shared, roll, stop) = (self.shared.clone(), self.reader.roll.clone(), stop.clone());
        let (began, standing) = (Instant::now(), self.standing(&group));
        let (is_ended, last) = (group.is_ended(), group.last());
        let append = append::begin(Store { roll, shared, stop }, self.head, group);
        InFlight { is_ended, last, entries, standing, undo, floor, began, append }
    }

    /// An append ended: what was in flight is true for everybody, or for nobody.
    pub(super) fn settle(
        &mut self,
        ended: Outcome,
        stop: &CancellationToken,
    ) -> Result<(), LastWord> {
        let Some(in_flight) = self.groups.in_flight.take() else { return Ok(()) };
        let Outcome { stored, group } = ended;
        match (stored, group) {
            (Ok(Some(head)), Some(group)) => {
                self.measures.append.record(in_flight.began.elapsed());
                self.head = head;
                // The disk need not wait for the answers.
                self.close(stop);
                self.groups.spare = Some(self.commit(in_flight, group, head));
            }
            (Ok(None), Some(group)) => self.forget(in_flight, group),
            (stored, group) => {
                if let Some(mut group) = group {
                    group.fail(|| Error::Unknown);
                }
                let lost = || LastWord("an append lost its group".to_owned());
                return Err(stored.err().unwrap_or_else(lost));
            }
        }
        self.settled();
        Ok(())
    }

    /// What waited for the outcome of a group goes on.
    fn settled(&mut self) {
        self.work.ready.extend(self.work.later.drain(..));
        self.show_seen();
    }

    /// Nothing of a group is in the roll, nor of what was decided above it.
    fn forget(&mut self, in_flight: InFlight, mut group: Box<Group>) {
        let InFlight { undo, floor, .. } = in_flight;
        self.memory.roll_back();
        self.memory.take_back(undo);
        self.floor = floor;
        group.fail(|| Error::NotWritten);
        if let Some(mut above) = self.groups.open.take() {
            above.fail(|| Error::NotWritten);
        }
        self.groups.decided_in = Duration::ZERO;
        self.groups.spare = Some(group);
        self.look_again();
    }

    /// The block is in the roll: it becomes true for everybody, then everybody is answered.
    fn commit(&mut self, in_flight: InFlight, mut group: Box<Group>, head: Head) -> Box<Group> {
        let InFlight { mut entries, standing, undo, is_ended, .. } = in_flight;
        entries.up_to = Some(head);
        self.memory.keep(undo);
        let last = group.facts().rev().find_map(<[Recorded]>::last);
        let now = last.map(|last| last.envelope.recorded_at);
        if let Some(now) = now {
            self.shared.clock.recorded(now);
        }
        // A correction ends its group.
        let last = group.facts().next_back().filter(|_| is_ended);
        let corrected = last.and_then(|facts| self.obey_corrections(facts));
        self.publish(standing);
        let duties = Arc::new(std::mem::take(&mut entries.duties));
        self.shared.duties.tell(&duties, now.unwrap_or(Time::EPOCH));
        if let Some(now) = corrected {
            self.shared.duties.correct(now);
        }
        // The index thread ends only after the writer.
        let _ = self.index.send(News { entries, duties });
        group.facts().for_each(|facts| (self.hook)(facts));
        self.measures.commands(group.commands());
        self.shared.head.send_replace(head);
        group.succeed(head);
        group
    }

    /// After an operator's correction the next record may be earlier than the last.
    fn obey_corrections(&mut self, facts: &[Recorded]) -> Option<Time> {
        let corrected = facts.iter().rev().find_map(|recorded| match &recorded.event {
            Event::Roll(roll::Event::ClockCorrected(corrected)) => Some(corrected.now),
            _ => None,
        });
        if let Some(now) = corrected {
            self.floor = now;
            self.shared.clock.recorded(now);
            self.shared.clock.accept();
        }
        corrected
    }

    /// The streams that everybody sees and the group touched, as they are now.
    fn standing(&self, group: &Group) -> Vec<(Stream, Slot)> {
        let slots = group.standing().iter().filter_map(|stream| {
            self.memory.peek(stream).map(|slot| (stream.clone(), slot.clone()))
        });
        slots.collect()
    }

    fn publish(&self, standing: Vec<(Stream, Slot)>) {
        if standing.is_empty() {
            return;
        }
        let next: Directory = self.shared.directory.load().with(standing);
        self.shared.directory.store(Arc::new(next));
    }
}

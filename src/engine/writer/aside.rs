//! Stepping aside: what a command misses is read off the writer's task, many things at once.

use std::collections::{BTreeMap, VecDeque};

use piperoll_domain::{
    claim::Taker,
    draft::{Known, Memory as _, Need, Seen},
};
use tokio::sync::mpsc;

use super::Writer;
use crate::engine::{Done, Error, Found, Reply, group::Pending, load::Loaded};

/// How often a command may step aside.
const ROUNDS_MAX: u8 = 8;

/// What is under way beside the queue.
pub(in crate::engine) struct Work {
    pub(super) ready: VecDeque<Box<Pending>>,
    /// What can only be decided once what is decided before it is appended.
    #[expect(clippy::vec_box, reason = "they come in boxes and go on in them")]
    pub(super) later: Vec<Box<Pending>>,
    /// What was looked at before it was appended, and is told once it is.
    seen: Vec<SeenAhead>,
    waiting: BTreeMap<Need, Waiting>,
    back: mpsc::UnboundedSender<Read>,
    pub(super) come: mpsc::UnboundedReceiver<Read>,
}

/// What is true once the roll stands at a position.
struct SeenAhead {
    position: u64,
    need: Need,
    found: Found,
    reply: Reply<Found>,
}

#[derive(Default)]
struct Waiting {
    #[expect(clippy::vec_box, reason = "they come in boxes and go on in them")]
    commands: Vec<Box<Pending>>,
    looks: Vec<Reply<Found>>,
}

/// What readers bring back.
pub(super) enum Read {
    Loaded(Box<Need>, Result<Loaded, Error>),
    /// The key was used so long ago that it counts no more.
    Forgotten(Box<Pending>),
}

impl Work {
    pub(in crate::engine) fn new() -> Self {
        let (back, come) = mpsc::unbounded_channel();
        let (ready, later, seen) = (VecDeque::new(), vec![], vec![]);
        Self { ready, later, seen, waiting: BTreeMap::new(), back, come }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty()
    }
}

impl Writer {
    /// Memory is ahead of the roll: what is not appended yet is told once it is.
    pub(super) fn look(&mut self, need: Need, reply: Reply<Found>) {
        let found = match &need {
            Need::Stream(stream) => self.memory.slot(stream).map(|seen| match seen {
                Seen::Absent => (0, Found::Stream(None)),
                Seen::Here(slot) => (slot.last, Found::Stream(Some(Box::new(slot.clone())))),
            }),
            Need::Claim(claim) => self.memory.claim(claim).map(|known| match known {
                Known::Free => (0, Found::Claim(None)),
                Known::Taken(taker) => (taker.position, Found::Claim(Some(taker))),
            }),
            // Nobody looks for facts but commands.
            Need::Fact(position) => self.memory.fact(*position).map(|_| (0, Found::Fact)),
        };
        match found {
            Some((position, found)) if position <= self.head.position => {
                drop(reply.send(Ok(found)));
            }
            Some((position, found)) => {
                self.work.seen.push(SeenAhead { position, need, found, reply });
            }
            None => self.wait_for(need, |waiting| waiting.looks.push(reply)),
        }
    }

    /// Tells what has come true meanwhile.
    pub(super) fn show_seen(&mut self) {
        let stored = self.head.position;
        for seen in self.work.seen.extract_if(.., |seen| seen.position <= stored) {
            drop(seen.reply.send(Ok(seen.found)));
        }
    }

    /// What was seen ahead of the roll will not come true.
    pub(super) fn look_again(&mut self) {
        for SeenAhead { need, reply, .. } in std::mem::take(&mut self.work.seen) {
            self.look(need, reply);
        }
    }

    /// Steps aside until something has been read; each thing is read once, however many wait.
    fn wait_for(&mut self, need: Need, join: impl FnOnce(&mut Waiting)) {
        let under_way = self.work.waiting.contains_key(&need);
        join(self.work.waiting.entry(need.clone()).or_default());
        if !under_way {
            self.read(need);
        }
    }

    /// Reads off this task.
    fn read(&self, need: Need) {
        let (reader, back) = (self.reader.clone(), self.work.back.clone());
        let end = self.memory.end_of(&need);
        tokio::spawn(async move {
            let loaded = reader.load(need.clone(), end).await;
            // The writer is gone only when nobody waits any more.
            let _ = back.send(Read::Loaded(Box::new(need), loaded));
        });
    }

    pub(super) fn come_back(&mut self, read: Read) {
        match read {
            Read::Forgotten(pending) => self.work.ready.push_back(pending),
            Read::Loaded(need, Ok(loaded)) => {
                if !self.memory.take_in(loaded) {
                    self.read(*need);
                    return;
                }
                let waiting = self.work.waiting.remove(&need).unwrap_or_default();
                waiting.commands.into_iter().for_each(|pending| self.go_on(pending));
                for reply in waiting.looks {
                    self.look(Need::clone(&need), reply);
                }
            }
            Read::Loaded(need, Err(error)) => {
                tracing::error!(%error, "failed to read what a command needs");
                let waiting = self.work.waiting.remove(&need).unwrap_or_default();
                let again = || Err(error.clone());
                waiting.commands.into_iter().for_each(|p| drop(p.reply.send(again())));
                waiting.looks.into_iter().for_each(|reply| drop(reply.send(Err(error.clone()))));
            }
        }
    }

    pub(super) fn step_aside(&mut self, mut pending: Box<Pending>, needs: Vec<Need>) {
        pending.rounds += 1;
        if pending.rounds > ROUNDS_MAX {
            drop(pending.reply.send(Err(Error::Busy)));
            return;
        }
        for need in &needs {
            self.wait_for(need.clone(), |_| ());
        }
        pending.needs = needs;
        self.go_on(pending);
    }

    /// Waits for the next thing that is still being read, or decides again.
    fn go_on(&mut self, mut pending: Box<Pending>) {
        while let Some(need) = pending.needs.pop() {
            if let Some(waiting) = self.work.waiting.get_mut(&need) {
                waiting.commands.push(pending);
                return;
            }
        }
        self.work.ready.push_back(pending);
    }

    /// Reads the first answer off this task, and gives it.
    pub(super) fn repeat(&self, mut pending: Box<Pending>, taker: Taker) {
        let (shared, back) = (self.shared.clone(), self.work.back.clone());
        tokio::spawn(async move {
            let Some(key) = pending.command.meta.idempotency.clone() else { return };
            let answer: Result<Option<Done>, Error> = shared.first_answer(&taker, &key).await;
            if let Some(answer) = answer.transpose() {
                drop(pending.reply.send(answer));
            } else {
                pending.forgotten = Some(taker.position);
                let _ = back.send(Read::Forgotten(pending));
            }
        });
    }
}

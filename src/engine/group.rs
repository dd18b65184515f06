//! A group: commands decided one after another, made into one block.
//!
//! A command that is refused costs its neighbours nothing; one that misses something steps aside.

use piperoll_domain::{
    claim::Claim,
    draft::{Known, Memory as _, Need, Stop},
    event::Recorded,
    operation::{Command, Operation},
    time::Moment,
    wire,
};

use crate::{
    engine::{Done, Error, Reply, index::Entries, memory::Memory},
    roll::{Block, BlockBuilder, Head, event_id},
};

/// A command that waits for its turn.
pub(super) struct Pending {
    pub(super) command: Box<Command>,
    pub(super) arrived: std::time::Instant,
    pub(super) reply: Reply<Done>,
    /// How often it has stepped aside.
    pub(super) rounds: u8,
    /// What else it waits for while it stands aside.
    pub(super) needs: Vec<Need>,
    /// Who took its key so long ago that it counts no more.
    pub(super) forgotten: Option<u64>,
}

/// What became of a command in a group.
pub(super) enum Verdict {
    /// It is in the group.
    Decided,
    /// Something must be read first.
    Missing(Pending, Vec<Need>),
    /// Its key is taken: the first answer is to be given again.
    Repeat(Pending, piperoll_domain::claim::Taker),
    /// Its key is taken in this very group: its turn comes after.
    Later(Pending),
}

/// Commands and their facts, until they are appended.
pub(super) struct Group {
    builder: BlockBuilder,
    before: Head,
    next: u64,
    moment: Moment,
    bytes: Vec<u8>,
    pub(super) records: Vec<Recorded>,
    pub(super) entries: Entries,
    answers: Vec<Answer>,
    /// A fact was refused by its own rules after others were folded: nothing of the group may stand.
    poisoned: bool,
    /// The clock was corrected: what comes next has another time.
    ended: bool,
}

struct Answer {
    reply: Reply<Done>,
    outcome: Result<usize, Error>,
}

impl Group {
    pub(super) fn new(head: Head, moment: Moment) -> Self {
        Self {
            builder: BlockBuilder::new(head),
            before: head,
            next: head.position + 1,
            moment,
            bytes: vec![],
            records: vec![],
            entries: Entries::default(),
            answers: vec![],
            poisoned: false,
            ended: false,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.builder.size()
    }

    pub(super) fn commands(&self) -> usize {
        self.answers.len()
    }

    /// Decides one command over `memory`, in which the facts of those before it are folded.
    pub(super) fn take(&mut self, pending: Pending, memory: &mut Memory) -> Verdict {
        if let Some(claim) = key_of(&pending) {
            match memory.claim(&claim) {
                None => return Verdict::Missing(pending, vec![Need::Claim(claim)]),
                Some(Known::Free) => {}
                Some(Known::Taken(taker)) if pending.forgotten == Some(taker.position) => {}
                Some(Known::Taken(taker)) if taker.position > self.before.position => {
                    return Verdict::Later(pending);
                }
                Some(Known::Taken(taker)) => return Verdict::Repeat(pending, taker),
            }
        }
        match pending.command.decide(memory, self.moment, self.next) {
            Err(Stop::Missing(needs)) => Verdict::Missing(pending, needs),
            Err(Stop::Repeats(repeats)) => {
                self.answer(pending.reply, Err(Error::Repeats(repeats)));
                Verdict::Decided
            }
            Err(Stop::Rejected(rejection)) => {
                self.answer(pending.reply, Err(rejection.into()));
                Verdict::Decided
            }
            Ok(facts) => {
                let outcome = self.add(&pending.command, facts, memory);
                self.ended = corrects_clock(&pending.command);
                self.answer(pending.reply, outcome);
                Verdict::Decided
            }
        }
    }

    fn answer(&mut self, reply: Reply<Done>, outcome: Result<usize, Error>) {
        self.answers.push(Answer { reply, outcome });
    }

    /// Folds a command's facts and makes them records. All of them are encoded before any of them
    /// is taken in.
    fn add(
        &mut self,
        command: &Command,
        mut facts: Vec<Recorded>,
        memory: &mut Memory,
    ) -> Result<usize, Error> {
        let mut encoded = Vec::with_capacity(facts.len());
        for (index, fact) in (0..).zip(&mut facts) {
            fact.envelope.id = event_id(command.meta.operation, index);
            self.bytes.clear();
            wire::encode(&fact.event, &mut self.bytes).map_err(|_| internal("encode", command))?;
            encoded.push(self.bytes.clone());
        }
        let mut entries = Entries::default();
        for (fact, data) in facts.iter().zip(&encoded) {
            let pushed = self.builder.push(&fact.envelope, fact.event.name(), data).is_ok();
            if !memory.fold(fact) || !pushed {
                tracing::error!(
                    operation = command.operation.name(),
                    "a decision broke its own rules"
                );
                self.poisoned = true;
                return Err(internal("take in", command));
            }
            entries.fold(fact);
        }
        memory.claim_all(&entries);
        self.entries.extend(entries);
        self.moment.now =
            facts.last().map_or(self.moment.now, |last| last.envelope.recorded_at.plus_micros(1));
        let count = facts.len();
        self.next += u64::try_from(count).unwrap_or(0);
        self.records.extend(facts);
        Ok(count)
    }

    /// Whether no more commands may join.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing of the group may stand, because one command's facts broke their own rules.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// The block to append; none if nobody had anything to say.
    pub(super) fn block(&mut self) -> Option<Block> {
        let builder = std::mem::replace(&mut self.builder, BlockBuilder::new(self.before));
        let block = builder.finish()?;
        self.entries.up_to = Some(block.head());
        Some(block)
    }

    /// The append succeeded, or there was none: everybody is answered.
    pub(super) fn succeed(self, head: Head) {
        let mut records = self.records.into_iter();
        for Answer { reply, outcome } in self.answers {
            let done = outcome.map(|count| {
                let events = records.by_ref().take(count).collect();
                Done { events, head, replayed: false }
            });
            // Whoever hung up does not want to know.
            let _ = reply.send(done);
        }
    }

    /// The append failed: nobody got anything, refusals stand or fall with what they were decided on.
    pub(super) fn fail(self, error: fn() -> Error) {
        for Answer { reply, outcome } in self.answers {
            let _ = reply.send(Err(match outcome {
                Err(own @ Error::Unreadable(_)) => own,
                Ok(_) | Err(_) => error(),
            }));
        }
    }
}

fn key_of(pending: &Pending) -> Option<Claim> {
    let meta = &pending.command.meta;
    let key = meta.idempotency.as_ref()?;
    Some(Claim::idempotency(&meta.tenant, key))
}

fn internal(doing: &str, command: &Command) -> Error {
    Error::Unreadable(format!("failed to {doing} `{}`", command.operation.name()))
}

/// Whether what comes after a command has another time.
fn corrects_clock(command: &Command) -> bool {
    matches!(command.operation, Operation::CorrectClock(_))
}

/// Whether a command is taken while the clock is behind: the one that corrects it, and those that a
/// writer begins with, or nobody could start it to correct anything.
pub(super) fn is_taken_behind(command: &Command) -> bool {
    let begins = matches!(command.operation, Operation::OpenRoll(_) | Operation::StartWriter(_));
    begins || corrects_clock(command)
}

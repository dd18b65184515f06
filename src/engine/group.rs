//! A group: commands decided one after another, made into one block.
//!
//! A command that is refused costs its neighbours nothing; one that misses something steps aside.

use std::{collections::BTreeSet, time::Instant};

use piperoll_domain::{
    claim::Claim,
    draft::{Decided, Known, Meta, Need, Stop},
    event::{Envelope, Recorded},
    id::Stream,
    operation::{Command, Operation},
    time::Moment,
    wire,
};

use crate::{
    engine::{
        Done, Error, Reply,
        index::{ClaimKey, Entries, Looked, Names, claim_key},
        memory::Memory,
        writer::Bounds,
    },
    roll::{BLOCK_BYTES_MAX, Block, BlockBuilder, Head, PushError, event_id},
};

/// About how much stands in a record beside its event; hardly ever twice as much.
const ENVELOPE_BYTES: usize = 512;

/// How much one command may write: a block has room for it and for a group that is nearly full.
const COMMAND_BYTES_MAX: usize = BLOCK_BYTES_MAX / 2;

/// The most that a group may be bounded by.
pub(super) const GROUP_BYTES_MAX: usize = BLOCK_BYTES_MAX / 8;

/// A command that waits for its turn.
pub(super) struct Pending {
    pub(super) command: Command,
    pub(super) arrived: Instant,
    pub(super) reply: Reply<Done>,
    /// How often it has stepped aside.
    pub(super) rounds: u8,
    /// What its caller's key is known by, hashed and looked up by the caller.
    key: Option<Looked>,
    /// Another claim that it takes, hashed and looked up by the caller.
    takes: Option<(Claim, Looked)>,
    /// What else it waits for while it stands aside.
    pub(super) needs: Vec<Need>,
    /// Who took its key so long ago that it counts no more.
    pub(super) forgotten: Option<u64>,
}

impl Pending {
    /// A command that has just come.
    pub(super) fn new(command: Command, reply: Reply<Done>, names: &Names) -> Box<Self> {
        let Meta { tenant, idempotency, .. } = &command.meta;
        let look = |claim: &Claim| names.look(claim_key(claim));
        let key = idempotency.as_ref().map(|key| look(&Claim::idempotency(tenant, key)));
        let takes = command.takes().map(|claim| {
            // An end is looked up only where nothing is open that could end.
            let ends = matches!(claim, Claim::ReservationEnd { .. });
            let looked = if ends { Looked::not(claim_key(&claim)) } else { look(&claim) };
            (claim, looked)
        });
        let (arrived, needs) = (Instant::now(), vec![]);
        let forgotten = None;
        Box::new(Self { command, arrived, reply, rounds: 0, key, takes, needs, forgotten })
    }

    /// What the caller's key on a fact is known by. A key is claimed in the tenant of the fact that it
    /// stands on; a batch has many keys.
    fn key_of(&self, Envelope { tenant, idempotency, .. }: &Envelope) -> Option<ClaimKey> {
        let meta = &self.command.meta;
        if *tenant == meta.tenant && *idempotency == meta.idempotency {
            return self.key.map(|looked| looked.key);
        }
        let claim = |key| claim_key(&Claim::idempotency(tenant, key));
        idempotency.as_ref().map(claim)
    }
}

/// What became of a command in a group.
pub(super) enum Verdict {
    /// It is in the group.
    Decided,
    /// Something must be read first.
    Missing(Box<Pending>, Vec<Need>),
    /// Its key is taken: the first answer is to be given again.
    Repeat(Box<Pending>, piperoll_domain::claim::Taker),
    /// Its key is taken by what is not appended yet: its turn comes after.
    Later(Box<Pending>),
}

/// Commands and their facts, until they are appended. One is used over and over, for its room.
pub(super) struct Group {
    /// Room for the records, which are written once the group is closed.
    builder: BlockBuilder,
    before: u64,
    next: u64,
    moment: Moment,
    /// What is written of the facts, end to end, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    pub(super) entries: Entries,
    answers: Vec<Answer>,
    /// How many claims and duties the last one brought: the next will be much like it.
    expected: (usize, usize),
    /// The streams of its facts that everybody sees.
    standing: BTreeSet<Stream>,
    /// A fact was refused by its own rules after others were folded: nothing of the group may stand.
    poisoned: bool,
    /// The clock was corrected: what comes next has another time.
    ended: bool,
}

struct Answer {
    reply: Reply<Done>,
    outcome: Result<Vec<Recorded>, Error>,
}

impl Group {
    pub(super) fn new(before: u64, moment: Moment) -> Self {
        Self {
            builder: BlockBuilder::new(before),
            before,
            next: before + 1,
            moment,
            bytes: vec![],
            ends: vec![],
            entries: Entries::default(),
            answers: vec![],
            expected: (0, 0),
            standing: BTreeSet::new(),
            poisoned: false,
            ended: false,
        }
    }

    /// The next one, in the room of this.
    pub(super) fn begin(&mut self, before: u64, moment: Moment) {
        self.bytes.clear();
        self.ends.clear();
        self.before = before;
        self.next = before + 1;
        self.moment = moment;
        self.entries = Entries::with_room(self.expected);
        self.answers.clear();
        self.standing.clear();
        self.poisoned = false;
        self.ended = false;
    }

    /// Whether no more commands may join.
    pub(super) fn is_full(&self, bounds: &Bounds) -> bool {
        self.ended
            || self.poisoned
            || self.size() >= bounds.bytes
            || self.answers.len() >= bounds.commands
    }

    pub(super) fn commands(&self) -> usize {
        self.answers.len()
    }

    /// How many facts it holds.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// About how much there is to store.
    fn size(&self) -> usize {
        self.bytes.len().saturating_add(self.ends.len().saturating_mul(ENVELOPE_BYTES))
    }

    /// The position of its last fact.
    pub(super) const fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Decides one command over `memory`, in which the facts of those before it are folded. The roll
    /// holds what stands up to `stored`.
    pub(super) fn take(
        &mut self,
        mut pending: Box<Pending>,
        memory: &mut Memory,
        stored: u64,
    ) -> Verdict {
        if let Some(key) = pending.key {
            match memory.known(key) {
                None => return missing_key(pending),
                Some(Known::Free) => {}
                Some(Known::Taken(taker)) if pending.forgotten == Some(taker.position) => {}
                Some(Known::Taken(taker)) if taker.position > stored => {
                    return Verdict::Later(pending);
                }
                Some(Known::Taken(taker)) => return Verdict::Repeat(pending, taker),
            }
        }
        memory.expect(pending.takes.take());
        match pending.command.decide(memory, self.moment, self.next) {
            // What is not appended yet can be read once it is.
            Err(Stop::Missing(needs)) if needs.iter().any(|need| is_behind(need, stored)) => {
                Verdict::Later(pending)
            }
            Err(Stop::Missing(needs)) => Verdict::Missing(pending, needs),
            Err(Stop::Repeats(repeats)) => {
                self.answer(pending.reply, Err(Error::Repeats(repeats)));
                Verdict::Decided
            }
            Err(Stop::Rejected(rejection)) => {
                self.answer(pending.reply, Err(rejection.into()));
                Verdict::Decided
            }
            Ok(decided) => {
                let outcome = self.add(&pending, decided, memory);
                self.ended = corrects_clock(&pending.command);
                self.answer(pending.reply, outcome);
                Verdict::Decided
            }
        }
    }

    fn answer(&mut self, reply: Reply<Done>, outcome: Result<Vec<Recorded>, Error>) {
        self.answers.push(Answer { reply, outcome });
    }

    /// Folds a command's facts. All of them are encoded before any of them is taken in.
    fn add(
        &mut self,
        pending: &Pending,
        Decided { mut facts, takes }: Decided,
        memory: &mut Memory,
    ) -> Result<Vec<Recorded>, Error> {
        let command = &pending.command;
        self.encode(command, &mut facts)?;
        for fact in &facts {
            if !memory.fold(fact) {
                tracing::error!(
                    operation = command.operation.name(),
                    "a decision broke its own rules"
                );
                self.poisoned = true;
                return Err(internal("take in", command));
            }
            let claimed = self.entries.claims.len();
            let ours = takes.iter().filter(|(_, position)| *position == fact.envelope.position);
            let lasting = ours.map(|(claim, _)| memory.looked(claim).key);
            self.entries.fold_keyed(fact, pending.key_of(&fact.envelope), lasting);
            memory.claim_all(self.entries.claims.get(claimed..).unwrap_or_default(), fact);
            let stream = &fact.envelope.stream;
            if stream.kind.is_standing() {
                self.standing.insert(stream.clone());
            }
        }
        self.moment.now =
            facts.last().map_or(self.moment.now, |last| last.envelope.recorded_at.plus_micros(1));
        self.next += u64::try_from(facts.len()).unwrap_or(0);
        Ok(facts)
    }

    /// Names a command's facts and writes them behind the others. One that no block could hold is
    /// refused alone.
    fn encode(&mut self, command: &Command, facts: &mut [Recorded]) -> Result<(), Error> {
        let (bytes, ends) = (self.bytes.len(), self.ends.len());
        for (index, fact) in (0..).zip(facts) {
            fact.envelope.id = event_id(command.meta.operation, index);
            let written = wire::encode(&fact.event, &mut self.bytes);
            if written.is_err() || self.bytes.len().saturating_sub(bytes) > COMMAND_BYTES_MAX {
                self.bytes.truncate(bytes);
                self.ends.truncate(ends);
                return Err(internal("encode", command));
            }
            self.ends.push(self.bytes.len());
        }
        Ok(())
    }

    /// The facts as records, to be chained.
    pub(super) fn records(&mut self) -> Result<BlockBuilder, PushError> {
        let mut records = std::mem::replace(&mut self.builder, BlockBuilder::new(self.before));
        records.begin(self.before);
        let mut start = 0;
        for (fact, end) in self.facts().flatten().zip(&self.ends) {
            records.push(&fact.envelope, fact.event.name(), &self.bytes[start..*end])?;
            start = *end;
        }
        Ok(records)
    }

    /// Whether what comes next has another time.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing of the group may stand, because one command's facts broke their own rules.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// What the facts add to the index.
    pub(super) fn take_entries(&mut self) -> Entries {
        self.expected = (self.entries.claims.len(), self.entries.duties.len());
        std::mem::take(&mut self.entries)
    }

    /// Takes back a block's room for the next one.
    pub(super) fn recycle(&mut self, block: Block) {
        self.builder = BlockBuilder::in_room_of(block);
    }

    /// The streams of its facts that everybody sees.
    pub(super) const fn standing(&self) -> &BTreeSet<Stream> {
        &self.standing
    }

    /// The facts, command by command.
    pub(super) fn facts(&self) -> impl DoubleEndedIterator<Item = &[Recorded]> {
        self.answers.iter().filter_map(|answer| answer.outcome.as_deref().ok())
    }

    /// The append succeeded, or there was none: everybody is answered.
    pub(super) fn succeed(&mut self, head: Head) {
        for Answer { reply, outcome } in self.answers.drain(..) {
            let done = outcome.map(|events| Done { events, head, replayed: false });
            // Whoever hung up does not want to know.
            let _ = reply.send(done);
        }
    }

    /// The append failed: nobody got anything, refusals stand or fall with what they were decided on.
    pub(super) fn fail(&mut self, error: fn() -> Error) {
        for Answer { reply, outcome } in self.answers.drain(..) {
            let _ = reply.send(Err(match outcome {
                Err(own @ Error::Unreadable(_)) => own,
                Ok(_) | Err(_) => error(),
            }));
        }
    }
}

/// Whether what is needed is a fact behind a position.
const fn is_behind(need: &Need, stored: u64) -> bool {
    matches!(need, Need::Fact(position) if *position > stored)
}

/// Whether the key is taken must be looked up.
fn missing_key(pending: Box<Pending>) -> Verdict {
    let Meta { tenant, idempotency, .. } = &pending.command.meta;
    // Only a command with a key has the hash of one.
    let key = idempotency.iter().map(|key| Need::Claim(Claim::idempotency(tenant, key))).collect();
    Verdict::Missing(pending, key)
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

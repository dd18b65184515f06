//! The writer: drains the queue into a group, appends it once, answers everybody.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use piperoll_domain::{
    draft::{Known, Memory as _, Need, Seen},
    event::{Event, Recorded},
    id::Stream,
    roll,
    time::{Moment, Time},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{
        Done, Error, Found, Health, Message, Reply, Shared,
        directory::Directory,
        group::{Group, Pending, Verdict, corrects_clock},
        index::Entries,
        load::{Loaded, Reader},
        memory::Memory,
        start::Hook,
    },
    roll::{AppendError, Block, Head},
};

/// How often a command may step aside.
const ROUNDS_MAX: u8 = 8;
/// How far the clock may be behind the last record.
const BEHIND_MICROS: i64 = 5_000_000;
/// How long to wait before a store that failed is asked again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));

/// How long commands wait for an index that does not keep up, before they are refused.
const INDEX_PATIENCE: Duration = Duration::from_secs(2);

/// Bounds of a group and of what waits for the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) commands: usize,
    pub(super) bytes: usize,
    pub(super) unflushed: usize,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::Receiver<Message>,
    pub(super) reader: Reader,
    pub(super) memory: Memory,
    pub(super) index: mpsc::UnboundedSender<Entries>,
    pub(super) flushed: watch::Receiver<u64>,
    /// Why the index cannot be written at the moment, if it cannot.
    pub(super) index_trouble: watch::Receiver<Option<String>>,
    /// Commands are refused because the index does not keep up.
    pub(super) starved: bool,
    pub(super) hook: Hook,
    pub(super) bounds: Bounds,
    pub(super) head: Head,
    /// The last recorded time; the next is later.
    pub(super) floor: Time,
    pub(super) work: Work,
}

/// What is under way beside the queue.
pub(super) struct Work {
    ready: Vec<Pending>,
    waiting: BTreeMap<Need, Waiting>,
    back: mpsc::UnboundedSender<Read>,
    come: mpsc::UnboundedReceiver<Read>,
}

#[derive(Default)]
struct Waiting {
    commands: Vec<Pending>,
    looks: Vec<Reply<Found>>,
}

/// What readers bring back.
enum Read {
    Loaded(Need, Result<Loaded, Error>),
    /// The key was used so long ago that it counts no more.
    Forgotten(Box<Pending>),
}

impl Work {
    pub(super) fn new() -> Self {
        let (back, come) = mpsc::unbounded_channel();
        Self { ready: vec![], waiting: BTreeMap::new(), back, come }
    }

    fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty()
    }
}

/// Says that the writer is gone, whatever ended it.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|health| {
            let goes_on = !matches!(health, Health::Stopped { .. });
            if goes_on {
                *health = Health::Stopped { why: "the writer ended".to_owned() };
            }
            goes_on
        });
    }
}

/// Why the writer stops for good.
struct LastWord(String);

impl Writer {
    /// Writes until `stop`, or until it must not write any more. What has begun is finished.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut arrived = Vec::new();
        let _guard = Guard(self.shared.clone());
        while !((stop.is_cancelled() || self.queue.is_closed())
            && self.queue.is_empty()
            && self.work.is_idle())
        {
            self.wait(&mut arrived, &stop).await;
            for message in arrived.drain(..) {
                self.receive(message);
            }
            if let Err(LastWord(why)) = self.write().await {
                tracing::error!(%why, "the engine stops");
                self.shared.state.send_replace(Health::Stopped { why });
                return;
            }
            self.memory.tidy(*self.flushed.borrow());
            self.recover();
        }
    }

    /// Takes writes again once the index has caught up.
    fn recover(&mut self) {
        if self.starved && self.memory.unflushed() <= self.bounds.unflushed {
            self.starved = false;
            self.say_health(Health::Writing);
        }
    }

    async fn wait(&mut self, arrived: &mut Vec<Message>, stop: &CancellationToken) {
        let most = self.bounds.commands;
        if self.work.ready.is_empty() {
            tokio::select! {
                biased;
                Some(read) = self.work.come.recv() => self.come_back(read),
                _ = self.queue.recv_many(arrived, most) => {}
                Ok(()) = self.flushed.changed(), if self.starved => {}
                () = stop.cancelled() => self.queue.close(),
            }
        }
        while let Ok(read) = self.work.come.try_recv() {
            self.come_back(read);
        }
        while arrived.len() < most {
            let Ok(message) = self.queue.try_recv() else { break };
            arrived.push(message);
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Execute { command, arrived, reply } => {
                let pending = Pending { command, arrived, reply, rounds: 0, key_forgotten: false };
                self.work.ready.push(pending);
            }
            Message::Look { need, reply } => self.look(need, reply),
        }
    }

    /// Between groups, memory is what the roll says.
    fn look(&mut self, need: Need, reply: Reply<Found>) {
        let found = match &need {
            Need::Stream(stream) => self.memory.slot(stream).map(|seen| match seen {
                Seen::Absent => Found::Stream(None),
                Seen::Here(slot) => Found::Stream(Some(Box::new(slot.clone()))),
            }),
            Need::Claim(claim) => self.memory.claim(claim).map(|known| match known {
                Known::Free => Found::Claim(None),
                Known::Taken(taker) => Found::Claim(Some(taker)),
            }),
        };
        match found {
            Some(found) => drop(reply.send(Ok(found))),
            None => self.wait_for(need, |waiting| waiting.looks.push(reply)),
        }
    }

    /// Steps aside until something has been read; each thing is read once, however many wait.
    fn wait_for(&mut self, need: Need, join: impl FnOnce(&mut Waiting)) {
        let under_way = self.work.waiting.contains_key(&need);
        join(self.work.waiting.entry(need.clone()).or_default());
        if under_way {
            return;
        }
        let (reader, back) = (self.reader.clone(), self.work.back.clone());
        let end = self.memory.end_of(&need);
        tokio::spawn(async move {
            let loaded = reader.load(need.clone(), end).await;
            // The writer is gone only when nobody waits any more.
            let _ = back.send(Read::Loaded(need, loaded));
        });
    }

    fn come_back(&mut self, read: Read) {
        match read {
            Read::Forgotten(pending) => self.work.ready.push(*pending),
            Read::Loaded(need, Ok(loaded)) => {
                self.memory.take_in(loaded);
                let waiting = self.work.waiting.remove(&need).unwrap_or_default();
                self.work.ready.extend(waiting.commands);
                for reply in waiting.looks {
                    self.look(need.clone(), reply);
                }
            }
            Read::Loaded(need, Err(error)) => {
                tracing::error!(%error, "failed to read what a command needs");
                let waiting = self.work.waiting.remove(&need).unwrap_or_default();
                let why = error.to_string();
                let again = || Error::Unreadable(why.clone());
                waiting.commands.into_iter().for_each(|p| drop(p.reply.send(Err(again()))));
                waiting.looks.into_iter().for_each(|reply| drop(reply.send(Err(again()))));
            }
        }
    }

    /// Makes a group of what is ready, and appends it.
    async fn write(&mut self) -> Result<(), LastWord> {
        if self.work.ready.is_empty() {
            return Ok(());
        }
        if !self.wait_for_index().await {
            self.refuse_all(|| Error::Busy);
            return Ok(());
        }
        let Some(moment) = self.moment() else {
            return Ok(());
        };
        let began = std::time::Instant::now();
        let mut group = Group::new(self.head, moment);
        let later = self.decide(&mut group);
        metrics::histogram!("piperoll_engine_decide_seconds").record(began.elapsed());
        let outcome = self.append(group).await;
        self.work.ready.extend(later);
        outcome
    }

    /// When too much waits for the index, commands wait too; false if they do so in vain. What
    /// waits stands in the roll and in memory, so nothing is wrong but that there is ever more of it.
    async fn wait_for_index(&mut self) -> bool {
        if self.starved {
            return false;
        }
        let patience = tokio::time::Instant::now() + INDEX_PATIENCE;
        while self.memory.unflushed() > self.bounds.unflushed {
            let moved = tokio::time::timeout_at(patience, self.flushed.changed()).await;
            if !matches!(moved, Ok(Ok(()))) {
                let trouble = self.index_trouble.borrow().clone();
                let why = trouble.unwrap_or_else(|| "it is too slow".to_owned());
                tracing::error!(%why, "the index does not keep up; writes are refused");
                self.say_health(Health::Waiting { why: format!("the index: {why}") });
                self.starved = true;
                return false;
            }
            let flushed = *self.flushed.borrow();
            self.memory.tidy(flushed);
        }
        true
    }

    fn refuse_all(&mut self, error: fn() -> Error) {
        self.work.ready.drain(..).for_each(|pending| drop(pending.reply.send(Err(error()))));
    }

    /// The group's time; none while the clock is behind, which everybody waiting is told.
    fn moment(&mut self) -> Option<Moment> {
        let now = self.shared.clock.now();
        let behind = self.floor.micros_since(now);
        if behind > BEHIND_MICROS {
            let refuse = |pending: Pending| {
                let error = Error::ClockBehind { behind_ms: behind / 1_000 };
                drop(pending.reply.send(Err(error)));
            };
            let (kept, refused): (Vec<_>, Vec<_>) =
                self.work.ready.drain(..).partition(|pending| corrects_clock(&pending.command));
            refused.into_iter().for_each(refuse);
            self.work.ready = kept;
            if self.work.ready.is_empty() {
                return None;
            }
        }
        let rests = self.shared.clock.doubt().is_some();
        Some(Moment { now: now.max(self.floor.plus_micros(1)), rests })
    }

    /// Decides what is ready, as far as the group's bounds go. Returns what comes after it.
    fn decide(&mut self, group: &mut Group) -> Vec<Pending> {
        let mut later = vec![];
        let mut ready = std::mem::take(&mut self.work.ready).into_iter();
        while group.size() < self.bounds.bytes
            && group.commands() < self.bounds.commands
            && !group.is_ended()
        {
            let Some(pending) = ready.next() else { break };
            metrics::histogram!("piperoll_engine_queue_wait_seconds")
                .record(pending.arrived.elapsed());
            match group.take(pending, &mut self.memory) {
                Verdict::Decided => {}
                Verdict::Later(pending) => later.push(pending),
                Verdict::Missing(pending, need) => self.step_aside(pending, need),
                Verdict::Repeat(pending, taker) => self.repeat(pending, taker),
            }
        }
        later.extend(ready);
        later
    }

    fn step_aside(&mut self, mut pending: Pending, need: Need) {
        pending.rounds += 1;
        if pending.rounds > ROUNDS_MAX {
            drop(pending.reply.send(Err(Error::Busy)));
            return;
        }
        self.wait_for(need, |waiting| waiting.commands.push(pending));
    }

    /// Reads the first answer off this task, and gives it.
    fn repeat(&self, mut pending: Pending, taker: piperoll_domain::claim::Taker) {
        let days = i64::from(self.shared.directory.load().settings().idempotency_days);
        let forgotten = self.shared.clock.now().plus_micros(-days * 86_400_000_000);
        let (reader, back) = (self.reader.clone(), self.work.back.clone());
        tokio::spawn(async move {
            let Some(key) = pending.command.meta.idempotency.clone() else { return };
            let answer: Result<Option<Done>, Error> = reader.repeat(&taker, &key, forgotten).await;
            if let Some(answer) = answer.transpose() {
                drop(pending.reply.send(answer));
            } else {
                pending.key_forgotten = true;
                let _ = back.send(Read::Forgotten(Box::new(pending)));
            }
        });
    }

    async fn append(&mut self, mut group: Group) -> Result<(), LastWord> {
        if group.is_poisoned() {
            self.memory.roll_back();
            group.fail(|| Error::NotWritten);
            return Ok(());
        }
        let Some(block) = group.block() else {
            group.succeed(self.head);
            return Ok(());
        };
        let began = std::time::Instant::now();
        match self.store(&block).await {
            Ok(true) => {
                metrics::histogram!("piperoll_engine_append_seconds").record(began.elapsed());
                self.commit(group, block.head());
                Ok(())
            }
            Ok(false) => {
                self.memory.roll_back();
                group.fail(|| Error::NotWritten);
                Ok(())
            }
            Err(last_word) => {
                group.fail(|| Error::Unknown);
                Err(last_word)
            }
        }
    }

    /// Appends a block; false if it is certainly not in the roll. An outcome that is not known is
    /// settled by the head before anything else is decided.
    async fn store(&self, block: &Block) -> Result<bool, LastWord> {
        let mut pause = RETRY.0;
        loop {
            match self.reader.roll.append(self.head, block).await {
                Ok(_) => {
                    self.say_health(Health::Writing);
                    return Ok(true);
                }
                Err(AppendError::HeadMoved { head }) => {
                    return Err(LastWord(format!("another writer moved the roll to {head}")));
                }
                Err(AppendError::Refused { source }) => {
                    tracing::error!(error = %chain(&source), "a block was not stored");
                    self.say_health(Health::Waiting { why: chain(&source) });
                    return Ok(false);
                }
                // The same block again is recognised if it is there already.
                Err(AppendError::Unknown { source }) => {
                    tracing::error!(error = %chain(&source), "an append's outcome is unknown");
                    self.say_health(Health::Waiting { why: chain(&source) });
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    fn say_health(&self, health: Health) {
        self.shared.state.send_if_modified(|now| {
            let changed = *now != health;
            *now = health;
            changed
        });
    }

    /// The block is in the roll: it becomes true for everybody, then everybody is answered.
    fn commit(&mut self, mut group: Group, head: Head) {
        let mut entries = std::mem::take(&mut group.entries);
        self.memory.keep(&mut entries);
        self.head = head;
        self.floor = group.records.last().map_or(self.floor, |last| last.envelope.recorded_at);
        self.obey_corrections(&group.records);
        self.publish(&group.records);
        self.shared.duties.apply(entries.duties.clone());
        // The index thread ends only after the writer.
        let _ = self.index.send(entries);
        (self.hook)(&group.records);
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric")]
        metrics::histogram!("piperoll_engine_group_commands").record(group.commands() as f64);
        self.shared.head.send_replace(head);
        group.succeed(head);
    }

    /// After an operator's correction the next record may be earlier than the last.
    fn obey_corrections(&mut self, records: &[Recorded]) {
        for recorded in records {
            if let Event::Roll(roll::Event::ClockCorrected(corrected)) = &recorded.event {
                self.floor = corrected.now;
                self.shared.clock.accept();
            }
        }
    }

    fn publish(&self, records: &[Recorded]) {
        let standing = records.iter().map(|recorded| &recorded.envelope.stream);
        let mut streams: Vec<&Stream> =
            standing.filter(|stream| stream.kind.is_standing()).collect();
        if streams.is_empty() {
            return;
        }
        streams.sort_unstable();
        streams.dedup();
        let slots = streams.into_iter().filter_map(|stream| {
            self.memory.peek(stream).map(|slot| (stream.clone(), slot.clone()))
        });
        let next: Directory = self.shared.directory.load().with(slots);
        self.shared.directory.store(Arc::new(next));
    }
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

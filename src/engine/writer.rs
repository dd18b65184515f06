//! The writer: drains the queue into a group, appends it once, answers everybody.

mod aside;
mod measures;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use piperoll_domain::{
    event::{Event, Recorded},
    id::Stream,
    roll,
    time::{Moment, Time},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(super) use self::{aside::Work, measures::Measures};
use crate::{
    engine::{
        Error, Health, Message, Shared,
        directory::Directory,
        group::{Group, Pending, Verdict, is_taken_behind},
        index::Entries,
        load::Reader,
        memory::Memory,
        start::Hook,
    },
    roll::{AppendError, Block, Head},
    watch,
};

/// How long to wait before a store that failed is asked again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));

/// How long after a failure an idle writer asks the store whether it is back.
const PROBE: Duration = Duration::from_secs(5);

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
    pub(super) measures: Measures,
    /// The last group, for its room.
    pub(super) group: Option<Group>,
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
            if let Err(LastWord(why)) = self.write(&stop).await {
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
        // Nobody comes any more, which is known at once and for ever: only what is read is awaited.
        let is_over = self.queue.is_closed() && self.queue.is_empty();
        if self.work.ready.is_empty() {
            tokio::select! {
                biased;
                Some(read) = self.work.come.recv() => self.come_back(read),
                _ = self.queue.recv_many(arrived, most), if !is_over => {}
                Ok(()) = self.flushed.changed(), if self.starved => {}
                () = tokio::time::sleep(PROBE), if self.is_waiting() => self.probe().await,
                () = stop.cancelled(), if !is_over => self.queue.close(),
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
            Message::Execute(pending) => self.work.ready.push_back(pending),
            Message::Look { need, reply } => self.look(need, reply),
        }
    }

    /// Makes a group of what is ready, and appends it.
    async fn write(&mut self, stop: &CancellationToken) -> Result<(), LastWord> {
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
        let began = Instant::now();
        let mut group = self.group.take().unwrap_or_else(|| Group::new(self.head, moment));
        group.begin(self.head, moment);
        let later = self.decide(&mut group);
        self.measures.decide.record(began.elapsed());
        let outcome = self.append(&mut group, stop).await;
        self.group = Some(group);
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
        if let Some(behind) = self.shared.clock.behind_micros() {
            let refuse = |pending: Pending| {
                let error = Error::ClockBehind { behind_ms: behind / 1_000 };
                drop(pending.reply.send(Err(error)));
            };
            let (kept, refused): (Vec<_>, Vec<_>) =
                self.work.ready.drain(..).partition(|pending| is_taken_behind(&pending.command));
            refused.into_iter().for_each(refuse);
            self.work.ready = kept.into();
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
        // For each group the one who waited longest: nearly always the first.
        if let Some(first) = self.work.ready.front() {
            self.measures.queue_wait.record(first.arrived.elapsed());
        }
        while group.size() < self.bounds.bytes
            && group.commands() < self.bounds.commands
            && !group.is_ended()
        {
            let Some(pending) = self.work.ready.pop_front() else { break };
            match group.take(pending, &mut self.memory) {
                Verdict::Decided => {}
                Verdict::Later(pending) => later.push(pending),
                Verdict::Missing(pending, needs) => self.step_aside(pending, needs),
                Verdict::Repeat(pending, taker) => self.repeat(pending, taker),
            }
        }
        later
    }

    async fn append(
        &mut self,
        group: &mut Group,
        stop: &CancellationToken,
    ) -> Result<(), LastWord> {
        if group.is_poisoned() {
            self.memory.roll_back();
            group.fail(|| Error::NotWritten);
            return Ok(());
        }
        let Some(block) = group.block() else {
            group.succeed(self.head);
            return Ok(());
        };
        let began = Instant::now();
        let stored = self.store(&block, stop).await;
        let head = block.head();
        group.recycle(block);
        match stored {
            Ok(true) => {
                self.measures.append.record(began.elapsed());
                self.commit(group, head);
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
    async fn store(&self, block: &Block, stop: &CancellationToken) -> Result<bool, LastWord> {
        let stored = self.try_to_store(block, stop).await;
        self.shared.unresolved.store(false, Relaxed);
        stored
    }

    async fn try_to_store(
        &self,
        block: &Block,
        stop: &CancellationToken,
    ) -> Result<bool, LastWord> {
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
                    self.shared.unresolved.store(true, Relaxed);
                    self.say_health(Health::Waiting { why: chain(&source) });
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY.1),
                        () = stop.cancelled() => {
                            let why = "it was told to stop while an append's outcome was unknown";
                            return Err(LastWord(why.to_owned()));
                        }
                    }
                }
            }
        }
    }

    /// Whether the store failed, and nobody has tried since.
    fn is_waiting(&self) -> bool {
        !self.starved && matches!(*self.shared.state.borrow(), Health::Waiting { .. })
    }

    /// Who waits for us to be ready sends nothing that would show that we are.
    async fn probe(&self) {
        if self.reader.roll.probe().await.is_ok_and(|head| head == self.head) {
            self.say_health(Health::Writing);
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
    fn commit(&mut self, group: &mut Group, head: Head) {
        let mut entries = group.take_entries();
        self.memory.keep(&mut entries);
        self.head = head;
        let last = group.facts().rev().find_map(<[Recorded]>::last);
        self.floor = last.map_or(self.floor, |last| last.envelope.recorded_at);
        let corrected = group.facts().filter_map(|facts| self.obey_corrections(facts)).last();
        self.shared.clock.recorded(self.floor);
        self.publish(group);
        self.shared.duties.apply(entries.duties.clone());
        if let Some(now) = corrected {
            self.shared.duties.correct(now);
        }
        // The index thread ends only after the writer.
        let _ = self.index.send(entries);
        group.facts().for_each(|facts| (self.hook)(facts));
        self.measures.commands(group.commands());
        self.shared.head.send_replace(head);
        group.succeed(head);
    }

    /// After an operator's correction the next record may be earlier than the last.
    fn obey_corrections(&mut self, facts: &[Recorded]) -> Option<Time> {
        let corrected = facts.iter().rev().find_map(|recorded| match &recorded.event {
            Event::Roll(roll::Event::ClockCorrected(corrected)) => Some(corrected.now),
            _ => None,
        });
        if let Some(now) = corrected {
            self.floor = now;
            self.shared.clock.accept();
        }
        corrected
    }

    fn publish(&self, group: &Group) {
        let standing = group.facts().flatten().map(|recorded| &recorded.envelope.stream);
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

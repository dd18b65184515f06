//! The writer: drains the queue into a group, appends it once, answers everybody. While one group is
//! appended the next is decided.

mod append;
mod aside;
mod measures;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use piperoll_domain::{
    book::Slot,
    event::{Event, Recorded},
    id::Stream,
    roll,
    time::{Moment, Time},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::append::{InFlight, LastWord, Outcome, Store, outcome};
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
    roll::{Block, Head},
    watch,
};

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
    /// Where the roll stands.
    pub(super) head: Head,
    /// The last recorded time that was decided; the next is later.
    pub(super) floor: Time,
    pub(super) work: Work,
    pub(super) measures: Measures,
    pub(super) groups: Groups,
}

/// Groups on their way.
#[derive(Default)]
pub(super) struct Groups {
    /// The one that commands are decided into.
    open: Option<Group>,
    /// The one that is appended.
    in_flight: Option<InFlight>,
    /// One that is done, for its room.
    spare: Option<Group>,
    /// How long it took to decide what is open.
    decided_in: Duration,
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

impl Writer {
    /// Writes until `stop`, or until it must not write any more. What has begun is finished.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut arrived = Vec::new();
        let _guard = Guard(self.shared.clone());
        while !((stop.is_cancelled() || self.queue.is_closed())
            && self.queue.is_empty()
            && self.is_idle())
        {
            if let Err(LastWord(why)) = self.turn(&mut arrived, &stop).await {
                tracing::error!(%why, "the engine stops");
                self.shared.state.send_replace(Health::Stopped { why });
                return;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.groups.open.is_none() && self.groups.in_flight.is_none() && self.work.is_idle()
    }

    async fn turn(
        &mut self,
        arrived: &mut Vec<Message>,
        stop: &CancellationToken,
    ) -> Result<(), LastWord> {
        if let Some(ended) = self.wait(arrived, stop).await {
            self.settle(ended, stop)?;
        }
        for message in arrived.drain(..) {
            self.receive(message);
        }
        self.decide().await;
        if self.groups.in_flight.is_none() {
            self.close(stop);
        }
        self.memory.tidy(*self.flushed.borrow());
        self.recover();
        Ok(())
    }

    /// Takes writes again once the index has caught up.
    fn recover(&mut self) {
        if self.starved && self.memory.unflushed() <= self.bounds.unflushed {
            self.starved = false;
            self.shared.say_health(Health::Writing);
        }
    }

    /// Waits for anything to do. Returns how an append ended, if one did.
    async fn wait(
        &mut self,
        arrived: &mut Vec<Message>,
        stop: &CancellationToken,
    ) -> Option<Outcome> {
        let most = self.bounds.commands;
        // Nobody comes any more, which is known at once and for ever: only what is read is awaited.
        let is_over = self.queue.is_closed() && self.queue.is_empty();
        let has_room = self.has_room();
        let mut ended = None;
        if self.work.ready.is_empty() || !has_room {
            tokio::select! {
                biased;
                outcome = outcome(&mut self.groups.in_flight) => ended = Some(outcome),
                Some(read) = self.work.come.recv() => self.come_back(read),
                _ = self.queue.recv_many(arrived, most), if !is_over && has_room => {}
                Ok(()) = self.flushed.changed(), if self.starved => {}
                () = tokio::time::sleep(PROBE), if self.is_waiting() => self.probe().await,
                () = stop.cancelled(), if !is_over => self.queue.close(),
            }
        }
        while let Ok(read) = self.work.come.try_recv() {
            self.come_back(read);
        }
        while has_room && arrived.len() < most {
            let Ok(message) = self.queue.try_recv() else { break };
            arrived.push(message);
        }
        ended
    }

    /// Whether commands may be decided now, above what is being appended.
    fn has_room(&self) -> bool {
        let Groups { open, in_flight, .. } = &self.groups;
        let Some(in_flight) = in_flight else { return true };
        let bounds = &self.bounds;
        !in_flight.group.is_ended()
            && self.memory.unflushed() <= bounds.unflushed
            && open.as_ref().is_none_or(|open| !open.is_full(bounds))
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Execute(pending) => self.work.ready.push_back(pending),
            Message::Look { need, reply } => self.look(need, reply),
        }
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
                self.shared.say_health(Health::Waiting { why: format!("the index: {why}") });
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

    /// Decides what is ready, as far as the group's bounds go.
    async fn decide(&mut self) {
        if self.work.ready.is_empty() || !self.has_room() {
            return;
        }
        if !self.wait_for_index().await {
            self.refuse_all(|| Error::Busy);
            return;
        }
        let Some(mut group) = self.groups.open.take().or_else(|| self.begin()) else { return };
        let began = Instant::now();
        // For each group the one who waited longest: nearly always the first.
        if let Some(first) = self.work.ready.front() {
            self.measures.queue_wait.record(first.arrived.elapsed());
        }
        while !group.is_full(&self.bounds) {
            let Some(pending) = self.work.ready.pop_front() else { break };
            match group.take(pending, &mut self.memory, self.head.position) {
                Verdict::Decided => {}
                Verdict::Later(pending) => self.work.later.push(pending),
                Verdict::Missing(pending, needs) => self.step_aside(pending, needs),
                Verdict::Repeat(pending, taker) => self.repeat(pending, taker),
            }
        }
        self.groups.decided_in += began.elapsed();
        self.groups.open = Some(group);
    }

    /// A group behind the one that is being appended, if there is one; none while the clock is behind.
    fn begin(&mut self) -> Option<Group> {
        let moment = self.moment()?;
        let Groups { in_flight, spare, .. } = &mut self.groups;
        let head = in_flight.as_ref().map_or(self.head, |in_flight| in_flight.head);
        let mut group = spare.take().unwrap_or_else(|| Group::new(head, moment));
        group.begin(head, moment);
        Some(group)
    }

    /// Closes the open group and begins to append it. Nothing is being appended.
    fn close(&mut self, stop: &CancellationToken) {
        let Some(mut group) = self.groups.open.take() else { return };
        self.measures.decide.record(std::mem::take(&mut self.groups.decided_in));
        if group.is_poisoned() {
            self.memory.roll_back();
            group.fail(|| Error::NotWritten);
        } else if let Some(block) = group.block() {
            self.groups.in_flight = Some(self.launch(group, block, stop));
            return;
        } else {
            group.succeed(self.head);
        }
        self.groups.spare = Some(group);
        self.settled();
    }

    fn launch(&mut self, mut group: Group, block: Block, stop: &CancellationToken) -> InFlight {
        let mut entries = group.take_entries();
        let undo = self.memory.close(&mut entries);
        let last = group.facts().rev().find_map(<[Recorded]>::last);
        let next = last.map_or(self.floor, |last| last.envelope.recorded_at);
        let floor = std::mem::replace(&mut self.floor, next);
        let (shared, roll, stop) = (self.shared.clone(), self.reader.roll.clone(), stop.clone());
        let (began, standing, head) = (Instant::now(), self.standing(&group), block.head());
        let task = tokio::spawn(Store { roll, shared, stop }.store(self.head, block));
        InFlight { group, head, entries, standing, undo, floor, began, task }
    }

    /// An append ended: what was in flight is true for everybody, or for nobody.
    fn settle(&mut self, ended: Outcome, stop: &CancellationToken) -> Result<(), LastWord> {
        let Some(mut in_flight) = self.groups.in_flight.take() else { return Ok(()) };
        let (stored, block) = ended;
        if let Some(block) = block {
            in_flight.group.recycle(block);
        }
        match stored {
            Ok(true) => {
                self.measures.append.record(in_flight.began.elapsed());
                self.head = in_flight.head;
                // The disk need not wait for the answers.
                self.close(stop);
                self.groups.spare = Some(self.commit(in_flight));
            }
            Ok(false) => self.forget(in_flight),
            Err(last_word) => {
                in_flight.group.fail(|| Error::Unknown);
                return Err(last_word);
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
    fn forget(&mut self, in_flight: InFlight) {
        let InFlight { mut group, undo, floor, .. } = in_flight;
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

    /// Whether the store failed, and nobody has tried since.
    fn is_waiting(&self) -> bool {
        let is_waiting = matches!(*self.shared.state.borrow(), Health::Waiting { .. });
        is_waiting && !self.starved && self.groups.in_flight.is_none()
    }

    /// Who waits for us to be ready sends nothing that would show that we are.
    async fn probe(&self) {
        if self.reader.roll.probe().await.is_ok_and(|head| head == self.head) {
            self.shared.say_health(Health::Writing);
        }
    }

    /// The block is in the roll: it becomes true for everybody, then everybody is answered.
    fn commit(&mut self, in_flight: InFlight) -> Group {
        let InFlight { mut group, head, entries, standing, undo, .. } = in_flight;
        self.memory.keep(undo);
        let last = group.facts().rev().find_map(<[Recorded]>::last);
        let recorded = last.map(|last| last.envelope.recorded_at);
        recorded.into_iter().for_each(|recorded| self.shared.clock.recorded(recorded));
        group.facts().for_each(|facts| self.obey_corrections(facts));
        self.publish(standing);
        self.shared.duties.apply(entries.duties.clone());
        // The index thread ends only after the writer.
        let _ = self.index.send(entries);
        group.facts().for_each(|facts| (self.hook)(facts));
        self.measures.commands(group.commands());
        self.shared.head.send_replace(head);
        group.succeed(head);
        group
    }

    /// After an operator's correction the next record may be earlier than the last.
    fn obey_corrections(&mut self, facts: &[Recorded]) {
        for recorded in facts {
            if let Event::Roll(roll::Event::ClockCorrected(corrected)) = &recorded.event {
                self.floor = corrected.now;
                self.shared.clock.recorded(corrected.now);
                self.shared.clock.accept();
            }
        }
    }

    /// The streams that everybody sees and the group touched, as they are now.
    fn standing(&self, group: &Group) -> Vec<(Stream, Slot)> {
        let standing = group.facts().flatten().map(|recorded| &recorded.envelope.stream);
        let mut streams: Vec<&Stream> =
            standing.filter(|stream| stream.kind.is_standing()).collect();
        streams.sort_unstable();
        streams.dedup();
        let slots = streams.into_iter().filter_map(|stream| {
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

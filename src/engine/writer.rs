//! The writer: drains the queue into a group, appends it once, answers everybody. While one group is
//! appended the next is decided.

mod append;
mod aside;
mod flight;
mod measures;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use piperoll_domain::time::{Moment, Time};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(super) use self::{append::chain, aside::Work, measures::Measures};
use self::{
    append::{LastWord, Outcome},
    flight::{InFlight, outcome},
};
use crate::{
    engine::{
        Error, Health, Message, Shared,
        group::{GROUP_BYTES_MAX, Group, Pending, Verdict, is_taken_behind},
        load::Reader,
        memory::Memory,
        start::{Hook, News, Options},
    },
    roll::Head,
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

impl Bounds {
    pub(super) const fn of(options: &Options) -> Self {
        let Options { group_commands, group_bytes, unflushed, .. } = options;
        let bytes = if *group_bytes < GROUP_BYTES_MAX { *group_bytes } else { GROUP_BYTES_MAX };
        Self { commands: *group_commands, bytes, unflushed: *unflushed }
    }
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: mpsc::Receiver<Message>,
    pub(super) reader: Reader,
    pub(super) memory: Memory,
    pub(super) index: mpsc::UnboundedSender<News>,
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
    open: Option<Box<Group>>,
    /// The one that is appended.
    in_flight: Option<InFlight>,
    /// One that is done, for its room.
    spare: Option<Box<Group>>,
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
        let is_closed = self.queue.is_closed();
        let is_over = is_closed && self.queue.is_empty();
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
                // Once is enough: what still waits in the queue may have to wait for room.
                () = stop.cancelled(), if !is_closed => self.queue.close(),
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
        !in_flight.is_ended
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
            let refuse = |pending: Box<Pending>| {
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
        Some(self.shared.clock.moment_at(now.max(self.floor.plus_micros(1))))
    }

    /// Decides what is ready, as far as the group's bounds go.
    async fn decide(&mut self) {
        if self.work.ready.is_empty() || !self.has_room() {
            return;
        }
        if self.shared.index_away.load().is_some() {
            self.refuse_all(|| Error::NotWritten);
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
    fn begin(&mut self) -> Option<Box<Group>> {
        let moment = self.moment()?;
        let Groups { in_flight, spare, .. } = &mut self.groups;
        let last = in_flight.as_ref().map_or(self.head.position, |in_flight| in_flight.last);
        let mut group = spare.take().unwrap_or_else(|| Box::new(Group::new(last, moment)));
        group.begin(last, moment);
        Some(group)
    }

    /// Whether the store failed, and nobody has tried since.
    fn is_waiting(&self) -> bool {
        let is_waiting = matches!(*self.shared.state.borrow(), Health::Waiting { .. });
        is_waiting && !self.starved && self.groups.in_flight.is_none()
    }

    /// Who waits for us to be ready sends nothing that would show that we are.
    async fn probe(&mut self) {
        if self.reader.roll.probe().await.is_ok_and(|head| head == self.head) {
            self.shared.say_health(Health::Writing);
        }
    }
}

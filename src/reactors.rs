//! Reactors: what the roll says is owed, done.
//!
//! # Shape
//! There are no cursors. A duty is opened by a fact and closed by another; a reactor takes those of
//! its kind that are due and puts a command to the roll, or asks somebody outside first. What it
//! remembers is when to try again, which may be lost at any instruction.
//!
//! # Correctness
//! Every command is decided on the roll as it is then, so doing a duty twice does nothing. A failure
//! is told once, tried again later and later, and holds nobody else up. What the rules refuse is left
//! to a dead letter. A worker that is paused begins nothing, and nothing of what is owed is lost.

mod create;
mod end;
mod expire;
mod fulfil;
mod give_back;
pub(crate) mod guard;
mod lapse;
mod letters;
mod match_receipts;
mod refusals;
mod retries;
mod sweep;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use piperoll_domain::{
    duty::{Duty, Kind},
    time::Time,
};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::retries::Retries;
use crate::{
    engine::SOON,
    service::{Error, Service},
};

/// The kinds that are done one by one; stale payments are swept together.
pub(crate) const ONE_BY_ONE: [Kind; 8] = [
    Kind::Create,
    Kind::Expire,
    Kind::Fulfil,
    Kind::Match,
    Kind::Lapse,
    Kind::Return,
    Kind::Retry,
    Kind::End,
];

/// How many duties are taken at once.
const STEP_MAX: usize = 256;
/// How long a reactor rests at most, for duties that become due by time alone.
const REST: Duration = SOON;

/// What came of a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, or is owed no more.
    Done,
    /// It cannot be done yet.
    Later,
}

/// Starts every reactor; each ends soon after `stop`, with nothing cut off half-way.
pub fn start(service: &Service, tasks: &TaskTracker, stop: &CancellationToken) {
    for kind in ONE_BY_ONE {
        tasks.spawn(Reactor::new(service.clone(), kind).run(stop.clone()));
    }
    tasks.spawn(sweep::run(service.clone(), stop.clone()));
    tasks.spawn(refusals::run(service.clone(), stop.clone()));
    tasks.spawn(guard::run(service.clone(), stop.clone()));
}

/// Does duties of one kind.
pub(crate) struct Reactor {
    service: Service,
    kind: Kind,
    retries: Retries,
}

impl Reactor {
    pub(crate) fn new(service: Service, kind: Kind) -> Self {
        Self { service, kind, retries: Retries::new(kind) }
    }

    async fn run(mut self, stop: CancellationToken) {
        let mut opened = self.service.engine().duties_opened();
        while !stop.is_cancelled() {
            opened.borrow_and_update();
            if self.step().await > 0 {
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = tokio::time::sleep(REST) => {}
                changed = opened.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Takes what is due, and does it; says how many that were.
    pub(crate) async fn step(&mut self) -> usize {
        if self.service.rests(self.kind) {
            return 0;
        }
        let now = self.service.engine().clock().next_record();
        // Those that wait for another attempt may be the oldest, and must not stand in the way.
        let most = STEP_MAX.saturating_add(self.retries.len());
        let due = self.service.engine().due(self.kind, self.due_by(now), most);
        let ready = self.retries.ready(due, now);
        let count = ready.len();
        let at_once = Arc::new(Semaphore::new(self.service.settings().concurrency.max(1)));
        let mut working = JoinSet::new();
        for duty in ready {
            let (service, at_once) = (self.service.clone(), Arc::clone(&at_once));
            working.spawn(async move {
                let _permit = at_once.acquire().await;
                let outcome = react(&service, &duty).await;
                let outcome = letters::or_letter(&service, &duty, outcome).await;
                (duty, outcome)
            });
        }
        while let Some(done) = working.join_next().await {
            match done {
                Ok((duty, outcome)) => self.retries.note(&duty, &outcome),
                // It stays due, and its turn comes again with the pause that it got beforehand.
                Err(error) => tracing::error!(%error, kind = self.kind.as_str(), "a reactor broke"),
            }
        }
        count
    }

    /// Unpaid invoices are given a grace time before anybody concludes anything.
    fn due_by(&self, now: Time) -> Time {
        let grace = match self.kind {
            Kind::Expire => self.service.engine().directory().settings().settlement_grace_seconds,
            _ => 0,
        };
        now.plus_micros(i64::from(grace).saturating_mul(-1_000_000))
    }
}

async fn react(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    match duty.name.kind {
        // It was paused since the step began.
        kind if service.rests(kind) => Ok(Outcome::Later),
        Kind::Retry | Kind::ManualReview => letters::react(service, duty).await,
        _ => do_own(service, duty).await,
    }
}

/// Does a duty that is no letter's.
async fn do_own(service: &Service, duty: &Duty) -> Result<Outcome, Error> {
    match duty.name.kind {
        Kind::Create => create::react(service, duty).await,
        Kind::Expire => expire::react(service, duty).await,
        Kind::Fulfil => fulfil::react(service, duty).await,
        Kind::Match => match_receipts::react(service, duty).await,
        Kind::Lapse => lapse::react(service, duty).await,
        Kind::Return => give_back::react(service, duty).await,
        Kind::End => end::react(service, duty).await,
        Kind::Sweep | Kind::Retry | Kind::ManualReview => Ok(Outcome::Later),
    }
}

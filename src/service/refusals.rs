//! Attempts that proved nothing, counted: one fact a minute at most for each connection and reason.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use piperoll_domain::{id::ConnectionId, operation::RefuseReceipts, receipt::Refused, time::Time};

use crate::service::{Error, Principal, Service, seal::Field};

/// How much time lies between two facts, in seconds.
const BETWEEN_SECONDS: u32 = 60;
/// How much of the latest body is kept as a sample, in bytes.
const SAMPLE_BYTES: usize = 4 * 1024;

type Name = (ConnectionId, &'static str);

/// What was refused and is not told yet. Bounded by the connections that the roll names.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<Name, Counter>>);

#[derive(Debug, Default)]
struct Counter {
    count: u32,
    first: Time,
    last: Time,
    sample: Vec<u8>,
    told: Option<Time>,
}

/// What is to be told of one connection and reason.
struct Telling {
    name: Name,
    counter: Counter,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Counter>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one; gives it back if it is time to tell.
    fn count(&self, name: Name, body: &[u8], now: Time) -> Option<Telling> {
        let mut counters = self.lock();
        let counter = counters.entry(name.clone()).or_default();
        if counter.count == 0 {
            counter.first = now;
        }
        counter.count = counter.count.saturating_add(1);
        counter.last = now;
        counter.sample = body.get(..SAMPLE_BYTES).unwrap_or(body).to_vec();
        counter.take(name, now)
    }

    fn due(&self, now: Time, all: bool) -> Vec<Telling> {
        let mut counters = self.lock();
        if all {
            counters.values_mut().for_each(|counter| counter.told = None);
        }
        let due = counters.iter_mut().filter_map(|(name, counter)| counter.take(name.clone(), now));
        due.collect()
    }

    /// It could not be told: it is counted again.
    fn give_back(&self, Telling { name, counter }: Telling) {
        let mut counters = self.lock();
        let newer = counters.entry(name).or_default();
        newer.first = counter.first;
        newer.last = newer.last.max(counter.last);
        newer.count = newer.count.saturating_add(counter.count);
    }
}

impl Counter {
    fn take(&mut self, name: Name, now: Time) -> Option<Telling> {
        // A clock that went back does not make the pause longer than it is.
        let waits =
            self.told.is_some_and(|told| told <= now && now < told.plus_seconds(BETWEEN_SECONDS));
        if self.count == 0 || waits {
            return None;
        }
        let fresh = Self { told: Some(now), ..Self::default() };
        Some(Telling { name, counter: std::mem::replace(self, fresh) })
    }
}

impl Service {
    /// Counts an attempt that proved nothing. The first is told at once.
    pub(super) async fn refuse(
        &self,
        connection: &ConnectionId,
        reason: &'static str,
        body: &[u8],
    ) {
        let now = self.engine().clock().now();
        let telling = self.0.refusals.count((connection.clone(), reason), body, now);
        if let Some(telling) = telling {
            self.tell(telling).await;
        }
    }

    /// Tells of what was counted since, where it is time to, or of `all`; how many facts that made.
    pub(crate) async fn tell_refusals(&self, all: bool) -> usize {
        let due = self.0.refusals.due(self.engine().clock().now(), all);
        let count = due.len();
        for telling in due {
            self.tell(telling).await;
        }
        count
    }

    async fn tell(&self, telling: Telling) {
        if let Err(error) = self.try_tell(&telling).await {
            tracing::warn!(%error, connection = %telling.name.0, "failed to tell of refused webhooks");
            self.0.refusals.give_back(telling);
        }
    }

    async fn try_tell(&self, Telling { name, counter }: &Telling) -> Result<(), Error> {
        let sample = self.seal(None, Field::Sample, &counter.sample).await?;
        let refused = Refused {
            connection: name.0.clone(),
            reason: name.1.to_owned(),
            count: counter.count,
            first: counter.first,
            last: counter.last,
            sample: Some(sample),
        };
        let who = Principal::Reactor("refusals");
        self.command(&who, RefuseReceipts { refused }, None, None).await?;
        Ok(())
    }
}

//! Reading what decisions miss: many at once, off the writer's task.

use std::sync::Arc;

use piperoll_domain::{
    book::Slot,
    claim::{Claim, Taker, claims},
    draft::Need,
    event::{Idempotency, Recorded},
    id::Stream,
    wire,
};
use tokio::sync::Semaphore;

use crate::{
    engine::{
        Done, Error, Shared,
        index::{End, Index, claim_key},
    },
    roll::{Entry, Record, Roll},
};

/// What was read, with the position up to which the index held everything when it was asked.
#[derive(Debug)]
pub(super) enum Loaded {
    /// A stream's state; none: it has no events.
    Stream(Stream, Option<Box<Slot>>, u64),
    /// A claim's taker; none: it is free.
    Claim(Claim, Option<Taker>, u64),
    /// A fact.
    Fact(Box<Recorded>),
}

/// How many things are read at once: what that takes must not grow with how many are missed.
const READ_MAX: usize = 32;

/// Where things are read from.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) roll: Roll,
    pub(super) index: Arc<Index>,
    turns: Arc<Semaphore>,
}

/// The fact that a record holds.
pub(crate) fn decode(entry: &Entry) -> Result<Recorded, Error> {
    decode_at(entry.position(), entry.bytes())
}

/// The fact that a record's bytes hold.
pub(super) fn decode_at(position: u64, bytes: &[u8]) -> Result<Recorded, Error> {
    let unreadable =
        |error: &dyn std::error::Error| Error::Unreadable(format!("position {position}: {error}"));
    let record = Record::read(bytes).map_err(|error| unreadable(&error))?;
    let event = wire::decode(record.name, record.data).map_err(|error| unreadable(&error))?;
    let envelope = record.envelope().map_err(|error| unreadable(&error))?;
    Ok(Recorded { envelope, event })
}

impl Reader {
    pub(super) fn new(roll: Roll, index: Arc<Index>) -> Self {
        Self { roll, index, turns: Arc::new(Semaphore::new(READ_MAX)) }
    }

    /// Reads what is needed. `end` is where a stream is known to end, if the index may not know.
    pub(super) async fn load(&self, need: Need, end: Option<End>) -> Result<Loaded, Error> {
        // It is never closed.
        let _turn = self.turns.acquire().await;
        // First, because what is written meanwhile may or may not be seen.
        let as_of = self.index.written();
        match need {
            Need::Stream(stream) => {
                let slot = self.stream(&stream, end).await?;
                Ok(Loaded::Stream(stream, slot.map(Box::new), as_of))
            }
            Need::Claim(claim) => {
                let taker = self.claim(&claim).await?;
                Ok(Loaded::Claim(claim, taker, as_of))
            }
            Need::Fact(position) => Ok(Loaded::Fact(Box::new(record(&self.roll, position).await?))),
        }
    }

    /// A stream's state: the nearest snapshot, and every event after it.
    pub(super) async fn stream(
        &self,
        stream: &Stream,
        end: Option<End>,
    ) -> Result<Option<Slot>, Error> {
        let (index, name) = (self.index.clone(), stream.clone());
        let read = move || Ok((index.end(&name)?, index.snapshot(&name)?));
        let found = self.ask_index(read).await?;
        let (stored, snapshot) = found;
        let Some(end) = end.or(stored) else { return Ok(None) };
        let snapshot = snapshot.filter(|slot| slot.last <= end.last);
        let absent = || Slot::absent(stream.kind);
        let mut slot = snapshot.unwrap_or_else(absent);
        let tail = self.walk(stream, end, slot.last).await?;
        tail.iter().rev().for_each(|recorded| slot.fold(recorded));
        let found = End { last: slot.last, version: slot.version };
        if found == end { Ok(Some(slot)) } else { Err(disagree(stream, end, found)) }
    }

    /// The events of a stream after `after`, newest first, by each one's `previous`.
    async fn walk(&self, stream: &Stream, end: End, after: u64) -> Result<Vec<Recorded>, Error> {
        let mut walked = vec![];
        let mut position = end.last;
        while position > after {
            let recorded = record(&self.roll, position).await?;
            if recorded.envelope.stream != *stream {
                let found = End { last: position, version: recorded.envelope.version };
                return Err(disagree(stream, end, found));
            }
            position = recorded.envelope.previous;
            walked.push(recorded);
        }
        Ok(walked)
    }

    /// A claim's taker, confirmed by the record that took it.
    async fn claim(&self, claim: &Claim) -> Result<Option<Taker>, Error> {
        let (index, key) = (self.index.clone(), claim_key(claim));
        let taken_at = self.ask_index(move || index.taken_at(key)).await?;
        let Some(position) = taken_at else { return Ok(None) };
        let recorded = record(&self.roll, position).await?;
        let is_taken = claims(&recorded).contains(claim);
        let taker = Taker { position, stream: recorded.envelope.stream };
        Ok(is_taken.then_some(taker))
    }

    /// An index on disk keeps whoever reads it waiting.
    async fn ask_index<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, super::IndexError> + Send + 'static,
    ) -> Result<T, Error> {
        let read = if self.index.is_in_memory() {
            tokio::task::yield_now().await;
            read()
        } else {
            tokio::task::spawn_blocking(read).await.map_err(|_| Error::Unknown)?
        };
        read.map_err(|error| failed(error.is_damage(), &error))
    }
}

impl Shared {
    /// The answer to a key that was used before; none if it is so old that it counts no more.
    pub(super) async fn first_answer(
        &self,
        taker: &Taker,
        key: &Idempotency,
    ) -> Result<Option<Done>, Error> {
        let days = i64::from(self.directory.load().settings().idempotency_days);
        let forgotten_before = self.clock.now().plus_micros(-days * 86_400_000_000);
        let mut entry = record_at(&self.roll, taker.position).await?;
        let first = decode(&entry)?;
        // While the clock is in doubt no key is old.
        if first.envelope.recorded_at < forgotten_before && self.clock.doubt().is_none() {
            return Ok(None);
        }
        let same = first.envelope.idempotency.as_ref().map(|known| known.fingerprint);
        if same != Some(key.fingerprint) {
            return Err(piperoll_domain::rejection::Rejection::IdempotencyMismatch.into());
        }
        let request = first.envelope.correlation;
        let mut events = vec![first];
        // What a command said lies in one block.
        while let Some(next) = entry.next() {
            let recorded = decode(&next)?;
            let at = &recorded.envelope;
            if at.idempotency.as_ref() != Some(key) || at.correlation != request {
                break;
            }
            events.push(recorded);
            entry = next;
        }
        Ok(Some(Done { events, head: entry.head(), replayed: true }))
    }
}

async fn record(roll: &Roll, position: u64) -> Result<Recorded, Error> {
    decode(&record_at(roll, position).await?)
}

async fn record_at(roll: &Roll, position: u64) -> Result<Entry, Error> {
    let unreadable = |why: String| Error::Unreadable(format!("position {position}: {why}"));
    let entry = roll.record(position).await.map_err(|error| failed(error.is_damage(), &error))?;
    entry.ok_or_else(|| unreadable("it is beyond the end".to_owned()))
}

fn disagree(stream: &Stream, named: End, found: End) -> Error {
    Error::Unreadable(format!(
        "the index says that `{stream}` ends at {}, version {}; the roll says {}, version {}",
        named.last, named.version, found.last, found.version
    ))
}

/// What is damaged stays so; a store that fails may come back.
fn failed(damaged: bool, error: &(dyn std::error::Error + 'static)) -> Error {
    tracing::warn!(error, "what a command needs could not be read");
    if damaged { Error::Unreadable(error.to_string()) } else { Error::NotWritten }
}

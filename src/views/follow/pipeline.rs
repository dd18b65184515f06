//! Reading, folding and writing side by side: while a batch is written, the next ones are being
//! folded and those after them read.

use std::{ops::ControlFlow, pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::poll_fn};
use piperoll_domain::time::Time;
use piperoll_projections::batch;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout_at},
};

use super::{BATCH_EVENTS_MAX, Batch, Events, Source};
use crate::views::store::{Error, Mark, Statements};

/// How many batches are folded at once: each alone is what all of them add up to.
const FOLDS_MAX: usize = 3;
/// How soon after one read another follows that finds little: what a batch costs whatever is in it is
/// then shared by all that came meanwhile. What comes after a rest is read at once.
const PACE: Duration = Duration::from_millis(50);
/// The same where somebody waits for what comes.
const PACE_AWAITED: Duration = Duration::from_millis(10);
/// More than this is not little.
const LITTLE: u64 = 4_096;

/// A batch, and what stands before it.
struct Read<E> {
    batch: Batch<E>,
    after: u64,
}

/// A batch, folded.
#[derive(Debug)]
pub(in crate::views) struct Folded {
    pub(in crate::views) statements: Statements,
    pub(in crate::views) mark: Mark,
    pub(in crate::views) events: u64,
    pub(in crate::views) rows: u64,
    pub(in crate::views) recorded_at: Option<Time>,
}

/// What follows `from`, folded, for as long as somebody takes it. An error is the last item.
pub(in crate::views) fn pipeline<S: Source>(
    source: Arc<S>,
    from: Mark,
    events_max: usize,
    awaited: watch::Receiver<u64>,
) -> mpsc::Receiver<Result<Folded, Error>> {
    let (batches, mut read) = mpsc::channel(1);
    let (folded, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = batches.closed() => {}
            () = read_on(&*source, from.position, events_max, awaited, &batches) => {}
        }
    });
    tokio::spawn(async move {
        let folding = poll_fn(|context| read.poll_recv(context)).map(fold_aside);
        let mut folding = pin!(folding.buffered(FOLDS_MAX));
        // A receiver that has gone away is noticed at once, not with the roll's next event.
        while let Some(next) = tokio::select! {
            () = folded.closed() => None,
            next = folding.next() => next,
        } {
            let last = next.is_err();
            if folded.send(next).await.is_err() || last {
                return;
            }
        }
    });
    receiver
}

async fn read_on<S: Source>(
    source: &S,
    mut after: u64,
    events_max: usize,
    mut awaited: watch::Receiver<u64>,
    batches: &mpsc::Sender<Result<Read<S::Events>, Error>>,
) {
    loop {
        let next = next(source, after, events_max).await;
        let read = Instant::now();
        let before = after;
        if let Ok(read) = &next {
            after = read.batch.mark.position;
        }
        let last = next.is_err();
        if batches.send(next).await.is_err() || last {
            return;
        }
        if after.saturating_sub(before) < LITTLE {
            rest(read, after, &mut awaited).await;
        }
    }
}

/// Lets little become more, for as long as nobody waits for it.
async fn rest(read: Instant, after: u64, awaited: &mut watch::Receiver<u64>) {
    sleep_until(read + PACE_AWAITED).await;
    // Who waits for nothing that is not read yet is on his way.
    drop(timeout_at(read + PACE, awaited.wait_for(|position| *position > after)).await);
}

/// For those who follow only for a while, and want everything.
pub(in crate::views) fn at_once() -> watch::Receiver<u64> {
    watch::channel(u64::MAX).1
}

async fn next<S: Source>(
    source: &S,
    after: u64,
    events_max: usize,
) -> Result<Read<S::Events>, Error> {
    let failed = |error: S::Error| Error::Source { after, source: error.into() };
    loop {
        if let Some(batch) = source.read(after, events_max).await.map_err(failed)? {
            return Ok(Read { batch, after });
        }
        source.grown(after).await.map_err(failed)?;
    }
}

async fn fold_aside<E: Events>(read: Result<Read<E>, Error>) -> Result<Folded, Error> {
    let read = read?;
    let after = read.after;
    let folded = tokio::task::spawn_blocking(move || fold(read)).await;
    folded.unwrap_or(Err(Error::Stopped { after }))
}

/// Reads, decodes and folds everything up to the head and keeps nothing: what is left of a rebuild
/// without the writing. Says how many events there were.
pub async fn fold_all<S: Source>(source: &Arc<S>) -> Result<u64, Error> {
    let (batches, mut read) = mpsc::channel(1);
    let failed = |error: S::Error| Error::Source { after: 0, source: error.into() };
    let head = source.head().await.map_err(failed)?.position;
    let reading = source.clone();
    let reader = tokio::spawn(async move {
        tokio::select! {
            () = batches.closed() => {}
            () = read_on(&*reading, 0, BATCH_EVENTS_MAX, at_once(), &batches) => {}
        }
    });
    let folding = poll_fn(|context| read.poll_recv(context));
    let folding = folding.map(async |read: Result<_, Error>| {
        let read = read?;
        let after = read.after;
        let folded = tokio::task::spawn_blocking(move || changed(read).map(|changed| changed.mark));
        folded.await.unwrap_or(Err(Error::Stopped { after }))
    });
    let mut folding = pin!(folding.buffered(FOLDS_MAX));
    let mut position = 0;
    while position < head {
        let next = folding.next().await.ok_or(Error::Stopped { after: position })?;
        position = next?.position;
    }
    reader.abort();
    Ok(position)
}

/// What a batch changes.
struct Changed {
    batch: batch::Batch,
    mark: Mark,
    recorded_at: Option<Time>,
}

fn fold<E: Events>(read: Read<E>) -> Result<Folded, Error> {
    let after = read.after;
    let Changed { batch, mark, recorded_at } = changed(read)?;
    let rows = count(batch.rows());
    let failed = |source| Error::Write { position: mark.position, source };
    let statements = Statements::of(batch).map_err(failed)?;
    let events = mark.position.saturating_sub(after);
    Ok(Folded { statements, mark, events, rows, recorded_at })
}

/// Decodes and folds. A view never skips and never repeats: the events must be just what follows.
fn changed<E: Events>(read: Read<E>) -> Result<Changed, Error> {
    let Read { batch: Batch { events, mark }, after } = read;
    let (mut changed, mut last, mut recorded_at) = (batch::Batch::default(), after, None);
    let decoded = events.each(after, |recorded| {
        if last.checked_add(1) != Some(recorded.envelope.position) {
            return ControlFlow::Break(());
        }
        last = recorded.envelope.position;
        recorded_at = Some(recorded.envelope.recorded_at);
        changed.fold(recorded);
        ControlFlow::Continue(())
    });
    decoded.map_err(|error| Error::Source { after, source: error.into() })?;
    if last == after || last != mark.position {
        return Err(Error::Gap { after });
    }
    Ok(Changed { batch: changed, mark, recorded_at })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it lets seven events become more.
    async fn rested(awaited: &mut watch::Receiver<u64>) -> Duration {
        let read = Instant::now();
        rest(read, 7, awaited).await;
        read.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn little_becomes_more_unless_somebody_waits_for_it() {
        let (waiting, mut awaited) = watch::channel(7);
        assert_eq!(rested(&mut awaited).await, PACE);
        waiting.send_replace(8);
        assert_eq!(rested(&mut awaited).await, PACE_AWAITED);
        assert_eq!(rested(&mut at_once()).await, PACE_AWAITED);
    }
}

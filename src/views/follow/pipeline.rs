//! Reading, folding and writing side by side: while a batch is written, the next ones are being
//! folded and those after them read.

use std::{pin::pin, sync::Arc};

use futures_util::{StreamExt as _, stream::poll_fn};
use piperoll_domain::time::Time;
use piperoll_projections::tables::Tables;
use tokio::sync::mpsc;

use super::{Batch, Source};
use crate::views::store::{Error, Mark, Statements};

/// How many batches are folded at once: each alone is what all of them add up to.
const FOLDS_MAX: usize = 3;

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
) -> mpsc::Receiver<Result<Folded, Error>> {
    let (batches, mut read) = mpsc::channel(1);
    let (folded, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = batches.closed() => {}
            () = read_on(&*source, from.position, events_max, &batches) => {}
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
    batches: &mpsc::Sender<Result<Batch, Error>>,
) {
    loop {
        let next = next(source, after, events_max).await;
        if let Ok(batch) = &next {
            after = batch.mark.position;
        }
        let last = next.is_err();
        if batches.send(next).await.is_err() || last {
            return;
        }
    }
}

async fn next<S: Source>(source: &S, after: u64, events_max: usize) -> Result<Batch, Error> {
    let failed = |error: S::Error| Error::Source { after, source: error.into() };
    loop {
        if let Some(batch) = source.read(after, events_max).await.map_err(failed)? {
            return if follows(&batch, after) { Ok(batch) } else { Err(Error::Gap { after }) };
        }
        source.grown(after).await.map_err(failed)?;
    }
}

/// Whether a batch is just what follows `after`: a view never skips and never repeats.
fn follows(batch: &Batch, after: u64) -> bool {
    let mut last = after;
    let gapless = batch.records.iter().all(|record| {
        let next = last.checked_add(1) == Some(record.envelope.position);
        last = record.envelope.position;
        next
    });
    gapless && last > after && last == batch.mark.position
}

async fn fold_aside(batch: Result<Batch, Error>) -> Result<Folded, Error> {
    let batch = batch?;
    let before = batch.records.first().map_or(0, |first| first.envelope.position.saturating_sub(1));
    let folded = tokio::task::spawn_blocking(move || fold(&batch)).await;
    folded.unwrap_or(Err(Error::Stopped { after: before }))
}

fn fold(batch: &Batch) -> Result<Folded, Error> {
    let Batch { records, mark } = batch;
    let tables = Tables::of(records);
    let failed = |source| Error::Write { position: mark.position, source };
    let rows = count(tables.rows());
    Ok(Folded {
        statements: Statements::of(tables).map_err(failed)?,
        mark: *mark,
        events: count(records.len()),
        rows,
        recorded_at: records.last().map(|record| record.envelope.recorded_at),
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

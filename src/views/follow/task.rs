//! The task: takes folded batches, writes them, tells how far it is, changes generations.

use std::{error::Error as _, fmt::Write as _, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Adoption, BATCH_EVENTS_MAX, Folded, Lag, Shared, Source, at_once, pipeline};
use crate::views::store::{Error, Store, Writer, put_in_force, remove};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Takes in what the roll tells. Runs until it is told to stop; what it has begun it finishes.
///
/// Whatever goes wrong it says so in [`Lag`], waits and tries again from where the file stands. An
/// event that nobody can decode therefore stops the views where they are, and nothing else.
#[derive(Debug)]
pub struct Follower<S> {
    shared: Arc<Shared>,
    writer: Writer,
    source: Arc<S>,
    adoptions: mpsc::Receiver<Adoption>,
    events_max: usize,
}

enum Next {
    Stop,
    Again,
    Failed(Error),
}

impl<S: Source> Follower<S> {
    pub(super) const fn new(
        shared: Arc<Shared>,
        writer: Writer,
        source: Arc<S>,
        adoptions: mpsc::Receiver<Adoption>,
    ) -> Self {
        Self { shared, writer, source, adoptions, events_max: BATCH_EVENTS_MAX }
    }

    /// So many events are folded at once at most: what that takes grows with them.
    #[must_use]
    pub fn folding(self, events_max: usize) -> Self {
        Self { events_max, ..self }
    }

    /// Follows the roll until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let failed = match self.follow(&shutdown).await {
                Next::Stop => break,
                Next::Again => continue,
                Next::Failed(error) => error,
            };
            let failures = self.tell_failure(&failed);
            let pause = PAUSE_MIN.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = self.writer.reopen().await {
                self.tell_failure(&error);
            }
        }
        self.writer.close().await;
    }

    async fn follow(&mut self, shutdown: &CancellationToken) -> Next {
        let from = self.writer.mark();
        let awaited = self.shared.awaited.subscribe();
        let mut folded = pipeline(self.source.clone(), from, self.events_max, awaited);
        loop {
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Next::Stop,
                Some(adoption) = self.adoptions.recv() => {
                    self.adopt(adoption).await;
                    return Next::Again;
                }
                next = folded.recv() => next,
            };
            let written = match next {
                Some(Ok(batch)) => self.write(batch).await,
                Some(Err(error)) => Err(error),
                None => Err(Error::Stopped { after: self.writer.mark().position }),
            };
            if let Err(error) = written {
                return Next::Failed(error);
            }
        }
    }

    async fn write(&mut self, batch: Folded) -> Result<(), Error> {
        let Folded { statements, mark, events, rows, recorded_at } = batch;
        let began = Instant::now();
        self.writer.write(statements, mark).await?;
        self.shared.lag.send_modify(|lag| {
            *lag = Lag {
                applied: mark,
                recorded_at: recorded_at.or(lag.recorded_at),
                batches: lag.batches.saturating_add(1),
                events: lag.events.saturating_add(events),
                rows: lag.rows.saturating_add(rows),
                took: began.elapsed(),
                failures: 0,
                failure: None,
            };
        });
        Ok(())
    }

    /// Lets a new generation catch up with the old one, and puts it in force.
    async fn adopt(&mut self, adoption: Adoption) {
        let Adoption { number, writer, done } = adoption;
        // Whoever asked may have gone; the generation is in force all the same.
        let _ = done.send(self.replace(number, writer).await);
    }

    async fn replace(&mut self, number: u64, mut writer: Writer) -> Result<(), Error> {
        if let Err(error) = self.overtake(&mut writer).await {
            let path = writer.path().to_owned();
            writer.close().await;
            remove(&path)?;
            return Err(error);
        }
        let Store { generation, writer } = put_in_force(&self.shared.directory, number, writer)?;
        let mark = writer.mark();
        let old = self.shared.current.swap(Arc::new(generation));
        std::mem::replace(&mut self.writer, writer).close().await;
        old.retire();
        self.shared.lag.send_modify(|lag| lag.applied = mark);
        Ok(())
    }

    /// Readers never go back: the new generation must know all that the old one showed.
    async fn overtake(&self, writer: &mut Writer) -> Result<(), Error> {
        let goal = self.writer.mark().position;
        if writer.mark().position >= goal {
            return Ok(());
        }
        let mut folded = pipeline(self.source.clone(), writer.mark(), self.events_max, at_once());
        while writer.mark().position < goal {
            let stopped = Error::Stopped { after: writer.mark().position };
            let Folded { statements, mark, .. } = folded.recv().await.ok_or(stopped)??;
            writer.write(statements, mark).await?;
        }
        Ok(())
    }

    fn tell_failure(&self, error: &Error) -> u32 {
        let mut failures = 1;
        self.shared.lag.send_modify(|lag| {
            lag.failures = lag.failures.saturating_add(1);
            lag.failure = Some(chain(error).into());
            failures = lag.failures;
        });
        let error: &dyn std::error::Error = error;
        tracing::warn!(failures, error, "the views could not be carried on");
        failures
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

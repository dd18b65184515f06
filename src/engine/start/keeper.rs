//! The keeper of the index: writes what the writer hands over, behind it.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    engine::{
        Health,
        index::{Entries, Index, IndexError},
        start::{Options, anew::Anew},
        state::Changes,
        writer::chain,
    },
    watch,
};

/// How often it is synced, so that the start after a power cut is short.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// How long entries are gathered before they are written: a stream that is written often is then
/// written once. Nobody waits for it, since what is not in the index is in memory.
const GATHER: Duration = Duration::from_millis(200);
/// How long an index that could not be written is left alone.
const AGAIN: Duration = Duration::from_millis(200);

type Waiting = mpsc::UnboundedReceiver<News>;
type Write = Box<dyn Fn(&Entries) -> Result<(), IndexError> + Send>;

/// What a group adds to the index.
pub(in crate::engine) struct News {
    /// All but its duties.
    pub(in crate::engine) entries: Entries,
    /// What it changes of duties, which others are told too.
    pub(in crate::engine) duties: Changes,
}

impl From<News> for Entries {
    fn from(News { mut entries, duties }: News) -> Self {
        entries.duties = Arc::unwrap_or_clone(duties);
        entries
    }
}

/// Writes the index.
pub(super) struct Keeper {
    index: Arc<Index>,
    write: Write,
    /// Up to where it is written.
    flushed: watch::Sender<u64>,
    /// Why it cannot be written at the moment, if it cannot.
    trouble: watch::Sender<Option<String>>,
    /// How it is made anew if it is lost.
    anew: Anew,
}

/// A keeper at work.
pub(super) enum Keeping {
    /// On a thread, because a store on disk keeps whoever calls it waiting.
    Thread(thread::JoinHandle<()>),
    /// On a task, because threads run in no order.
    Task(JoinHandle<()>),
}

impl Keeping {
    /// Waits until everything that was handed over is written, and closes the index.
    pub(super) async fn finished(self, index: Arc<Index>) {
        let finished = match self {
            Self::Thread(thread) => {
                let joined = tokio::task::spawn_blocking(move || thread.join()).await;
                joined.is_ok_and(|ended| ended.is_ok())
            }
            Self::Task(task) => task.await.is_ok(),
        };
        if !finished {
            tracing::error!("the index could not be finished");
        }
        close(index).await;
    }
}

impl Keeper {
    pub(super) fn new(
        write: Write,
        index: &Arc<Index>,
        (flushed, trouble): (watch::Sender<u64>, watch::Sender<Option<String>>),
        anew: Anew,
    ) -> Self {
        Self { index: index.clone(), write, flushed, trouble, anew }
    }

    /// Begins to write what comes.
    pub(super) fn begin(self, entries: Waiting) -> Keeping {
        if self.index.is_in_memory() {
            Keeping::Task(tokio::spawn(self.keep_in_memory(entries)))
        } else {
            Keeping::Thread(thread::spawn(move || self.keep(entries)))
        }
    }

    fn keep(self, mut entries: Waiting) {
        let mut synced = Instant::now();
        // One batch over and over, for its room.
        let mut batch = Entries::default();
        while let Some(first) = entries.blocking_recv() {
            if !entries.is_closed() {
                thread::sleep(GATHER);
            }
            batch.clear();
            self.all(&mut batch, first, &mut entries);
            while !self.written(&batch) {
                if entries.is_closed() {
                    return;
                }
                thread::sleep(AGAIN);
                if !self.reopened() {
                    return;
                }
            }
            if synced.elapsed() > SYNC_EVERY {
                self.sync();
                synced = Instant::now();
            }
        }
    }

    fn sync(&self) {
        if let Err(error) = self.index.sync() {
            tracing::warn!(%error, "the index could not be synced");
        }
    }

    /// A store that failed to write never writes again, unless it is opened anew. False if nothing can
    /// go on.
    fn reopened(&self) -> bool {
        let Err(error) = self.index.reopen() else {
            tracing::info!("the index is open again");
            return true;
        };
        self.trouble.send_replace(Some(error.to_string()));
        if !self.index.is_lost() {
            return true;
        }
        let Err(last) = self.anew.make(&self.index, &error) else { return true };
        let why = format!("the index cannot be made anew: {}", chain(&last));
        self.anew.shared.state.send_replace(Health::Stopped { why });
        false
    }

    async fn keep_in_memory(self, mut entries: Waiting) {
        while let Some(first) = entries.recv().await {
            let mut batch = Entries::default();
            self.all(&mut batch, first, &mut entries);
            tokio::time::sleep(self.index.pace()).await;
            while !self.written(&batch) && !entries.is_closed() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    fn written(&self, batch: &Entries) -> bool {
        let known = batch.are_known(self.index.written());
        let written = if known { Ok(()) } else { (self.write)(batch) };
        if let Err(error) = written {
            // Said once. The roll has it all: a restart reads the tail again.
            if self.trouble.borrow().is_none() {
                tracing::error!(%error, "the index could not be written");
            }
            self.trouble.send_replace(Some(error.to_string()));
            return false;
        }
        self.trouble.send_if_modified(|trouble| trouble.take().is_some());
        if let Some(head) = batch.up_to {
            self.flushed.send_replace(head.position);
        }
        true
    }

    /// Everything that waits, at once.
    fn all(&self, batch: &mut Entries, first: News, entries: &mut Waiting) {
        // One that was made anew is ahead of what is handed over.
        let held = self.index.written();
        let names = &self.anew.shared.names;
        let mut next = Some(first);
        while let Some(news) = next {
            let more = Entries::from(news);
            names.add(&more);
            batch.extend_beyond(held, more);
            next = entries.try_recv().ok();
        }
        self.anew.shared.duties.hear();
        batch.settle();
        // What comes here was never written, unlike what a start folds once more.
        batch.forget_what_ended();
    }
}

/// Closes the index, if nobody else holds it.
async fn close(index: Arc<Index>) {
    let Some(index) = Arc::into_inner(index) else { return };
    if index.is_in_memory() {
        return;
    }
    // Whatever went wrong, the roll has it all.
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || index.close()).await {
        tracing::warn!(%error, "the index could not be closed");
    }
}

/// Writes to the index, unless a test wants to see what happens otherwise.
#[cfg_attr(not(test), expect(unused_variables, reason = "only tests say that it fails"))]
pub(super) fn writing(index: &Arc<Index>, options: &Options) -> Write {
    let index = index.clone();
    #[cfg(test)]
    let fails = options.index_fails.clone();
    Box::new(move |entries| {
        #[cfg(test)]
        if fails.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(IndexError::Damaged("a test".to_owned()));
        }
        index.write(entries)
    })
}

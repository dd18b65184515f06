//! Reading the names that the index held at the start, beside the writer.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use piperoll_domain::bytes::Bytes;

use super::{Filters, Names};
use crate::engine::index::{Index, IndexError, Table, damaged, parse_stream};

/// How many names are read at once. In between the index may be opened again, or closed.
const AT_ONCE: usize = 16_384;
/// How far behind others its thread stands, of 19.
#[cfg(target_os = "linux")]
const AFTER_OTHERS: i32 = 10;
/// How long an index that could not be read is left alone.
const AGAIN: Duration = Duration::from_millis(200);

/// Names that have not been read yet.
pub(in crate::engine) struct Unread {
    into: Arc<OnceLock<Filters>>,
    read: Filters,
}

/// A thread that reads names.
pub(in crate::engine) struct Reading {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Index {
    /// The names that it holds now, up to a position. Those that come from now on are to be added.
    pub(in crate::engine) fn names(&self, up_to: u64) -> (Names, Unread) {
        let names = Names::new(self.is_in_memory(), up_to);
        let count = [Table::Streams, Table::Claims].map(|table| self.store.approximate_len(table));
        let count = count.into_iter().sum::<usize>().max(1);
        let read = Filters::for_about(count, names.new.hasher.clone());
        let into = Arc::clone(&names.old);
        (names, Unread { into, read })
    }
}

impl Reading {
    /// Begins to read; an index in memory is read at once, because threads run in no order.
    pub(in crate::engine) fn begin(unread: Unread, index: &Arc<Index>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work { index: Arc::clone(index), stop: Arc::clone(&stop) };
        let thread = if index.is_in_memory() {
            work.read(unread);
            None
        } else {
            Some(thread::spawn(move || {
                after_others();
                work.read(unread);
            }))
        };
        Self { stop, thread }
    }

    /// Ends it, done or not: the index is about to be closed.
    pub(in crate::engine) async fn end(mut self) {
        self.stop.store(true, Relaxed);
        let Some(thread) = self.thread.take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !joined.is_ok_and(|ended| ended.is_ok()) {
            tracing::error!("the names of the index could not be read");
        }
    }
}

/// Lets this thread have what the others leave: commands do not wait for what it does.
fn after_others() {
    // Where the system does not listen, it takes its share as they do.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, AFTER_OTHERS);
}

/// What the thread has.
struct Work {
    index: Arc<Index>,
    stop: Arc<AtomicBool>,
}

impl Work {
    fn read(self, unread: Unread) {
        let Unread { into, read } = unread;
        let all = || -> Result<(), Ended> {
            self.each(Table::Streams, |key| {
                read.insert(&parse_stream(key)?);
                Ok(())
            })?;
            self.each(Table::Claims, |key| {
                let key: Bytes<16> = Bytes::from_slice(key).ok_or_else(|| damaged("a claim"))?;
                read.insert(&key.0);
                Ok(())
            })
        };
        match all() {
            // Nobody else sets it.
            Ok(()) => drop(into.set(read)),
            Err(Ended::Stopped) => {}
            Err(Ended::Damaged(error)) => tracing::error!(
                %error,
                "the names of the index cannot be read: every new one is looked up from now on"
            ),
        }
    }

    /// Shows every key of a table, a piece at a time.
    fn each(
        &self,
        table: Table,
        mut show: impl FnMut(&[u8]) -> Result<(), IndexError>,
    ) -> Result<(), Ended> {
        let mut last: Option<Vec<u8>> = None;
        loop {
            let keys = self.piece(table, last.as_deref())?;
            keys.iter().try_for_each(|key| show(key)).map_err(Ended::Damaged)?;
            match keys.into_iter().next_back() {
                Some(key) => last = Some(key),
                None => return Ok(()),
            }
        }
    }

    fn piece(&self, table: Table, after: Option<&[u8]>) -> Result<Vec<Vec<u8>>, Ended> {
        loop {
            if self.stop.load(Relaxed) {
                return Err(Ended::Stopped);
            }
            match self.index.store.keys(table, after, AT_ONCE) {
                Ok(keys) => return Ok(keys),
                Err(error) if error.is_damage() => return Err(Ended::Damaged(error)),
                // It is being opened again, or cannot be read for the moment.
                Err(_) => thread::sleep(AGAIN),
            }
        }
    }
}

/// Why not all names were read.
enum Ended {
    Stopped,
    Damaged(IndexError),
}

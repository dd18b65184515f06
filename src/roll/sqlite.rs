//! A roll in an SQLite file: one row a block, one connection that writes, a few that read.

mod checkpoint;
mod end;
mod follow;
mod options;
mod rows;
mod writer;

use std::{path::PathBuf, sync::Arc};

use sqlx::SqlitePool;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use self::{
    checkpoint::Checkpoints,
    options::{FILE, beside, creating, immutable, reading, writing},
    rows::version,
    writer::Writer,
};
use self::{end::ToItsEnd, rows::Row};
use super::{AppendError, Block, Damage, Error, Head, Identity, cache::Cache, error::Foreign};

/// How many look up blocks at once. Each holds one packed and unpacked, and more than there are
/// connections and cores would only wait for them with their hands full.
const LOOKING_MAX: usize = 8;

/// A roll in an SQLite file. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct SqliteRoll {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    identity: Identity,
    readers: SqlitePool,
    /// Absent in a roll that was opened beside its writer.
    writer: Option<Arc<Mutex<Writer>>>,
    tail: watch::Sender<Head>,
    cache: Cache,
    /// Who may be reading a block that is not in the cache.
    looking: Semaphore,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl SqliteRoll {
    /// Reads which roll this is; nothing is written, and nothing followed, yet.
    pub(super) async fn connect(path: PathBuf, readers: SqlitePool) -> Result<Self, Error> {
        let identity = rows::identity(&readers).await?;
        let Some(identity) = identity else {
            return Err(Error::Foreign { path, found: Foreign::Nameless });
        };
        let tail = watch::Sender::new(Head::genesis(identity.id));
        Ok(Self { shared: Arc::new(Shared::new(identity, readers, tail)) })
    }

    /// Proves the end of the roll: its last block, and its joint to the one before.
    pub(super) async fn check_end(&self) -> Result<(), Error> {
        let Some((first, _)) = rows::last(&self.shared.readers).await? else { return Ok(()) };
        let blocks = rows::read(&self.shared.readers, self.genesis(), first, 0).await?;
        let Some(last) = blocks.last() else { return Err(absent(first)) };
        self.shared.tail.send_replace(last.head());
        Ok(())
    }

    /// The same roll, which now may be appended to, with its write-ahead log looked after.
    pub(super) fn with_writer(self, writer: Writer, checkpoints: Checkpoints) -> Self {
        let writer = Arc::new(Mutex::new(writer));
        let Shared { identity, readers, tail, .. } = &*self.shared;
        let mut shared = Shared::new(identity.clone(), readers.clone(), tail.clone());
        let (weak, stop) = (Arc::downgrade(&writer), shared.stop.clone());
        shared.tasks.spawn(follow::checkpoint(checkpoints, weak, tail.subscribe(), stop));
        shared.writer = Some(writer);
        Self { shared: Arc::new(shared) }
    }

    /// The same roll, whose tail now follows another process's writer.
    pub(super) fn following(self) -> Self {
        let task = follow::poll(Arc::downgrade(&self.shared), self.shared.stop.clone());
        self.shared.tasks.spawn(task);
        self
    }

    fn genesis(&self) -> Head {
        Head::genesis(self.shared.identity.id)
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    pub(super) async fn head(&self) -> Result<Head, Error> {
        self.shared.head().await
    }

    pub(super) async fn probe(&self) -> Result<Head, Error> {
        match &self.shared.writer {
            Some(writer) => writer.lock().await.probe().await,
            None => Err(Error::Reading),
        }
    }

    pub(super) async fn append(&self, expected: Head, block: &Block) -> Result<Head, AppendError> {
        let Some(writer) = self.shared.writer.clone() else {
            return Err(AppendError::Refused { source: Error::Reading });
        };
        let row = Row::of(block).map_err(|source| AppendError::Refused { source })?;
        let shared = Arc::clone(&self.shared);
        // A caller that goes away must not leave a commit half asked for.
        let append = ToItsEnd::new(async move {
            let mut writer = writer.lock_owned().await;
            let appended = writer.append(expected, &row).await;
            if let Ok(head) | Err(AppendError::HeadMoved { head }) = appended {
                shared.moved(head);
            }
            appended
        });
        append.await
    }

    pub(super) async fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<Arc<Block>>, Error> {
        // Taken first: what is appended while the rows are read is not missing among them.
        let there = self.shared.tail.borrow().position;
        let blocks = rows::read(&self.shared.readers, self.genesis(), from, bytes_max).await?;
        if blocks.is_empty() && from <= there {
            return Err(absent(from));
        }
        Ok(blocks)
    }

    pub(super) async fn block_at(&self, position: u64) -> Result<Option<Arc<Block>>, Error> {
        if let Some(block) = self.shared.cache.get(position) {
            return Ok(Some(block));
        }
        // It is never closed.
        let _looking = self.shared.looking.acquire().await;
        // Somebody may have read it meanwhile: those who come at once mostly want the same ones.
        if let Some(block) = self.shared.cache.get(position) {
            return Ok(Some(block));
        }
        let there = self.shared.tail.borrow().position;
        let block = rows::block_at(&self.shared.readers, position).await?;
        match &block {
            Some(block) => self.shared.cache.put(block),
            None if position <= there => return Err(absent(position)),
            None => {}
        }
        Ok(block)
    }

    pub(super) fn bound_cache(&self, bytes_max: usize) {
        self.shared.cache.bound(bytes_max);
    }

    pub(super) fn tail(&self) -> watch::Receiver<Head> {
        self.shared.tail.subscribe()
    }

    pub(super) async fn check_storage(&self, migrations: &[&'static str]) -> Result<(), Error> {
        rows::check(&self.shared.readers).await?;
        rows::check_tables(&self.shared.readers, migrations).await
    }

    pub(super) async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        // The writer last: the last connection to close leaves one file behind, and must be able to write.
        self.shared.readers.close().await;
        if let Some(writer) = &self.shared.writer {
            writer.lock().await.close_for_good().await;
        }
    }
}

impl Shared {
    fn new(identity: Identity, readers: SqlitePool, tail: watch::Sender<Head>) -> Self {
        let (cache, stop, tasks) = (Cache::default(), CancellationToken::new(), TaskTracker::new());
        let looking = Semaphore::new(LOOKING_MAX);
        Self { identity, readers, writer: None, tail, cache, looking, stop, tasks }
    }

    async fn head(&self) -> Result<Head, Error> {
        let genesis = Head::genesis(self.identity.id);
        let head = match &self.writer {
            // Behind whatever is being appended, and on the connection that would know.
            Some(writer) => writer.lock().await.head().await?,
            None => rows::head(&self.readers, genesis).await?,
        };
        self.moved(head);
        Ok(head)
    }

    fn moved(&self, head: Head) {
        // Looked at first, so that asking does not wait for those who hold on to the last answer.
        if head.position <= self.tail.borrow().position {
            return;
        }
        self.tail.send_if_modified(|tail| {
            let moved = head.position > tail.position;
            if moved {
                *tail = head;
            }
            moved
        });
    }
}

fn absent(position: u64) -> Error {
    Error::Damaged { position, source: Damage::Absent }
}

#[cfg(test)]
mod tests;

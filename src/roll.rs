//! The roll: stores and returns bytes in order, and never knows what an event means.
//!
//! [`Roll`] is the whole storage contract; everything else is derived from it. Positions and hashes
//! are given by [`BlockBuilder`], and an append is a compare-and-set on the head, so of two writers
//! that both think they are the only one, the second is refused and the chain cannot fork.

mod block;
mod cache;
mod chain;
mod directory_lock;
mod error;
mod memory;
mod open;
mod record;
pub mod shape;
mod sqlite;
mod wire;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod samples;

use std::sync::Arc;

use piperoll_domain::{
    bytes::{Hash, Id16},
    time::Time,
};
use tokio::sync::watch;

pub use self::{
    block::{BLOCK_BYTES_MAX, Block, BlockBuilder, BodyError, Claims, Damage, PushError},
    chain::{Head, event_id, genesis, leaf, link},
    directory_lock::{DirectoryLock, Holder, LockError},
    error::{AppendError, Error, Foreign},
    memory::{Call, Fault, MemoryRoll, Turn},
    open::{FORMAT, create, open, open_beside, open_to_audit},
    record::{Causer, Error as RecordError, Key, Record, write as write_record},
    sqlite::SqliteRoll,
};

/// What a roll is called, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Where its chain begins.
    pub id: Id16,
    /// What people call it, such as `main`.
    pub name: String,
    /// When it was created.
    pub created: Time,
}

/// One append-only, hash-chained log. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub enum Roll {
    /// In a directory, in SQLite.
    Sqlite(SqliteRoll),
    /// In this process, for tests and simulations.
    Memory(MemoryRoll),
}

macro_rules! on {
    ($roll:expr, $adapter:ident => $body:expr) => {
        match $roll {
            Roll::Sqlite($adapter) => $body,
            Roll::Memory($adapter) => $body,
        }
    };
}

impl Roll {
    /// Which roll this is.
    pub fn identity(&self) -> &Identity {
        on!(self, roll => roll.identity())
    }

    /// Where it stands, asked of the store itself: the answer to an append whose outcome is unknown.
    pub async fn head(&self) -> Result<Head, Error> {
        on!(self, roll => roll.head().await)
    }

    /// The same, of a store that can also be written at the moment.
    pub async fn probe(&self) -> Result<Head, Error> {
        match self {
            Self::Sqlite(roll) => roll.probe().await,
            Self::Memory(roll) => roll.head().await,
        }
    }

    /// Appends all of `block` or nothing of it, if the roll stands at `expected`.
    ///
    /// The same block again, right behind itself, is recognised and answered as if it were the first
    /// time. Once called, an append runs to its end even if nobody waits for it.
    pub async fn append(&self, expected: Head, block: &Block) -> Result<Head, AppendError> {
        if block.before() != expected {
            let source = Error::DoesNotFollow { first: block.first(), expected };
            return Err(AppendError::Refused { source });
        }
        on!(self, roll => roll.append(expected, block).await)
    }

    /// Blocks in order and without gaps, the one that holds `from` first; none when `from` lies
    /// beyond the head.
    ///
    /// At least one block; then as many as stay within `bytes_max` unpacked. Every block comes from
    /// the store itself and has been proved: its positions, its chain, and its joint to the one before.
    pub async fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<Arc<Block>>, Error> {
        on!(self, roll => roll.read(from.max(1), bytes_max).await)
    }

    /// The block that holds a position, perhaps from memory.
    pub async fn block_at(&self, position: u64) -> Result<Option<Arc<Block>>, Error> {
        if position == 0 {
            return Ok(None);
        }
        on!(self, roll => roll.block_at(position).await)
    }

    /// From now on blocks kept in memory come to this at most.
    pub fn bound_cache(&self, bytes_max: usize) {
        match self {
            Self::Sqlite(roll) => roll.bound_cache(bytes_max),
            // It is all in memory.
            Self::Memory(_) => {}
        }
    }

    /// The record at a position.
    pub async fn record(&self, position: u64) -> Result<Option<Entry>, Error> {
        let block = self.block_at(position).await?;
        Ok(block.map(|block| Entry { block, position }))
    }

    /// The chain's hash at a position; at 0, where the chain begins.
    pub async fn hash_at(&self, position: u64) -> Result<Option<Hash>, Error> {
        if position == 0 {
            return Ok(Some(genesis(self.identity().id)));
        }
        Ok(self.block_at(position).await?.and_then(|block| block.hash_at(position)))
    }

    /// Proves that the roll contains a history that is known from elsewhere.
    pub async fn check_known(&self, known: Head) -> Result<(), Error> {
        let file = self.head().await?;
        if known.position > file.position {
            return Err(Error::Shortened { file, known });
        }
        match self.hash_at(known.position).await? {
            Some(hash) if hash == known.hash => Ok(()),
            Some(hash) => {
                let found = Head { position: known.position, hash };
                Err(Error::OtherHistory { found, known })
            }
            None => Err(Error::Shortened { file, known }),
        }
    }

    /// The latest head, and a way to wait for the next.
    ///
    /// Copy what you borrow from it: an append waits for a borrow that is held.
    pub fn tail(&self) -> watch::Receiver<Head> {
        on!(self, roll => roll.tail())
    }

    /// Checks the store's own structure, beyond what reading every block would show.
    pub async fn check_storage(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(roll) => roll.check_storage(&open::MIGRATIONS).await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Finishes what is under way and gives everything back. Later calls fail.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(roll) => roll.close().await,
            Self::Memory(_) => {}
        }
    }
}

/// A record, with the block that it lies in.
#[derive(Debug, Clone)]
pub struct Entry {
    block: Arc<Block>,
    position: u64,
}

impl Entry {
    /// Its place in the roll.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        // It was made with a block that holds it.
        self.block.record(self.position).unwrap_or_default()
    }

    /// Its fields.
    pub fn record(&self) -> Result<Record<'_>, RecordError> {
        Record::read(self.bytes())
    }

    /// The next one, if it lies in the same block.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let position = self.position.checked_add(1).filter(|next| *next <= self.block.last())?;
        Some(Self { block: Arc::clone(&self.block), position })
    }

    /// The chain's hash at it.
    pub fn head(&self) -> Head {
        let hash = self.block.hash_at(self.position).unwrap_or(Hash::ZERO);
        Head { position: self.position, hash }
    }
}

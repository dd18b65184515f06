//! The index: where streams end, which claims are taken, what is owed, and snapshots.
//!
//! Derived from the roll and local to this node. It is written behind the append, unsynced, in
//! batches that carry their own checkpoint; losing it costs time, never an answer. A name that is
//! not in it must cost a memory access, so one Bloom filter stands before it.

mod closed;
mod coding;
mod entries;
mod names;
mod opening;
mod store;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    path::PathBuf,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Duration,
};

use piperoll_domain::{
    book::Slot,
    bytes::{Bytes, Id16},
    claim::Claim,
    duty::{Change, Duty},
    id::{Kind, Stream, TenantId},
};
use sha2::{Digest, Sha256};
use smallstr::SmallString;

pub(super) use self::coding::encode_snapshot;
pub(super) use self::entries::drop_what_ended;
pub(super) use self::names::{Looked, Names, Reading};
pub use self::{
    closed::{Closed, Sums, closed_at, sums},
    entries::Entries,
    store::IndexMemory,
};
use self::{
    coding::{decode_end, decode_head, decode_snapshot, duty_key, encode_end, encode_head},
    store::{Store, Table, Write},
};
use crate::roll::Head;

/// Changes with every change of what is written here; another one is rebuilt.
const FORMAT: &[u8] = b"piperoll.index.v5";
/// How every release's begins; a number follows.
const FAMILY: &str = "piperoll.index.v";

/// Why the index failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The store failed.
    #[error("failed to {doing} the index")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// What the store says.
        source: fjall::Error,
    },
    /// A folder could not be removed or made.
    #[error("failed to clear the index at {}", path.display())]
    Clear {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The note that says that the index is being opened could not be written or removed.
    #[error("failed to {doing} {}", path.display())]
    Note {
        /// What was being done.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is being opened again after it could not be written, or made anew.
    #[error("the index is not open")]
    Closed,
    /// Somebody still reads what was open before.
    #[error("the index is still being read")]
    Read,
    /// What it had taken in is gone; only the roll can make it whole.
    #[error(
        "the index has lost what lay behind position {found}, and had held all up to {written}"
    )]
    Lost {
        /// Up to where it holds everything.
        found: u64,
        /// Up to where it did.
        written: u64,
    },
    /// The store panicked over what it found.
    #[error("the index is damaged so that the store panics")]
    Panicked,
    /// An entry is not in the form it was written in.
    #[error("the index entry `{0}` is damaged")]
    Damaged(String),
}

impl IndexError {
    /// Whether it stays so, unlike a store that may come back.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Panicked | Self::Lost { .. })
    }
}

fn failed(doing: &'static str) -> impl FnOnce(fjall::Error) -> IndexError {
    move |source| IndexError::Store { doing, source }
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Position of its last event.
    pub last: u64,
    /// Version of its last event.
    pub version: u64,
}

/// What a claim is known by here: 128 bits of the SHA-256 of its text.
pub type ClaimKey = Id16;

/// The key of a claim.
pub fn claim_key(claim: &Claim) -> ClaimKey {
    // Most are shorter, and hashed at once.
    let mut text: SmallString<[u8; 128]> = SmallString::new();
    // A string takes any text.
    let _ = write!(text, "{claim}");
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    Bytes::from_slice(&digest[..16]).unwrap_or(Bytes::ZERO)
}

/// The index.
pub struct Index {
    store: Store,
    /// Up to where everything was written; whoever asks relies on it.
    written: AtomicU64,
    /// Whether a sync failed: no later one says anything about what was written before.
    unsynced: AtomicBool,
    /// Where it lies, unless it is in memory or a copy.
    place: Option<Place>,
}

/// Where an index lies.
struct Place {
    /// The data directory, where it is told how a closed index was left.
    directory: PathBuf,
    cache_bytes: u64,
}

impl Index {
    /// How long a batch takes, where that is not the store's own affair.
    pub(super) const fn pace(&self) -> Duration {
        self.store.pace()
    }

    /// Whether reading it keeps nobody waiting.
    pub(super) const fn is_in_memory(&self) -> bool {
        self.store.is_in_memory()
    }

    /// As of where it holds; none if it is empty.
    pub fn checkpoint(&self) -> Result<Option<Head>, IndexError> {
        let stored = self.store.get(Table::Meta, b"checkpoint")?;
        stored.map(|bytes| decode_head(&bytes).ok_or_else(|| damaged("checkpoint"))).transpose()
    }

    /// Up to where everything was written.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Acquire)
    }

    fn held(&self) -> Result<u64, IndexError> {
        Ok(self.checkpoint()?.map_or(0, |head| head.position))
    }

    /// As of where it holds even if the power failed; none if that is nowhere.
    ///
    /// The store syncs its tables one by one, and the checkpoint's perhaps first: after a power cut
    /// the checkpoint alone says nothing about the others.
    pub fn checkpoint_on_disk(&self) -> Result<Option<Head>, IndexError> {
        if self.is_in_memory() {
            return self.checkpoint();
        }
        let stored = self.store.get(Table::Meta, b"synced")?;
        stored.map(|bytes| decode_head(&bytes).ok_or_else(|| damaged("synced"))).transpose()
    }

    /// What a power cut may leave: the newest checkpoint, and none of the claims.
    #[cfg(test)]
    pub(super) fn lose_claims(&self) -> Result<(), IndexError> {
        let synced = Head { position: 0, hash: Bytes::ZERO };
        let synced = Write::Insert(Table::Meta, b"synced".to_vec(), encode_head(synced));
        self.store.write(vec![synced])?;
        self.store.clear(Table::Claims)
    }

    /// Forgets everything.
    pub fn clear(&self) -> Result<(), IndexError> {
        let marks = [&b"checkpoint"[..], b"synced"];
        let marks = marks.map(|mark| Write::Remove(Table::Meta, mark.to_vec()));
        self.store.write(marks.into())?;
        self.written.store(0, Release);
        let all = [Table::Streams, Table::Claims, Table::Duties, Table::Tenants, Table::Snapshots];
        all.into_iter().try_for_each(|table| self.store.clear(table))
    }

    /// Writes entries and their checkpoint, all or nothing.
    pub fn write(&self, entries: &Entries) -> Result<(), IndexError> {
        // One for each, and the checkpoint.
        let mut writes = Vec::with_capacity(entries.len().saturating_add(1));
        let mut insert = |table, key, value| writes.push(Write::Insert(table, key, value));
        for (stream, end) in &entries.streams {
            insert(Table::Streams, stream.to_string().into(), encode_end(*end).to_vec());
        }
        for (key, position) in &entries.claims {
            insert(Table::Claims, key.0.to_vec(), position.to_be_bytes().to_vec());
        }
        for (tenant, count) in &entries.tenants {
            insert(Table::Tenants, tenant.as_str().into(), count.to_be_bytes().to_vec());
        }
        for (stream, snapshot) in &entries.snapshots {
            insert(Table::Snapshots, stream.to_string().into(), snapshot.clone());
        }
        if let Some(head) = entries.up_to {
            insert(Table::Meta, b"checkpoint".to_vec(), encode_head(head));
        }
        writes.extend(entries.duties.iter().map(|change| match change {
            Change::Open(duty) => {
                let value = rmp_serde::to_vec(duty).unwrap_or_default();
                Write::Insert(Table::Duties, duty_key(&duty.name).into(), value)
            }
            Change::Close(name) => Write::Remove(Table::Duties, duty_key(name).into()),
        }));
        self.store.write(writes)?;
        if let Some(head) = entries.up_to {
            self.written.store(head.position, Release);
        }
        Ok(())
    }

    /// Makes sure that what was written survives a power cut, and notes up to where.
    pub fn sync(&self) -> Result<(), IndexError> {
        let checkpoint = self.checkpoint()?;
        if let Err(error) = self.store.sync() {
            self.unsynced.store(true, Relaxed);
            return Err(error);
        }
        let Some(head) = checkpoint.filter(|_| !self.unsynced.load(Relaxed)) else { return Ok(()) };
        let synced = Write::Insert(Table::Meta, b"synced".to_vec(), encode_head(head));
        self.store.write(vec![synced])
    }

    /// Closes it for good, and tells whoever looks later how it was left.
    pub fn close(self) -> Result<(), IndexError> {
        self.sync()?;
        let head = self.checkpoint()?;
        let Self { store, place, .. } = self;
        drop(store);
        let left = place.zip(head);
        left.map_or(Ok(()), |(place, head)| closed::write(&place.directory, head))
    }

    /// Where a stream ends; none if it has no events.
    pub fn end(&self, stream: &Stream) -> Result<Option<End>, IndexError> {
        let name = stream.to_string();
        let stored = self.store.get(Table::Streams, name.as_bytes())?;
        stored.map(|bytes| decode_end(&bytes).ok_or_else(|| damaged(&name))).transpose()
    }

    /// Where a claim was taken.
    pub fn taken_at(&self, key: ClaimKey) -> Result<Option<u64>, IndexError> {
        let stored = self.store.get(Table::Claims, &key.0)?;
        stored.map(|position| claimed(key, position)).transpose()
    }

    /// A stream's state at some earlier end of it. One that cannot be read is as good as none.
    pub fn snapshot(&self, stream: &Stream) -> Result<Option<Slot>, IndexError> {
        let stored = self.store.get(Table::Snapshots, stream.to_string().as_bytes())?;
        Ok(stored.and_then(|bytes| decode_snapshot(&bytes)))
    }

    /// Every open duty.
    pub fn all_duties(&self) -> Result<Vec<Duty>, IndexError> {
        let mut duties = vec![];
        for pair in self.store.pairs(Table::Duties, b"") {
            let (key, value) = pair?;
            let duty: Option<Duty> = rmp_serde::from_slice(&value).ok();
            let duty = duty.filter(|duty| duty_key(&duty.name).as_bytes() == key);
            let name = || format!("duty {}", String::from_utf8_lossy(&key));
            duties.push(duty.ok_or_else(|| damaged(&name()))?);
        }
        Ok(duties)
    }

    /// Every tenant's count of events.
    pub fn all_tenants(&self) -> Result<Vec<(TenantId, u64)>, IndexError> {
        let mut tenants = vec![];
        for pair in self.store.pairs(Table::Tenants, b"") {
            let (name, count) = pair?;
            let entry = str::from_utf8(&name).ok().and_then(|name| name.parse().ok());
            let count = count.try_into().ok().map(u64::from_be_bytes);
            tenants.push(entry.zip(count).ok_or_else(|| damaged("a tenant"))?);
        }
        Ok(tenants)
    }

    /// Every stream of a kind.
    pub fn streams_of(&self, kind: Kind) -> Result<Vec<Stream>, IndexError> {
        let prefix = format!("{}-", kind.as_str());
        let streams = self.store.pairs(Table::Streams, prefix.as_bytes());
        streams.map(|pair| parse_stream(&pair?.0)).collect()
    }

    /// Every stream and its end, in order of names.
    pub fn all_ends(&self) -> impl Iterator<Item = Result<(Stream, End), IndexError>> + use<> {
        self.store.pairs(Table::Streams, b"").map(|pair| {
            let (name, end) = pair?;
            let stream = parse_stream(&name)?;
            let end = decode_end(&end).ok_or_else(|| damaged(&stream.to_string()))?;
            Ok((stream, end))
        })
    }

    /// Every claim's key and where it was taken, in order of keys.
    pub fn all_claims(&self) -> impl Iterator<Item = Result<(ClaimKey, u64), IndexError>> + use<> {
        self.store.pairs(Table::Claims, b"").map(|pair| {
            let (key, position) = pair?;
            let key = Bytes::from_slice(&key).ok_or_else(|| damaged("a claim"))?;
            Ok((key, claimed(key, position)?))
        })
    }

    /// Every stream that has a snapshot, and the snapshot if it can be read.
    pub fn all_snapshots(
        &self,
    ) -> impl Iterator<Item = Result<(Stream, Option<Slot>), IndexError>> + use<> {
        self.store.pairs(Table::Snapshots, b"").map(|pair| {
            let (name, snapshot) = pair?;
            Ok((parse_stream(&name)?, decode_snapshot(&snapshot)))
        })
    }
}

/// Where a claim was taken, as it is stored.
fn claimed(key: ClaimKey, position: Vec<u8>) -> Result<u64, IndexError> {
    let position = position.try_into().map(u64::from_be_bytes);
    position.map_err(|_| damaged(&format!("claim {key}")))
}

fn damaged(what: &str) -> IndexError {
    IndexError::Damaged(what.to_owned())
}

fn parse_stream(name: &[u8]) -> Result<Stream, IndexError> {
    let parsed = str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    parsed.ok_or_else(|| damaged("a stream's name"))
}

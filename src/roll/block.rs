//! A block: what one group appends; the unit of storing and reading, in no hash.
//!
//! # Correctness
//!
//! A [`Block`] exists only after its chain was computed over its own records: [`BlockBuilder`] does
//! so once they are written, [`Block::read`] when they come back from a store. Whatever a store
//! says beside the records must equal what the records say, so a block that was made is a block
//! that can be believed as far as `before` can.

mod body;
mod builder;

use piperoll_domain::bytes::Hash;

pub use self::{
    body::{BLOCK_BYTES_MAX, BodyError},
    builder::{BlockBuilder, PushError},
};
use super::{
    chain::{self, Head},
    record::{self, Record},
};

/// Bytes that stand before each record: its length.
const PREFIX: usize = size_of::<u32>();

/// Records that were, or will be, appended together.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    before: Head,
    /// Each record behind its length, end to end.
    bytes: Vec<u8>,
    /// Where each record ends in `bytes`.
    ends: Vec<u32>,
    /// The chain's hash at each record.
    hashes: Vec<Hash>,
}

/// What a store says of a block beside its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// Position of the first record.
    pub first: u64,
    /// Position of the last record.
    pub last: u64,
    /// How many records there are.
    pub count: u64,
    /// The chain's hash before the first record.
    pub before: Hash,
    /// The chain's hash at the last record.
    pub after: Hash,
}

/// How a stored block is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Its body cannot be unpacked.
    #[error("the block's body cannot be unpacked")]
    Body(#[source] BodyError),
    /// A record cannot be read.
    #[error("the record cannot be read")]
    Record(#[source] record::Error),
    /// A record says that it stands somewhere else.
    #[error("the record says that it stands at {found}")]
    Position {
        /// Where it says.
        found: u64,
    },
    /// First, last and count do not fit together or do not fit the records.
    #[error("the block says {count} records from {first} to {last}, and holds {found}")]
    Count {
        /// The first position it claims.
        first: u64,
        /// The last position it claims.
        last: u64,
        /// The number it claims.
        count: u64,
        /// The number it holds.
        found: u64,
    },
    /// The records do not lead to the hash that was stored with them.
    #[error("the records up to {last} lead to hash {found}, and {stored} is stored")]
    Hash {
        /// The block's last position.
        last: u64,
        /// What the records lead to.
        found: Hash,
        /// What is stored.
        stored: Hash,
    },
    /// It does not join on to what stands before it.
    #[error("a block that follows {stored} stands after {before}")]
    Joint {
        /// What ends before it.
        before: Head,
        /// What it says that it follows.
        stored: Head,
    },
    /// A row whose columns are not of the lengths and signs they must be.
    #[error("the block's row is malformed")]
    Row,
    /// A block of a gapless roll is not there.
    #[error("no block holds it")]
    Absent,
}

impl Block {
    /// Unpacks a stored block and proves it: every position, and the chain from `before` to `after`.
    ///
    /// The error comes with the first position that cannot be believed; when only the hash of the
    /// whole block is wrong, that is its first.
    pub fn read(claims: &Claims, body: &[u8]) -> Result<Self, (u64, Damage)> {
        let at_first = |damage| (claims.first, damage);
        let bytes = body::unpack(body).map_err(Damage::Body).map_err(at_first)?;
        let ends = body::ends(&bytes).map_err(Damage::Body).map_err(at_first)?;
        check_count(claims, ends.len()).map_err(at_first)?;
        let position = claims.first.saturating_sub(1);
        let before = Head { position, hash: claims.before };
        let mut block = Self { before, bytes, hashes: Vec::with_capacity(ends.len()), ends };
        block.chain()?;
        block.check_hash(claims).map_err(at_first)?;
        Ok(block)
    }

    /// Computes the chain over the records, and checks that each says where it stands.
    fn chain(&mut self) -> Result<(), (u64, Damage)> {
        let mut hash = self.before.hash;
        for (position, bytes) in records(self.before.position, &self.bytes, &self.ends) {
            let record = Record::read(bytes).map_err(|error| (position, Damage::Record(error)))?;
            if record.position != position {
                return Err((position, Damage::Position { found: record.position }));
            }
            hash = chain::link(hash, chain::leaf(bytes));
            self.hashes.push(hash);
        }
        Ok(())
    }

    fn check_hash(&self, claims: &Claims) -> Result<(), Damage> {
        let found = self.head().hash;
        if found == claims.after {
            return Ok(());
        }
        Err(Damage::Hash { last: claims.last, found, stored: claims.after })
    }

    /// The stored form of the records.
    pub fn body(&self) -> Vec<u8> {
        body::pack(&self.bytes)
    }

    /// How many bytes a stored body says that it unpacks to.
    pub(super) fn size_of_body(body: &[u8]) -> usize {
        body::unpacked_size(body)
    }

    /// What a store has to say of this block beside its records.
    pub fn claims(&self) -> Claims {
        Claims {
            first: self.first(),
            last: self.last(),
            count: self.len(),
            before: self.before.hash,
            after: self.head().hash,
        }
    }

    /// Position of the first record.
    pub fn first(&self) -> u64 {
        self.before.position.saturating_add(1)
    }

    /// Position of the last record.
    pub fn last(&self) -> u64 {
        self.before.position.saturating_add(self.len())
    }

    /// How many records it holds; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub fn len(&self) -> u64 {
        count(self.ends.len())
    }

    /// The head that it follows.
    pub fn before(&self) -> Head {
        self.before
    }

    /// The head that it leads to.
    pub fn head(&self) -> Head {
        let hash = self.hashes.last().copied().unwrap_or(self.before.hash);
        Head { position: self.last(), hash }
    }

    /// Bytes of all records, unpacked.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that it takes in memory: its records, where each ends, and the chain's hash after each.
    pub(super) fn memory(&self) -> usize {
        let each = size_of::<u32>() + size_of::<Hash>();
        self.bytes.len().saturating_add(self.ends.len().saturating_mul(each))
    }

    /// The record at a position, if it is in this block.
    pub fn record(&self, position: u64) -> Option<&[u8]> {
        let index = self.index(position)?;
        let start = index.checked_sub(1).map_or(0, |before| place(self.ends[before])) + PREFIX;
        self.bytes.get(start..place(self.ends[index]))
    }

    /// The chain's hash at a position, if it is in this block.
    pub fn hash_at(&self, position: u64) -> Option<Hash> {
        self.hashes.get(self.index(position)?).copied()
    }

    /// Every record with its position.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        records(self.before.position, &self.bytes, &self.ends)
    }

    fn index(&self, position: u64) -> Option<usize> {
        let index = usize::try_from(position.checked_sub(self.first())?).ok()?;
        (index < self.ends.len()).then_some(index)
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({}..={}, {} bytes)", self.first(), self.last(), self.bytes.len())
    }
}

fn check_count(claims: &Claims, found: usize) -> Result<(), Damage> {
    let Claims { first, last, count: stored, .. } = *claims;
    let found = count(found);
    let spans = last.checked_sub(first).and_then(|span| span.checked_add(1));
    if first > 0 && last < u64::MAX && stored > 0 && spans == Some(stored) && stored == found {
        return Ok(());
    }
    Err(Damage::Count { first, last, count: stored, found })
}

fn records<'a>(
    before: u64,
    bytes: &'a [u8],
    ends: &'a [u32],
) -> impl Iterator<Item = (u64, &'a [u8])> {
    let starts = std::iter::once(0).chain(ends.iter().copied().map(place));
    let spans = starts.zip(ends.iter().copied().map(place));
    (before.saturating_add(1)..).zip(spans.map(|(start, end)| &bytes[start + PREFIX..end]))
}

/// A place in a block's bytes, which are fewer than `u32` counts.
fn place(end: u32) -> usize {
    usize::try_from(end).unwrap_or(usize::MAX)
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

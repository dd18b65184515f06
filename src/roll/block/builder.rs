//! Building a block: records are written and counted as they are pushed, and chained at the end.

use piperoll_domain::{bytes::Hash, event::Envelope};

use super::{BLOCK_BYTES_MAX, Block, PREFIX, count, records};
use crate::roll::{
    chain::{self, Head},
    record,
};

/// Takes envelopes and events whose positions are given, and makes the block that follows a head.
/// Of the head only the position must be known beforehand: its hash may still be in the making.
#[derive(Debug)]
pub struct BlockBuilder {
    before: u64,
    /// Each record behind its length, end to end.
    bytes: Vec<u8>,
    /// Where each record ends in `bytes`.
    ends: Vec<u32>,
    /// Room for the chain's hashes.
    hashes: Vec<Hash>,
}

/// Why a record cannot join the block. The block is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Positions have no gaps.
    #[error("the record has position {found}, and {expected} comes next")]
    Position {
        /// What it says.
        found: u64,
        /// What comes next.
        expected: u64,
    },
    /// No reader would unpack so much.
    #[error("the block would grow beyond {BLOCK_BYTES_MAX} bytes")]
    Full,
    /// The envelope makes no record that could be read again.
    #[error("the record cannot be written")]
    Record(#[from] record::Error),
}

impl BlockBuilder {
    /// An empty block after a position.
    pub fn new(before: u64) -> Self {
        Self { before, bytes: Vec::new(), ends: Vec::new(), hashes: Vec::new() }
    }

    /// An empty block in the room of one that is needed no more; [`BlockBuilder::begin`] says where.
    pub fn in_room_of(block: Block) -> Self {
        let Block { before, bytes, ends, hashes } = block;
        Self { before: before.position, bytes, ends, hashes }
    }

    /// Begins anew after a position, and keeps the room.
    pub fn begin(&mut self, before: u64) {
        self.before = before;
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
    }

    /// An empty block after a position, with room for what is expected.
    pub fn with_capacity(before: u64, records: usize, bytes: usize) -> Self {
        let mut builder = Self::new(before);
        builder.bytes.reserve(bytes);
        builder.ends.reserve(records);
        builder.hashes.reserve(records);
        builder
    }

    /// Writes a record behind the others.
    pub fn push(&mut self, envelope: &Envelope, name: &str, data: &[u8]) -> Result<(), PushError> {
        let expected = self.last().saturating_add(1);
        if envelope.position != expected {
            return Err(PushError::Position { found: envelope.position, expected });
        }
        let start = self.bytes.len();
        let written = self.write(envelope, name, data);
        if written.is_err() {
            self.bytes.truncate(start);
        }
        written
    }

    fn write(&mut self, envelope: &Envelope, name: &str, data: &[u8]) -> Result<(), PushError> {
        let bytes = &mut self.bytes;
        let start = bytes.len() + PREFIX;
        // Before it is copied; the envelope's own share is checked below.
        if data.len() > BLOCK_BYTES_MAX {
            return Err(PushError::Full);
        }
        bytes.extend_from_slice(&[0; PREFIX]);
        record::write(bytes, envelope, name, data)?;
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(PushError::Full);
        }
        let length = u32::try_from(bytes.len() - start).map_err(|_| PushError::Full)?;
        let end = u32::try_from(bytes.len()).map_err(|_| PushError::Full)?;
        bytes[start - PREFIX..start].copy_from_slice(&length.to_be_bytes());
        self.ends.push(end);
        Ok(())
    }

    /// Position of the last record so far.
    pub fn last(&self) -> u64 {
        self.before.saturating_add(self.len())
    }

    /// How many records it holds.
    pub fn len(&self) -> u64 {
        count(self.ends.len())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of its records.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The block that follows `head`, its records chained; `None` when nothing was pushed, or its
    /// records were numbered after another position.
    pub fn finish(self, head: Head) -> Option<Block> {
        let Self { before, bytes, ends, mut hashes } = self;
        if ends.is_empty() || head.position != before {
            return None;
        }
        let mut hash = head.hash;
        for (_, record) in records(before, &bytes, &ends) {
            hash = chain::link(hash, chain::leaf(record));
            hashes.push(hash);
        }
        Some(Block { before: head, bytes, ends, hashes })
    }
}

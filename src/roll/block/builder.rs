//! Building a block: records are written, chained and counted as they are pushed.

use piperoll_domain::{bytes::Hash, event::Envelope};

use super::{BLOCK_BYTES_MAX, Block, PREFIX, count};
use crate::roll::{
    chain::{self, Head},
    record,
};

/// Takes envelopes and events whose positions are given, and makes the block that follows a head.
#[derive(Debug)]
pub struct BlockBuilder {
    block: Block,
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
    /// An empty block after `head`.
    pub fn new(head: Head) -> Self {
        let (bytes, ends, hashes) = (Vec::new(), Vec::new(), Vec::new());
        Self { block: Block { before: head, bytes, ends, hashes } }
    }

    /// An empty block in the room of one that is needed no more; [`BlockBuilder::begin`] says where.
    pub fn in_room_of(block: Block) -> Self {
        Self { block }
    }

    /// Begins anew after `head`, and keeps the room.
    pub fn begin(&mut self, head: Head) {
        let Block { before, bytes, ends, hashes } = &mut self.block;
        *before = head;
        bytes.clear();
        ends.clear();
        hashes.clear();
    }

    /// An empty block after `head`, with room for what is expected.
    pub fn with_capacity(head: Head, records: usize, bytes: usize) -> Self {
        let mut builder = Self::new(head);
        builder.block.bytes.reserve(bytes);
        builder.block.ends.reserve(records);
        builder.block.hashes.reserve(records);
        builder
    }

    /// Writes a record behind the others and returns the chain's hash at it.
    pub fn push(
        &mut self,
        envelope: &Envelope,
        name: &str,
        data: &[u8],
    ) -> Result<Hash, PushError> {
        let expected = self.head().position.saturating_add(1);
        if envelope.position != expected {
            return Err(PushError::Position { found: envelope.position, expected });
        }
        let start = self.block.bytes.len();
        let written = self.write(envelope, name, data);
        if written.is_err() {
            self.block.bytes.truncate(start);
        }
        written
    }

    fn write(&mut self, envelope: &Envelope, name: &str, data: &[u8]) -> Result<Hash, PushError> {
        let before = self.head().hash;
        let bytes = &mut self.block.bytes;
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
        let hash = chain::link(before, chain::leaf(&bytes[start..]));
        self.block.ends.push(end);
        self.block.hashes.push(hash);
        Ok(hash)
    }

    /// Where the block leads so far.
    pub fn head(&self) -> Head {
        self.block.head()
    }

    /// How many records it holds.
    pub fn len(&self) -> u64 {
        count(self.block.ends.len())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.block.ends.is_empty()
    }

    /// Bytes of its records.
    pub fn size(&self) -> usize {
        self.block.bytes.len()
    }

    /// The block, or `None` when nothing was pushed.
    pub fn finish(self) -> Option<Block> {
        (!self.is_empty()).then_some(self.block)
    }
}

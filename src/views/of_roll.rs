//! The roll as the source that the views follow.

use piperoll_domain::bytes::Hash;

use super::{Batch, Mark, Source};
use crate::{
    fact::{self, Unreadable},
    roll::{Block, Error, Head, Roll},
};

/// How many bytes of blocks are read at once.
const READ_BYTES: usize = 4 << 20;

/// Why the views could not be told what comes next.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The roll could not be read.
    #[error("failed to read the roll")]
    Roll(#[from] Error),
    /// An event could not.
    #[error("failed to read an event")]
    Event(#[from] Unreadable),
}

fn mark(head: Head) -> Mark {
    Mark { position: head.position, hash: head.hash }
}

fn take_in(block: &Block, after: u64, batch: &mut Batch) -> Result<(), Unreadable> {
    for (position, bytes) in block.iter().filter(|(position, _)| *position > after) {
        batch.records.push(fact::decode(position, bytes)?);
    }
    batch.mark = mark(block.head());
    Ok(())
}

impl Source for Roll {
    type Error = ReadError;

    async fn head(&self) -> Result<Mark, ReadError> {
        Ok(mark(Self::head(self).await?))
    }

    async fn hash_at(&self, position: u64) -> Result<Option<Hash>, ReadError> {
        Ok(Self::hash_at(self, position).await?)
    }

    async fn read(&self, after: u64, events_max: usize) -> Result<Option<Batch>, ReadError> {
        let blocks = Self::read(self, after.saturating_add(1), READ_BYTES).await?;
        let Some(first) = blocks.first() else { return Ok(None) };
        let mut batch = Batch { records: vec![], mark: mark(first.head()) };
        for block in &blocks {
            let length = usize::try_from(block.len()).unwrap_or(usize::MAX);
            let fits = batch.records.len().saturating_add(length) <= events_max;
            if !fits && !batch.records.is_empty() {
                break;
            }
            take_in(block, after, &mut batch)?;
        }
        Ok(Some(batch))
    }

    async fn grown(&self, after: u64) -> Result<(), ReadError> {
        let mut tail = self.tail();
        let grown = tail.wait_for(|head| head.position > after).await;
        grown.map(drop).map_err(|_| ReadError::Roll(Error::Closed))
    }
}

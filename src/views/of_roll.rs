//! The roll as the source that the views follow.

use std::{ops::ControlFlow, sync::Arc};

use piperoll_domain::{bytes::Hash, event::Recorded};

use super::{Batch, Mark, Source, follow::Events};
use crate::{
    fact::{self, Unreadable},
    roll::{Block, Error, Head, Roll},
};

/// How many bytes of blocks are read at once.
const READ_BYTES: usize = 16 << 20;

fn mark(head: Head) -> Mark {
    Mark { position: head.position, hash: head.hash }
}

/// Blocks that follow one another.
#[derive(Debug)]
pub struct Blocks(Vec<Arc<Block>>);

impl Events for Blocks {
    type Error = Unreadable;

    fn each(
        self,
        after: u64,
        mut take: impl FnMut(&Recorded) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        let records = self.0.iter().flat_map(|block| block.iter());
        for (position, bytes) in records.filter(|(position, _)| *position > after) {
            if take(&fact::decode(position, bytes)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Source for Roll {
    type Error = Error;
    type Events = Blocks;

    async fn head(&self) -> Result<Mark, Error> {
        Ok(mark(Self::head(self).await?))
    }

    async fn hash_at(&self, position: u64) -> Result<Option<Hash>, Error> {
        Self::hash_at(self, position).await
    }

    async fn read(&self, after: u64, events_max: usize) -> Result<Option<Batch<Blocks>>, Error> {
        let mut blocks = Self::read(self, after.saturating_add(1), READ_BYTES).await?;
        let mut events = 0_usize;
        let fits = |block: &&Arc<Block>| {
            events = events.saturating_add(usize::try_from(block.len()).unwrap_or(usize::MAX));
            events <= events_max
        };
        let fitting = blocks.iter().take_while(fits).count();
        blocks.truncate(fitting.max(1));
        let last = blocks.last().map(|block| mark(block.head()));
        Ok(last.map(|mark| Batch { events: Blocks(blocks), mark }))
    }

    async fn grown(&self, after: u64) -> Result<(), Error> {
        let mut tail = self.tail();
        let grown = tail.wait_for(|head| head.position > after).await;
        grown.map(drop).map_err(|_| Error::Closed)
    }
}

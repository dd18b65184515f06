//! A roll of which only the first event can be seen until it is unveiled.

use piperoll_domain::bytes::Hash;
use tokio::sync::watch;

use crate::{
    roll::{Error, Roll},
    views::{Batch, Blocks, Mark, Source},
};

/// What stands in the place of a follower's busy writer.
pub(super) struct Veiled {
    roll: Roll,
    veiled: watch::Sender<bool>,
}

impl Veiled {
    pub(super) fn over(roll: Roll) -> Self {
        Self { roll, veiled: watch::Sender::new(true) }
    }

    pub(super) fn unveil(&self) {
        self.veiled.send_replace(false);
    }

    fn is_veiled(&self) -> bool {
        *self.veiled.borrow()
    }
}

impl Source for Veiled {
    type Error = Error;
    type Events = Blocks;

    async fn head(&self) -> Result<Mark, Error> {
        if !self.is_veiled() {
            return Source::head(&self.roll).await;
        }
        let blocks = self.roll.read(1, 0).await?;
        let first = blocks.first().ok_or(Error::Closed)?.head();
        Ok(Mark { position: first.position, hash: first.hash })
    }

    async fn hash_at(&self, position: u64) -> Result<Option<Hash>, Error> {
        self.roll.hash_at(position).await
    }

    async fn read(&self, after: u64, events_max: usize) -> Result<Option<Batch<Blocks>>, Error> {
        if self.is_veiled() && after > 0 {
            return Ok(None);
        }
        let events_max = if self.is_veiled() { 1 } else { events_max };
        Source::read(&self.roll, after, events_max).await
    }

    async fn grown(&self, after: u64) -> Result<(), Error> {
        let unveiled = self.veiled.subscribe().wait_for(|veiled| !veiled).await.map(drop);
        unveiled.map_err(|_| Error::Closed)?;
        Source::grown(&self.roll, after).await
    }
}

//! A roll in memory, with faults on demand: for tests and simulations of what stands above it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{AppendError, Block, Error, Head, Identity};

/// What shall go wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next append stores nothing, and says so.
    RefuseAppend,
    /// The next append stores nothing, and cannot tell.
    LoseBlock,
    /// The next append stores its block, and cannot tell.
    LoseAnswer,
    /// The next question for the head fails.
    FailHead,
    /// The next read fails.
    FailRead,
}

/// A roll in memory. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct MemoryRoll {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    identity: Identity,
    state: Mutex<State>,
    tail: watch::Sender<Head>,
}

#[derive(Debug, Default)]
struct State {
    blocks: Vec<Arc<Block>>,
    faults: VecDeque<Fault>,
}

impl MemoryRoll {
    /// An empty roll.
    pub fn new(identity: Identity) -> Self {
        let tail = watch::Sender::new(Head::genesis(identity.id));
        Self { shared: Arc::new(Shared { identity, state: Mutex::default(), tail }) }
    }

    /// What a new process would find: the same blocks, no faults, and a tail of its own.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let again = Self::new(self.shared.identity.clone());
        again.state().blocks.clone_from(&self.state().blocks);
        again.shared.tail.send_replace(self.stored_head());
        again
    }

    /// Lets something go wrong, once. Faults of one kind happen in the order they were asked for.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    #[expect(clippy::unused_async, reason = "the same port as that of stores that wait")]
    pub(super) async fn head(&self) -> Result<Head, Error> {
        self.fail(Fault::FailHead)?;
        Ok(self.stored_head())
    }

    #[expect(clippy::unused_async, reason = "the same port as that of stores that wait")]
    pub(super) async fn append(&self, expected: Head, block: &Block) -> Result<Head, AppendError> {
        let fault = self.take(&[Fault::RefuseAppend, Fault::LoseBlock, Fault::LoseAnswer]);
        match fault {
            Some(Fault::RefuseAppend) => Err(AppendError::Refused { source: Error::Injected }),
            Some(Fault::LoseBlock) => Err(AppendError::Unknown { source: Error::Injected }),
            Some(Fault::LoseAnswer) => {
                self.store(expected, block)?;
                Err(AppendError::Unknown { source: Error::Injected })
            }
            Some(Fault::FailHead | Fault::FailRead) | None => self.store(expected, block),
        }
    }

    fn store(&self, expected: Head, block: &Block) -> Result<Head, AppendError> {
        let mut state = self.state();
        let head = state.head(&self.shared.identity);
        if head == block.head() {
            return Ok(head);
        }
        if head != expected {
            return Err(AppendError::HeadMoved { head });
        }
        state.blocks.push(Arc::new(block.clone()));
        self.shared.tail.send_replace(block.head());
        Ok(block.head())
    }

    #[expect(clippy::unused_async, reason = "the same port as that of stores that wait")]
    pub(super) async fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<Arc<Block>>, Error> {
        self.fail(Fault::FailRead)?;
        let state = self.state();
        let start = state.blocks.partition_point(|block| block.last() < from);
        let mut bytes = 0;
        let fits = |block: &&Arc<Block>| {
            let first = bytes == 0;
            bytes += block.size();
            first || bytes <= bytes_max
        };
        Ok(state.blocks[start..].iter().take_while(fits).cloned().collect())
    }

    pub(super) async fn block_at(&self, position: u64) -> Result<Option<Arc<Block>>, Error> {
        Ok(self.read(position, 0).await?.pop())
    }

    pub(super) fn tail(&self) -> watch::Receiver<Head> {
        self.shared.tail.subscribe()
    }

    fn stored_head(&self) -> Head {
        self.state().head(&self.shared.identity)
    }

    fn fail(&self, fault: Fault) -> Result<(), Error> {
        self.take(&[fault]).map_or(Ok(()), |_| Err(Error::Injected))
    }

    fn take(&self, kinds: &[Fault]) -> Option<Fault> {
        let faults = &mut self.state().faults;
        let index = faults.iter().position(|fault| kinds.contains(fault))?;
        faults.remove(index)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs between two changes that belong together.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn head(&self, identity: &Identity) -> Head {
        self.blocks.last().map_or_else(|| Head::genesis(identity.id), |block| block.head())
    }
}

#[cfg(test)]
mod tests {
    use piperoll_domain::time::Time;

    use super::*;
    use crate::roll::samples;

    fn roll() -> MemoryRoll {
        MemoryRoll::new(Identity { id: samples::ROLL, name: "main".into(), created: Time::EPOCH })
    }

    #[tokio::test]
    async fn faults_happen_once_and_say_what_they_did() {
        let genesis = Head::genesis(samples::ROLL);
        let block = samples::block(genesis, 2);
        for (fault, stored) in [
            (Fault::RefuseAppend, genesis),
            (Fault::LoseBlock, genesis),
            (Fault::LoseAnswer, block.head()),
        ] {
            let roll = roll();
            roll.inject(fault);
            let failed = roll.append(genesis, &block).await.unwrap_err();
            let refused = matches!(failed, AppendError::Refused { .. });
            assert_eq!(refused, fault == Fault::RefuseAppend, "{failed:?}");
            assert_eq!(roll.head().await.unwrap(), stored, "{fault:?}");
            assert_eq!(roll.append(genesis, &block).await.unwrap(), block.head());
        }
    }

    #[tokio::test]
    async fn reads_and_heads_fail_when_asked_to() {
        let roll = roll();
        roll.inject(Fault::FailRead);
        roll.inject(Fault::FailHead);
        assert!(roll.head().await.is_err());
        assert!(roll.head().await.is_ok());
        assert!(roll.read(1, 0).await.is_err());
        assert!(roll.read(1, 0).await.is_ok());
    }

    #[tokio::test]
    async fn a_reopened_roll_goes_its_own_way() {
        let roll = roll();
        let genesis = Head::genesis(samples::ROLL);
        let head = roll.append(genesis, &samples::block(genesis, 2)).await.unwrap();
        let again = roll.reopen();
        assert_eq!(*again.tail().borrow(), head);
        again.append(head, &samples::rival(head)).await.unwrap();
        assert_eq!(roll.head().await.unwrap(), head);
    }
}

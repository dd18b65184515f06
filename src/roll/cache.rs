//! The blocks that were read last: streams are walked by `previous`, which returns to the same ones.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::block::Block;

const BLOCKS_MAX: usize = 64;
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Blocks, the latest used in front. So few that searching them costs less than an index of them.
#[derive(Debug, Default)]
pub(super) struct Cache {
    blocks: Mutex<VecDeque<Arc<Block>>>,
}

impl Cache {
    pub(super) fn get(&self, position: u64) -> Option<Arc<Block>> {
        let mut blocks = self.blocks();
        let holds = |block: &Arc<Block>| (block.first()..=block.last()).contains(&position);
        let index = blocks.iter().position(holds)?;
        let block = blocks.remove(index)?;
        blocks.push_front(Arc::clone(&block));
        Some(block)
    }

    pub(super) fn put(&self, block: &Arc<Block>) {
        let mut blocks = self.blocks();
        blocks.retain(|held| held.first() != block.first());
        blocks.push_front(Arc::clone(block));
        let mut bytes: usize = blocks.iter().map(|held| held.size()).sum();
        while blocks.len() > 1 && (blocks.len() > BLOCKS_MAX || bytes > BYTES_MAX) {
            bytes -= blocks.pop_back().map_or(0, |dropped| dropped.size());
        }
    }

    fn blocks(&self) -> MutexGuard<'_, VecDeque<Arc<Block>>> {
        // A panic elsewhere leaves whole blocks behind, if perhaps fewer.
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roll::{chain::Head, samples};

    #[test]
    fn the_block_that_was_not_used_for_longest_goes_first() {
        let cache = Cache::default();
        let mut head = Head::genesis(samples::ROLL);
        for _ in 0..BLOCKS_MAX {
            let block = Arc::new(samples::block(head, 2));
            head = block.head();
            cache.put(&block);
        }
        assert!(cache.get(2).is_some());
        cache.put(&Arc::new(samples::block(head, 2)));
        assert!(cache.get(1).is_some());
        assert!(cache.get(3).is_none());
        assert!(cache.get(head.position + 2).is_some());
    }
}

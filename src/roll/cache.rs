//! The blocks that were used last: streams are walked by `previous`, and repeats ask for what was
//! said before, which returns to the same ones.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::block::Block;

/// What they come to at most, unless somebody says otherwise.
const BYTES_MAX: usize = 32 << 20;

/// Blocks, as many as their bytes allow.
#[derive(Debug)]
pub(super) struct Cache {
    blocks: Mutex<Blocks>,
}

impl Default for Cache {
    fn default() -> Self {
        let blocks = Blocks { bytes_max: BYTES_MAX, ..Blocks::default() };
        Self { blocks: Mutex::new(blocks) }
    }
}

#[derive(Debug, Default)]
struct Blocks {
    bytes_max: usize,
    /// By their first positions, each with when it was used.
    by_first: BTreeMap<u64, (Arc<Block>, u64)>,
    /// First positions, the one that was not used for longest in front.
    by_use: BTreeMap<u64, u64>,
    uses: u64,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, position: u64) -> Option<Arc<Block>> {
        self.blocks().get(position)
    }

    pub(super) fn put(&self, block: &Arc<Block>) {
        self.blocks().put(block);
    }

    /// From now on they come to this at most.
    pub(super) fn bound(&self, bytes_max: usize) {
        let mut blocks = self.blocks();
        blocks.bytes_max = bytes_max;
        blocks.shrink();
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        // A panic elsewhere leaves whole blocks behind, if perhaps fewer.
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocks {
    fn get(&mut self, position: u64) -> Option<Arc<Block>> {
        let (first, (block, used)) = self.by_first.range_mut(..=position).next_back()?;
        if position > block.last() {
            return None;
        }
        self.uses = self.uses.wrapping_add(1);
        self.by_use.remove(used);
        self.by_use.insert(self.uses, *first);
        *used = self.uses;
        Some(Arc::clone(block))
    }

    fn put(&mut self, block: &Arc<Block>) {
        self.uses = self.uses.wrapping_add(1);
        self.drop_one(block.first());
        self.by_first.insert(block.first(), (Arc::clone(block), self.uses));
        self.by_use.insert(self.uses, block.first());
        self.bytes = self.bytes.saturating_add(block.memory());
        self.shrink();
    }

    fn shrink(&mut self) {
        // The last one stays, however large it is.
        while self.bytes > self.bytes_max && self.by_use.len() > 1 {
            let Some((_, first)) = self.by_use.first_key_value() else { break };
            self.drop_one(*first);
        }
    }

    fn drop_one(&mut self, first: u64) {
        let Some((dropped, used)) = self.by_first.remove(&first) else { return };
        self.by_use.remove(&used);
        self.bytes = self.bytes.saturating_sub(dropped.memory());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roll::{chain::Head, samples};

    /// Blocks of which some dozens fill the cache.
    const RECORDS: u64 = 4_000;

    #[test]
    fn the_block_that_was_not_used_for_longest_goes_first() {
        let (cache, mut head) = (Cache::default(), Head::genesis(samples::ROLL));
        let second = RECORDS + 1;
        for _ in 0..2 {
            let block = Arc::new(samples::block(head, RECORDS));
            head = block.head();
            cache.put(&block);
        }
        while cache.blocks().by_first.contains_key(&second) {
            assert!(cache.get(RECORDS).is_some(), "it is used all the time");
            let block = Arc::new(samples::block(head, RECORDS));
            head = block.head();
            cache.put(&block);
        }
        assert!(cache.get(1).is_some() && cache.get(second).is_none());
        assert!(cache.get(2 * RECORDS + 1).is_some() && cache.get(head.position).is_some());
        assert!(cache.get(head.position + 1).is_none());
    }

    #[test]
    fn a_block_that_is_put_again_takes_no_more_room() {
        let (cache, head) = (Cache::default(), Head::genesis(samples::ROLL));
        let block = Arc::new(samples::block(head, 2));
        cache.put(&block);
        cache.put(&block);
        let blocks = cache.blocks();
        assert_eq!((blocks.bytes, blocks.by_first.len()), (block.memory(), 1));
        assert_eq!(blocks.by_use.len(), 1);
    }

    #[test]
    fn a_smaller_bound_holds_at_once_and_keeps_what_was_used_last() {
        let (cache, mut head) = (Cache::default(), Head::genesis(samples::ROLL));
        let mut size = 0;
        for _ in 0..8 {
            let block = Arc::new(samples::block(head, 10));
            (head, size) = (block.head(), size.max(block.memory()));
            cache.put(&block);
        }
        cache.bound(2 * size);
        assert!(cache.blocks().by_first.len() < 8 && cache.blocks().bytes <= 2 * size);
        assert!(cache.get(head.position).is_some() && cache.get(1).is_none());
        let block = Arc::new(samples::block(head, 10));
        cache.put(&block);
        assert!(cache.blocks().bytes <= 2 * size, "and stays");
    }
}

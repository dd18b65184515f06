//! Which names the index may hold: a few bits for each, so that a new one costs no look-up.
//!
//! A Bloom filter that holds more than it was made for says "perhaps" to everything. So when one is
//! full the next, twice as large, stands beside it: there are never more than a handful.

use std::hash::{BuildHasher as _, Hash};

use fastbloom::BloomFilter;
use foldhash::fast::{FixedState, RandomState};
use piperoll_domain::id::Stream;

use super::{ClaimKey, Entries};

/// Bits of a filter for each name.
const BITS_PER_NAME: usize = 10;
/// What the first filter holds at least.
const LEAST: usize = 1 << 20;
/// The same in memory, where few names are more than a few.
const LEAST_IN_MEMORY: usize = 1 << 10;

/// Names that are taken. That one is not among them is certain.
pub(in crate::engine) struct Names {
    hasher: FixedState,
    filters: Vec<BloomFilter>,
    /// How many more the last filter takes.
    room: usize,
    /// How many the next one will take.
    next: usize,
}

impl Names {
    /// None yet, with room for about so many, and as many again.
    ///
    /// Nobody can guess which names are taken for known; in memory, it is the same ones each time.
    pub(super) fn for_about(count: usize, in_memory: bool) -> Self {
        let least = if in_memory { LEAST_IN_MEMORY } else { LEAST };
        let seed = if in_memory { 0 } else { RandomState::default().hash_one(0) };
        let (hasher, next) = (FixedState::with_seed(seed), count.saturating_mul(2).max(least));
        Self { hasher, filters: vec![], room: 0, next }
    }

    /// Whether a stream may exist. False is certain.
    pub(in crate::engine) fn may_hold_stream(&self, stream: &Stream) -> bool {
        self.may_hold(stream)
    }

    /// Whether a claim may be taken. False is certain.
    pub(in crate::engine) fn may_hold_claim(&self, key: ClaimKey) -> bool {
        self.may_hold(&key.0)
    }

    fn may_hold(&self, name: &impl Hash) -> bool {
        let hash = self.hasher.hash_one(name);
        self.filters.iter().any(|filter| filter.contains_hash(hash))
    }

    /// Takes in the names that entries bring, before anybody else can ask for them.
    pub(in crate::engine) fn add(&mut self, entries: &Entries) {
        let new = entries.streams.iter().filter(|(_, end)| end.version == 1);
        new.for_each(|(stream, _)| self.add_stream(stream));
        entries.claims.iter().for_each(|(key, _)| self.add_claim(*key));
    }

    pub(super) fn add_stream(&mut self, stream: &Stream) {
        self.insert(stream);
    }

    pub(super) fn add_claim(&mut self, key: ClaimKey) {
        self.insert(&key.0);
    }

    fn insert(&mut self, name: &impl Hash) {
        if self.room == 0 {
            let bits = self.next.saturating_mul(BITS_PER_NAME);
            self.filters.push(BloomFilter::with_num_bits(bits).expected_items(self.next));
            (self.room, self.next) = (self.next, self.next.saturating_mul(2));
        }
        let hash = self.hasher.hash_one(name);
        if let Some(last) = self.filters.last_mut() {
            last.insert_hash(hash);
            self.room -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use piperoll_domain::bytes::Bytes;

    use super::*;

    fn key(number: u64) -> ClaimKey {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Bytes(bytes)
    }

    #[test]
    fn what_was_added_is_held_and_hardly_anything_else_however_many_there_are() {
        let count = 5 * u64::try_from(LEAST_IN_MEMORY).unwrap();
        let mut names = Names::for_about(0, true);
        assert!(!names.may_hold_claim(key(0)));
        (0..count).for_each(|number| names.add_claim(key(number)));
        assert!((0..count).all(|number| names.may_hold_claim(key(number))));
        let wrong = (count..count + 10_000).filter(|other| names.may_hold_claim(key(*other)));
        assert!(wrong.count() < 500, "fewer than one in twenty");
        assert_eq!(names.filters.len(), 3);
    }

    #[test]
    fn a_stream_is_known_by_its_name() {
        let (stream, other) =
            ("account-acme-a".parse().unwrap(), "account-acme-b".parse().unwrap());
        let mut names = Names::for_about(1, false);
        names.add_stream(&stream);
        assert!(names.may_hold_stream(&stream) && !names.may_hold_stream(&other));
    }
}

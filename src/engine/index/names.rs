//! Which names the index may hold: a few bits for each, so that a new one costs no look-up.
//!
//! A Bloom filter that holds more than it was made for says "perhaps" to everything. So when one is
//! full the next, twice as large, stands beside it: there are never more than a handful.
//!
//! What the index held at the start is read by a thread, so that a start takes no longer the more
//! there is. Until it is done, every name is one that may be held, which costs a look-up.
//!
//! # Correctness
//! Names are added by the keeper of the index, before it writes them; until then they are in the
//! writer's memory. So callers may look theirs up ahead, beside one another: what they were told holds
//! as long as the writer's memory begins no later than the filters ended when they looked.

mod reading;

use std::{
    hash::{BuildHasher as _, Hash},
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use fastbloom::AtomicBloomFilter;
use foldhash::fast::{FixedState, RandomState};
use piperoll_domain::id::Stream;

pub(in crate::engine) use self::reading::Reading;
use super::{ClaimKey, Entries};

/// Bits of a filter for each name, and how many of them it sets: full, it is wrong one time in seven
/// hundred. More would make it wrong less often, and each is a look at another place in memory.
const BITS_PER_NAME: usize = 16;
const HASHES: u32 = 5;
/// What the first filter holds at least.
const LEAST: usize = 1 << 20;
/// The same in memory, where few names are more than a few.
const LEAST_IN_MEMORY: usize = 1 << 10;

/// How many filters there may be: far more than there is memory for.
const FILTERS: usize = 32;

/// Names that are taken. That one is not among them is certain.
pub(in crate::engine) struct Names {
    /// Those of the start; none yet while they are being read.
    old: Arc<OnceLock<Filters>>,
    new: Filters,
    /// Up to which position every name is in here.
    up_to: AtomicU64,
}

/// A claim's key that was looked up ahead.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Looked {
    pub(in crate::engine) key: ClaimKey,
    /// Up to which position it is certain that nobody took it; none if somebody may have.
    pub(in crate::engine) free_up_to: Option<u64>,
}

impl Looked {
    /// One that was not.
    pub(in crate::engine) const fn not(key: ClaimKey) -> Self {
        Self { key, free_up_to: None }
    }
}

impl Names {
    /// None but those up to a position, which somebody will read into the first part.
    ///
    /// Nobody can guess which names are taken for known; in memory, it is the same ones each time.
    fn new(in_memory: bool, up_to: u64) -> Self {
        let least = if in_memory { LEAST_IN_MEMORY } else { LEAST };
        let seed = if in_memory { 0 } else { RandomState::default().hash_one(0) };
        let new = Filters::for_about(least, FixedState::with_seed(seed));
        Self { old: Arc::default(), new, up_to: AtomicU64::new(up_to) }
    }

    /// Whether a stream may exist. False is certain.
    pub(in crate::engine) fn may_hold_stream(&self, stream: &Stream) -> bool {
        self.may_hold(stream)
    }

    /// Whether a claim may be taken. False is certain.
    pub(in crate::engine) fn may_hold_claim(&self, key: ClaimKey) -> bool {
        self.may_hold(&key.0)
    }

    /// Looks a claim up for whoever decides later.
    pub(in crate::engine) fn look(&self, key: ClaimKey) -> Looked {
        // First, because what is added meanwhile may or may not be seen.
        let up_to = self.up_to.load(Acquire);
        Looked { key, free_up_to: (!self.may_hold_claim(key)).then_some(up_to) }
    }

    fn may_hold(&self, name: &impl Hash) -> bool {
        let hash = self.new.hasher.hash_one(name);
        self.old.get().is_none_or(|old| old.may_hold(hash)) || self.new.may_hold(hash)
    }

    /// Takes in the names that entries bring, before the writer forgets them.
    pub(in crate::engine) fn add(&self, entries: &Entries) {
        let new = entries.streams.iter().filter(|(_, end)| end.version == 1);
        new.for_each(|(stream, _)| self.new.insert(stream));
        entries.claims.iter().for_each(|(key, _)| self.new.insert(&key.0));
        if let Some(head) = entries.up_to {
            self.up_to.fetch_max(head.position, Release);
        }
    }
}

/// Filters, each twice as large as the one before.
struct Filters {
    hasher: FixedState,
    all: [OnceLock<AtomicBloomFilter>; FILTERS],
    /// How many names the first is made for.
    first: usize,
    /// How many there are.
    count: AtomicUsize,
}

impl Filters {
    /// Empty, with room for about so many.
    const fn for_about(first: usize, hasher: FixedState) -> Self {
        let all = [const { OnceLock::new() }; FILTERS];
        Self { hasher, all, first, count: AtomicUsize::new(0) }
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.all.iter().map_while(OnceLock::get).any(|filter| filter.contains_hash(hash))
    }

    fn insert(&self, name: &impl Hash) {
        let before = self.count.fetch_add(1, Relaxed);
        // The first hold one, three, seven times as many as the first alone, and so on.
        let times = before.checked_div(self.first).unwrap_or(before).saturating_add(1);
        let index =
            usize::try_from(times.ilog2()).map_or(FILTERS - 1, |index| index.min(FILTERS - 1));
        let bits = self.first.saturating_mul(BITS_PER_NAME).saturating_mul(1 << index);
        let make = || AtomicBloomFilter::with_num_bits(bits).hashes(HASHES);
        self.all[index].get_or_init(make).insert_hash(self.hasher.hash_one(name));
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

    /// Names of a roll that is empty at the start.
    fn names() -> Names {
        let names = Names::new(true, 0);
        let old = Filters::for_about(1, names.new.hasher.clone());
        assert!(names.old.set(old).is_ok());
        names
    }

    #[test]
    fn what_was_added_is_held_and_hardly_anything_else_however_many_there_are() {
        let count = 5 * u64::try_from(LEAST_IN_MEMORY).unwrap();
        let names = names();
        assert!(!names.may_hold_claim(key(0)));
        (0..count).for_each(|number| names.new.insert(&key(number).0));
        assert!((0..count).all(|number| names.may_hold_claim(key(number))));
        let wrong = (count..count + 10_000).filter(|other| names.may_hold_claim(key(*other)));
        assert!(wrong.count() < 500, "fewer than one in twenty");
        assert_eq!(names.new.all.iter().filter_map(OnceLock::get).count(), 3);
    }

    #[test]
    fn a_stream_is_known_by_its_name() {
        let (stream, other): (Stream, Stream) =
            ("account-acme-a".parse().unwrap(), "account-acme-b".parse().unwrap());
        let names = names();
        names.new.insert(&stream);
        assert!(names.may_hold_stream(&stream) && !names.may_hold_stream(&other));
    }

    #[test]
    fn any_name_may_be_held_until_those_of_the_start_are_read() {
        let names = Names::new(true, 0);
        assert!(names.may_hold_claim(key(7)));
        let old = Filters::for_about(1, names.new.hasher.clone());
        old.insert(&key(1).0);
        assert!(names.old.set(old).is_ok());
        assert!(names.may_hold_claim(key(1)) && !names.may_hold_claim(key(7)));
    }
}

//! Claims that were taken and are not written to the index yet.
//!
//! Takers stand in the order in which they came, and a claim is known by its taker's place in it: that
//! keeps the table of claims small enough to be near.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use foldhash::fast::RandomState;
use piperoll_domain::claim::Taker;

use crate::engine::index::ClaimKey;

/// Claims and their takers.
#[derive(Default)]
pub(super) struct Taken {
    places: HashMap<ClaimKey, u64, RandomState>,
    takers: VecDeque<(ClaimKey, Taker)>,
    /// How many takers came before those that are here.
    gone: u64,
}

/// What was known of a claim before it was taken.
pub(super) struct Before {
    key: ClaimKey,
    place: Option<u64>,
}

impl Taken {
    /// Who took a claim.
    pub(super) fn taker(&self, key: ClaimKey) -> Option<&Taker> {
        let place = self.places.get(&key)?.checked_sub(self.gone)?;
        self.takers.get(usize::try_from(place).ok()?).map(|(_, taker)| taker)
    }

    /// A claim is taken, perhaps once more.
    pub(super) fn take(&mut self, key: ClaimKey, taker: Taker) -> Before {
        let last = u64::try_from(self.takers.len()).unwrap_or(u64::MAX);
        let place = self.places.insert(key, self.gone.saturating_add(last));
        self.takers.push_back((key, taker));
        Before { key, place }
    }

    /// The last taking never was.
    pub(super) fn give_back(&mut self, Before { key, place }: Before) {
        self.takers.pop_back();
        match place.filter(|place| *place >= self.gone) {
            Some(place) => drop(self.places.insert(key, place)),
            None => drop(self.places.remove(&key)),
        }
    }

    /// What was taken up to a position need not be known any more.
    pub(super) fn forget(&mut self, position: u64) {
        while let Some((key, _)) = self.takers.pop_front_if(|(_, taker)| taker.position <= position)
        {
            if let Entry::Occupied(place) = self.places.entry(key)
                && *place.get() == self.gone
            {
                place.remove();
            }
            self.gone = self.gone.saturating_add(1);
        }
    }

    /// How many claims there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use piperoll_domain::bytes::Bytes;

    use super::*;

    fn taker(position: u64) -> Taker {
        Taker { position, stream: "account-acme-a".parse().unwrap() }
    }

    const KEYS: [ClaimKey; 2] = [Bytes([1; 16]), Bytes([2; 16])];

    #[test]
    fn a_claim_is_known_by_its_last_taker_until_that_is_forgotten() {
        let mut taken = Taken::default();
        for (position, key) in (1..).zip([KEYS[0], KEYS[1], KEYS[0]]) {
            taken.take(key, taker(position));
        }
        assert_eq!(taken.taker(KEYS[0]), Some(&taker(3)));
        taken.forget(1);
        assert_eq!(taken.taker(KEYS[0]), Some(&taker(3)), "taken again since");
        taken.forget(2);
        assert_eq!((taken.taker(KEYS[1]), taken.len()), (None, 1));
        taken.forget(3);
        assert_eq!((taken.taker(KEYS[0]), taken.len()), (None, 0));
    }

    #[test]
    fn what_was_taken_in_vain_is_as_it_was_before() {
        let mut taken = Taken::default();
        taken.take(KEYS[0], taker(1));
        taken.take(KEYS[1], taker(2));
        taken.forget(1);
        let vain = [taken.take(KEYS[0], taker(3)), taken.take(KEYS[1], taker(3))];
        vain.into_iter().rev().for_each(|before| taken.give_back(before));
        assert_eq!((taken.taker(KEYS[0]), taken.taker(KEYS[1])), (None, Some(&taker(2))));
        taken.take(KEYS[0], taker(3));
        assert_eq!(taken.taker(KEYS[0]), Some(&taker(3)));
    }

    #[test]
    fn what_was_forgotten_meanwhile_does_not_come_back() {
        let mut taken = Taken::default();
        taken.take(KEYS[0], taker(1));
        let vain = taken.take(KEYS[0], taker(2));
        taken.forget(1);
        taken.give_back(vain);
        assert_eq!((taken.taker(KEYS[0]), taken.len()), (None, 0));
    }
}

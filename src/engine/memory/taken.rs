//! Claims that were taken and are not written to the index yet.
//!
//! They lie in two tables, the later ones in the second, and the first is emptied as a whole once the
//! index holds all of it: nothing has to be looked up to be forgotten.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use piperoll_domain::{claim::Taker, id::Stream};

use crate::engine::index::ClaimKey;

/// Claims, and which facts took them.
#[derive(Default)]
pub(super) struct Taken {
    old: Table,
    young: Table,
    /// How many claims wait for the index.
    waiting: usize,
}

/// Claims by the position of their taker.
#[derive(Default)]
struct Table {
    positions: HashMap<ClaimKey, u64, RandomState>,
    /// The facts that took them, in order: where they stand, and how many each took.
    facts: Vec<(u64, usize)>,
    /// And in which streams.
    streams: Vec<Stream>,
    /// How many of the facts the index holds.
    held: usize,
}

/// A claim that was taken, and by whom it was known to be taken before.
pub(super) struct Taking {
    key: ClaimKey,
    position: u64,
    before: Option<u64>,
}

impl Table {
    /// Who took a claim; none if the index holds that.
    fn taker(&self, key: ClaimKey) -> Option<Taker> {
        let position = *self.positions.get(&key)?;
        let at = self.facts.binary_search_by_key(&position, |(position, _)| *position).ok()?;
        let stream = self.streams.get(at).filter(|_| at >= self.held)?.clone();
        Some(Taker { position, stream })
    }

    /// Takes a claim back; false if it is not here.
    fn give_back(&mut self, taking: &Taking) -> bool {
        let Some(position) = self.positions.get_mut(&taking.key) else { return false };
        if *position != taking.position {
            return false;
        }
        match taking.before {
            Some(before) => *position = before,
            None => drop(self.positions.remove(&taking.key)),
        }
        true
    }

    /// Takes its last fact back, if it is that one. Returns how many claims it took.
    fn take_back(&mut self, position: u64) -> usize {
        let vain = self.facts.pop_if(|(last, _)| *last == position);
        self.streams.truncate(self.facts.len());
        vain.map_or(0, |(_, claims)| claims)
    }

    /// The index holds everything up to a position. Returns how many claims that are.
    fn forget(&mut self, position: u64) -> usize {
        let known = self.facts.iter().skip(self.held).take_while(|(taker, _)| *taker <= position);
        let (facts, claims) =
            known.fold((0, 0), |(facts, sum), (_, claims)| (facts + 1, sum + claims));
        self.held += facts;
        claims
    }

    /// Empties it if the index holds all of it.
    fn empty(&mut self) -> bool {
        let is_over = self.held == self.facts.len();
        if is_over {
            let most = self.positions.len();
            self.positions.clear();
            // What was many once would lie far apart for ever.
            self.positions.shrink_to(most * 4);
            self.facts.clear();
            self.streams.clear();
            self.held = 0;
        }
        is_over
    }
}

impl Taken {
    /// Who took a claim.
    pub(super) fn taker(&self, key: ClaimKey) -> Option<Taker> {
        self.young.taker(key).or_else(|| self.old.taker(key))
    }

    /// The next fact that takes claims, and how many.
    pub(super) fn note(&mut self, position: u64, stream: &Stream, claims: usize) {
        self.young.facts.push((position, claims));
        self.young.streams.push(stream.clone());
        self.waiting += claims;
    }

    /// That fact takes a claim, perhaps once more.
    pub(super) fn take(&mut self, key: ClaimKey, position: u64) -> Taking {
        Taking { key, position, before: self.young.positions.insert(key, position) }
    }

    /// The last taking never was.
    pub(super) fn give_back(&mut self, taking: &Taking) {
        let Self { old, young, waiting } = self;
        let _ = young.give_back(taking) || old.give_back(taking);
        *waiting -= young.take_back(taking.position) + old.take_back(taking.position);
    }

    /// What was taken up to a position need not be known any more.
    pub(super) fn forget(&mut self, position: u64) {
        let Self { old, young, waiting } = self;
        *waiting -= old.forget(position) + young.forget(position);
        if old.empty() {
            std::mem::swap(old, young);
            old.empty();
        }
    }

    /// How many claims wait for the index.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use piperoll_domain::bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn key(name: u8) -> ClaimKey {
        Bytes([name; 16])
    }

    fn stream() -> Stream {
        "account-acme-a".parse().unwrap()
    }

    fn taken_at(taken: &Taken, name: u8) -> Option<u64> {
        taken.taker(key(name)).map(|taker| taker.position)
    }

    fn take(taken: &mut Taken, position: u64, names: &[u8]) -> Vec<Taking> {
        taken.note(position, &stream(), names.len());
        names.iter().map(|name| taken.take(key(*name), position)).collect()
    }

    #[test]
    fn a_claim_is_known_by_its_last_taker_until_that_is_forgotten() {
        let mut taken = Taken::default();
        for (position, name) in (1..).zip([1, 2, 1]) {
            take(&mut taken, position, &[name]);
        }
        assert_eq!(taken_at(&taken, 1), Some(3));
        taken.forget(1);
        assert_eq!(taken_at(&taken, 1), Some(3), "taken again since");
        taken.forget(2);
        assert_eq!((taken_at(&taken, 2), taken.waiting()), (None, 1));
        taken.forget(3);
        assert_eq!((taken_at(&taken, 1), taken.waiting()), (None, 0));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(Vec<u8>),
        /// The last so many facts never were.
        GiveBack(usize),
        Forget(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop::collection::hash_set(0_u8..6, 0..4)
                .prop_map(|names| Step::Take(names.into_iter().collect())),
            2 => (1_usize..4).prop_map(Step::GiveBack),
            2 => (0_u64..5).prop_map(Step::Forget),
        ]
    }

    proptest! {
        /// As a list would do it in which everybody looks from the end.
        #[test]
        fn what_is_not_in_the_index_is_known_and_what_was_taken_in_vain_is_not(
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let (mut taken, mut undo, mut plain) = (Taken::default(), vec![], vec![]);
            let (mut next, mut flushed) = (1, 0);
            for step in steps {
                match step {
                    Step::Take(names) => {
                        let takings = if names.is_empty() { vec![] } else {
                            take(&mut taken, next, &names)
                        };
                        undo.push(takings);
                        plain.extend(names.into_iter().map(|name| (name, next)));
                        next += 1;
                    }
                    // What the index holds is in the roll.
                    Step::GiveBack(facts) => for _ in 0..facts {
                        if next - 1 <= flushed { break }
                        next -= 1;
                        undo.pop().unwrap().iter().rev().for_each(|one| taken.give_back(one));
                        plain.retain(|(_, position)| *position < next);
                    },
                    Step::Forget(more) => {
                        flushed = (flushed + more).min(next - 1);
                        taken.forget(flushed);
                    }
                }
                for name in 0..6 {
                    let last = plain.iter().rev().find(|(known, _)| *known == name);
                    let last = last.map(|(_, position)| *position);
                    prop_assert_eq!(taken_at(&taken, name), last.filter(|last| *last > flushed));
                }
                let waiting = plain.iter().filter(|(_, position)| *position > flushed).count();
                prop_assert_eq!(taken.waiting(), waiting);
            }
        }
    }
}

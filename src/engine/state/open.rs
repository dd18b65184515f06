//! Open duties, and which of them a dead letter does in place of their own reactor.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use piperoll_domain::{
    duty::{Change, Duty, Kind, Name},
    time::Time,
};

use super::OpenDuties;

type ByDue = BTreeMap<Kind, BTreeSet<(Time, Name)>>;

/// The duties that are open.
#[derive(Debug, Default)]
pub(super) struct Open {
    by_name: HashMap<Name, Duty, RandomState>,
    /// Those that their own reactors do.
    by_due: ByDue,
    /// Those that have a letter.
    aside: ByDue,
    /// What letters owe whose own duty is open no more: their end.
    orphans: BTreeSet<Name>,
}

impl Open {
    pub(super) fn get(&self, name: &Name) -> Option<Duty> {
        self.by_name.get(name).cloned()
    }

    /// What the reactor of a kind may do now, oldest first; of letters first those that only have
    /// to be ended.
    pub(super) fn due(&self, kind: Kind, now: Time) -> impl Iterator<Item = Duty> {
        let orphans = (kind == Kind::Retry).then_some(&self.orphans);
        let due = self.by_due.get(&kind).into_iter().flatten();
        let due = due.take_while(move |(due, _)| *due <= now).map(|(_, name)| name);
        let due = due.filter(|name| !self.orphans.contains(*name));
        let names = orphans.into_iter().flatten().chain(due);
        names.filter_map(|name| self.get(name))
    }

    /// How much of a kind is owed, whoever does it.
    pub(super) fn of_kind(&self, kind: Kind) -> OpenDuties {
        let both = [self.by_due.get(&kind), self.aside.get(&kind)].into_iter().flatten();
        let count = both.clone().map(BTreeSet::len).sum();
        let oldest_due = both.filter_map(|all| all.first()).map(|(due, _)| *due).min();
        OpenDuties { kind, count, oldest_due }
    }

    /// Takes in what changed, in its order.
    pub(super) fn hear(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match change {
                Change::Open(duty) => self.insert(duty),
                Change::Close(name) => self.remove(&name),
            }
        }
    }

    pub(super) fn insert(&mut self, duty: Duty) {
        self.remove(&duty.name);
        let letters = self.letters(&duty);
        let place = if letters.is_some() { &mut self.aside } else { &mut self.by_due };
        put(place, &duty);
        match duty.name.about().and_then(|about| self.held(&about.duty, about.opener)) {
            Some(about) => {
                take(&mut self.by_due, &about);
                put(&mut self.aside, &about);
            }
            None if duty.name.kind.is_of_letter() => {
                self.orphans.insert(duty.name.clone());
            }
            None => {}
        }
        for letter in letters.into_iter().flatten() {
            self.orphans.remove(&letter);
        }
        self.by_name.insert(duty.name.clone(), duty);
    }

    pub(super) fn remove(&mut self, name: &Name) {
        let Some(duty) = self.by_name.remove(name) else { return };
        if !take(&mut self.by_due, &duty) {
            take(&mut self.aside, &duty);
        }
        self.orphans.remove(name);
        self.orphans.extend(self.letters(&duty).into_iter().flatten());
        if let Some(about) = name.about().and_then(|about| self.held(&about.duty, about.opener)) {
            take(&mut self.aside, &about);
            put(&mut self.by_due, &about);
        }
    }

    /// What is open of a duty's letter; none if it has no letter. Costs next to nothing while there
    /// are no letters at all.
    fn letters(&self, duty: &Duty) -> Option<Vec<Name>> {
        let any = |kind| self.by_due.get(&kind).is_some_and(|all| !all.is_empty());
        if !any(Kind::Retry) && !any(Kind::ManualReview) {
            return None;
        }
        let open = |name: &Name| self.by_name.contains_key(name);
        let letters: Vec<Name> = duty.letters()?.into_iter().filter(open).collect();
        (!letters.is_empty()).then_some(letters)
    }

    /// A duty, if it is open by this very fact.
    fn held(&self, name: &Name, opener: u64) -> Option<Duty> {
        self.by_name.get(name).filter(|duty| duty.opener == opener).cloned()
    }

    /// What cannot be due so late was timed by a clock that was ahead, and is due at `now`.
    pub(super) fn correct(&mut self, now: Time) {
        let late = |duty: &&Duty| {
            let wait_max = duty.name.kind.wait_max_seconds();
            wait_max.is_some_and(|wait_max| duty.due > now.plus_seconds(wait_max))
        };
        let late: Vec<Duty> = self.by_name.values().filter(late).cloned().collect();
        for duty in late {
            for place in [&mut self.by_due, &mut self.aside] {
                if take(place, &duty) {
                    put(place, &Duty { due: now, ..duty.clone() });
                }
            }
            self.by_name.insert(duty.name.clone(), Duty { due: now, ..duty });
        }
    }
}

fn put(place: &mut ByDue, duty: &Duty) {
    place.entry(duty.name.kind).or_default().insert((duty.due, duty.name.clone()));
}

fn take(place: &mut ByDue, duty: &Duty) -> bool {
    let of_kind = place.get_mut(&duty.name.kind);
    of_kind.is_some_and(|of_kind| of_kind.remove(&(duty.due, duty.name.clone())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::index::drop_what_ended;

    fn fulfil(opener: u64) -> Duty {
        let stream = format!("payment-acme-p{opener}").parse().unwrap();
        let name = Name { kind: Kind::Fulfil, stream, item: None };
        Duty { name, due: Time::from_seconds(i64::try_from(opener).unwrap()), opener }
    }

    fn letter(of: &Duty, manual: bool) -> Duty {
        let name = of.letters().unwrap()[usize::from(manual)].clone();
        Duty { name, due: Time::from_seconds(100), opener: 50 }
    }

    fn insert(open: &mut Open, duties: [Duty; 2]) {
        for duty in duties {
            open.insert(duty);
        }
    }

    fn due(open: &Open, kind: Kind) -> Vec<Name> {
        open.due(kind, Time::from_seconds(1_000)).map(|duty| duty.name).collect()
    }

    proptest! {
        #[test]
        fn those_that_began_and_ended_meanwhile_leave_nothing_behind(
            steps in prop::collection::vec((0_u8..5, 0_u64..4), 0..40),
        ) {
            let (mut begun, mut all) = (BTreeSet::new(), vec![]);
            for (step, number) in steps {
                let kept = Duty {
                    name: Name { kind: Kind::Return, ..fulfil(number).name },
                    ..fulfil(number)
                };
                match step {
                    0 if begun.insert(number) => all.push(Change::Open(kept)),
                    1 if begun.contains(&number) => all.push(Change::Close(kept.name)),
                    2 => all.push(Change::Open(letter(&kept, false))),
                    3 => all.push(Change::Close(letter(&kept, false).name)),
                    _ => all.push(Change::Open(letter(&kept, true))),
                }
            }
            let mut fewer = all.clone();
            drop_what_ended(&mut fewer);
            let [mut one, mut other] = [Open::default(), Open::default()];
            one.hear(all);
            other.hear(fewer);
            prop_assert_eq!(&one.by_name, &other.by_name);
            prop_assert_eq!(&one.orphans, &other.orphans);
            for kind in Kind::ALL {
                prop_assert_eq!(due(&one, kind), due(&other, kind));
                prop_assert_eq!(one.of_kind(kind), other.of_kind(kind));
            }
        }
    }

    #[test]
    fn a_duty_with_a_letter_is_left_to_it_in_whichever_order_they_come() {
        for letter_first in [false, true] {
            for manual in [false, true] {
                let (one, two, mut open) = (fulfil(1), fulfil(2), Open::default());
                let mut both = [one.clone(), letter(&one, manual)];
                if letter_first {
                    both.reverse();
                }
                insert(&mut open, both);
                open.insert(two.clone());
                assert_eq!(due(&open, Kind::Fulfil), std::slice::from_ref(&two.name));
                assert_eq!(open.of_kind(Kind::Fulfil).count, 2, "owed all the same");
                assert_eq!(open.of_kind(Kind::Fulfil).oldest_due, Some(one.due));
                assert!(open.orphans.is_empty());
                open.remove(&letter(&one, manual).name);
                assert_eq!(due(&open, Kind::Fulfil), [one.name, two.name]);
            }
        }
    }

    #[test]
    fn a_letter_whose_duty_is_closed_comes_up_at_once() {
        for manual in [false, true] {
            let (one, mut open) = (fulfil(1), Open::default());
            let letter = letter(&one, manual);
            insert(&mut open, [one.clone(), letter.clone()]);
            open.remove(&one.name);
            let soon: Vec<_> = open.due(Kind::Retry, Time::EPOCH).collect();
            assert_eq!(soon, std::slice::from_ref(&letter));
            assert_eq!(due(&open, Kind::Retry).len(), 1, "not twice");
            open.remove(&letter.name);
            assert!(due(&open, Kind::Retry).is_empty());
        }
    }

    #[test]
    fn another_opening_of_the_same_duty_is_not_the_letters() {
        let (one, mut open) = (fulfil(1), Open::default());
        insert(&mut open, [one.clone(), letter(&one, false)]);
        open.insert(Duty { opener: 9, ..one.clone() });
        assert_eq!(due(&open, Kind::Fulfil), [one.name]);
        assert_eq!(open.orphans.len(), 1);
    }

    #[test]
    fn what_a_clock_that_was_ahead_put_off_is_due_once_it_is_corrected() {
        let (at_once, mut open) = (fulfil(5_000), Open::default());
        let lapse =
            Name { kind: Kind::Lapse, item: Some("l".to_owned().into()), ..at_once.name.clone() };
        let lapse = Duty { name: lapse, ..at_once.clone() };
        insert(&mut open, [at_once, lapse]);
        assert!(due(&open, Kind::Fulfil).is_empty());
        open.correct(Time::from_seconds(900));
        assert_eq!(due(&open, Kind::Fulfil).len(), 1);
        assert!(
            due(&open, Kind::Lapse).is_empty(),
            "what was promised until then holds until then"
        );
        open.correct(Time::from_seconds(900));
        assert_eq!(open.of_kind(Kind::Fulfil).count, 1);
    }
}

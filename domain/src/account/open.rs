//! Open reservations, by name and by their end.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::Reservation;
use crate::{
    few::Few,
    id::ReservationId,
    time::{Moment, Time},
};

/// So many are quickly looked through; more are kept in order of their ends too.
const FEW: usize = 8;

/// Open reservations.
#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    by_name: Few<ReservationId, Reservation>,
    by_end: Option<BTreeSet<(Time, ReservationId)>>,
}

impl Open {
    pub(super) fn get(&self, name: &ReservationId) -> Option<&Reservation> {
        self.by_name.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ReservationId, &Reservation)> {
        self.by_name.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn insert(&mut self, name: ReservationId, open: Reservation) {
        if let Some(ends) = &mut self.by_end {
            ends.insert((open.expires_at, name.clone()));
        }
        self.by_name.insert(name, open);
        if self.by_end.is_none() && self.len() > FEW {
            let end =
                |(name, open): (&ReservationId, &Reservation)| (open.expires_at, name.clone());
            self.by_end = Some(self.iter().map(end).collect());
        }
    }

    pub(super) fn remove(&mut self, name: &ReservationId) {
        let Some(ended) = self.by_name.remove(name) else { return };
        if let Some(ends) = &mut self.by_end {
            ends.remove(&(ended.expires_at, name.clone()));
            if ends.is_empty() {
                self.by_end = None;
            }
        }
    }

    /// The first `most` of those whose time is over, oldest end first.
    pub(super) fn over(&self, moment: Moment, most: usize) -> Vec<ReservationId> {
        let is_over = |end: &Time| moment.is_past(*end);
        if let Some(ends) = &self.by_end {
            let over = ends.iter().take_while(|(end, _)| is_over(end)).take(most);
            return over.map(|(_, name)| name.clone()).collect();
        }
        let over = self.iter().filter(|(_, open)| is_over(&open.expires_at));
        let mut over: Vec<_> = over.map(|(name, open)| (open.expires_at, name)).collect();
        over.sort_unstable();
        over.into_iter().take(most).map(|(_, name)| name.clone()).collect()
    }
}

/// However they are kept.
impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.by_name == other.by_name
    }
}

impl Eq for Open {}

impl FromIterator<(ReservationId, Reservation)> for Open {
    fn from_iter<I: IntoIterator<Item = (ReservationId, Reservation)>>(all: I) -> Self {
        let mut open = Self::default();
        all.into_iter().for_each(|(name, reservation)| open.insert(name, reservation));
        open
    }
}

/// As a map by name.
impl Serialize for Open {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.by_name.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        billing::Mode,
        id::Pool,
        money::{Amount, Money},
    };

    fn ending(at: i64) -> Reservation {
        Reservation {
            mode: Mode::Live,
            total: Money::msat(Amount::ZERO),
            held: vec![].into(),
            pool: Pool::general(),
            expires_at: Time::from_seconds(at),
            reference: None,
        }
    }

    proptest! {
        #[test]
        fn those_whose_time_is_over_come_by_their_end_however_many_there_are(
            steps in prop::collection::vec((0_u8..20, 0_i64..10, any::<bool>()), 0..60),
            now in 0_i64..11,
            most in 1_usize..12,
        ) {
            let (mut open, mut plain) = (Open::default(), BTreeSet::new());
            for (name, end, begins) in steps {
                let name: ReservationId = format!("r{name}").parse().unwrap();
                plain.retain(|(_, known): &(i64, ReservationId)| *known != name);
                open.remove(&name);
                if begins {
                    plain.insert((end, name.clone()));
                    open.insert(name, ending(end));
                }
            }
            let moment = Moment::at(Time::from_seconds(now));
            let past = plain.iter().filter(|(end, _)| moment.is_past(Time::from_seconds(*end)));
            let past: Vec<_> = past.take(most).map(|(_, name)| name.clone()).collect();
            prop_assert_eq!(open.over(moment, most), past);
            let again: Open = open.iter().map(|(name, open)| (name.clone(), open.clone())).collect();
            prop_assert_eq!((again.len(), &again), (plain.len(), &open));
        }
    }
}

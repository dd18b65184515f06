//! A map that mostly holds one thing or nothing: that lies in place, and costs no room elsewhere.

use std::{
    collections::{BTreeMap, btree_map},
    iter::Chain,
    option,
};

use serde::{Serialize, Serializer};

/// A map in the order of its keys.
#[derive(Debug, Clone)]
pub(crate) enum Few<K, V> {
    /// One at most.
    One(Option<(K, V)>),
    /// Any number.
    Many(BTreeMap<K, V>),
}

impl<K: Ord, V> Few<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::One(one) => {
                one.as_ref().filter(|(known, _)| known == key).map(|(_, value)| value)
            }
            Self::Many(many) => many.get(key),
        }
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in place of the one that is there, which is returned.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::One(Some((known, before))) if *known == key => {
                Some(std::mem::replace(before, value))
            }
            Self::One(one) => match one.take() {
                None => {
                    *one = Some((key, value));
                    None
                }
                Some(known) => {
                    *self = Self::Many([known, (key, value)].into());
                    None
                }
            },
            Self::Many(many) if many.is_empty() => {
                *self = Self::One(Some((key, value)));
                None
            }
            Self::Many(many) => many.insert(key, value),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::One(one) => one.take_if(|(known, _)| known == key).map(|(_, value)| value),
            Self::Many(many) => many.remove(key),
        }
    }

    /// The value of a key, made if there is none.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if let Self::One(one) = self
            && let Some(other) = one.take_if(|(known, _)| *known != key)
        {
            *self = Self::Many([other].into());
        }
        match self {
            Self::One(one) => &mut one.get_or_insert_with(|| (key, V::default())).1,
            Self::Many(many) => many.entry(key).or_default(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, many) = match self {
            Self::One(one) => (one.as_ref(), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.map(|(key, value)| (key, value)).into_iter().chain(many.into_iter().flatten())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Many(many) => many.len(),
        }
    }
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self::One(None)
    }
}

/// However they lie.
impl<K: Ord, V: PartialEq> PartialEq for Few<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Ord, V: Eq> Eq for Few<K, V> {}

impl<K, V> IntoIterator for Few<K, V> {
    type Item = (K, V);
    type IntoIter = Chain<option::IntoIter<(K, V)>, btree_map::IntoIter<K, V>>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Self::One(one) => one.into_iter().chain(BTreeMap::new()),
            Self::Many(many) => None.into_iter().chain(many),
        }
    }
}

impl<K: Ord, V> Extend<(K, V)> for Few<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, more: I) {
        more.into_iter().for_each(|(key, value)| drop(self.insert(key, value)));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Few<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut few = Self::default();
        few.extend(all);
        few
    }
}

/// As any map is written.
impl<K: Ord + Serialize, V: Serialize> Serialize for Few<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_whatever_is_done_to_it(steps in prop::collection::vec((0_u8..4, 0_u8..5), 0..40)) {
            let (mut few, mut map) = (Few::default(), BTreeMap::new());
            for (value, (step, key)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 => prop_assert_eq!(few.insert(key, value), map.insert(key, value)),
                    2 => prop_assert_eq!(few.remove(&key), map.remove(&key)),
                    _ => prop_assert_eq!(few.get_or_default(key), map.entry(key).or_default()),
                }
                prop_assert_eq!(few.get(&key), map.get(&key));
                prop_assert_eq!(few.len(), map.len());
                prop_assert!(few.iter().eq(&map));
                let again: Few<_, _> = map.clone().into_iter().collect();
                prop_assert_eq!(&few, &again);
            }
            prop_assert_eq!(serde_json::to_value(&few)?, serde_json::to_value(&map)?);
            prop_assert!(few.into_iter().eq(map));
        }
    }
}

//! A map that mostly holds one thing or nothing: that lies in place, and costs no room elsewhere. A
//! few lie in a row, whose room is kept for the next; only many make a tree.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// How many lie in a row.
const ROW_MAX: usize = 8;

/// A map in the order of its keys.
#[derive(Debug, Clone)]
pub(crate) enum Few<K, V> {
    /// One at most.
    One(Option<(K, V)>),
    /// So many that looking through them is quick.
    Row(Vec<(K, V)>),
    /// Any number.
    Tree(BTreeMap<K, V>),
}

/// Where a key stands in a row, or would stand.
fn place<K: Ord, V>(row: &[(K, V)], key: &K) -> Result<usize, usize> {
    row.binary_search_by(|(known, _)| known.cmp(key))
}

impl<K: Ord, V> Few<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::One(one) => {
                one.as_ref().filter(|(known, _)| known == key).map(|(_, value)| value)
            }
            Self::Row(row) => row.get(place(row, key).ok()?).map(|(_, value)| value),
            Self::Tree(tree) => tree.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::One(one) => {
                one.as_mut().filter(|(known, _)| known == key).map(|(_, value)| value)
            }
            Self::Row(row) => place(row, key).ok().map(|at| &mut row[at].1),
            Self::Tree(tree) => tree.get_mut(key),
        }
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in place of the one that is there, which is returned.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.make_room(&key);
        match self {
            Self::One(one) => one.replace((key, value)).map(|(_, before)| before),
            Self::Row(row) => match place(row, &key) {
                Ok(at) => Some(std::mem::replace(&mut row[at].1, value)),
                Err(at) => {
                    row.insert(at, (key, value));
                    None
                }
            },
            Self::Tree(tree) => tree.insert(key, value),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::One(one) => one.take_if(|(known, _)| known == key).map(|(_, value)| value),
            Self::Row(row) => place(row, key).ok().map(|at| row.remove(at).1),
            Self::Tree(tree) => tree.remove(key),
        }
    }

    /// The value of a key, made if there is none.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.make_room(&key);
        match self {
            Self::One(one) => &mut one.get_or_insert_with(|| (key, V::default())).1,
            Self::Row(row) => {
                let at = place(row, &key).unwrap_or_else(|at| {
                    row.insert(at, (key, V::default()));
                    at
                });
                &mut row[at].1
            }
            Self::Tree(tree) => tree.entry(key).or_default(),
        }
    }

    /// Takes the form that has room for a key.
    fn make_room(&mut self, key: &K) {
        match self {
            Self::One(one) => {
                if let Some(other) = one.take_if(|(known, _)| known != key) {
                    *self = Self::Row(vec![other]);
                }
            }
            Self::Row(row) if row.len() == ROW_MAX && place(row, key).is_err() => {
                *self = Self::Tree(row.drain(..).collect());
            }
            Self::Tree(tree) if tree.is_empty() => *self = Self::default(),
            Self::Row(_) | Self::Tree(_) => {}
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, row, tree) = match self {
            Self::One(one) => (one.as_ref(), &[][..], None),
            Self::Row(row) => (None, row.as_slice(), None),
            Self::Tree(tree) => (None, &[][..], Some(tree)),
        };
        let listed = one.into_iter().chain(row).map(|(key, value)| (key, value));
        listed.chain(tree.into_iter().flatten())
    }

    /// Hands everything over, in order. An iterator would carry all three forms about.
    pub(crate) fn hand_over(self, mut to: impl FnMut(K, V)) {
        match self {
            Self::One(one) => one.into_iter().for_each(|(key, value)| to(key, value)),
            Self::Row(row) => row.into_iter().for_each(|(key, value)| to(key, value)),
            Self::Tree(tree) => tree.into_iter().for_each(|(key, value)| to(key, value)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(one.is_some()),
            Self::Row(row) => row.len(),
            Self::Tree(tree) => tree.len(),
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
        fn it_is_a_map_whatever_is_done_to_it(steps in prop::collection::vec((0_u8..4, 0_u8..12), 0..80)) {
            let (mut few, mut map) = (Few::default(), BTreeMap::new());
            for (value, (step, key)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 => prop_assert_eq!(few.insert(key, value), map.insert(key, value)),
                    2 => prop_assert_eq!(few.remove(&key), map.remove(&key)),
                    _ => prop_assert_eq!(few.get_or_default(key), map.entry(key).or_default()),
                }
                prop_assert_eq!(few.get(&key), map.get(&key));
                prop_assert_eq!(few.get_mut(&key), map.get_mut(&key));
                prop_assert_eq!(few.len(), map.len());
                prop_assert!(few.iter().eq(&map));
                let again: Few<_, _> = map.clone().into_iter().collect();
                prop_assert_eq!(&few, &again);
            }
            prop_assert_eq!(serde_json::to_value(&few)?, serde_json::to_value(&map)?);
            let mut all = vec![];
            few.hand_over(|key, value| all.push((key, value)));
            prop_assert_eq!(all, map.into_iter().collect::<Vec<_>>());
        }
    }
}

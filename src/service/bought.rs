//! Payments behind credentials that were used before. What is remembered of them stands in the roll
//! for ever: that they are settled, what they bought, and what was given for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::render::Known;
use crate::l402::identifier::Identifier;

/// How many are remembered in each half.
const HALF: usize = 32_768;

/// Two halves: what is asked for in the older one moves to the younger one, and the older one goes
/// when the younger one is full.
#[derive(Default)]
pub(super) struct Bought(Mutex<[HashMap<Identifier, Arc<Known>>; 2]>);

impl Bought {
    pub(super) fn get(&self, identifier: &Identifier) -> Option<Arc<Known>> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *halves;
        if let Some(known) = young.get(identifier) {
            return Some(Arc::clone(known));
        }
        let known = old.remove(identifier)?;
        young.insert(*identifier, Arc::clone(&known));
        Some(known)
    }

    /// Remembers a payment that can change no more in what is asked of it here.
    pub(super) fn remember(&self, identifier: Identifier, known: &Arc<Known>) {
        if !known.state.status.is_settled() || known.state.gave.is_none() {
            return;
        }
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *halves;
        if young.len() >= HALF {
            *old = std::mem::take(young);
        }
        young.insert(identifier, Arc::clone(known));
    }
}

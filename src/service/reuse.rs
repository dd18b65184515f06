//! Challenges that may be shown again: a hint where to look, confirmed by the roll each time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use piperoll_domain::{
    id::{AccountId, PaymentId, TenantId},
    offer::OfferRef,
};

/// What must be equal for a challenge to be shown again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) tenant: TenantId,
    pub(super) buyer: String,
    pub(super) offer: String,
    pub(super) version: u32,
    pub(super) quantity: u32,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) account: Option<AccountId>,
}

impl Wish {
    /// Whether it is for this version of this offer.
    pub(super) fn is_for(&self, offer: &OfferRef) -> bool {
        self.offer == offer.id.as_str() && self.version == offer.version
    }
}

/// The latest challenges, by what they were for.
#[derive(Debug)]
pub(super) struct Reuse {
    most: usize,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    payments: HashMap<Wish, PaymentId>,
    oldest_first: VecDeque<Wish>,
}

impl Reuse {
    pub(super) fn new(most: usize) -> Self {
        Self { most, shown: Mutex::default() }
    }

    pub(super) fn get(&self, wish: &Wish) -> Option<PaymentId> {
        self.lock().payments.get(wish).cloned()
    }

    pub(super) fn remember(&self, wish: Wish, payment: PaymentId) {
        let mut shown = self.lock();
        if shown.payments.insert(wish.clone(), payment).is_none() {
            shown.oldest_first.push_back(wish);
        }
        while shown.payments.len() > self.most {
            let Some(oldest) = shown.oldest_first.pop_front() else { break };
            shown.payments.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        // Nothing panics while it is held.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(path: &str) -> Wish {
        Wish {
            tenant: "acme".parse().unwrap(),
            buyer: "b".into(),
            offer: "o".into(),
            version: 1,
            quantity: 1,
            method: "GET".into(),
            path: path.into(),
            account: None,
        }
    }

    #[test]
    fn only_so_many_are_remembered_and_the_oldest_goes_first() {
        let reuse = Reuse::new(2);
        for (path, payment) in [("/a", "1"), ("/a", "2"), ("/b", "3"), ("/c", "4")] {
            reuse.remember(wish(path), payment.parse().unwrap());
        }
        let known = |path| reuse.get(&wish(path)).map(|payment| payment.to_string());
        assert_eq!(
            [known("/a"), known("/b"), known("/c")],
            [None, Some("3".into()), Some("4".into())]
        );
    }
}

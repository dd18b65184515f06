//! What was really paid, as those who paid remember it: no piece of the house is asked.

use std::collections::BTreeMap;

use piperoll_domain::{bytes::Hash, time::Time};

/// One payment of an invoice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paid {
    pub(super) msat: u64,
    pub(super) at: Time,
}

/// Every payment of every invoice.
#[derive(Debug, Default)]
pub(super) struct Wallet(BTreeMap<Hash, Vec<Paid>>);

impl Wallet {
    pub(super) fn note(&mut self, hash: Hash, paid: Paid) {
        self.0.entry(hash).or_default().push(paid);
    }

    /// How much was paid for an invoice, in all.
    pub(super) fn paid(&self, hash: Hash) -> u64 {
        self.0.get(&hash).into_iter().flatten().map(|paid| paid.msat).sum()
    }

    /// Every invoice that anything was paid for.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Hash, &Vec<Paid>)> {
        self.0.iter()
    }
}

//! The observer: follows the roll from outside, with sums of its own, and says what does not hold.

mod metering;
mod money;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use piperoll::{
    fact,
    roll::{Block, Head, Identity, MemoryRoll, leaf, link},
};
use piperoll_domain::{
    account::Account,
    book::{Book, State},
    bytes::{Hash, Id16},
    claim::Claim,
    event::{Event, Recorded},
    id::TenantId,
    roll,
    time::Time,
};
use piperoll_projections::tables::Tables;

use self::{metering::Metering, money::Moneys};
use super::wallet::Wallet;

/// An invariant that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) invariant: &'static str,
    pub(super) found: String,
}

pub(super) fn must(
    holds: bool,
    invariant: &'static str,
    found: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { invariant, found: found() }) }
}

/// Everything that the roll has said so far.
pub(super) struct Ledger {
    pub(super) head: Head,
    pub(super) book: Book,
    pub(super) views: Tables,
    pub(super) names: BTreeMap<&'static str, usize>,
    /// The ids and hashes of records by position, from 1.
    ids: Vec<(Id16, Hash)>,
    seen: BTreeSet<Id16>,
    tenants: BTreeMap<TenantId, u64>,
    keys: BTreeMap<(TenantId, String, String), u64>,
    moneys: Moneys,
    metering: Metering,
    last_time: Time,
    clock_set: bool,
}

impl Ledger {
    pub(super) fn new(identity: &Identity) -> Self {
        Self {
            head: Head::genesis(identity.id),
            book: Book::default(),
            views: Tables::default(),
            names: BTreeMap::new(),
            ids: vec![],
            seen: BTreeSet::new(),
            tenants: BTreeMap::new(),
            keys: BTreeMap::new(),
            moneys: Moneys::default(),
            metering: Metering::default(),
            last_time: Time::EPOCH,
            clock_set: true,
        }
    }

    /// Takes in what is new in the roll.
    pub(super) fn observe(&mut self, roll: &MemoryRoll, wallet: &Wallet) -> Result<(), Broken> {
        for block in roll.blocks_after(self.head.position) {
            self.block(&block, wallet)?;
        }
        Ok(())
    }

    /// The same history, read again from its first byte, comes to the same.
    pub(super) fn again(
        &self,
        roll: &MemoryRoll,
        wallet: &Wallet,
        identity: &Identity,
    ) -> Result<(), Broken> {
        let mut again = Self::new(identity);
        again.observe(roll, wallet)?;
        must(again.head == self.head, "the roll keeps what it held", || {
            format!("{} became {}", self.head, again.head)
        })?;
        must(again.views == self.views, "views are the fold of the roll", || "rows differ".into())?;
        must(again.book == self.book, "the book is the fold of the roll", || "slots differ".into())
    }

    /// Whether the roll holds this event where somebody was told that it is.
    pub(super) fn holds(&self, told: &Recorded) -> bool {
        self.at(told.envelope.position).is_some_and(|(id, _)| id == told.envelope.id)
    }

    /// Whether the roll has been where somebody was told that it is.
    pub(super) fn has_been(&self, told: Head) -> bool {
        self.at(told.position).is_some_and(|(_, hash)| hash == told.hash)
    }

    /// Every invoice that the roll knows.
    pub(super) fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.book.claims.keys().filter_map(|claim| match claim {
            Claim::PaymentHash { hash, .. } => Some(*hash),
            _ => None,
        })
    }

    fn at(&self, position: u64) -> Option<(Id16, Hash)> {
        let index = usize::try_from(position).ok()?.checked_sub(1)?;
        self.ids.get(index).copied()
    }

    /// When the last record was written, as it says.
    pub(super) fn last_time(&self) -> Time {
        self.last_time
    }

    fn block(&mut self, block: &Block, wallet: &Wallet) -> Result<(), Broken> {
        const CHAIN: &str = "the chain has no gap and no fork";
        must(block.before() == self.head, CHAIN, || {
            format!("{} follows {}", block.first(), self.head)
        })?;
        for (position, bytes) in block.iter() {
            let hash = link(self.head.hash, leaf(bytes));
            let next = Head { position: self.head.position + 1, hash };
            must(position == next.position, CHAIN, || format!("{position} follows {}", self.head))?;
            must(block.hash_at(position) == Some(hash), CHAIN, || format!("a hash at {position}"))?;
            self.head = next;
            let recorded = fact::decode(position, bytes);
            let recorded = recorded.map_err(|error| Broken {
                invariant: "every event can be read",
                found: error.to_string(),
            })?;
            self.record(&recorded, wallet)?;
        }
        must(block.head() == self.head, CHAIN, || format!("{} ends a block", self.head))
    }

    fn record(&mut self, recorded: &Recorded, wallet: &Wallet) -> Result<(), Broken> {
        let at = &recorded.envelope;
        let place = || format!("{} at {} in {}", recorded.event.name(), at.position, at.stream);
        must(self.seen.insert(at.id), "an event's id is its own", place)?;
        self.ids.push((at.id, self.head.hash));
        *self.names.entry(recorded.event.name()).or_default() += 1;
        let later = at.recorded_at > self.last_time || self.clock_set;
        must(later, "recorded time goes on but after a correction", place)?;
        self.last_time = at.recorded_at;
        self.clock_set = matches!(&recorded.event, Event::Roll(roll::Event::ClockCorrected(_)));
        if let Event::Roll(roll::Event::ClockCorrected(corrected)) = &recorded.event {
            self.last_time = corrected.now;
        }
        let count = self.tenants.entry(at.tenant.clone()).or_default();
        *count += 1;
        must(at.tenant_version == *count, "a tenant's count has no gap", place)?;
        self.key(recorded)?;
        self.book.fold(recorded);
        self.views.fold(recorded);
        let slot = &self.book.streams[&at.stream];
        must(slot.frozen.is_none(), "no event breaks its stream", || {
            format!("{}: {:?}", place(), slot.frozen)
        })?;
        must(self.book.doubled.is_empty(), "a claim is taken once", || {
            format!("{:?}", self.book.doubled)
        })?;
        if let State::Account(account) = &slot.state {
            lots(account)?;
            rows::agree(&self.views, at, account)?;
        }
        self.metering.record(recorded, &self.book)?;
        self.moneys.record(recorded, &self.book, wallet)
    }

    /// All events of a key are those of one command, side by side.
    fn key(&mut self, recorded: &Recorded) -> Result<(), Broken> {
        let at = &recorded.envelope;
        let Some(key) = &at.idempotency else { return Ok(()) };
        let name = (at.tenant.clone(), key.operation.to_string(), key.key.to_string());
        let last = self.keys.insert(name, at.position);
        let goes_on = last.is_none_or(|last| last + 1 == at.position);
        must(goes_on, "a key has one effect", || format!("{key:?} at {last:?} and {}", at.position))
    }
}

fn lots(account: &Account) -> Result<(), Broken> {
    for lot in account.lots() {
        let whole = lot.sum() == lot.minted;
        must(whole, "a lot's parts are what was minted", || format!("{lot:?}"))?;
    }
    Ok(())
}

//! What the writer has in memory: streams in use, claims that are not written to the index yet, and
//! the certainty that a name is new.

mod taken;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;
use piperoll_domain::{
    book::Slot,
    claim::{Claim, Taker},
    draft::{self, Known, Need, Seen},
    duty::{Duty, Name},
    event::{Envelope, Recorded},
    id::{Stream, TenantId},
};

use self::taken::{Taken, Taking};
use crate::engine::{
    Shared,
    index::{ClaimKey, End, Entries, Looked, claim_key, encode_snapshot},
    load::Loaded,
};

type Map<K, V> = HashMap<K, V, RandomState>;
type Set<K> = HashSet<K, RandomState>;

/// After how many events of a stream its state is kept in the index.
const SNAPSHOT_EVERY: u64 = 32;
/// A state of this weight is kept half as often, and so on: what keeping costs an event does not
/// grow with what is kept.
const SNAPSHOT_WEIGHT: u64 = 64;
/// How many facts that commands asked for are kept.
const FACTS_MAX: usize = 4_096;

/// The writer's memory.
pub(super) struct Memory {
    slots: Map<Stream, Used>,
    /// Ends of streams that were dropped before the index knew them.
    ends: Map<Stream, End>,
    taken: Taken,
    /// Names that the filter took for known and that turned out to be new.
    absent: Set<Stream>,
    free: Set<ClaimKey>,
    /// Facts that commands asked for. They never change, so they are only forgotten for room.
    facts: Map<u64, Recorded>,
    /// Takers that were read from the index.
    read: Map<ClaimKey, Taker>,
    /// A claim that was hashed and looked up ahead, by whoever had the time.
    ahead: Option<(Claim, Looked)>,
    tenants: Map<TenantId, u64>,
    shared: Arc<Shared>,
    streams_max: usize,
    /// Up to where what the index holds is forgotten here.
    tidied: u64,
    tick: u64,
    undo: Undo,
    /// One that is not needed any more, for its room.
    spare: Undo,
}

struct Used {
    slot: Slot,
    tick: u64,
}

/// How to get back to where a group began: what was before each step, to be taken back in reverse.
#[derive(Default)]
pub(super) struct Undo {
    ends: Vec<(Stream, Option<End>)>,
    tenants: Vec<(TenantId, u64)>,
    claims: Vec<Taking>,
}

impl Memory {
    pub(super) fn new(
        shared: Arc<Shared>,
        tenants: HashMap<TenantId, u64>,
        streams_max: usize,
    ) -> Self {
        Self {
            slots: Map::default(),
            ends: Map::default(),
            taken: Taken::default(),
            absent: Set::default(),
            free: Set::default(),
            facts: Map::default(),
            read: Map::default(),
            ahead: None,
            tenants: tenants.into_iter().collect(),
            shared,
            streams_max,
            tidied: 0,
            tick: 0,
            undo: Undo::default(),
            spare: Undo::default(),
        }
    }

    /// Where a stream is known to end although the index does not say so yet.
    pub(super) fn end_of(&self, need: &Need) -> Option<End> {
        match need {
            Need::Stream(stream) => self.ends.get(stream).copied(),
            Need::Claim(_) | Need::Fact(_) => None,
        }
    }

    /// Takes in what was read. What has come to memory meanwhile is newer. False if it must be read
    /// again: it was not there, and may have come and have been forgotten here since.
    #[must_use]
    pub(super) fn take_in(&mut self, loaded: Loaded) -> bool {
        match loaded {
            Loaded::Stream(_, None, as_of) | Loaded::Claim(_, None, as_of)
                if as_of < self.tidied =>
            {
                return false;
            }
            Loaded::Stream(stream, Some(slot), _) => self.take_in_stream(stream, *slot),
            Loaded::Stream(stream, None, _) => {
                if !self.slots.contains_key(&stream) {
                    self.absent.insert(stream);
                }
            }
            Loaded::Claim(claim, taker, _) => self.take_in_claim(claim_key(&claim), taker),
            Loaded::Fact(fact) => drop(self.facts.insert(fact.envelope.position, *fact)),
        }
        true
    }

    /// Takes in what a stream adds up to, unless something newer is there.
    pub(super) fn take_in_stream(&mut self, stream: Stream, slot: Slot) {
        if slot.frozen.is_some() {
            self.shared.frozen.seen(&stream);
        }
        self.ends.remove(&stream);
        let tick = self.tick;
        self.slots.entry(stream).or_insert(Used { slot, tick });
    }

    fn take_in_claim(&mut self, key: ClaimKey, taker: Option<Taker>) {
        if self.taken.taker(key).is_some() {
            return;
        }
        match taker {
            Some(taker) => drop(self.read.insert(key, taker)),
            None => drop(self.free.insert(key)),
        }
    }

    /// One more fact of the group. False if the rules' own applier refuses it.
    pub(super) fn fold(&mut self, recorded: &Recorded) -> bool {
        let at = &recorded.envelope;
        let tick = self.tick;
        self.absent.remove(&at.stream);
        let fresh = || Used { slot: Slot::absent(at.stream.kind), tick };
        let used = self.slots.entry(at.stream.clone()).or_insert_with(fresh);
        used.tick = tick;
        let end = End { last: used.slot.last, version: used.slot.version };
        self.undo.ends.push((at.stream.clone(), (end.version > 0).then_some(end)));
        let was_frozen = used.slot.frozen.is_some();
        used.slot.fold(recorded);
        let sound = used.slot.frozen.is_none() || was_frozen;
        self.count(at);
        sound
    }

    fn count(&mut self, at: &Envelope) {
        let before = match self.tenants.get_mut(&at.tenant) {
            Some(count) => std::mem::replace(count, at.tenant_version),
            None => self.tenants.insert(at.tenant.clone(), at.tenant_version).unwrap_or_default(),
        };
        self.undo.tenants.push((at.tenant.clone(), before));
    }

    /// The claims that a fact takes.
    pub(super) fn claim_all(&mut self, claims: &[(ClaimKey, u64)], fact: &Recorded) {
        if !claims.is_empty() {
            let Envelope { position, stream, .. } = &fact.envelope;
            self.taken.note(*position, stream, claims.len());
        }
        for (key, position) in claims {
            self.undo.claims.push(self.taken.take(*key, *position));
            if !self.free.is_empty() {
                self.free.remove(key);
            }
            // A key may be used again once it is forgotten.
            if !self.read.is_empty() {
                self.read.remove(key);
            }
        }
    }

    /// Forgets what was folded since the last group was closed.
    pub(super) fn roll_back(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        self.take_back(undo);
    }

    /// Forgets a closed group. Whatever was folded after it must be forgotten already.
    pub(super) fn take_back(&mut self, undo: Undo) {
        for (stream, end) in undo.ends.into_iter().rev() {
            self.slots.remove(&stream);
            match end {
                Some(end) => drop(self.ends.insert(stream, end)),
                None => drop(self.ends.remove(&stream)),
            }
        }
        self.tenants.extend(undo.tenants.into_iter().rev());
        undo.claims.iter().rev().for_each(|taking| self.taken.give_back(taking));
    }

    /// A closed group was appended: it will not be taken back any more.
    pub(super) fn keep(&mut self, mut undo: Undo) {
        undo.ends.clear();
        undo.tenants.clear();
        undo.claims.clear();
        self.spare = undo;
    }

    /// Closes a group, before anything later is folded: streams whose state is due to be kept are
    /// written down as they are with it. Returns how to take it back.
    pub(super) fn close(&mut self, entries: &mut Entries) -> Undo {
        let due = |(stream, end): &(Stream, End)| {
            if end.version % SNAPSHOT_EVERY != 0 {
                return None;
            }
            let slot = &self.slots.get(stream)?.slot;
            let every = SNAPSHOT_EVERY.saturating_mul(1 + slot.weight() / SNAPSHOT_WEIGHT);
            (end.version % every == 0).then(|| stream.clone())
        };
        let streams: HashSet<Stream> = entries.streams.iter().filter_map(due).collect();
        for stream in streams {
            let snapshot = self.slots.get(&stream).and_then(|used| encode_snapshot(&used.slot));
            entries.snapshots.extend(snapshot.map(|snapshot| (stream, snapshot)));
        }
        let empty = std::mem::take(&mut self.spare);
        std::mem::replace(&mut self.undo, empty)
    }

    /// Keeps what the next command takes, looked up ahead, for when it is asked for.
    pub(super) fn expect(&mut self, takes: Option<(Claim, Looked)>) {
        self.ahead = takes;
    }

    /// A claim's key, and what is known of it from before.
    pub(super) fn looked(&self, claim: &Claim) -> Looked {
        let ahead = self.ahead.as_ref().filter(|(ahead, _)| ahead == claim);
        ahead.map_or_else(|| Looked::not(claim_key(claim)), |(_, looked)| *looked)
    }

    /// Who took a claim; none if that must be looked up.
    pub(super) fn known(&self, Looked { key, free_up_to }: Looked) -> Option<Known> {
        if let Some(taker) = self.taken.taker(key) {
            return Some(Known::Taken(taker));
        }
        // What was taken later is not in the index yet, so it would have been found.
        if free_up_to.is_some_and(|up_to| self.tidied <= up_to) || self.free.contains(&key) {
            return Some(Known::Free);
        }
        match self.read.get(&key) {
            Some(taker) => Some(Known::Taken(taker.clone())),
            None if self.shared.names.may_hold_claim(key) => None,
            None => Some(Known::Free),
        }
    }

    /// A stream in memory, for publishing.
    pub(super) fn peek(&self, stream: &Stream) -> Option<&Slot> {
        self.slots.get(stream).map(|used| &used.slot)
    }

    /// Everything up to `flushed` is in the index: what is only kept for that can go.
    pub(super) fn tidy(&mut self, flushed: u64) {
        self.tick = self.tick.wrapping_add(1);
        self.tidied = flushed;
        self.taken.forget(flushed);
        self.ends.retain(|_, end| end.last > flushed);
        if self.slots.len() > self.streams_max {
            self.evict(flushed);
        }
        if self.facts.len() > FACTS_MAX {
            self.facts.clear();
        }
        if self.free.len() + self.read.len() + self.absent.len() > self.streams_max {
            self.free.clear();
            self.read.clear();
            self.absent.clear();
        }
    }

    /// How many claims wait for the index.
    pub(super) fn unflushed(&self) -> usize {
        self.taken.waiting()
    }

    /// Drops the half that was not used for longest. Standing streams stay, and so does what the
    /// index does not know yet.
    fn evict(&mut self, flushed: u64) {
        let mut ticks: Vec<u64> = self.slots.values().map(|used| used.tick).collect();
        let middle = ticks.len() / 2;
        let (_, median, _) = ticks.select_nth_unstable(middle);
        let median = *median;
        self.slots.retain(|stream, used| {
            stream.kind.is_standing() || used.tick > median || used.slot.last > flushed
        });
    }
}

impl draft::Memory for Memory {
    fn slot(&self, stream: &Stream) -> Option<Seen<'_>> {
        match self.slots.get(stream) {
            Some(used) => Some(Seen::Here(&used.slot)),
            None if self.absent.contains(stream) => Some(Seen::Absent),
            None if self.ends.contains_key(stream) || self.shared.names.may_hold_stream(stream) => {
                None
            }
            None => Some(Seen::Absent),
        }
    }

    fn claim(&self, claim: &Claim) -> Option<Known> {
        self.known(self.looked(claim))
    }

    fn tenant_count(&self, tenant: &TenantId) -> u64 {
        self.tenants.get(tenant).copied().unwrap_or(0)
    }

    fn duty(&self, name: &Name) -> Option<Duty> {
        self.shared.duties.get(name)
    }

    fn fact(&self, position: u64) -> Option<&Recorded> {
        self.facts.get(&position)
    }
}

//! What the writer has in memory: streams in use, claims that are not written to the index yet, and
//! the certainty that a name is new.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use piperoll_domain::{
    book::Slot,
    claim::{Claim, Taker},
    draft::{self, Known, Need, Seen},
    duty::{Duty, Name},
    event::Recorded,
    id::{Stream, TenantId},
};

use crate::engine::{
    Shared,
    index::{ClaimKey, End, Entries, Index, claim_key, encode_snapshot},
    load::Loaded,
};

/// After how many events of a stream its state is kept in the index.
const SNAPSHOT_EVERY: u64 = 256;

/// The writer's memory.
pub(super) struct Memory {
    slots: HashMap<Stream, Used>,
    /// Ends of streams that were dropped before the index knew them.
    ends: HashMap<Stream, End>,
    taken: HashMap<ClaimKey, Taker>,
    taken_order: VecDeque<(u64, ClaimKey)>,
    /// Names that the filter took for known and that turned out to be new.
    absent: HashSet<Stream>,
    free: HashSet<ClaimKey>,
    /// Takers that were read from the index.
    read: HashMap<ClaimKey, Taker>,
    tenants: HashMap<TenantId, u64>,
    index: Arc<Index>,
    shared: Arc<Shared>,
    streams_max: usize,
    tick: u64,
    undo: Undo,
}

struct Used {
    slot: Slot,
    tick: u64,
}

/// How to get back to where the group began.
#[derive(Default)]
struct Undo {
    ends: HashMap<Stream, Option<End>>,
    tenants: HashMap<TenantId, u64>,
    claims: Vec<(ClaimKey, Option<Taker>)>,
}

impl Memory {
    pub(super) fn new(
        index: Arc<Index>,
        shared: Arc<Shared>,
        tenants: HashMap<TenantId, u64>,
        streams_max: usize,
    ) -> Self {
        Self {
            slots: HashMap::new(),
            ends: HashMap::new(),
            taken: HashMap::new(),
            taken_order: VecDeque::new(),
            absent: HashSet::new(),
            free: HashSet::new(),
            read: HashMap::new(),
            tenants,
            index,
            shared,
            streams_max,
            tick: 0,
            undo: Undo::default(),
        }
    }

    /// Where a stream is known to end although the index does not say so yet.
    pub(super) fn end_of(&self, need: &Need) -> Option<End> {
        match need {
            Need::Stream(stream) => self.ends.get(stream).copied(),
            Need::Claim(_) => None,
        }
    }

    /// Takes in what was read. What has come to memory meanwhile is newer.
    pub(super) fn take_in(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::Stream(stream, Some(slot)) => {
                self.ends.remove(&stream);
                let tick = self.tick;
                self.slots.entry(stream).or_insert(Used { slot: *slot, tick });
            }
            Loaded::Stream(stream, None) => {
                if !self.slots.contains_key(&stream) {
                    self.absent.insert(stream);
                }
            }
            Loaded::Claim(claim, taker) => self.take_in_claim(claim_key(&claim), taker),
        }
    }

    fn take_in_claim(&mut self, key: ClaimKey, taker: Option<Taker>) {
        if self.taken.contains_key(&key) {
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
        self.absent.remove(&at.stream);
        let tick = self.tick;
        let fresh = || Used { slot: Slot::absent(at.stream.kind), tick };
        let used = self.slots.entry(at.stream.clone()).or_insert_with(fresh);
        used.tick = tick;
        let end = End { last: used.slot.last, version: used.slot.version };
        let before = || (end.version > 0).then_some(end);
        self.undo.ends.entry(at.stream.clone()).or_insert_with(before);
        let was_frozen = used.slot.frozen.is_some();
        used.slot.fold(recorded);
        let sound = used.slot.frozen.is_none() || was_frozen;
        let count = self.tenants.entry(at.tenant.clone()).or_default();
        self.undo.tenants.entry(at.tenant.clone()).or_insert(*count);
        *count = at.tenant_version;
        sound
    }

    /// The claims that a command's facts take.
    pub(super) fn claim_all(&mut self, entries: &Entries) {
        for (key, taker) in &entries.claims {
            let before = self.taken.insert(*key, taker.clone());
            self.free.remove(key);
            // A key may be used again once it is forgotten.
            self.read.remove(key);
            self.taken_order.push_back((taker.position, *key));
            self.undo.claims.push((*key, before));
        }
    }

    /// Forgets what an append that failed would have made true.
    pub(super) fn roll_back(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        for (stream, end) in undo.ends {
            self.slots.remove(&stream);
            if let Some(end) = end {
                self.ends.insert(stream, end);
            }
        }
        self.tenants.extend(undo.tenants);
        for (key, before) in undo.claims.into_iter().rev() {
            match before {
                Some(taker) => drop(self.taken.insert(key, taker)),
                None => drop(self.taken.remove(&key)),
            }
        }
    }

    /// The append succeeded: what the group made true stays.
    pub(super) fn keep(&mut self, entries: &mut Entries) {
        self.undo = Undo::default();
        self.index.announce(entries);
        let due = |(stream, end): &(Stream, End)| {
            (end.version % SNAPSHOT_EVERY == 0).then(|| stream.clone())
        };
        let streams: HashSet<Stream> = entries.streams.iter().filter_map(due).collect();
        for stream in streams {
            let snapshot = self.slots.get(&stream).and_then(|used| encode_snapshot(&used.slot));
            entries.snapshots.extend(snapshot.map(|snapshot| (stream, snapshot)));
        }
    }

    /// A stream in memory, for publishing.
    pub(super) fn peek(&self, stream: &Stream) -> Option<&Slot> {
        self.slots.get(stream).map(|used| &used.slot)
    }

    /// Everything up to `flushed` is in the index: what is only kept for that can go.
    pub(super) fn tidy(&mut self, flushed: u64) {
        self.tick = self.tick.wrapping_add(1);
        while self.taken_order.front().is_some_and(|(position, _)| *position <= flushed) {
            let Some((position, key)) = self.taken_order.pop_front() else { break };
            if self.taken.get(&key).is_some_and(|taker| taker.position == position) {
                self.taken.remove(&key);
            }
        }
        self.ends.retain(|_, end| end.last > flushed);
        if self.slots.len() > self.streams_max {
            self.evict(flushed);
        }
        if self.free.len() + self.read.len() + self.absent.len() > self.streams_max {
            self.free.clear();
            self.read.clear();
            self.absent.clear();
        }
    }

    /// How many claims wait for the index.
    pub(super) fn unflushed(&self) -> usize {
        self.taken.len()
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
            None if self.ends.contains_key(stream) || self.index.may_hold_stream(stream) => None,
            None => Some(Seen::Absent),
        }
    }

    fn claim(&self, claim: &Claim) -> Option<Known> {
        let key = claim_key(claim);
        match self.taken.get(&key) {
            Some(taker) => Some(Known::Taken(taker.clone())),
            None if self.free.contains(&key) => Some(Known::Free),
            None if self.read.contains_key(&key) => self.read.get(&key).cloned().map(Known::Taken),
            None if self.index.may_hold_claim(key) => None,
            None => Some(Known::Free),
        }
    }

    fn tenant_count(&self, tenant: &TenantId) -> u64 {
        self.tenants.get(tenant).copied().unwrap_or(0)
    }

    fn duty(&self, name: &Name) -> Option<Duty> {
        self.shared.duties.get(name)
    }
}

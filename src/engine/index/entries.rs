//! What records add to the index.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use piperoll_domain::{
    bytes::Id16,
    claim::{Claim, lasting},
    duty::{Change, duties},
    event::Recorded,
    id::{Stream, TenantId},
};

use super::{ClaimKey, End, claim_key};
use crate::roll::Head;

/// What some records add to the index.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    /// As of where.
    pub up_to: Option<Head>,
    /// Where streams end.
    pub streams: Vec<(Stream, End)>,
    /// Which claims are taken, and where.
    pub claims: Vec<(ClaimKey, u64)>,
    /// What is owed, and what no more.
    pub duties: Vec<Change>,
    /// How many events tenants have.
    pub tenants: Vec<(TenantId, u64)>,
    /// States at the end of streams.
    pub snapshots: Vec<(Stream, Vec<u8>)>,
    run: Option<(u64, ClaimKey, Id16)>,
}

impl Entries {
    /// None yet, with room for about so many claims and duties.
    pub(in crate::engine) fn with_room((claims, duties): (usize, usize)) -> Self {
        let (streams, claims) = (Vec::with_capacity(claims), Vec::with_capacity(claims));
        Self { streams, claims, duties: Vec::with_capacity(duties), ..Self::default() }
    }

    /// One more record.
    pub fn fold(&mut self, recorded: &Recorded) {
        let at = &recorded.envelope;
        let key = at.idempotency.as_ref().map(|key| Claim::idempotency(&at.tenant, key));
        let key = key.map(|claim| claim_key(&claim));
        self.fold_keyed(recorded, key, lasting(recorded).iter().map(claim_key));
    }

    /// One more record, where it is known already what its caller's key and its other claims are known
    /// by.
    pub(in crate::engine) fn fold_keyed(
        &mut self,
        recorded: &Recorded,
        key: Option<ClaimKey>,
        lasting: impl Iterator<Item = ClaimKey>,
    ) {
        let at = &recorded.envelope;
        self.streams.push((at.stream.clone(), End { last: at.position, version: at.version }));
        match self.tenants.last_mut() {
            Some((tenant, count)) if *tenant == at.tenant => *count = at.tenant_version,
            _ => self.tenants.push((at.tenant.clone(), at.tenant_version)),
        }
        duties(recorded, &mut self.duties);
        if let Some(key) = key {
            // Every event of a keyed command carries its key; the first of them is the taker.
            let before = at.position.saturating_sub(1);
            let goes_on = self.run == Some((before, key, at.correlation));
            self.run = Some((at.position, key, at.correlation));
            self.claims.extend((!goes_on).then_some((key, at.position)));
        }
        self.claims.extend(lasting.map(|key| (key, at.position)));
    }

    /// Leaves of each stream and tenant only the last word, which is all that is stored.
    pub(in crate::engine) fn settle(&mut self) {
        // Later ones stand behind earlier ones, and a map keeps what it is given last.
        let ends: HashMap<_, _, RandomState> = self.streams.drain(..).collect();
        self.streams.extend(ends);
        let counts: HashMap<_, _, RandomState> = self.tenants.drain(..).collect();
        self.tenants.extend(counts);
        // A store finds the place of a key sooner beside that of the one before it.
        self.claims.sort_by_key(|(key, _)| *key);
    }

    /// Drops duties that were opened and closed meanwhile. Where nothing of this was ever written, there
    /// is nothing of them to be removed.
    pub(in crate::engine) fn forget_what_ended(&mut self) {
        drop_what_ended(&mut self.duties);
    }

    /// Forgets everything, and keeps the room.
    pub(in crate::engine) fn clear(&mut self) {
        self.up_to = None;
        self.streams.clear();
        self.claims.clear();
        self.duties.clear();
        self.tenants.clear();
        self.snapshots.clear();
        self.run = None;
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let Self { streams, claims, duties, tenants, snapshots, .. } = self;
        let lengths = [streams.len(), claims.len(), duties.len(), tenants.len(), snapshots.len()];
        lengths.into_iter().sum()
    }

    /// Whether an index that holds everything up to a position has all of it.
    pub(in crate::engine) fn are_known(&self, held: u64) -> bool {
        self.up_to.is_some_and(|head| head.position <= held)
    }

    /// Takes in what came after; of what an index holds already only how far it goes. Written again,
    /// older entries would take the place of newer ones, and what they opened would seem never written.
    pub(in crate::engine) fn extend_beyond(&mut self, held: u64, later: Self) {
        if later.are_known(held) {
            self.up_to = later.up_to;
        } else {
            self.extend(later);
        }
    }

    /// Takes in what came after.
    pub fn extend(&mut self, later: Self) {
        self.up_to = later.up_to.or(self.up_to);
        self.streams.extend(later.streams);
        self.claims.extend(later.claims);
        self.duties.extend(later.duties);
        self.tenants.extend(later.tenants);
        self.snapshots.extend(later.snapshots);
        self.run = later.run;
    }
}

/// Drops of changes, in their order, those to duties that can be opened once only and were opened and
/// closed by them.
pub(in crate::engine) fn drop_what_ended(changes: &mut Vec<Change>) {
    let mut open = HashMap::with_capacity_and_hasher(changes.len() / 2, RandomState::default());
    let mut ended = vec![false; changes.len()];
    for (at, change) in changes.iter().enumerate() {
        match change {
            Change::Open(duty) if duty.name.kind.is_opened_once() => {
                open.insert(&duty.name, at);
            }
            Change::Close(name) if name.kind.is_opened_once() => {
                if let Some(opened) = open.remove(name) {
                    (ended[opened], ended[at]) = (true, true);
                }
            }
            Change::Open(_) | Change::Close(_) => {}
        }
    }
    let mut ended = ended.into_iter();
    changes.retain(|_| ended.next() != Some(true));
}

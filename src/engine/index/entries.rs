//! What records add to the index.

use piperoll_domain::{
    claim::{Taker, claims},
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
    /// Which claims are taken.
    pub claims: Vec<(ClaimKey, Taker)>,
    /// What is owed, and what no more.
    pub duties: Vec<Change>,
    /// How many events tenants have.
    pub tenants: Vec<(TenantId, u64)>,
    /// States at the end of streams.
    pub snapshots: Vec<(Stream, Vec<u8>)>,
    run: Option<(u64, ClaimKey)>,
}

impl Entries {
    /// One more record.
    pub fn fold(&mut self, recorded: &Recorded) {
        let at = &recorded.envelope;
        self.streams.push((at.stream.clone(), End { last: at.position, version: at.version }));
        self.tenants.push((at.tenant.clone(), at.tenant_version));
        self.duties.extend(duties(recorded));
        for claim in claims(recorded) {
            let key = claim_key(&claim);
            if claim.is_bare() {
                // Every event of a keyed command carries its key; the first of them is the taker.
                let goes_on = self.run == Some((at.position.saturating_sub(1), key));
                self.run = Some((at.position, key));
                if goes_on {
                    continue;
                }
            }
            let taker = Taker { position: at.position, stream: at.stream.clone() };
            self.claims.push((key, taker));
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

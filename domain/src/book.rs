//! The book: every aggregate, folded from records. The only state there is.
//!
//! A decodable event never stops a fold. One that breaks an invariant freezes its stream as it
//! stood; an operator's acknowledgement in that stream lets it go on.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    billing,
    bytes::Id16,
    campaign::Campaign,
    claim::{Claim, Taker, claims},
    commodity::Commodity,
    connection::Connection,
    duty::{Change, Duty, Name, duties},
    entitlement::Entitlement,
    event::{Envelope, Event, Recorded},
    grantee::Grantee,
    id::{Kind, Stream, TenantId},
    letter::Letter,
    offer::Offer,
    payment::Payment,
    receipt::Receipt,
    roll::{self, Roll},
    settings::InForce,
    tenant::Tenant,
};

/// An invariant that a fact breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{check}: expected {expected}, found {found}")]
pub struct Broken {
    /// What must hold.
    pub check: String,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl Broken {
    pub(crate) fn new(check: &str, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let check = check.to_owned();
        Self { check, expected: expected.to_string(), found: found.to_string() }
    }

    pub(crate) fn unless(
        holds: bool,
        check: &str,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::new(check, expected, found)) }
    }

    /// An event that the state machine has no edge for.
    pub(crate) fn order(what: &str, state: &impl fmt::Debug, event: &str) -> Self {
        Self::new(&format!("a {what} takes only its own edges"), format!("{state:?}"), event)
    }
}

/// Where and why a stream stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// The event that broke it.
    pub position: u64,
    /// What it broke.
    pub broken: Broken,
}

/// An aggregate of whichever kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// A stream of the roll's own.
    Roll(Roll),
    /// A commodity.
    Commodity(Commodity),
    /// The settings.
    Settings(InForce),
    /// A tenant.
    Tenant(Tenant),
    /// A provider account.
    Connection(Connection),
    /// An offer.
    Offer(Offer),
    /// A payment.
    Payment(Box<Payment>),
    /// A receipt.
    Receipt(Box<Receipt>),
    /// An account.
    Account(Box<Account>),
    /// An entitlement.
    Entitlement(Box<Entitlement>),
    /// How a tenant bills.
    Billing(Box<billing::InForce>),
    /// A dead letter.
    Letter(Box<Letter>),
    /// A campaign.
    Campaign(Box<Campaign>),
    /// What an account got of a campaign.
    Grantee(Box<Grantee>),
}

impl State {
    /// What nothing adds up to.
    pub fn absent(kind: Kind) -> Self {
        match kind {
            Kind::Roll => Self::Roll(Roll::default()),
            Kind::Commodity => Self::Commodity(Commodity::default()),
            Kind::Settings => Self::Settings(InForce::default()),
            Kind::Tenant => Self::Tenant(Tenant::default()),
            Kind::Connection => Self::Connection(Connection::default()),
            Kind::Offer => Self::Offer(Offer::default()),
            Kind::Payment => Self::Payment(Box::default()),
            Kind::Receipt => Self::Receipt(Box::default()),
            Kind::Account => Self::Account(Box::default()),
            Kind::Entitlement => Self::Entitlement(Box::default()),
            Kind::Billing => Self::Billing(Box::default()),
            Kind::Letter => Self::Letter(Box::default()),
            Kind::Campaign => Self::Campaign(Box::default()),
            Kind::Grantee => Self::Grantee(Box::default()),
        }
    }

    fn evolve(&mut self, recorded: &Recorded) -> Result<(), Broken> {
        let at = &recorded.envelope;
        match (self, &recorded.event) {
            (_, Event::Roll(roll::Event::AnomalyAcknowledged(_) | roll::Event::DutyWaived(_))) => {
                Ok(())
            }
            (Self::Roll(state), Event::Roll(event)) => state.evolve(event, at),
            (Self::Commodity(state), Event::Commodity(event)) => state.evolve(event),
            (Self::Settings(state), Event::Settings(event)) => state.evolve(event),
            (Self::Tenant(state), Event::Tenant(event)) => state.evolve(event),
            (Self::Connection(state), Event::Connection(event)) => state.evolve(event),
            (Self::Offer(state), Event::Offer(event)) => state.evolve(event),
            (Self::Payment(state), Event::Payment(event)) => state.evolve(event, at),
            (Self::Receipt(state), Event::Receipt(event)) => state.evolve(event),
            (Self::Account(state), Event::Account(event)) => state.evolve(event, at),
            (Self::Entitlement(state), Event::Entitlement(event)) => state.evolve(event, at),
            (Self::Billing(state), Event::Billing(event)) => state.evolve(event, at),
            (Self::Letter(state), Event::Letter(event)) => state.evolve(event),
            (Self::Campaign(state), Event::Campaign(event)) => state.evolve(event),
            (Self::Grantee(state), Event::Grantee(event)) => state.evolve(event, &at.stream.id),
            (_, event) => {
                let kind = at.stream.kind.as_str();
                Err(Broken::new("a stream holds its own kind of events", kind, event.name()))
            }
        }
    }
}

/// One stream's state and end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What it adds up to.
    pub state: State,
    /// The version of its last event.
    pub version: u64,
    /// The position of its last event.
    pub last: u64,
    /// Set while it accepts nothing.
    pub frozen: Option<Frozen>,
    /// Broken invariants that were accepted.
    pub acknowledged: Vec<Frozen>,
}

impl Slot {
    /// A stream without events.
    pub fn absent(kind: Kind) -> Self {
        Self { state: State::absent(kind), version: 0, last: 0, frozen: None, acknowledged: vec![] }
    }

    /// One more event. What it breaks, if anything, is in [`Slot::frozen`].
    pub fn fold(&mut self, recorded: &Recorded) {
        let at = &recorded.envelope;
        if let Event::Roll(roll::Event::AnomalyAcknowledged(acknowledged)) = &recorded.event {
            let frozen = self.frozen.take_if(|frozen| frozen.position == acknowledged.position);
            self.acknowledged.extend(frozen);
        }
        if self.frozen.is_none() {
            let broken = self.gap(recorded).and_then(|()| self.state.evolve(recorded)).err();
            self.frozen = broken.map(|broken| Frozen { position: at.position, broken });
        }
        self.version = at.version;
        self.last = at.position;
    }

    /// How much there is to write when it is written down, next to nothing for most.
    pub fn weight(&self) -> u64 {
        match &self.state {
            State::Account(account) => u64::try_from(account.weight()).unwrap_or(u64::MAX),
            State::Roll(_)
            | State::Commodity(_)
            | State::Settings(_)
            | State::Tenant(_)
            | State::Connection(_)
            | State::Offer(_)
            | State::Payment(_)
            | State::Receipt(_)
            | State::Entitlement(_)
            | State::Billing(_)
            | State::Letter(_)
            | State::Campaign(_)
            | State::Grantee(_) => 0,
        }
    }

    fn gap(&self, recorded: &Recorded) -> Result<(), Broken> {
        let at = &recorded.envelope;
        let next = self.version.saturating_add(1);
        Broken::unless(at.version == next, "stream versions are gapless", next, at.version)?;
        let last = self.last;
        Broken::unless(at.previous == last, "each event names its previous", last, at.previous)
    }
}

/// A whole roll in memory: for replay, proofs and tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// Every stream.
    pub streams: BTreeMap<Stream, Slot>,
    /// Every claim and who took it first; of a bare one, the first of the latest run.
    pub claims: BTreeMap<Claim, Taker>,
    /// Claims that were taken twice: position of the second taker.
    pub doubled: Vec<(u64, Claim)>,
    /// What is still owed.
    pub duties: BTreeMap<Name, Duty>,
    /// Bare claims that were taken anew once they had been forgotten: taker before, taker after.
    pub renewed: Vec<(u64, u64)>,
    /// Each tenant's count of events.
    pub tenants: BTreeMap<TenantId, u64>,
    /// The caller's key of the last event, its position, and what it belongs to.
    run: Option<(u64, Claim, Id16)>,
}

impl Book {
    /// One more event.
    pub fn fold(&mut self, recorded: &Recorded) {
        self.fold_some(recorded, |_| true, |_| true);
    }

    /// One more event, as far as its stream and its claims are wanted: to hold a part of a large
    /// history. Duties go with their streams; tenants are always counted.
    pub fn fold_some(
        &mut self,
        recorded: &Recorded,
        stream_wanted: impl Fn(&Stream) -> bool,
        claim_wanted: impl Fn(&Claim) -> bool,
    ) {
        let at = &recorded.envelope;
        if stream_wanted(&at.stream) {
            self.fold_stream(recorded);
        }
        let taker = Taker { position: at.position, stream: at.stream.clone() };
        for claim in claims(recorded) {
            let goes_on = claim.is_bare() && self.goes_on(&claim, at);
            if !goes_on && claim_wanted(&claim) {
                self.take(claim, &taker);
            }
        }
        let count = self.tenants.entry(at.tenant.clone()).or_default();
        *count = count.saturating_add(1);
    }

    fn fold_stream(&mut self, recorded: &Recorded) {
        let stream = &recorded.envelope.stream;
        let absent = || Slot::absent(stream.kind);
        self.streams.entry(stream.clone()).or_insert_with(absent).fold(recorded);
        let mut changes = vec![];
        duties(recorded, &mut changes);
        for change in changes {
            match change {
                Change::Open(duty) => drop(self.duties.insert(duty.name.clone(), duty)),
                Change::Close(name) => drop(self.duties.remove(&name)),
            }
        }
    }

    /// Whether the event before carries the same key and belongs to the same request: all events of a
    /// keyed command do, and the first of them is the taker.
    fn goes_on(&mut self, claim: &Claim, at: &Envelope) -> bool {
        let before = at.position.saturating_sub(1);
        let run = (at.position, claim.clone(), at.correlation);
        let known = self.run.replace(run);
        known.is_some_and(|(last, key, of)| (last, &key, of) == (before, claim, at.correlation))
    }

    fn take(&mut self, claim: Claim, taker: &Taker) {
        match self.claims.get_mut(&claim) {
            None => drop(self.claims.insert(claim, taker.clone())),
            Some(known) if claim.is_bare() => {
                self.renewed.push((known.position, taker.position));
                *known = taker.clone();
            }
            Some(_) => self.doubled.push((taker.position, claim)),
        }
    }

    /// The streams that stopped, in order of their names.
    pub fn frozen(&self) -> impl Iterator<Item = (&Stream, &Frozen)> {
        let frozen = |(stream, slot)| Some((stream, Slot::frozen_ref(slot)?));
        self.streams.iter().filter_map(frozen)
    }
}

impl Slot {
    const fn frozen_ref(slot: &Self) -> Option<&Frozen> {
        slot.frozen.as_ref()
    }
}

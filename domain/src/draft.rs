//! A draft: one command's view of the book while it decides, and the facts it says so far.
//!
//! Asking for what is not in memory ends the decision with [`Stop::Missing`]; the command decides
//! again once it is there. Decisions are pure, so asking again costs nothing but time.

mod decided;

use std::collections::BTreeMap;

use smallvec::SmallVec;

pub use self::decided::{Decided, Takes};
use crate::{
    account::Account,
    billing,
    book::{Slot, State},
    bytes::Id16,
    campaign::Campaign,
    claim::{Claim, Claims, Taker},
    commodity::{Commodity, built_in},
    connection::Connection,
    duty::{Duty, Name},
    entitlement::Entitlement,
    event::{Actor, Envelope, Event, Idempotency, Recorded},
    few::Few,
    grantee::{Grantee, GranteeId},
    id::{
        AccountId, CampaignId, ConnectionId, EntitlementId, Kind, LetterId, OfferId, PaymentId,
        ReceiptId, Stream, TenantId,
    },
    letter::Letter,
    money::Code,
    offer::Offer,
    payment::Payment,
    receipt::Receipt,
    rejection::Rejection,
    roll::Roll,
    settings::Settings,
    tenant::Tenant,
    time::{Moment, Time},
    worker::Resting,
};

/// A stream that is in memory.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// It has no events; a loaded answer.
    Absent,
    /// What it adds up to.
    Here(&'a Slot),
}

/// A claim that is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nobody took it; a loaded answer.
    Free,
    /// Taken.
    Taken(Taker),
}

/// What decisions may ask. None means: not in memory, ask again later.
pub trait Memory {
    /// A stream's state.
    fn slot(&self, stream: &Stream) -> Option<Seen<'_>>;
    /// A claim's taker.
    fn claim(&self, claim: &Claim) -> Option<Known>;
    /// How many events a tenant has; always in memory.
    fn tenant_count(&self, tenant: &TenantId) -> u64;
    /// An open duty; always in memory.
    fn duty(&self, name: &Name) -> Option<Duty>;
    /// The fact at a position that the taker of a claim names.
    fn fact(&self, position: u64) -> Option<&Recorded>;
}

/// Something to be read before a command can decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A stream.
    Stream(Stream),
    /// A claim.
    Claim(Claim),
    /// The fact at a position.
    Fact(u64),
}

/// Why a decision ended without facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// These must be read first; there is at least one.
    Missing(Vec<Need>),
    /// Items of a batch were done before, under their keys: they are not to be done again.
    Repeats(Vec<Repeat>),
    /// The rules refuse.
    Rejected(Rejection),
}

/// An item of a batch that was done before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Which item.
    pub index: usize,
    /// Its key's taker.
    pub taker: Taker,
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Who asks, and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Random or derived; at least 64 bits of it are random.
    pub operation: Id16,
    /// Who acts, in whose name. With a caller's key, the tenant whose streams are written: a key is
    /// claimed in the tenant of each fact it stands on.
    pub tenant: TenantId,
    /// Who acts.
    pub actor: Actor,
    /// What it belongs to.
    pub correlation: Id16,
    /// The event that it follows from.
    pub causation: Option<Id16>,
    /// The caller's key.
    pub idempotency: Option<Idempotency>,
    /// When it happened outside.
    pub effective_at: Option<Time>,
}

/// How many streams a draft remembers: a command mostly asks for one, and how its tenant bills.
const SEEN_MAX: usize = 2;

/// One command's view of the book, and what it says.
pub struct Draft<'a> {
    memory: &'a dyn Memory,
    meta: &'a Meta,
    /// What is said carries it.
    key: Option<&'a Idempotency>,
    moment: Moment,
    next: u64,
    said: Vec<Recorded>,
    ours: Few<Stream, Ours>,
    /// The first streams that were found, for when they are asked for again.
    seen: SmallVec<[(Stream, &'a Slot); SEEN_MAX]>,
    /// Claims that were asked for and found to be free.
    free: Claims,
}

/// A stream that is absent, or in which this draft said something.
#[derive(Default)]
struct Ours {
    /// The version and position of what was said last.
    end: Option<(u64, u64)>,
    /// As far as it is folded; none until somebody asks.
    slot: Option<Box<Slot>>,
    /// What of it is said and not folded.
    unfolded: SmallVec<[usize; 2]>,
}

macro_rules! views {
    ($($(#[$doc:meta])* $name:ident($id:ty) -> $state:ty = $kind:ident;)+) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, tenant: &TenantId, id: &$id) -> Result<&$state, Stop> {
            let stream = Stream::new(Kind::$kind, tenant, id);
            let State::$kind(state) = &self.slot(&stream)?.state else {
                return Err(Rejection::StreamFrozen { stream, position: 0 }.into());
            };
            Ok(state)
        }
    )+};
}

impl<'a> Draft<'a> {
    /// An empty draft whose first fact would stand at `next`.
    pub fn new(memory: &'a dyn Memory, meta: &'a Meta, moment: Moment, next: u64) -> Self {
        let key = meta.idempotency.as_ref();
        Self {
            memory,
            meta,
            key,
            moment,
            next,
            said: vec![],
            ours: Few::default(),
            seen: SmallVec::new(),
            free: Claims::new(),
        }
    }

    /// From here on, what is said carries this caller's key.
    pub(crate) const fn carry(&mut self, key: &'a Idempotency) {
        self.key = Some(key);
    }

    /// What it says so far.
    pub(crate) fn said(&self) -> &[Recorded] {
        &self.said
    }

    /// Whether what is said carries a caller's key.
    pub(crate) const fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// Who asks.
    pub const fn meta(&self) -> &Meta {
        self.meta
    }

    /// Where its first fact would stand.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// What time it is.
    pub const fn moment(&self) -> Moment {
        self.moment
    }

    views! {
        /// A tenant's state.
        tenant_named(TenantId) -> Tenant = Tenant;
        /// An offer's state.
        offer(OfferId) -> Offer = Offer;
        /// A payment's state.
        payment(PaymentId) -> Payment = Payment;
        /// A receipt's state.
        receipt(ReceiptId) -> Receipt = Receipt;
        /// An account's state.
        account(AccountId) -> Account = Account;
        /// An entitlement's state.
        entitlement(EntitlementId) -> Entitlement = Entitlement;
        /// A dead letter's state.
        letter(LetterId) -> Letter = Letter;
        /// A campaign's state.
        campaign(CampaignId) -> Campaign = Campaign;
        /// What an account got of a campaign.
        grantee(GranteeId) -> Grantee = Grantee;
        /// How a tenant bills.
        billing_of(TenantId) -> billing::InForce = Billing;
        /// A connection's state, of the roll's own tenant.
        connection_of(ConnectionId) -> Connection = Connection;
    }

    /// A connection's state.
    pub fn connection(&mut self, id: &ConnectionId) -> Result<&Connection, Stop> {
        self.connection_of(&TenantId::roll(), id)
    }

    /// A tenant's state.
    pub fn tenant(&mut self, tenant: &TenantId) -> Result<&Tenant, Stop> {
        self.tenant_named(tenant, tenant)
    }

    /// How a tenant bills.
    pub fn billing(&mut self, tenant: &TenantId) -> Result<&billing::InForce, Stop> {
        self.billing_of(tenant, tenant)
    }

    /// The roll's own state.
    pub fn roll(&mut self) -> Result<&Roll, Stop> {
        let stream = Stream::roll();
        let State::Roll(state) = &self.slot(&stream)?.state else {
            return Err(Rejection::StreamFrozen { stream, position: 0 }.into());
        };
        Ok(state)
    }

    /// Which of a tenant's streams are known to be frozen, and since when.
    pub fn anomalies(&mut self, tenant: &TenantId) -> Result<&BTreeMap<Stream, u64>, Stop> {
        let stream = Stream::anomalies(tenant);
        let State::Roll(state) = &self.slot(&stream)?.state else {
            return Err(Rejection::StreamFrozen { stream, position: 0 }.into());
        };
        Ok(&state.anomalies)
    }

    /// The workers that rest.
    pub fn workers(&mut self) -> Result<&Resting, Stop> {
        let stream = Stream::of_roll(Kind::Roll, "workers");
        let State::Roll(state) = &self.slot(&stream)?.state else {
            return Err(Rejection::StreamFrozen { stream, position: 0 }.into());
        };
        Ok(&state.resting)
    }

    /// The settings in force.
    pub fn settings(&mut self) -> Result<crate::settings::InForce, Stop> {
        let stream = Stream::of_roll(Kind::Settings, "roll");
        let State::Settings(state) = &self.slot(&stream)?.state else {
            return Err(Rejection::StreamFrozen { stream, position: 0 }.into());
        };
        Ok(*state)
    }

    /// A commodity's state.
    pub fn commodity(&mut self, code: Code) -> Result<Commodity, Stop> {
        let stream = Stream::of_roll(Kind::Commodity, code.as_str());
        let State::Commodity(state) = &self.slot(&stream)?.state else {
            return Err(Rejection::StreamFrozen { stream, position: 0 }.into());
        };
        Ok(*state)
    }

    /// Refuses a commodity that nobody declared, or that is retired.
    pub fn must_be_declared(&mut self, field: &'static str, code: Code) -> Result<(), Stop> {
        if built_in(code).is_some() {
            return Ok(());
        }
        match self.commodity(code)? {
            Commodity::Declared { .. } => Ok(()),
            Commodity::Unknown | Commodity::Retired { .. } => {
                Err(Rejection::CommodityUnknown { field, code }.into())
            }
        }
    }

    /// Refuses a commodity that nobody ever declared: whoever owed it could not repay it.
    pub fn must_be_known(&mut self, field: &'static str, code: Code) -> Result<(), Stop> {
        if built_in(code).is_none() && self.commodity(code)? == Commodity::Unknown {
            return Err(Rejection::CommodityUnknown { field, code }.into());
        }
        Ok(())
    }

    /// The settings' values.
    pub fn rules(&mut self) -> Result<Settings, Stop> {
        Ok(self.settings()?.settings)
    }

    /// Who took a claim, if anybody did.
    pub fn claim(&self, claim: &Claim) -> Result<Option<Taker>, Stop> {
        match self.memory.claim(claim) {
            None => Err(Stop::Missing(vec![Need::Claim(claim.clone())])),
            Some(Known::Free) => Ok(None),
            Some(Known::Taken(taker)) => Ok(Some(taker)),
        }
    }

    /// Nobody took a claim, which what is said will take: it need not be looked up again.
    pub(crate) fn note_free(&mut self, claim: Claim) {
        self.free.push(claim);
    }

    /// The fact at a position that the taker of a claim names. A claim that this very command takes
    /// has no fact yet.
    pub fn fact(&self, position: u64) -> Result<&'a Recorded, Stop> {
        self.memory.fact(position).ok_or_else(|| Stop::Missing(vec![Need::Fact(position)]))
    }

    /// Where the next fact will stand.
    pub fn position(&self) -> u64 {
        self.next.saturating_add(u64::try_from(self.said.len()).unwrap_or(u64::MAX))
    }

    /// An open duty.
    pub fn duty(&self, name: &Name) -> Option<Duty> {
        self.memory.duty(name)
    }

    /// A stream's state, with what this draft said folded in. A frozen stream refuses.
    pub fn slot(&mut self, stream: &Stream) -> Result<&Slot, Stop> {
        let slot = self.slot_even_frozen(stream)?;
        match &slot.frozen {
            None => Ok(slot),
            Some(frozen) => {
                let position = frozen.position;
                Err(Rejection::StreamFrozen { stream: stream.clone(), position }.into())
            }
        }
    }

    /// A stream's state, also when it is frozen: for those who look, and for acknowledging.
    pub fn slot_even_frozen(&mut self, stream: &Stream) -> Result<&Slot, Stop> {
        let seen = self.find(stream)?;
        match seen {
            Seen::Here(slot) if !self.ours.contains(stream) => Ok(slot),
            Seen::Here(_) | Seen::Absent => Ok(self.catch_up(stream, seen)),
        }
    }

    /// A stream as memory has it.
    fn find(&mut self, stream: &Stream) -> Result<Seen<'a>, Stop> {
        if let Some((_, slot)) = self.seen.iter().find(|(known, _)| known == stream) {
            return Ok(Seen::Here(slot));
        }
        let seen = self.memory.slot(stream).ok_or_else(|| missing(stream))?;
        if let Seen::Here(slot) = seen
            && self.seen.len() < SEEN_MAX
        {
            self.seen.push((stream.clone(), slot));
        }
        Ok(seen)
    }

    /// Copies a stream where it has to be: it is absent, or this draft said something in it.
    fn catch_up(&mut self, stream: &Stream, seen: Seen<'_>) -> &Slot {
        let ours = self.ours.get_or_default(stream.clone());
        let slot = ours.slot.get_or_insert_with(|| match seen {
            Seen::Here(slot) => Box::new(slot.clone()),
            Seen::Absent => Box::new(Slot::absent(stream.kind)),
        });
        let said = ours.unfolded.drain(..).filter_map(|index| self.said.get(index));
        said.for_each(|said| slot.fold(said));
        slot
    }

    /// Says a fact.
    pub fn say(&mut self, stream: &Stream, event: impl Into<Event>) -> Result<(), Stop> {
        let (version, previous) = self.end_of(stream)?;
        let index = u64::try_from(self.said.len()).unwrap_or(u64::MAX);
        let theirs = |said: &&Recorded| said.envelope.tenant == stream.tenant;
        let before = self.said.iter().rev().find(theirs).map(|said| said.envelope.tenant_version);
        let tenant_version = before.unwrap_or_else(|| self.memory.tenant_count(&stream.tenant));
        let micros = i64::try_from(index).unwrap_or(i64::MAX);
        let envelope = Envelope {
            position: self.next.saturating_add(index),
            stream: stream.clone(),
            version: version.saturating_add(1),
            previous,
            id: Id16::ZERO,
            recorded_at: self.moment.now.plus_micros(micros),
            effective_at: self.meta.effective_at,
            tenant: stream.tenant.clone(),
            tenant_version: tenant_version.saturating_add(1),
            actor: self.meta.actor.clone(),
            correlation: self.meta.correlation,
            causation: self.meta.causation,
            idempotency: self.key.cloned(),
        };
        let ours = self.ours.get_or_default(stream.clone());
        ours.end = Some((envelope.version, envelope.position));
        ours.unfolded.push(self.said.len());
        if self.said.is_empty() {
            // Most commands say one fact, and facts are large.
            self.said.reserve_exact(1);
        }
        self.said.push(Recorded { envelope, event: event.into() });
        Ok(())
    }

    /// Says several facts of one stream.
    pub fn say_all(
        &mut self,
        stream: &Stream,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<(), Stop> {
        events.into_iter().try_for_each(|event| self.say(stream, event))
    }

    fn end_of(&mut self, stream: &Stream) -> Result<(u64, u64), Stop> {
        if let Some(end) = self.ours.get(stream).and_then(|ours| ours.end) {
            return Ok(end);
        }
        match self.find(stream)? {
            Seen::Absent => Ok((0, 0)),
            Seen::Here(slot) => Ok((slot.version, slot.last)),
        }
    }
}

fn missing(stream: &Stream) -> Stop {
    Stop::Missing(vec![Need::Stream(stream.clone())])
}

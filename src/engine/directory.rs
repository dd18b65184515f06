//! Tenants, keys, connections, offers and settings: few, small, and asked on every request.
//!
//! The writer keeps them in memory for as long as it lives, and publishes a new copy with every
//! append that changes one, before it answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use piperoll_domain::{
    book::{Slot, State},
    bytes::{Hash, Id16},
    connection::Connection,
    id::{ConnectionId, KeyId, Kind, OfferId, Stream, TenantId},
    money::Code,
    offer::Offer,
    roll::{Environment, Roll},
    settings::Settings,
    tenant::{self, Role, Tenant},
    worker::{Rest, Worker},
};

/// The standing aggregates, as of one position.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    slots: BTreeMap<Stream, Arc<Slot>>,
    keys: BTreeMap<Hash, Caller>,
}

/// Who presents an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose key it is.
    pub tenant: TenantId,
    /// Which key.
    pub key: KeyId,
    /// What it may do.
    pub roles: BTreeSet<Role>,
}

impl Directory {
    /// With another state of some streams.
    pub(super) fn with(&self, changed: impl IntoIterator<Item = (Stream, Slot)>) -> Self {
        let mut next = self.clone();
        for (stream, slot) in changed {
            if let State::Tenant(tenant) = &slot.state {
                next.list_keys(&stream.tenant, tenant);
            }
            next.slots.insert(stream, Arc::new(slot));
        }
        next
    }

    fn list_keys(&mut self, name: &TenantId, tenant: &Tenant) {
        for (key, known) in &tenant.keys {
            if known.revoked {
                self.keys.remove(&known.digest);
                continue;
            }
            let (tenant, key, roles) = (name.clone(), key.clone(), known.roles.clone());
            self.keys.insert(known.digest, Caller { tenant, key, roles });
        }
    }

    /// Who presents the key with this digest; none if nobody may.
    pub fn caller(&self, digest: Hash) -> Option<&Caller> {
        self.keys.get(&digest)
    }

    fn state(&self, stream: &Stream) -> Option<&State> {
        self.slots.get(stream).map(|slot| &slot.state)
    }

    /// A tenant.
    pub fn tenant(&self, tenant: &TenantId) -> Option<&Tenant> {
        match self.state(&Stream::new(Kind::Tenant, tenant, tenant))? {
            State::Tenant(state) => Some(state),
            _ => None,
        }
    }

    /// How a tenant was opened.
    pub fn opened(&self, tenant: &TenantId) -> Option<&tenant::Opened> {
        self.tenant(tenant)?.opened.as_ref()
    }

    /// Every tenant, by name.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &Tenant)> {
        self.slots.iter().filter_map(|(stream, slot)| match &slot.state {
            State::Tenant(tenant) => Some((&stream.tenant, tenant)),
            _ => None,
        })
    }

    /// A connection.
    pub fn connection(&self, id: &ConnectionId) -> Option<&Connection> {
        match self.state(&Stream::new(Kind::Connection, &TenantId::roll(), id))? {
            State::Connection(state) => Some(state),
            _ => None,
        }
    }

    /// Every connection, by name.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.slots.iter().filter_map(|(stream, slot)| match &slot.state {
            State::Connection(connection) => Some((ConnectionId::from(&stream.id), connection)),
            _ => None,
        })
    }

    /// An offer.
    pub fn offer(&self, tenant: &TenantId, id: &OfferId) -> Option<&Offer> {
        match self.state(&Stream::new(Kind::Offer, tenant, id))? {
            State::Offer(state) => Some(state),
            _ => None,
        }
    }

    /// A tenant's offers, by name.
    pub fn offers(&self, tenant: &TenantId) -> impl Iterator<Item = (OfferId, &Offer)> {
        self.slots.iter().filter_map(move |(stream, slot)| match &slot.state {
            State::Offer(offer) if stream.tenant == *tenant => {
                Some((OfferId::from(&stream.id), offer))
            }
            _ => None,
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        match self.state(&Stream::of_roll(Kind::Settings, "roll")) {
            Some(State::Settings(settings)) => settings.settings,
            _ => Settings::default(),
        }
    }

    /// The scale of a commodity that may be used.
    pub fn scale(&self, code: Code) -> Option<u8> {
        use piperoll_domain::commodity::{Commodity, built_in};
        built_in(code).or_else(|| {
            match self.state(&Stream::of_roll(Kind::Commodity, code.as_str()))? {
                State::Commodity(Commodity::Declared { scale }) => Some(*scale),
                _ => None,
            }
        })
    }

    /// The roll's own state.
    pub fn roll(&self) -> Option<&Roll> {
        match self.state(&Stream::roll())? {
            State::Roll(roll) => Some(roll),
            _ => None,
        }
    }

    /// The streams that are noted to be frozen, each with the event that broke it.
    pub fn anomalies(&self) -> impl Iterator<Item = (&Stream, u64)> {
        let noted = self.slots.values().filter_map(|slot| match &slot.state {
            State::Roll(roll) => Some(&roll.anomalies),
            _ => None,
        });
        noted.flatten().map(|(stream, position)| (stream, *position))
    }

    /// How a worker rests, if an operator paused it.
    pub fn resting(&self, worker: Worker) -> Option<&Rest> {
        match self.state(&Stream::of_roll(Kind::Roll, "workers"))? {
            State::Roll(roll) => roll.resting.of(worker),
            _ => None,
        }
    }

    /// The latest sweeps, oldest first.
    pub fn reconciliations(&self) -> Option<&Roll> {
        match self.state(&Stream::of_roll(Kind::Roll, "reconciliation"))? {
            State::Roll(roll) => Some(roll),
            _ => None,
        }
    }

    /// Which roll it is.
    pub fn roll_id(&self) -> Option<Id16> {
        Some(self.roll()?.opened.as_ref()?.roll_id)
    }

    /// Whether money in it is real.
    pub fn environment(&self) -> Environment {
        let opened = self.roll().and_then(|roll| roll.opened.as_ref());
        opened.map(|opened| opened.environment).unwrap_or_default()
    }
}

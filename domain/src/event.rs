//! What stands around every fact: where, when, by whom, because of what.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::{
    account, billing,
    bytes::{Bytes, Id16},
    campaign, commodity, connection, entitlement, grantee,
    id::{Stream, TenantId},
    letter, offer, payment, receipt, roll, settings, tenant,
    time::Time,
    wire,
};

/// Who caused a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Which one: a key's id, a connection, a reactor's name.
    pub id: SmolStr,
    /// A fingerprint of the credential used; never the credential.
    pub credential: Option<Bytes<8>>,
}

/// The kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A tenant's API key.
    Key,
    /// A paid L402 credential.
    Token,
    /// An operator over HTTP.
    Admin,
    /// A provider, by webhook or status.
    Provider,
    /// Our own worker.
    Reactor,
    /// An operator at the command line.
    Cli,
}

/// A caller's key for one request, and what the request was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The operation that the key is scoped to.
    pub operation: SmolStr,
    /// 1–255 printable ASCII characters.
    pub key: SmolStr,
    /// Version byte ‖ SHA-256 of the request's own fields.
    pub fingerprint: Bytes<33>,
}

/// Everything about a fact but the fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Its place in the roll: 1, 2, 3 … without gaps.
    pub position: u64,
    /// The aggregate it belongs to.
    pub stream: Stream,
    /// Its place in the stream: 1, 2, 3 … without gaps.
    pub version: u64,
    /// Position of the stream's previous event; 0 for none.
    pub previous: u64,
    /// First 16 bytes of SHA-256("piperoll.event.v1" ‖ operation id ‖ index).
    pub id: Id16,
    /// The writer's time; strictly increasing.
    pub recorded_at: Time,
    /// When it happened outside; accounting uses it, no decision does.
    pub effective_at: Option<Time>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant's own gapless count.
    pub tenant_version: u64,
    /// Who caused it.
    pub actor: Actor,
    /// Shared by all that follows from one request.
    pub correlation: Id16,
    /// The event that this one follows from.
    pub causation: Option<Id16>,
    /// The caller's key, on every event that the keyed command caused.
    pub idempotency: Option<Idempotency>,
}

/// A fact, of whichever aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Of the roll itself.
    Roll(roll::Event),
    /// Of a commodity.
    Commodity(commodity::Event),
    /// Of the roll's settings.
    Settings(settings::Event),
    /// Of a tenant.
    Tenant(tenant::Event),
    /// Of a provider account.
    Connection(connection::Event),
    /// Of an offer.
    Offer(offer::Event),
    /// Of a payment.
    Payment(payment::Event),
    /// Of a webhook receipt.
    Receipt(receipt::Event),
    /// Of an account.
    Account(account::Event),
    /// Of an entitlement.
    Entitlement(entitlement::Event),
    /// Of how a tenant bills.
    Billing(billing::Event),
    /// Of a dead letter.
    Letter(letter::Event),
    /// Of a campaign.
    Campaign(campaign::Event),
    /// Of what an account got of a campaign.
    Grantee(grantee::Event),
}

macro_rules! each {
    ($event:expr, $inner:ident => $body:expr) => {
        match $event {
            Event::Roll($inner) => $body,
            Event::Commodity($inner) => $body,
            Event::Settings($inner) => $body,
            Event::Tenant($inner) => $body,
            Event::Connection($inner) => $body,
            Event::Offer($inner) => $body,
            Event::Payment($inner) => $body,
            Event::Receipt($inner) => $body,
            Event::Account($inner) => $body,
            Event::Entitlement($inner) => $body,
            Event::Billing($inner) => $body,
            Event::Letter($inner) => $body,
            Event::Campaign($inner) => $body,
            Event::Grantee($inner) => $body,
        }
    };
}

impl Event {
    /// The wire name.
    pub const fn name(&self) -> &'static str {
        each!(self, event => event.name())
    }

    /// Every wire name that this release can read.
    pub fn names() -> impl Iterator<Item = &'static str> {
        [
            roll::Event::NAMES,
            commodity::Event::NAMES,
            settings::Event::NAMES,
            tenant::Event::NAMES,
            connection::Event::NAMES,
            offer::Event::NAMES,
            payment::Event::NAMES,
            receipt::Event::NAMES,
            account::Event::NAMES,
            entitlement::Event::NAMES,
            billing::Event::NAMES,
            letter::Event::NAMES,
            campaign::Event::NAMES,
            grantee::Event::NAMES,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    pub(crate) fn serialize_data<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        each!(self, event => event.serialize_data(serializer))
    }

    pub(crate) fn deserialize_data<'de, D: Deserializer<'de>>(
        name: &str,
        from: D,
    ) -> Option<Result<Self, D::Error>> {
        // A retired version gets an arm of its own before this match: decode the old struct, lift
        // it to the next, and never edit the arm again.
        match wire::category(name) {
            "roll" | "writer" | "clock" | "feature" | "anomaly" | "duty" | "reconciliation"
            | "worker" => lift(roll::Event::deserialize_data(name, from), Self::Roll),
            "commodity" => lift(commodity::Event::deserialize_data(name, from), Self::Commodity),
            "settings" => lift(settings::Event::deserialize_data(name, from), Self::Settings),
            "tenant" | "key" => lift(tenant::Event::deserialize_data(name, from), Self::Tenant),
            "connection" => lift(connection::Event::deserialize_data(name, from), Self::Connection),
            "offer" => lift(offer::Event::deserialize_data(name, from), Self::Offer),
            "payment" => lift(payment::Event::deserialize_data(name, from), Self::Payment),
            "receipt" | "receipts" => {
                lift(receipt::Event::deserialize_data(name, from), Self::Receipt)
            }
            "account" | "lot" | "credit" | "debt" => {
                lift(account::Event::deserialize_data(name, from), Self::Account)
            }
            "entitlement" => {
                lift(entitlement::Event::deserialize_data(name, from), Self::Entitlement)
            }
            "billing" | "shares" => {
                lift(billing::Event::deserialize_data(name, from), Self::Billing)
            }
            "letter" => lift(letter::Event::deserialize_data(name, from), Self::Letter),
            "campaign" => lift(campaign::Event::deserialize_data(name, from), Self::Campaign),
            "grant" => lift(grantee::Event::deserialize_data(name, from), Self::Grantee),
            _ => None,
        }
    }
}

fn lift<T, E>(decoded: Option<Result<T, E>>, outer: fn(T) -> Event) -> Option<Result<Event, E>> {
    decoded.map(|event| event.map(outer))
}

/// A fact in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Everything about it.
    pub envelope: Envelope,
    /// The fact.
    pub event: Event,
}

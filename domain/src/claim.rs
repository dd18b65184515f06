//! Claims: names that can be taken once in the life of a roll. A pure function of the fact.

use std::fmt;

use crate::{
    account,
    bytes::Hash,
    event::{Envelope, Event, Idempotency, Recorded},
    id::{ConnectionId, LotId, Stream, TenantId},
    payment, receipt, tenant,
};

/// A name that can be taken once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A caller's key for one request.
    Idempotency {
        /// Whose caller.
        tenant: TenantId,
        /// For which operation.
        operation: String,
        /// The key.
        key: String,
    },
    /// A provider's message.
    Webhook {
        /// Through which provider account.
        connection: ConnectionId,
        /// The provider's name for it.
        event_id: String,
    },
    /// Where a lot comes from.
    Source {
        /// Whose lot.
        tenant: TenantId,
        /// Of what kind.
        kind: account::SourceKind,
        /// Which one.
        id: String,
    },
    /// A lot's name.
    Lot {
        /// Whose lot.
        tenant: TenantId,
        /// The name.
        lot: LotId,
    },
    /// A payment at a provider.
    ProviderPayment {
        /// Through which provider account.
        connection: ConnectionId,
        /// The provider's name for it.
        id: String,
    },
    /// A Lightning payment hash.
    PaymentHash {
        /// On which network.
        network: String,
        /// The hash.
        hash: Hash,
    },
    /// An API key, by its digest.
    ApiKey {
        /// SHA-256 of the key.
        digest: Hash,
    },
}

impl Claim {
    /// Of a caller's key.
    pub fn idempotency(tenant: &TenantId, key: &Idempotency) -> Self {
        Self::Idempotency {
            tenant: tenant.clone(),
            operation: key.operation.clone(),
            key: key.key.clone(),
        }
    }

    /// Whether only its caller names it, so that it may be forgotten after the settings' days.
    pub const fn is_bare(&self) -> bool {
        matches!(self, Self::Idempotency { .. })
    }
}

impl fmt::Display for Claim {
    /// One line of text that no other claim shares; an index may hash it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idempotency { tenant, operation, key } => {
                write!(f, "idempotency/{tenant}/{operation}/{key}")
            }
            Self::Webhook { connection, event_id } => write!(f, "webhook/{connection}/{event_id}"),
            Self::Source { tenant, kind, id } => {
                write!(f, "source/{tenant}/{}/{id}", kind.as_str())
            }
            Self::Lot { tenant, lot } => write!(f, "lot/{tenant}/{lot}"),
            Self::ProviderPayment { connection, id } => {
                write!(f, "provider-payment/{connection}/{id}")
            }
            Self::PaymentHash { network, hash } => write!(f, "payment-hash/{network}/{hash}"),
            Self::ApiKey { digest } => write!(f, "api-key/{digest}"),
        }
    }
}

/// Who took a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taker {
    /// With which event.
    pub position: u64,
    /// In which stream.
    pub stream: Stream,
}

/// The claims that a fact takes.
///
/// Every event of a keyed command carries the key; the first of them is its taker.
pub fn claims(recorded: &Recorded) -> Vec<Claim> {
    let Recorded { envelope, .. } = recorded;
    let mut claims = vec![];
    if let Some(key) = &envelope.idempotency {
        claims.push(Claim::idempotency(&envelope.tenant, key));
    }
    claims.extend(lasting(recorded));
    claims
}

/// The claims that a fact takes for ever: all but its caller's key.
pub fn lasting(recorded: &Recorded) -> Vec<Claim> {
    let Recorded { envelope, event } = recorded;
    let mut claims = vec![];
    match event {
        Event::Payment(payment::Event::InstrumentCreated(created)) => {
            let payment::InstrumentCreated { connection, provider_id, .. } = created;
            claims.push(Claim::ProviderPayment {
                connection: connection.clone(),
                id: provider_id.clone(),
            });
            let network = created.network.clone();
            let by_hash = |hash| Claim::PaymentHash { network, hash };
            claims.extend(created.payment_hash.map(by_hash));
        }
        Event::Receipt(receipt::Event::Recorded(recorded)) => {
            let connection = recorded.connection.clone();
            let by_event = |event_id| Claim::Webhook { connection, event_id };
            claims.extend(recorded.event_id.clone().map(by_event));
        }
        Event::Account(account::Event::LotMinted(minted)) => {
            claims.extend(of_lot(envelope, minted));
        }
        Event::Tenant(tenant::Event::KeyIssued(issued)) => {
            claims.push(Claim::ApiKey { digest: issued.digest });
        }
        Event::Roll(_)
        | Event::Commodity(_)
        | Event::Settings(_)
        | Event::Tenant(_)
        | Event::Connection(_)
        | Event::Offer(_)
        | Event::Payment(_)
        | Event::Receipt(_)
        | Event::Account(_)
        | Event::Entitlement(_) => {}
    }
    claims
}

/// A lot's source can be claimed once, and so can its name, also after the lot is empty.
fn of_lot(at: &Envelope, minted: &account::LotMinted) -> [Claim; 2] {
    let tenant = at.tenant.clone();
    let account::Source { kind, id } = minted.source.clone();
    [
        Claim::Source { tenant: tenant.clone(), kind, id },
        Claim::Lot { tenant, lot: minted.lot.clone() },
    ]
}

//! Claims: names that can be taken once in the life of a roll. A pure function of the fact.

use std::fmt;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::{
    account::{self, LotExpired, LotMinted, LotReceived, Source, SourceKind},
    bytes::Hash,
    event::{Event, Idempotency, Recorded},
    id::{ConnectionId, LotId, RefundId, ReservationId, Stream, TenantId},
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
        operation: SmolStr,
        /// The key.
        key: SmolStr,
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
        kind: SourceKind,
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
    /// A lot's last lapse, after which nothing was left of it.
    Lapse {
        /// Whose lot.
        tenant: TenantId,
        /// The lot's name.
        lot: LotId,
    },
    /// A reservation's name.
    Reservation {
        /// Whose.
        tenant: TenantId,
        /// The name.
        reservation: ReservationId,
    },
    /// A reservation's end.
    ReservationEnd {
        /// Whose.
        tenant: TenantId,
        /// The name.
        reservation: ReservationId,
    },
    /// A refund's name.
    Refund {
        /// Whose.
        tenant: TenantId,
        /// The name.
        refund: RefundId,
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
            Self::Lapse { tenant, lot } => write!(f, "lapse/{tenant}/{lot}"),
            Self::Reservation { tenant, reservation } => {
                write!(f, "reservation/{tenant}/{reservation}")
            }
            Self::ReservationEnd { tenant, reservation } => {
                write!(f, "reservation-end/{tenant}/{reservation}")
            }
            Self::Refund { tenant, refund } => write!(f, "refund/{tenant}/{refund}"),
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

/// Claims of a fact: mostly one.
pub type Claims = SmallVec<[Claim; 1]>;

/// The claims that a fact takes.
///
/// Every event of a keyed command carries the key; the first of them is its taker.
pub fn claims(recorded: &Recorded) -> Claims {
    let Recorded { envelope, .. } = recorded;
    let mut claims = Claims::new();
    if let Some(key) = &envelope.idempotency {
        claims.push(Claim::idempotency(&envelope.tenant, key));
    }
    claims.extend(lasting(recorded));
    claims
}

/// The claims that a fact takes for ever: all but its caller's key.
pub fn lasting(recorded: &Recorded) -> Claims {
    let Recorded { envelope, event } = recorded;
    let mut claims = Claims::new();
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
        Event::Account(event) => of_account(&envelope.tenant, event, &mut claims),
        Event::Payment(payment::Event::Refunded(refunded)) => {
            let (tenant, refund) = (envelope.tenant.clone(), refunded.refund.clone());
            claims.push(Claim::Refund { tenant, refund });
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
        | Event::Entitlement(_)
        | Event::Billing(_)
        | Event::Letter(_)
        | Event::Campaign(_)
        | Event::Grantee(_) => {}
    }
    claims
}

fn of_account(tenant: &TenantId, event: &account::Event, into: &mut Claims) {
    let begins = |reservation: &ReservationId| Claim::Reservation {
        tenant: tenant.clone(),
        reservation: reservation.clone(),
    };
    let ends = |reservation: &ReservationId| Claim::ReservationEnd {
        tenant: tenant.clone(),
        reservation: reservation.clone(),
    };
    match event {
        account::Event::LotMinted(LotMinted { lot, source, .. }) => {
            let Source { kind, id } = source.clone();
            into.extend(of_lot(tenant, lot, kind, id));
        }
        account::Event::LotReceived(LotReceived { lot, .. }) => {
            into.extend(of_lot(tenant, lot, SourceKind::TransferIn, lot.to_string()));
        }
        account::Event::LotExpired(LotExpired { part, .. }) if part.left.is_zero() => {
            into.push(Claim::Lapse { tenant: tenant.clone(), lot: part.lot.clone() });
        }
        account::Event::Reserved(said) => into.push(begins(&said.reservation)),
        account::Event::ShadowReserved(said) => into.push(begins(&said.reservation)),
        account::Event::Finalized(said) => into.push(ends(&said.reservation)),
        account::Event::Released(said) => into.push(ends(&said.reservation)),
        account::Event::ShadowFinalized(said) => into.push(ends(&said.reservation)),
        account::Event::ShadowReleased(said) => into.push(ends(&said.reservation)),
        account::Event::LotExpired(_)
        | account::Event::Opened(_)
        | account::Event::Spent(_)
        | account::Event::DebtRepaid(_)
        | account::Event::ClawedBack(_)
        | account::Event::LotVoided(_)
        | account::Event::TransferredOut(_) => {}
    }
}

/// A lot's source can be claimed once, and so can its name, also after the lot is empty.
fn of_lot(tenant: &TenantId, lot: &LotId, kind: SourceKind, id: String) -> [Claim; 2] {
    [
        Claim::Source { tenant: tenant.clone(), kind, id },
        Claim::Lot { tenant: tenant.clone(), lot: lot.clone() },
    ]
}

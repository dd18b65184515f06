//! What is asked of the service, and what it answers.

use std::net::IpAddr;

use piperoll_domain::{
    bytes::Hash,
    id::{
        AccountId, ConnectionId, EntitlementId, LotId, OfferId, PaymentId, ReceiptId, Service,
        TenantId,
    },
    offer::OfferRef,
    operation::Purpose,
    payment::{InstrumentCreated, Payment, Requested},
    time::Time,
};

use crate::{
    l402::{
        challenge::Challenge,
        credential::{Credential, CredentialError},
        path::BadPath,
        scope::CaveatRefusal,
    },
    providers,
    roll::Head,
    service::{Error, Principal},
};

/// The service name of the tokens that plain top-ups are sold under.
pub const TOPUPS: &str = "topups";
/// The path of the tokens that plain top-ups are sold under.
pub const TOPUPS_PATH: &str = "/v1/topups";

/// For whom an invoice is made; decides about limits and about showing an earlier one again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum For {
    /// The tenant's own application: no limit but the roll's.
    Application,
    /// A buyer whom an authenticated proxy or application names; an opaque name.
    Buyer(String),
    /// Somebody, from an address if it is known.
    Anybody(Option<IpAddr>),
}

/// A wish for an invoice.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What the money is for.
    pub purpose: Purpose,
    /// Through which provider account; none for the offer's, or the default one.
    pub connection: Option<ConnectionId>,
    /// How long the invoice shall be payable; none for the offer's, or an hour.
    pub expiry_seconds: Option<u32>,
    /// The caller's own name for it; opaque.
    pub reference: Option<String>,
    /// The caller's metadata, as it shall be shown again; sealed before it is kept.
    pub metadata: Option<Vec<u8>>,
    /// What the payer reads in the invoice.
    pub description: Option<String>,
    /// For whom.
    pub buyer: For,
    /// The method and path that were asked for, where a challenge may be shown again.
    pub at: Option<(String, String)>,
}

impl Ask {
    /// A wish with nothing but its purpose.
    pub const fn plainly(purpose: Purpose, buyer: For) -> Self {
        Self {
            purpose,
            connection: None,
            expiry_seconds: None,
            reference: None,
            metadata: None,
            description: None,
            buyer,
            at: None,
        }
    }
}

/// An invoice that can be shown.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Whose.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// What was asked.
    pub requested: Requested,
    /// When.
    pub requested_at: Time,
    /// The invoice's terms.
    pub instrument: InstrumentCreated,
    /// The invoice; none once it was erased.
    pub invoice: Option<String>,
    /// The token that paying makes good, in base64; none where nothing is sold that a token opens.
    pub token: Option<String>,
    /// Both as the lines of a 402.
    pub challenge: Option<Challenge>,
    /// The roll, as far as this answer depends on it.
    pub head: Head,
    /// It is the answer of an earlier request with the same key.
    pub replayed: bool,
    /// It was made for an earlier request of the same buyer.
    pub reused: bool,
}

/// A payment as it stands, with what is sealed in it opened.
#[derive(Debug, Clone)]
pub struct PaymentView {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: PaymentId,
    /// Its state.
    pub payment: Payment,
    /// The invoice; none without one, or once it was erased.
    pub invoice: Option<String>,
    /// The caller's metadata; none without any, or once it was erased.
    pub metadata: Option<Vec<u8>>,
    /// The token that paying makes good, in base64.
    pub token: Option<String>,
    /// Invoice and token as the lines of a 402.
    pub challenge: Option<Challenge>,
    /// Where its history breaks an invariant, if it does.
    pub frozen_at: Option<u64>,
    /// The position of its last fact.
    pub last: u64,
}

/// A request that a credential is presented for.
#[derive(Debug, Clone)]
pub struct UseRequest {
    /// Who asks in the buyer's name: the proxy's or the application's key. Fixes the tenant.
    pub who: Principal,
    /// The service that was asked for.
    pub service: Service,
    /// The method, as the request spells it.
    pub method: String,
    /// The path with its query, as the request spells it.
    pub path: String,
    /// The request's id, if an authenticated proxy set it: makes a repeat the same use.
    pub request_id: Option<String>,
    /// SHA-256 of the body, where it was seen.
    pub body_digest: Option<Hash>,
    /// For whom a fresh challenge would be.
    pub buyer: For,
}

/// A credential that opens something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// Whose service.
    pub tenant: TenantId,
    /// The payment behind the credential.
    pub payment: PaymentId,
    /// The credential's token id.
    pub token: Hash,
    /// Whose account the payment concerns, if any.
    pub account: Option<AccountId>,
    /// Under which offer it was sold.
    pub offer: Option<OfferRef>,
    /// What it opens.
    pub opens: Opens,
    /// The roll, as far as this answer depends on it.
    pub head: Head,
}

/// What a credential opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opens {
    /// One use of several.
    Use {
        /// Of which entitlement.
        entitlement: EntitlementId,
        /// Which use.
        number: u32,
        /// How many are left.
        left: u32,
        /// It is the same use again, and cost nothing.
        repeated: bool,
    },
    /// As many uses as one likes.
    Pass {
        /// Of which entitlement.
        entitlement: EntitlementId,
        /// Until when; none without an end.
        until: Option<Time>,
    },
    /// Credit was given, once.
    Credit {
        /// In whose account.
        account: AccountId,
        /// In which lot; none for one that was given by hand before and is empty.
        lot: Option<LotId>,
    },
    /// The price is paid; piperoll keeps nothing for it.
    Paid,
}

/// Why a credential, or a request without one, is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no credential: 402 with this fresh challenge.
    #[error("the request carries no credential")]
    NoCredential(Box<Checkout>),
    /// There is no credential and none shall be sold here: 401, a bare challenge.
    #[error("the request carries no credential")]
    Denied,
    /// There is something like a credential that cannot be read: 401, nothing minted.
    #[error("the credential cannot be read")]
    Malformed(#[source] CredentialError),
    /// It is not ours, or its preimage is another's: 401, nothing minted.
    #[error("the credential is not valid")]
    Invalid,
    /// It was sold for something else: 403.
    #[error("the credential was sold for something else")]
    WrongScope(#[source] CaveatRefusal),
    /// The path has no one spelling: 400.
    #[error("the path cannot be read")]
    Path(#[source] BadPath),
    /// Its invoice is not paid as far as the provider says: 402, the same challenge, Retry-After 1.
    #[error("the payment is not settled yet")]
    Unsettled(Box<Checkout>),
    /// All its uses are used: 402 with this fresh challenge.
    #[error("the credential is used up")]
    UsedUp(Box<Checkout>),
    /// Its time is over, or its invoice ended unpaid: 402 with this fresh challenge.
    #[error("the credential has expired")]
    Expired(Box<Checkout>),
    /// It was revoked: 402 with this fresh challenge.
    #[error("the credential is revoked")]
    Revoked(Box<Checkout>),
    /// Nobody could be asked whether it is paid: 503, never another invoice.
    #[error("the provider could not be asked whether the credential is paid")]
    ProviderUnavailable(#[source] Error),
    /// Something else.
    #[error(transparent)]
    Error(#[from] Error),
}

/// A request that a reverse proxy asks about.
#[derive(Debug)]
pub struct Forwarded {
    /// The service that the proxy guards.
    pub service: Service,
    /// The request's host, without its port.
    pub host: Option<String>,
    /// Its method.
    pub method: String,
    /// Its path with its query.
    pub path: String,
    /// What it carries.
    pub credential: Result<Credential, CredentialError>,
    /// Its id, if the proxy set it.
    pub request_id: Option<String>,
    /// SHA-256 of its body, where the proxy saw it.
    pub body_digest: Option<Hash>,
    /// The client's address, as the proxy tells.
    pub client: Option<IpAddr>,
    /// The end user, if the proxy authenticated one; an opaque name.
    pub user: Option<String>,
    /// The account that a credit offer would be for.
    pub account: Option<AccountId>,
    /// A request without a credential is refused with 401 and nothing is minted.
    pub deny_401: bool,
}

/// A request that may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorized {
    /// It is one of those who need not pay yet.
    Unmetered {
        /// Under which offer it would have had to.
        offer: OfferId,
    },
    /// It paid.
    Paid(Redeemed),
}

/// What became of a webhook. Every answer but a refusal is 202.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are answered one by one")]
pub struct WebhookAnswer {
    /// It was taken in.
    pub accepted: bool,
    /// It had been taken in before.
    pub duplicate: bool,
    /// No payment of ours is known by its names yet; it is tried again.
    pub unknown_payment: bool,
    /// A payment moved because of it.
    pub applied: bool,
    /// Why nothing moved, in a word.
    pub reason: Option<&'static str>,
    /// Why it was not taken in.
    pub refused: Option<providers::Refusal>,
    /// The receipt that stands in the roll.
    pub receipt: Option<ReceiptId>,
}

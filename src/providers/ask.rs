//! What a provider is asked, and what it answers when all is well.

use std::fmt;

use piperoll_domain::{bytes::Hash, time::Time};

use crate::providers::{Class, CreateError};

/// The longest description that fits every invoice, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 639;
/// The longest reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 200;
/// The longest life of an invoice: a year.
const EXPIRY_SECONDS_MAX: u32 = 31_536_000;

/// A wish for an invoice.
#[derive(Clone, PartialEq, Eq)]
pub struct CreateInvoice {
    /// Ours, never used twice: the payment's id and the instrument's number.
    pub reference: String,
    /// How much, in millisatoshi.
    pub amount_msat: u64,
    /// What the payer reads.
    pub description: Option<String>,
    /// How long it may be paid.
    pub expiry_seconds: u32,
    /// Where the provider should tell of its payment. Carries a token, so it is never printed.
    pub webhook_url: Option<String>,
}

impl CreateInvoice {
    /// Refuses what no provider could grant, before anybody is asked.
    pub fn check(&self) -> Result<(), CreateError> {
        let reference = self.reference.as_bytes();
        let possible = self.amount_msat > 0
            && (1..=REFERENCE_BYTES_MAX).contains(&reference.len())
            && reference.iter().all(u8::is_ascii_graphic)
            && (1..=EXPIRY_SECONDS_MAX).contains(&self.expiry_seconds)
            && self.description.as_ref().is_none_or(|d| d.len() <= DESCRIPTION_BYTES_MAX);
        if possible { Ok(()) } else { Err(CreateError::refused(Class::InvalidRequest)) }
    }
}

impl fmt::Debug for CreateInvoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateInvoice")
            .field("reference", &self.reference)
            .field("amount_msat", &self.amount_msat)
            .field("expiry_seconds", &self.expiry_seconds)
            .finish_non_exhaustive()
    }
}

/// An invoice that the provider made and that was checked against what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The BOLT11 text.
    pub payment_request: String,
    /// What its preimage hashes to.
    pub payment_hash: Hash,
    /// When it ends, by the BOLT11 itself and nothing else.
    pub expires_at: Time,
    /// The provider's own name for it.
    pub provider_id: String,
}

/// Which invoice is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The provider's own name for it.
    pub provider_id: String,
    /// What its preimage hashes to.
    pub payment_hash: Hash,
}

/// What the provider says about an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not paid yet.
    Pending {
        /// The provider's word for it.
        detail: String,
    },
    /// Paid.
    Paid {
        /// How much arrived.
        received_msat: u64,
        /// When, by the provider's clock.
        provider_time: Option<Time>,
        /// What the provider kept, if it told.
        fee_msat: Option<u64>,
    },
    /// Its time ran out unpaid.
    Expired,
    /// The provider gave it up.
    Failed {
        /// The provider's word for it.
        detail: String,
    },
    /// The provider does not know it; nobody may conclude that it failed.
    NotFound,
}

/// A status, and what the provider's clock showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it said.
    pub status: Status,
    /// Its `Date` header: a second witness of the time.
    pub date: Option<Time>,
}

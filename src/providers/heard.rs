//! What a webhook told us, and how sure we are of who told it.

use piperoll_domain::{bytes::Hash, time::Time};

/// What became of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A signature or our own token proves the sender.
    Verified(Notice),
    /// Anybody could have sent it: a reason to ask, nothing more.
    Hint(Notice),
    /// Not worth listening to.
    Refused(Refusal),
}

/// Why a webhook was refused; the label `reason` of `webhook_verify_fail_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// It must be signed and is not.
    #[error("the signature is missing")]
    Missing,
    /// No secret of ours made the signature.
    #[error("the signature does not match")]
    BadSignature,
    /// It was signed at another time.
    #[error("the signature's time is too far from now")]
    Stale,
    /// Its body cannot be read.
    #[error("the body cannot be read")]
    Malformed,
    /// We hold no secret to judge it by.
    #[error("no webhook secret is configured")]
    NotConfigured,
}

impl Refusal {
    /// The word that stands in metrics and facts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
            Self::Malformed => "malformed",
            Self::NotConfigured => "not_configured",
        }
    }
}

/// What proved the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verification {
    /// The secret in force.
    Current,
    /// A secret on its way out.
    Previous,
    /// The token in the URL that we handed out for this payment.
    UrlToken,
    /// Nothing did.
    None,
}

impl Verification {
    /// The word that stands in metrics and facts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
            Self::UrlToken => "url_token",
            Self::None => "none",
        }
    }
}

/// What a webhook claims about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It was paid.
    Paid {
        /// How much arrived, if it told.
        received_msat: Option<u64>,
    },
    /// Its time ran out.
    Expired,
    /// It failed.
    Failed,
    /// Nothing happened yet.
    Pending,
    /// A word we do not know.
    Other(String),
}

impl Says {
    /// The word, ours where there is one.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Paid { .. } => "paid",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Other(word) => word,
        }
    }
}

/// One webhook's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sender's name for the event, the same on every repeat.
    pub event_id: Option<String>,
    /// Which payment: what its preimage hashes to.
    pub payment_hash: Option<Hash>,
    /// Which payment: the provider's own name for it.
    pub provider_id: Option<String>,
    /// What it claims.
    pub says: Says,
    /// When it happened, by the sender's clock.
    pub occurred_at: Option<Time>,
    /// What proved the sender.
    pub verification: Verification,
    /// The sender is proven but not the content: ask for the status before anything is settled.
    pub needs_confirmation: bool,
}

impl Notice {
    /// What tells a repeat from news: the sender's event id, or else payment and claim.
    pub fn replay_key(&self) -> String {
        if let Some(event_id) = &self.event_id {
            return event_id.clone();
        }
        let payment = self.payment_hash.map(|hash| hash.to_string());
        let payment = payment.or_else(|| self.provider_id.clone()).unwrap_or_default();
        format!("{payment}:{}", self.says.as_str())
    }
}

//! A webhook receipt: what a provider told us, how sure we are that it was the provider, and what
//! it led to.

use serde::{Deserialize, Serialize};

use crate::{
    book::Broken,
    bytes::Hash,
    id::ConnectionId,
    money::Money,
    payment::{LedTo, PaymentRef, Says},
    sealed::Sealed,
    time::Time,
    wire::events,
};

/// The reason in [`Refused`] of an unsigned word that was worth asking about.
pub const HINT: &str = "hint";

/// What proved the sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// `hmac-sha256`, `url_token` …
    pub scheme: String,
    /// `current`, `previous` or `url_token`.
    pub key: String,
}

/// How the provider names the payment it speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// By its own id.
    pub provider_id: Option<String>,
    /// By the Lightning payment hash.
    pub payment_hash: Option<Hash>,
}

/// A provider proved itself and told us something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Through which provider account.
    pub connection: ConnectionId,
    /// The network that account is on.
    pub network: String,
    /// The provider's name for this message, if it gives one.
    pub event_id: Option<String>,
    /// SHA-256 of the raw body.
    pub digest: Hash,
    /// The raw body, up to 64 KiB of it.
    pub body: Option<Sealed>,
    /// What proved the sender.
    pub verification: Verification,
    /// Which payment is meant, by the provider's names.
    pub lookup: Lookup,
    /// What it says.
    pub says: Says,
    /// The provider's name for the settlement, if it gives one.
    pub settlement: Option<String>,
    /// What the provider kept, if it told.
    pub fee: Option<Money>,
    /// The provider's time.
    pub occurred_at: Option<Time>,
    /// The word is a hint: the provider is asked before anything moves.
    pub needs_confirmation: bool,
    /// Which payment of ours is meant; none while parked.
    pub payment: Option<PaymentRef>,
    /// What it led to.
    pub led_to: LedTo,
}

/// A parked receipt found its payment, a hint was asked about, or either was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// Which payment was meant, if any.
    pub payment: Option<PaymentRef>,
    /// What it led to.
    pub led_to: LedTo,
}

/// Attempts that proved nothing, bounded: at most one fact a minute for each connection and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which provider account was addressed.
    pub connection: ConnectionId,
    /// `missing`, `bad_signature`, `stale`, `malformed`, `hint`.
    pub reason: String,
    /// How many since the last such fact.
    pub count: u32,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
    /// The latest body, as a sample.
    pub sample: Option<Sealed>,
}

events!(Receipt {
    /// A provider proved itself and told us something.
    Recorded in Box = "receipt.recorded.v1",
    /// A parked receipt found its payment, or a hint was asked about.
    Matched = "receipt.matched.v1",
    /// Attempts that proved nothing.
    Refused = "receipts.refused.v1",
});

/// A receipt's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was told; none while absent, and none in a stream of refusals.
    pub recorded: Option<Recorded>,
    /// Whether it still looks for its payment.
    pub parked: bool,
    /// Whether it is a hint that the provider has still to be asked about.
    pub asks: bool,
    /// Which payment is meant, as far as that is known.
    pub payment: Option<PaymentRef>,
}

impl Receipt {
    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Recorded(recorded) => {
                Broken::unless(self.recorded.is_none(), "a receipt is one", "none", "two")?;
                self.awaits(recorded.led_to);
                self.payment.clone_from(&recorded.payment);
                self.recorded = Some((**recorded).clone());
            }
            Event::Matched(Matched { payment, led_to }) => {
                let open = self.parked || self.asks;
                Broken::unless(open, "only an open receipt is matched", "open", "closed")?;
                self.awaits(*led_to);
                self.payment.clone_from(payment);
            }
            Event::Refused(_) => {}
        }
        Ok(())
    }

    fn awaits(&mut self, led_to: LedTo) {
        self.parked = led_to == LedTo::Parked;
        self.asks = led_to == LedTo::Asks;
    }
}

//! What may have happened to a payment.

use serde::{Deserialize, Serialize};

use crate::{
    bytes::Hash,
    id::{
        AccountId, ConnectionId, EntitlementId, LotId, PaymentId, Pool, ReceiptId, RefundId,
        Service,
    },
    money::{Amount, Money},
    offer::OfferRef,
    payment::Status,
    sealed::Sealed,
    time::Time,
    wire::events,
};

/// What the buyer gets once the money is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Nothing that piperoll keeps; the application delivers.
    Nothing {},
    /// Credit.
    Credit {
        /// Whose.
        account: AccountId,
        /// How much.
        amount: Money,
        /// Where it lies.
        pool: Pool,
        /// How long after settlement it lasts; none for ever.
        expires_after_seconds: Option<u32>,
    },
    /// Access to a service.
    Access {
        /// Which.
        service: Service,
        /// By which methods; empty for every one.
        methods: Vec<String>,
        /// Where: exact, or a prefix that ends in `/*`.
        path: String,
        /// How often; none for as often as one likes.
        uses: Option<u32>,
        /// How long after settlement; none without an end.
        seconds: Option<u32>,
    },
}

/// How a payment is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// A Lightning invoice inside an L402 challenge.
    L402,
    /// A bare Lightning invoice.
    Lightning,
    /// The `Payment` scheme.
    Mpp,
    /// An x402 requirement.
    X402,
    /// A page of the provider's.
    Hosted,
}

/// How we came to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// The provider called us, and proved who it is.
    Webhook,
    /// We asked.
    Status,
    /// A stream we follow.
    Stream,
    /// An operator decided.
    Operator,
}

impl Truth {
    /// The word that metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Status => "status",
            Self::Stream => "stream",
            Self::Operator => "operator",
        }
    }
}

/// A price of one commodity in another, as told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Such as `BTC/USD`.
    pub pair: String,
    /// A decimal number as text.
    pub value: String,
    /// Who said so.
    pub source: String,
    /// When.
    pub at: Time,
}

/// Somebody asked to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// What the buyer gets.
    pub promise: Promise,
    /// Whose account it concerns, if any.
    pub account: Option<AccountId>,
    /// Under which offer.
    pub offer: Option<OfferRef>,
    /// What it costs.
    pub price: Money,
    /// Through which provider account.
    pub connection: ConnectionId,
    /// The caller's own name for it; opaque, no personal data.
    pub reference: Option<String>,
    /// The caller's metadata.
    pub metadata: Option<Sealed>,
    /// How long an invoice shall be payable.
    pub expiry_seconds: u32,
}

/// An invoice exists; appended before anybody is shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentCreated {
    /// 1, 2, 3 … within the payment.
    pub number: u32,
    /// Through which provider account.
    pub connection: ConnectionId,
    /// How it is asked for.
    pub protocol: Protocol,
    /// `bitcoin`, `regtest` …
    pub network: String,
    /// What is to be sent, such as `BTC`.
    pub asset: String,
    /// The provider's own name for it.
    pub provider_id: String,
    /// The Lightning payment hash.
    pub payment_hash: Option<Hash>,
    /// How much is asked.
    pub amount: Money,
    /// Until when it can be paid, as the invoice itself says.
    pub expires_at: Time,
    /// The invoice, to be shown again.
    pub invoice: Option<Sealed>,
    /// The L402 token id that was minted with it.
    pub token: Option<Hash>,
    /// The token's caveats, in order, so that the same challenge can be rendered again.
    pub caveats: Vec<String>,
    /// SHA-256 of the secret in the URL that the provider was told to call.
    pub callback: Option<Hash>,
}

/// No invoice came to be, or the provider gave up on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// A class, such as `refused` or `provider`.
    pub reason: String,
    /// The provider's word, bounded; no personal data.
    pub detail: String,
}

/// Whether the provider made an invoice is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeUnknown {
    /// A class, such as `timeout`.
    pub class: String,
}

/// Nobody ever learnt what became of the create call, and nobody will be shown its invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandoned {
    /// Why.
    pub reason: String,
}

/// The provider's own word for where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailNoted {
    /// Such as `confirming`.
    pub word: String,
}

/// Where the money of a settlement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    /// It arrived.
    Received {},
    /// The last part of it arrived; the parts before it lay in suspense, and their reviews released
    /// them.
    Completed {
        /// The last part.
        arrived: Money,
    },
    /// It lay in suspense and a review released it.
    Review {
        /// Which review.
        number: u32,
    },
}

/// The price is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which instrument.
    pub instrument: u32,
    /// What was asked, and is now paid.
    pub requested: Money,
    /// What arrived in all; the surplus has a review of its own.
    pub received: Money,
    /// What the provider kept, if it told.
    pub fee: Option<Money>,
    /// Where the money comes from.
    pub funding: Funding,
    /// How we know.
    pub truth: Truth,
    /// The provider account.
    pub connection: ConnectionId,
    /// The provider's name for the settlement, or for the payment.
    pub provider_id: String,
    /// The provider's time.
    pub provider_time: Option<Time>,
    /// The receipt that told us.
    pub receipt: Option<ReceiptId>,
    /// When the invoice was shown; the latency to payment counts from here.
    pub challenged_at: Time,
    /// What the money was worth elsewhere, if anybody said.
    pub rate: Option<Rate>,
}

/// The provider has a name for money that was booked before it was heard. Moves nothing; other
/// money will have another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementNamed {
    /// The provider's name for the settlement.
    pub provider_id: String,
    /// How much of what was booked it is.
    pub money: Money,
    /// How we know.
    pub truth: Truth,
    /// The receipt that told us.
    pub receipt: Option<ReceiptId>,
}

/// What the payment gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gave {
    /// Nothing that piperoll keeps.
    Nothing {},
    /// A lot.
    Lot {
        /// In whose account.
        account: AccountId,
        /// Which.
        lot: LotId,
    },
    /// Nothing more: its credit had been given by hand, under this payment's name.
    Recovered {
        /// In whose account.
        account: AccountId,
        /// Which lot; none in older events, where it was empty by then.
        lot: Option<LotId>,
        /// Position of its mint.
        minted: u64,
    },
    /// An entitlement.
    Entitlement {
        /// Which.
        id: EntitlementId,
    },
}

/// What was promised has been given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumed {
    /// What it was.
    pub gave: Gave,
    /// What was paid for it.
    pub price: Money,
}

/// Nobody paid in time; the provider said so when asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// The provider's word.
    pub word: String,
}

/// Why somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    /// Paid after it had expired, failed or been abandoned.
    Late,
    /// Paid once more.
    Double,
    /// Less than the price arrived.
    Short,
    /// More than the price arrived; this is the surplus.
    Over,
    /// Another asset arrived.
    WrongAsset,
    /// The provider has not answered for a day.
    ProviderSilent,
}

/// Money lies in suspense, or a provider is silent: an operator decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewOpened {
    /// 1, 2, 3 … within the payment.
    pub number: u32,
    /// Why.
    pub kind: ReviewKind,
    /// What lies in suspense.
    pub money: Option<Money>,
    /// What had been asked.
    pub requested: Money,
    /// Which instrument.
    pub instrument: u32,
    /// How we know.
    pub truth: Truth,
    /// The provider account.
    pub connection: ConnectionId,
    /// The provider's name for the settlement, or for the payment.
    pub provider_id: String,
    /// The provider's time.
    pub provider_time: Option<Time>,
    /// The receipt that told us.
    pub receipt: Option<ReceiptId>,
}

/// What an operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewAction {
    /// The money is taken for what was promised.
    Apply,
    /// The money went back.
    Refund,
    /// There is nothing to do.
    Dismiss,
}

/// An operator decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewResolved {
    /// Which review.
    pub number: u32,
    /// Position of the fact that opened it.
    pub opener: u64,
    /// What was decided.
    pub action: ReviewAction,
    /// What left suspense.
    pub money: Option<Money>,
    /// The provider account the money had come through.
    pub connection: ConnectionId,
    /// Where the refund can be found, if it was one.
    pub reference: Option<String>,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// A verified source asked for an edge that the machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionRefused {
    /// Where it stands.
    pub from: Status,
    /// Where it was told to go.
    pub to: Status,
    /// By whom.
    pub truth: Truth,
    /// In which receipt.
    pub receipt: Option<ReceiptId>,
}

/// Money went back to whoever had paid. What becomes of the credit that it had bought is another
/// fact, joined by the refund's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// Its name.
    pub refund: RefundId,
    /// How much went back.
    pub amount: Money,
    /// How much has gone back by now in all.
    pub total: Money,
    /// What had been paid.
    pub paid: Money,
    /// The provider account.
    pub connection: ConnectionId,
    /// Where the refund can be found.
    pub reference: Option<String>,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Payment {
    /// Somebody asked to be paid.
    Requested = "payment.requested.v1",
    /// An invoice exists.
    InstrumentCreated = "payment.instrument_created.v1",
    /// No invoice came to be, or the provider gave up on it.
    Failed = "payment.failed.v1",
    /// Whether an invoice came to be is not known.
    OutcomeUnknown = "payment.outcome_unknown.v1",
    /// Nobody will ever know.
    Abandoned = "payment.abandoned.v1",
    /// The provider's own word for where it stands.
    DetailNoted = "payment.detail_noted.v1",
    /// The price is paid.
    Settled = "payment.settled.v1",
    /// The provider has a name for money that was booked before.
    SettlementNamed = "payment.settlement_named.v1",
    /// What was promised has been given.
    Consumed = "payment.consumed.v1",
    /// Nobody paid in time.
    Expired = "payment.expired.v1",
    /// An operator has to decide.
    ReviewOpened = "payment.review_opened.v1",
    /// An operator decided.
    ReviewResolved = "payment.review_resolved.v1",
    /// An edge that the machine does not have.
    TransitionRefused = "payment.transition_refused.v1",
    /// Money went back.
    Refunded = "payment.refunded.v1",
});

impl Promise {
    /// Credit for `money` of `price`, in proportion, rounded down.
    pub(crate) fn credit_share(&self, money: Money, price: Money) -> Option<(AccountId, Money)> {
        match self {
            Self::Credit { account, amount, .. } if money.commodity == price.commodity => {
                let share: Amount = amount.amount.share(money.amount, price.amount)?;
                (!share.is_zero()).then(|| (account.clone(), amount.with(share)))
            }
            Self::Nothing {} | Self::Credit { .. } | Self::Access { .. } => None,
        }
    }
}

/// Names a payment of a tenant in another aggregate's fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRef {
    /// Whose.
    pub tenant: crate::id::TenantId,
    /// Which.
    pub id: PaymentId,
}

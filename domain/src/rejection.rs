//! Refusals: what the rules say no to. Each has one stable code, which is also its problem code.
//!
//! A `field` names the part of a wish that is refused, as bodies of requests do.

use crate::{
    billing::CeilingOf,
    campaign,
    claim::Claim,
    id::Stream,
    money::{Code, Money},
    payment::Status,
};

/// Why the rules refuse. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An amount is zero where something must move.
    #[error("the amount is zero")]
    AmountZero {
        /// Which part of the wish.
        field: &'static str,
    },
    /// An amount is outside what the settings allow.
    #[error("the amount must be between {least} and {most}")]
    AmountOutOfRange {
        /// Which part of the wish.
        field: &'static str,
        /// The least.
        least: Money,
        /// The most.
        most: Money,
    },
    /// Credit that is given has no cost.
    #[error("credit that is given, not sold, has no cost")]
    CostOfGift,
    /// How long an invoice or credit shall last is outside what can be.
    #[error("a duration must be between 1 and {most} seconds")]
    DurationOutOfRange {
        /// Which part of the wish.
        field: &'static str,
        /// The most.
        most: u32,
    },
    /// A sum is larger than there can be.
    #[error("the amount is larger than there can be")]
    AmountOverflow {
        /// Which part of the wish.
        field: &'static str,
    },
    /// A commodity that is not what is expected here.
    #[error("`{code}` is not accepted here")]
    CommodityForeign {
        /// Which part of the wish.
        field: &'static str,
        /// Which.
        code: Code,
    },
    /// A commodity nobody declared, or that is retired.
    #[error("the commodity `{code}` is not declared")]
    CommodityUnknown {
        /// Which part of the wish.
        field: &'static str,
        /// Which.
        code: Code,
    },
    /// A commodity is immutable.
    #[error("the commodity `{code}` stands already, otherwise")]
    CommodityTaken {
        /// Which.
        code: Code,
    },
    /// Too many decimal places.
    #[error("a commodity has at most {max} decimal places")]
    ScaleTooLarge {
        /// The most there can be.
        max: u8,
    },
    /// Settings that cannot hold together.
    #[error("{what}")]
    SettingsContradict {
        /// Which part of the wish.
        field: &'static str,
        /// What contradicts what.
        what: &'static str,
    },
    /// The name of a tenant that is taken, or the roll's own.
    #[error("the tenant exists")]
    TenantExists,
    /// No such tenant.
    #[error("the tenant does not exist")]
    TenantNotFound,
    /// The name of a key that is taken.
    #[error("the key exists")]
    KeyExists,
    /// No such key.
    #[error("the key does not exist")]
    KeyNotFound,
    /// No such connection, or it is retired.
    #[error("the connection does not exist")]
    ConnectionNotFound,
    /// The environment of the roll forbids it.
    #[error("a {kind} connection is refused in this roll's environment")]
    ConnectionForbidden {
        /// The kind of provider.
        kind: String,
    },
    /// No such offer, or it is withdrawn.
    #[error("the offer does not exist")]
    OfferNotFound,
    /// An offer that cannot be sold.
    #[error("{what}")]
    OfferInvalid {
        /// Which part of the wish.
        field: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// Credit is sold for an account, and none is named.
    #[error("the offer gives credit: an account must be named")]
    AccountRequired,
    /// No such account.
    #[error("the account does not exist")]
    AccountNotFound,
    /// Not enough credit.
    #[error("the credit is short of {missing}")]
    CreditInsufficient {
        /// How much more there would have to be.
        missing: Money,
    },
    /// An account that every tenant has from its beginning, and that nobody moves credit of.
    #[error("accounts whose names begin with `sys-` are the tenant's own")]
    AccountReserved {
        /// Which part of the wish.
        field: &'static str,
    },
    /// Credit cannot go from an account to itself.
    #[error("the accounts are the same")]
    AccountSame,
    /// Billing is switched off.
    #[error("billing is switched off")]
    BillingOff,
    /// How a tenant bills was changed since it was looked at.
    #[error("how the tenant bills was changed meanwhile, to version {version}")]
    BillingChanged {
        /// What holds now.
        version: u32,
    },
    /// More at once than is allowed.
    #[error("the amount is above the ceiling of {ceiling} that {} sets", of.as_str())]
    CeilingExceeded {
        /// Which part of the wish.
        field: &'static str,
        /// The most.
        ceiling: Money,
        /// Who set it.
        of: CeilingOf,
    },
    /// The name of a reservation that is taken.
    #[error("the reservation exists")]
    ReservationExists,
    /// No such reservation is open.
    #[error("the reservation does not exist, or has ended")]
    ReservationNotFound,
    /// Its time is over.
    #[error("the reservation has expired")]
    ReservationExpired,
    /// Its time is not over.
    #[error("the reservation has not expired")]
    ReservationNotExpired,
    /// It was finalized at another cost.
    #[error("the reservation is finalized at {cost}")]
    ReservationFinalized {
        /// At which.
        cost: Money,
    },
    /// Credit that cannot be given by hand like this.
    #[error("{what}")]
    MintInvalid {
        /// Which part of the wish.
        field: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The name of a campaign that is taken.
    #[error("the campaign exists")]
    CampaignExists,
    /// No such campaign.
    #[error("the campaign does not exist")]
    CampaignNotFound,
    /// Terms that no campaign can have.
    #[error("{what}")]
    CampaignInvalid {
        /// Which part of the wish.
        field: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The campaign gives nothing now.
    #[error("the campaign gives nothing: it is {}", status.as_str())]
    CampaignNotActive {
        /// Where it stands.
        status: campaign::Status,
    },
    /// The campaign cannot go there from where it stands.
    #[error("the campaign is {}", status.as_str())]
    CampaignWrongStatus {
        /// Where it stands.
        status: campaign::Status,
    },
    /// Its time is not over.
    #[error("the campaign's time is not over")]
    CampaignNotOver,
    /// More than is left of a campaign's budget.
    #[error("only {left} is left of the campaign's budget")]
    BudgetExceeded {
        /// How much is left.
        left: Money,
    },
    /// More than an account may get of a campaign.
    #[error("the account may get no more than {left} of this campaign")]
    CapExceeded {
        /// How much more it may get.
        left: Money,
    },
    /// The name of a grant that is taken.
    #[error("the grant exists")]
    GrantExists,
    /// No such lot.
    #[error("the lot does not exist")]
    LotNotFound,
    /// Nothing of the lot can be used.
    #[error("nothing is left of the lot")]
    LotEmpty,
    /// Some of the lot is reserved.
    #[error("some of the lot is reserved; release that first")]
    LotReserved,
    /// More than there is to take back.
    #[error("no more than {left} can be taken back")]
    ClawbackExceeds {
        /// How much there is.
        left: Money,
    },
    /// More than was paid and has not been refunded.
    #[error("no more than {left} can be refunded")]
    RefundExceeds {
        /// How much there is.
        left: Money,
    },
    /// Shares that cannot hold.
    #[error("{what}")]
    SharesInvalid {
        /// Which part of the wish.
        field: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// No such rule of shares.
    #[error("the rule of shares does not exist")]
    SharesNotFound,
    /// The rule of shares stands elsewhere by now.
    #[error("the rule of shares is not open for that")]
    SharesNotOpen,
    /// Whoever proposes may not approve.
    #[error("somebody else has to approve it")]
    FourEyes,
    /// As much credit was given by hand, without a name for where it comes from, a short while ago.
    #[error("as much was given to the account by hand less than a day ago, at position {position}")]
    PossibleDuplicate {
        /// Position of the latest mint that this one may repeat.
        position: u64,
    },
    /// The name of a lot that is taken.
    #[error("the lot exists")]
    LotExists,
    /// A lot that has not expired yet.
    #[error("the lot has not expired")]
    LotNotExpired,
    /// The name of a payment that is taken.
    #[error("the payment exists")]
    PaymentExists,
    /// No such payment.
    #[error("the payment does not exist")]
    PaymentNotFound,
    /// The payment stands elsewhere by now.
    #[error("the payment is already {}", status.as_str())]
    PaymentTooLate {
        /// Where it stands.
        status: Status,
    },
    /// It is not time yet.
    #[error("it is too early for that")]
    PaymentTooEarly,
    /// The price has not been paid.
    #[error("the payment is {}, not paid", status.as_str())]
    PaymentNotPaid {
        /// Where it stands.
        status: Status,
    },
    /// No such review.
    #[error("the review does not exist")]
    ReviewNotFound,
    /// The review was decided.
    #[error("the review is closed")]
    ReviewClosed,
    /// The review cannot be decided like this.
    #[error("the review cannot be resolved this way")]
    ReviewNotApplicable,
    /// The webhook's event was received before.
    #[error("the event was received before")]
    EventReceived,
    /// No such receipt, or it is not parked.
    #[error("no such receipt is parked")]
    ReceiptNotParked,
    /// No such entitlement.
    #[error("the entitlement does not exist")]
    EntitlementNotFound,
    /// All uses are used.
    #[error("the entitlement is used up")]
    EntitlementUsedUp,
    /// Its time is over.
    #[error("the entitlement has ended")]
    EntitlementEnded,
    /// It was revoked.
    #[error("the entitlement is revoked")]
    EntitlementRevoked,
    /// No such use, or it is too old to be given back.
    #[error("the use does not exist")]
    UseNotFound,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// A name that can be taken once is taken.
    #[error("{claim} is taken since position {position}")]
    ClaimTaken {
        /// Which.
        claim: Claim,
        /// By the event there.
        position: u64,
    },
    /// The stream's history breaks an invariant; it accepts nothing until that is acknowledged.
    #[error("`{stream}` is frozen: its history breaks an invariant at position {position}")]
    StreamFrozen {
        /// Which.
        stream: Stream,
        /// Where.
        position: u64,
    },
    /// The stream is not frozen there.
    #[error("nothing is frozen there")]
    NothingFrozen,
    /// No such duty is open.
    #[error("no such duty is open")]
    DutyNotOpen,
    /// No such dead letter.
    #[error("the dead letter does not exist")]
    LetterNotFound,
    /// The letter is completed, or was given up.
    #[error("the dead letter has ended")]
    LetterEnded,
    /// An attempt is being made.
    #[error("an attempt at the dead letter is under way")]
    LetterBusy,
    /// A reason is missing or longer than 500 characters.
    #[error("a reason of 1 to 500 characters is needed")]
    ReasonNeeded,
    /// An item of a batch that stands or falls as one.
    #[error("{refusal}")]
    Item {
        /// Which, from 0.
        index: usize,
        /// Why.
        refusal: Box<Self>,
    },
}

impl Rejection {
    /// The stable code.
    #[expect(clippy::too_many_lines, reason = "a table, a line a refusal")]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AmountZero { .. } => "amount_zero",
            Self::AmountOutOfRange { .. } => "amount_out_of_range",
            Self::CostOfGift => "cost_of_gift",
            Self::DurationOutOfRange { .. } => "duration_out_of_range",
            Self::AmountOverflow { .. } => "amount_overflow",
            Self::CommodityForeign { .. } => "commodity_foreign",
            Self::CommodityUnknown { .. } => "commodity_unknown",
            Self::CommodityTaken { .. } => "commodity_taken",
            Self::ScaleTooLarge { .. } => "scale_too_large",
            Self::SettingsContradict { .. } => "settings_contradict",
            Self::TenantExists => "tenant_exists",
            Self::TenantNotFound => "tenant_not_found",
            Self::KeyExists => "key_exists",
            Self::KeyNotFound => "key_not_found",
            Self::ConnectionNotFound => "connection_not_found",
            Self::ConnectionForbidden { .. } => "connection_forbidden",
            Self::OfferNotFound => "offer_not_found",
            Self::OfferInvalid { .. } => "offer_invalid",
            Self::AccountRequired => "account_required",
            Self::AccountNotFound => "account_not_found",
            Self::CreditInsufficient { .. } => "credit_insufficient",
            Self::AccountReserved { .. } => "account_reserved",
            Self::AccountSame => "account_same",
            Self::BillingOff => "billing_off",
            Self::BillingChanged { .. } => "billing_changed",
            Self::CeilingExceeded { .. } => "ceiling_exceeded",
            Self::ReservationExists => "reservation_exists",
            Self::ReservationNotFound => "reservation_not_found",
            Self::ReservationExpired => "reservation_expired",
            Self::ReservationNotExpired => "reservation_not_expired",
            Self::ReservationFinalized { .. } => "reservation_finalized",
            Self::MintInvalid { .. } => "mint_invalid",
            Self::CampaignExists => "campaign_exists",
            Self::CampaignNotFound => "campaign_not_found",
            Self::CampaignInvalid { .. } => "campaign_invalid",
            Self::CampaignNotActive { .. } => "campaign_not_active",
            Self::CampaignWrongStatus { .. } => "campaign_wrong_status",
            Self::CampaignNotOver => "campaign_not_over",
            Self::BudgetExceeded { .. } => "budget_exceeded",
            Self::CapExceeded { .. } => "cap_exceeded",
            Self::GrantExists => "grant_exists",
            Self::LotNotFound => "lot_not_found",
            Self::LotEmpty => "lot_empty",
            Self::LotReserved => "lot_reserved",
            Self::ClawbackExceeds { .. } => "clawback_exceeds",
            Self::RefundExceeds { .. } => "refund_exceeds",
            Self::SharesInvalid { .. } => "shares_invalid",
            Self::SharesNotFound => "shares_not_found",
            Self::SharesNotOpen => "shares_not_open",
            Self::FourEyes => "four_eyes",
            Self::PossibleDuplicate { .. } => "possible_duplicate",
            Self::LotExists => "lot_exists",
            Self::LotNotExpired => "lot_not_expired",
            Self::PaymentExists => "payment_exists",
            Self::PaymentNotFound => "payment_not_found",
            Self::PaymentTooLate { .. } => "payment_too_late",
            Self::PaymentTooEarly => "payment_too_early",
            Self::PaymentNotPaid { .. } => "payment_not_paid",
            Self::ReviewNotFound => "review_not_found",
            Self::ReviewClosed => "review_closed",
            Self::ReviewNotApplicable => "review_not_applicable",
            Self::EventReceived => "event_received",
            Self::ReceiptNotParked => "receipt_not_parked",
            Self::EntitlementNotFound => "entitlement_not_found",
            Self::EntitlementUsedUp => "entitlement_used_up",
            Self::EntitlementEnded => "entitlement_ended",
            Self::EntitlementRevoked => "entitlement_revoked",
            Self::UseNotFound => "use_not_found",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::ClaimTaken { .. } => "claim_taken",
            Self::StreamFrozen { .. } => "stream_frozen",
            Self::NothingFrozen => "nothing_frozen",
            Self::DutyNotOpen => "duty_not_open",
            Self::LetterNotFound => "letter_not_found",
            Self::LetterEnded => "letter_ended",
            Self::LetterBusy => "letter_busy",
            Self::ReasonNeeded => "reason_needed",
            Self::Item { refusal, .. } => refusal.code(),
        }
    }
}

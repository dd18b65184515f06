//! From what the rules refuse to what a client is told.

use piperoll_domain::rejection::Rejection;

use super::Code;

impl From<&Rejection> for Code {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::AmountZero => Self::AmountZero,
            Rejection::AmountOutOfRange { .. } => Self::AmountOutOfRange,
            Rejection::CostOfGift => Self::CostOfGift,
            Rejection::DurationOutOfRange { .. } => Self::DurationOutOfRange,
            Rejection::AmountOverflow => Self::AmountOverflow,
            Rejection::CommodityForeign { .. } => Self::CommodityForeign,
            Rejection::CommodityUnknown { .. } => Self::CommodityUnknown,
            Rejection::CommodityTaken { .. } => Self::CommodityTaken,
            Rejection::ScaleTooLarge { .. } => Self::ScaleTooLarge,
            Rejection::SettingsContradict { .. } => Self::SettingsContradict,
            Rejection::TenantExists => Self::TenantExists,
            Rejection::TenantNotFound => Self::TenantNotFound,
            Rejection::KeyExists => Self::KeyExists,
            Rejection::KeyNotFound => Self::KeyNotFound,
            Rejection::ConnectionNotFound => Self::ConnectionNotFound,
            Rejection::ConnectionForbidden { .. } => Self::ConnectionForbidden,
            Rejection::OfferNotFound => Self::OfferNotFound,
            Rejection::OfferInvalid { .. } => Self::OfferInvalid,
            Rejection::AccountRequired => Self::AccountRequired,
            Rejection::AccountNotFound => Self::AccountNotFound,
            Rejection::CreditInsufficient { .. } => Self::CreditInsufficient,
            Rejection::LotExists => Self::LotExists,
            Rejection::LotNotExpired => Self::LotNotExpired,
            Rejection::PaymentExists => Self::PaymentExists,
            Rejection::PaymentNotFound => Self::PaymentNotFound,
            Rejection::PaymentTooLate { .. } => Self::PaymentTooLate,
            Rejection::PaymentTooEarly => Self::PaymentTooEarly,
            Rejection::PaymentNotPaid { .. } => Self::PaymentNotPaid,
            Rejection::ReviewNotFound => Self::ReviewNotFound,
            Rejection::ReviewClosed => Self::ReviewClosed,
            Rejection::ReviewNotApplicable => Self::ReviewNotApplicable,
            Rejection::EventReceived => Self::EventReceived,
            Rejection::ReceiptNotParked => Self::ReceiptNotParked,
            Rejection::EntitlementNotFound => Self::EntitlementNotFound,
            Rejection::EntitlementUsedUp => Self::EntitlementUsedUp,
            Rejection::EntitlementEnded => Self::EntitlementEnded,
            Rejection::EntitlementRevoked => Self::EntitlementRevoked,
            Rejection::UseNotFound => Self::UseNotFound,
            Rejection::IdempotencyMismatch => Self::IdempotencyMismatch,
            Rejection::ClaimTaken { .. } => Self::ClaimTaken,
            Rejection::StreamFrozen { .. } => Self::StreamFrozen,
            Rejection::NothingFrozen => Self::NothingFrozen,
            Rejection::DutyNotOpen => Self::DutyNotOpen,
            Rejection::ReasonNeeded => Self::ReasonNeeded,
            Rejection::Item { refusal, .. } => Self::from(&**refusal),
        }
    }
}

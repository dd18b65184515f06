//! From what the rules refuse to the part of a request that it is about.

use piperoll_domain::{account::SourceKind, claim::Claim, rejection::Rejection};

/// What is wrong, or taken, by the name that bodies have for it. None for what no part of a request is
/// to blame for, and for what does not exist: the path, or the item of a batch, names that.
pub(super) const fn of(rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection {
        Rejection::AmountZero { field }
        | Rejection::AmountOutOfRange { field, .. }
        | Rejection::AmountOverflow { field }
        | Rejection::DurationOutOfRange { field, .. }
        | Rejection::CommodityForeign { field, .. }
        | Rejection::CommodityUnknown { field, .. }
        | Rejection::CeilingExceeded { field, .. }
        | Rejection::AccountReserved { field }
        | Rejection::SettingsContradict { field, .. }
        | Rejection::OfferInvalid { field, .. }
        | Rejection::MintInvalid { field, .. }
        | Rejection::CampaignInvalid { field, .. }
        | Rejection::SharesInvalid { field, .. } => field,
        Rejection::RefundExceeds { .. }
        | Rejection::ClawbackExceeds { .. }
        | Rejection::BudgetExceeded { .. }
        | Rejection::CapExceeded { .. } => "amount",
        Rejection::CostOfGift => "cost",
        Rejection::CommodityTaken { .. } | Rejection::ScaleTooLarge { .. } => "scale",
        Rejection::ConnectionForbidden { .. } => "kind",
        Rejection::AccountRequired => "account",
        Rejection::AccountSame => "to",
        Rejection::BillingChanged { .. } => "version",
        Rejection::ReviewNotApplicable => "action",
        Rejection::ReasonNeeded => "reason",
        Rejection::TenantExists => "tenant",
        Rejection::KeyExists => "key",
        Rejection::ReservationExists => "reservation",
        Rejection::CampaignExists => "campaign",
        Rejection::GrantExists => "grant",
        // Lots that arrive are named after their transfer; all others are named by us.
        Rejection::LotExists => "transfer",
        Rejection::ClaimTaken { claim, .. } => return of_claim(claim),
        _ => return None,
    })
}

/// Only names that callers choose.
const fn of_claim(claim: &Claim) -> Option<&'static str> {
    match claim {
        Claim::Source { kind: SourceKind::TransferIn, .. } => Some("transfer"),
        Claim::Source { .. } => Some("source_id"),
        Claim::Refund { .. } => Some("refund"),
        _ => None,
    }
}

//! Items of a batch, as the document describes them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::render::Sum;

/// A command: what its own route takes, and in `operation` which it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes what a body says")]
pub(in crate::api) enum BatchItem {
    /// As `POST /v1/accounts`.
    #[schema(title = "account.open")]
    OpenAccount(OpenItem),
    /// As `POST /v1/accounts/{account}/spend`.
    #[schema(title = "account.spend")]
    Spend(SpendItem),
    /// As `POST /v1/accounts/{account}/reservations`.
    #[schema(title = "reservation.reserve")]
    Reserve(ReserveItem),
    /// As `POST /v1/reservations/{reservation}/finalize`.
    #[schema(title = "reservation.finalize")]
    Finalize(FinalizeItem),
    /// As `POST /v1/reservations/{reservation}/release`.
    #[schema(title = "reservation.release")]
    Release(ReleaseItem),
    /// As `POST /v1/admin/tenants/{tenant}/accounts/{account}/mint`: an operator's.
    #[schema(title = "lot.mint")]
    Mint(MintItem),
    /// As an item of `POST /v1/campaigns/{campaign}/grants`.
    #[schema(title = "campaign.grant")]
    Grant(GrantOfItem),
}

/// An account to be opened.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct OpenItem {
    /// `account.open`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Its name: opaque, no personal data.
    account: String,
}

/// Credit to be used.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct SpendItem {
    /// `account.spend`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Whose credit.
    account: String,
    /// How much.
    amount: Sum,
    /// From which pool first; `general` unless said.
    pool: Option<String>,
    /// The caller's own name for it; opaque.
    #[schema(max_length = 200)]
    reference: Option<String>,
}

/// Credit to be set aside.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ReserveItem {
    /// `reservation.reserve`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Whose credit.
    account: String,
    /// Its name; made up unless said.
    reservation: Option<String>,
    /// How much; this or `estimate`.
    amount: Option<Sum>,
    /// What the work may cost.
    estimate: Option<Sum>,
    /// From which pool first; `general` unless said.
    pool: Option<String>,
    /// How long it lasts.
    ttl_seconds: Option<u32>,
    /// The caller's own name for it; opaque.
    #[schema(max_length = 200)]
    reference: Option<String>,
}

/// A reservation to be charged.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct FinalizeItem {
    /// `reservation.finalize`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Which.
    reservation: String,
    /// What the work cost.
    cost: Sum,
    /// Whose credit, if the caller knows.
    account: Option<String>,
}

/// A reservation to be given back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ReleaseItem {
    /// `reservation.release`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Which.
    reservation: String,
    /// Whose credit, if the caller knows.
    account: Option<String>,
}

/// Credit to be given by hand.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct MintItem {
    /// `lot.mint`.
    operation: String,
    /// 1 to 255 printable characters: the same key is the same request, here and alone.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// Whose account.
    account: String,
    /// How much.
    amount: Sum,
    /// `grant`, `deposit` or `purchase`; `grant` unless said.
    source: Option<String>,
    /// The source's own name; without it, the item's key.
    source_id: Option<String>,
    /// Where it shall lie; `general` unless said.
    pool: Option<String>,
    /// Until when it can be spent; for ever unless said.
    expires_at: Option<String>,
    /// What was paid for it outside.
    cost: Option<Sum>,
    /// Why; no place for personal data.
    reason: String,
}

/// Credit to be given by a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GrantOfItem {
    /// `campaign.grant`.
    operation: String,
    /// Of which campaign.
    campaign: String,
    #[serde(flatten)]
    grant: GrantItem,
}

/// Credit to be given by the campaign that is named elsewhere.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct GrantItem {
    /// 1 to 255 printable characters: the same key is the same request.
    #[schema(max_length = 255)]
    idempotency_key: String,
    /// For which account.
    account: String,
    /// How much, in the budget's commodity.
    amount: Sum,
    /// The grant's name, and its lot's; made up unless said.
    grant: Option<String>,
}

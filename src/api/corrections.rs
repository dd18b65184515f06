//! What sets something right, each with a reason: money given back, credit taken back, lots that
//! should never have been, credit that is another's. Billing switched off does not stop them.

mod render;

use axum::{Router, extract::State, routing::post};
use piperoll_domain::{
    id::{AccountId, LotId, PaymentId, Pool, RefundId, TenantId, TransferId},
    money::Money,
    operation::{ClawBack, RefundPayment, TransferCredit, VoidLot},
};
use serde::Deserialize;
use utoipa::ToSchema;

use self::render::{ClawedBack, Refunded, Transferred, Voided};
use crate::{
    api::{
        Api, Problem,
        accounts::untold,
        caller::{Caller, Of},
        demand::{Demand, Refusals},
        extract::{Path, Write, must_be_reference},
        offers::Reason,
        problem,
        render::{Answer, Sum},
    },
    service::Principal,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/payments/{payment}/refunds", post(refund))
        .route("/v1/accounts/{account}/lots/{lot}/clawback", post(claw_back))
        .route("/v1/accounts/{account}/lots/{lot}/void", post(void))
        .route("/v1/transfers", post(transfer))
        .route("/v1/admin/tenants/{tenant}/payments/{payment}/refunds", post(refund_of))
        .route(
            "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/clawback",
            post(claw_back_of),
        )
        .route("/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/void", post(void_of))
        .route("/v1/admin/tenants/{tenant}/transfers", post(transfer_of))
}

/// Money of a payment that went back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRefund {
    /// Its name, which no other refund of the tenant has; made up unless said.
    #[schema(value_type = Option<String>)]
    refund: Option<RefundId>,
    /// How much.
    #[schema(value_type = Sum)]
    amount: Money,
    /// Where the refund can be found, such as the provider's name for it.
    #[schema(max_length = 200)]
    reference: Option<String>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Records that money of a payment went back, and takes back in proportion what it had bought. All
/// refunds of a payment together are at most what was paid. The money itself is sent by hand.
#[utoipa::path(post, path = "/v1/payments/{payment}/refunds", tag = "corrections",
    params(("payment" = String, Path)), request_body = NewRefund,
    responses((status = 201, body = Refunded)))]
pub(super) async fn refund(
    State(api): State<Api>,
    of: Of,
    Path(payment): Path<PaymentId>,
    write: Write<NewRefund>,
) -> Result<Answer<Refunded>, Problem> {
    refunded(&api, &of.who, of.tenant, payment, write).await
}

/// Records that money of any tenant's payment went back.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/payments/{payment}/refunds", tag = "admin",
    params(("tenant" = String, Path), ("payment" = String, Path)), request_body = NewRefund,
    responses((status = 201, body = Refunded)))]
pub(super) async fn refund_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, payment)): Path<(TenantId, PaymentId)>,
    write: Write<NewRefund>,
) -> Result<Answer<Refunded>, Problem> {
    refunded(&api, &who, tenant, payment, write).await
}

async fn refunded(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    payment: PaymentId,
    write: Write<NewRefund>,
) -> Result<Answer<Refunded>, Problem> {
    let key = write.key("payment.refund", &[payment.as_str()])?;
    let NewRefund { refund, amount, reference, reason } = write.body;
    must_be_reference(reference.as_deref())?;
    let refund = refund.map_or_else(|| named("rfd", "refund"), Ok)?;
    let operation =
        RefundPayment { tenant, payment: payment.clone(), refund, amount, reference, reason };
    let done = api.service().execute(who, operation, Some(key)).await?;
    let told = Refunded::of(&payment, &done.events).ok_or_else(untold)?;
    Ok(Answer::done(api, &done, told).created())
}

/// Credit of a lot to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClawback {
    /// How much; all that can be unless said.
    #[schema(value_type = Option<Sum>)]
    amount: Option<Money>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Takes credit of a lot back: what is there at once, what is reserved once it is free, and what was
/// used as a debt, which the next deposit repays.
#[utoipa::path(post, path = "/v1/accounts/{account}/lots/{lot}/clawback", tag = "corrections",
    params(("account" = String, Path), ("lot" = String, Path)), request_body = NewClawback,
    responses((status = 201, body = ClawedBack)))]
pub(super) async fn claw_back(
    State(api): State<Api>,
    of: Of,
    Path(lot): Path<(AccountId, LotId)>,
    write: Write<NewClawback>,
) -> Result<Answer<ClawedBack>, Problem> {
    clawed_back(&api, &of.who, of.tenant, lot, write).await
}

/// Takes credit of any tenant's lot back.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/clawback",
    tag = "admin",
    params(("tenant" = String, Path), ("account" = String, Path), ("lot" = String, Path)),
    request_body = NewClawback, responses((status = 201, body = ClawedBack)))]
pub(super) async fn claw_back_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, account, lot)): Path<(TenantId, AccountId, LotId)>,
    write: Write<NewClawback>,
) -> Result<Answer<ClawedBack>, Problem> {
    clawed_back(&api, &who, tenant, (account, lot), write).await
}

async fn clawed_back(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    (account, lot): (AccountId, LotId),
    write: Write<NewClawback>,
) -> Result<Answer<ClawedBack>, Problem> {
    let key = write.key("lot.claw_back", &[account.as_str(), lot.as_str()])?;
    let NewClawback { amount, reason } = write.body;
    let operation = ClawBack {
        tenant,
        account: account.clone(),
        lot,
        amount: amount.map(|money| money.amount),
        commodity: amount.map(|money| money.commodity),
        refund: None,
        reason,
    };
    let done = api.service().execute(who, operation, Some(key)).await?;
    let told = ClawedBack::among(&done.events).ok_or_else(untold)?;
    Ok(Answer::done(api, &done, told).created())
}

/// Takes what is left of a lot that should never have been, such as one that was given twice.
#[utoipa::path(post, path = "/v1/accounts/{account}/lots/{lot}/void", tag = "corrections",
    params(("account" = String, Path), ("lot" = String, Path)), request_body = Reason,
    responses((status = 201, body = Voided)))]
pub(super) async fn void(
    State(api): State<Api>,
    of: Of,
    Path(lot): Path<(AccountId, LotId)>,
    write: Write<Reason>,
) -> Result<Answer<Voided>, Problem> {
    voided(&api, &of.who, of.tenant, lot, write).await
}

/// Takes what is left of any tenant's lot that should never have been.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/accounts/{account}/lots/{lot}/void",
    tag = "admin",
    params(("tenant" = String, Path), ("account" = String, Path), ("lot" = String, Path)),
    request_body = Reason, responses((status = 201, body = Voided)))]
pub(super) async fn void_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, account, lot)): Path<(TenantId, AccountId, LotId)>,
    write: Write<Reason>,
) -> Result<Answer<Voided>, Problem> {
    voided(&api, &who, tenant, (account, lot), write).await
}

async fn voided(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    (account, lot): (AccountId, LotId),
    write: Write<Reason>,
) -> Result<Answer<Voided>, Problem> {
    let key = write.key("lot.void", &[account.as_str(), lot.as_str()])?;
    let operation = VoidLot { tenant, account, lot, reason: write.body.reason };
    let done = api.service().execute(who, operation, Some(key)).await?;
    let told = Voided::among(&done.events).ok_or_else(untold)?;
    Ok(Answer::done(api, &done, told).created())
}

/// Credit to be moved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTransfer {
    /// Its name, which no other transfer of the tenant has; made up unless said.
    #[schema(value_type = Option<String>)]
    transfer: Option<TransferId>,
    /// Out of which account.
    #[schema(value_type = String)]
    from: AccountId,
    /// Into which account.
    #[schema(value_type = String)]
    to: AccountId,
    /// How much.
    #[schema(value_type = Sum)]
    amount: Money,
    /// From which pool first; it arrives in the pools that it leaves. `general` unless said.
    #[schema(value_type = Option<String>)]
    pool: Option<Pool>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Moves credit to another account, with its source, its cost and its expiry. An account that has
/// never been is opened by what arrives, as by its first mint.
#[utoipa::path(post, path = "/v1/transfers", tag = "corrections", request_body = NewTransfer,
    responses((status = 201, body = Transferred)))]
pub(super) async fn transfer(
    State(api): State<Api>,
    of: Of,
    write: Write<NewTransfer>,
) -> Result<Answer<Transferred>, Problem> {
    transferred(&api, &of.who, of.tenant, write).await
}

/// Moves credit between any tenant's accounts.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/transfers", tag = "admin",
    params(("tenant" = String, Path)), request_body = NewTransfer,
    responses((status = 201, body = Transferred)))]
pub(super) async fn transfer_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    write: Write<NewTransfer>,
) -> Result<Answer<Transferred>, Problem> {
    transferred(&api, &who, tenant, write).await
}

async fn transferred(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    write: Write<NewTransfer>,
) -> Result<Answer<Transferred>, Problem> {
    let key = write.key("credit.transfer", &[])?;
    let NewTransfer { transfer, from, to, amount, pool, reason } = write.body;
    let transfer = transfer.map_or_else(|| named("trf", "transfer"), Ok)?;
    let pool = pool.unwrap_or_else(Pool::general);
    let (whose, demand) = (tenant.clone(), Demand::of(amount));
    let operation =
        TransferCredit { tenant, transfer, from: from.clone(), to, total: amount, pool, reason };
    let done = match api.service().execute(who, operation, Some(key)).await {
        Ok(done) => done,
        Err(error) => return Err(Refusals::to(api, who, &whose).tell(Some(demand), error).await),
    };
    let told = Transferred::among(&from, &done.events).ok_or_else(untold)?;
    Ok(Answer::done(api, &done, told).created())
}

/// A new name.
fn named<T: std::str::FromStr<Err: std::fmt::Display>>(
    kind: &str,
    field: &str,
) -> Result<T, Problem> {
    let name = format!("{kind}_{}", uuid::Uuid::now_v7().simple());
    name.parse().map_err(|error| problem::field(field, &format!("{error}")))
}

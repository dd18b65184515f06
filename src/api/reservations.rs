//! Metered use: credit is set aside before the work, and charged after it.

pub(super) mod list;
mod render;
mod short;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use piperoll_domain::{
    id::{AccountId, Pool, ReservationId, TenantId},
    money::Money,
    operation::{Finalize, Release, Reserve},
};
use serde::Deserialize;
use utoipa::ToSchema;

pub(super) use self::render::{
    Debt, Ended, Reservation, Shares, Used, begun, debt, ended, shared, used,
};
use crate::{
    api::{
        Api, Problem,
        accounts::untold,
        caller::{Caller, Of},
        extract::{Path, Write, must_be_reference},
        problem,
        render::{Answer, Sum},
    },
    service::{Metered, Principal},
};

pub(super) fn routes() -> Router<Api> {
    list::routes()
        .route("/v1/accounts/{account}/reservations", post(reserve))
        .route("/v1/reservations/{reservation}", get(show))
        .route("/v1/reservations/{reservation}/finalize", post(finalize))
        .route("/v1/reservations/{reservation}/release", post(release))
        .route("/v1/admin/tenants/{tenant}/reservations/{reservation}", get(show_of))
        .route("/v1/admin/tenants/{tenant}/reservations/{reservation}/release", post(release_of))
}

/// Credit to be set aside: an amount, or an estimate that the tenant's safety is put on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReservation {
    /// Its name, which no other reservation of the tenant has; made up unless said.
    #[schema(value_type = Option<String>)]
    pub(super) reservation: Option<ReservationId>,
    /// How much; this or `estimate`.
    #[schema(value_type = Option<Sum>)]
    pub(super) amount: Option<Money>,
    /// What the work may cost; multiplied by the tenant's safety before it is set aside.
    #[schema(value_type = Option<Sum>)]
    pub(super) estimate: Option<Money>,
    /// From which pool first; `general` unless said.
    #[schema(value_type = Option<String>)]
    pub(super) pool: Option<Pool>,
    /// How long it lasts, 1 to 86400; as the tenant's billing says unless said.
    #[schema(minimum = 1, maximum = 86_400)]
    pub(super) ttl_seconds: Option<u32>,
    /// The caller's own name for the use; opaque.
    #[schema(max_length = 200)]
    pub(super) reference: Option<String>,
}

impl NewReservation {
    pub(super) fn of(self, tenant: TenantId, account: AccountId) -> Result<Reserve, Problem> {
        must_be_reference(self.reference.as_deref())?;
        let (amount, is_estimate) = match (self.amount, self.estimate) {
            (Some(amount), None) => (amount, false),
            (None, Some(estimate)) => (estimate, true),
            (None, None) => return Err(problem::field("amount", "say `amount` or `estimate`")),
            (Some(_), Some(_)) => {
                return Err(problem::field("estimate", "say `amount` or `estimate`, not both"));
            }
        };
        Ok(Reserve {
            tenant,
            account,
            reservation: self.reservation.map_or_else(name, Ok)?,
            amount,
            is_estimate,
            pool: self.pool.unwrap_or_else(Pool::general),
            ttl_seconds: self.ttl_seconds,
            reference: self.reference,
            ceiling: None,
        })
    }
}

fn name() -> Result<ReservationId, Problem> {
    let name = format!("res_{}", uuid::Uuid::now_v7().simple());
    name.parse().map_err(|error| problem::field("reservation", &format!("{error}")))
}

/// Sets credit aside for work that has not been done: all of it in live mode, what there is in soft
/// mode, nothing in shadow mode. In live mode, where credit is missing and the tenant sells some, the
/// 402 carries an L402 challenge; once it is paid, the same request goes through. With the paid
/// credential in `Authorization` and the key in `Piperoll-Key` it also waits, as every door does, until
/// the payment is known.
///
/// A reservation that is named needs no idempotency key: its name says which request this is. The same
/// request again gives the same answer; another one under that name is refused.
#[utoipa::path(post, path = "/v1/accounts/{account}/reservations", tag = "metering",
    params(("account" = String, Path)), request_body = NewReservation,
    responses((status = 201, body = Reservation)))]
pub(super) async fn reserve(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    shown: short::Shown,
    write: Write<NewReservation>,
) -> Result<Response, Problem> {
    let is_named = write.body.reservation.is_some();
    let key = write.key_unless(is_named, "reservation.reserve", &[account.as_str()])?;
    let wish = write.body.of(of.tenant.clone(), account.clone())?;
    let wanted = short::Wanted::of(&wish);
    let again = shown.is_there().then(|| (wish.clone(), key.clone()));
    let mut reserved = api.service().reserve(&of.who, wish, key).await;
    if let (Some((wish, key)), true) = (again, reserved.as_ref().is_err_and(short::is_short)) {
        if let Err(refused) = shown.wait(&api, &of, &account).await {
            return Ok(refused);
        }
        reserved = api.service().reserve(&of.who, wish, key).await;
    }
    match reserved {
        Ok(metered) => {
            let told = begun(&metered.fact).ok_or_else(untold)?;
            Ok(answer(&api, &metered, told).created().into_response())
        }
        Err(error) => Ok(short::refused(&api, &of, wanted, error).await),
    }
}

/// What the work cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    /// How much; may be nothing, and may be more than was set aside.
    #[schema(value_type = Sum)]
    pub(super) cost: Money,
    /// Whose credit, if the caller knows: another account's reservation is none then.
    #[schema(value_type = Option<String>)]
    pub(super) account: Option<AccountId>,
}

impl Cost {
    pub(super) fn of(self, tenant: TenantId, reservation: ReservationId) -> Finalize {
        let Self { cost, account } = self;
        Finalize { tenant, account, reservation, cost, ceiling: None }
    }
}

/// Charges what the work cost. Asked again at the same cost, with any key or none, it gives the same
/// answer.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/finalize", tag = "metering",
    params(("reservation" = String, Path)), request_body = Cost,
    responses((status = 200, body = Ended)))]
pub(super) async fn finalize(
    State(api): State<Api>,
    of: Of,
    Path(reservation): Path<ReservationId>,
    write: Write<Cost>,
) -> Result<Answer<Ended>, Problem> {
    let key = write.key_unless(true, "reservation.finalize", &[reservation.as_str()])?;
    let wish = write.body.of(of.tenant, reservation);
    let metered = api.service().finalize(&of.who, wish, key).await?;
    Ok(answer(&api, &metered, ended(&metered.fact).ok_or_else(untold)?))
}

/// Which account a reservation is of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfAccount {
    /// Whose credit, if the caller knows: another account's reservation is none then.
    #[schema(value_type = Option<String>)]
    pub(super) account: Option<AccountId>,
}

impl OfAccount {
    pub(super) fn of(self, tenant: TenantId, reservation: ReservationId) -> Release {
        Release { tenant, account: self.account, reservation }
    }
}

/// Gives back what was set aside. Asked again, with any key or none, it gives the same answer.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/release", tag = "metering",
    params(("reservation" = String, Path)), request_body = OfAccount,
    responses((status = 200, body = Ended)))]
pub(super) async fn release(
    State(api): State<Api>,
    of: Of,
    Path(reservation): Path<ReservationId>,
    write: Write<OfAccount>,
) -> Result<Answer<Ended>, Problem> {
    released(&api, &of.who, of.tenant, reservation, write).await
}

/// Gives back what any tenant set aside.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/reservations/{reservation}/release",
    tag = "admin", params(("tenant" = String, Path), ("reservation" = String, Path)),
    request_body = OfAccount, responses((status = 200, body = Ended)))]
pub(super) async fn release_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, reservation)): Path<(TenantId, ReservationId)>,
    write: Write<OfAccount>,
) -> Result<Answer<Ended>, Problem> {
    released(&api, &who, tenant, reservation, write).await
}

async fn released(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    reservation: ReservationId,
    write: Write<OfAccount>,
) -> Result<Answer<Ended>, Problem> {
    let key = write.key_unless(true, "reservation.release", &[reservation.as_str()])?;
    let wish = write.body.of(tenant, reservation);
    let metered = api.service().release(who, wish, key).await?;
    Ok(answer(api, &metered, ended(&metered.fact).ok_or_else(untold)?))
}

fn answer<T>(api: &Api, metered: &Metered, body: T) -> Answer<T> {
    Answer { replayed: metered.replayed, ..Answer::at(api, metered.head, body) }
}

/// Shows a reservation, with how it ended if it has.
#[utoipa::path(get, path = "/v1/reservations/{reservation}", tag = "metering",
    params(("reservation" = String, Path)), responses((status = 200, body = Reservation)))]
pub(super) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(reservation): Path<ReservationId>,
) -> Result<Answer<Reservation>, Problem> {
    shown(&api, &of.tenant, &reservation).await
}

/// Shows a reservation of any tenant's.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/reservations/{reservation}", tag = "admin",
    params(("tenant" = String, Path), ("reservation" = String, Path)),
    responses((status = 200, body = Reservation)))]
pub(super) async fn show_of(
    State(api): State<Api>,
    _: Caller,
    Path((tenant, reservation)): Path<(TenantId, ReservationId)>,
) -> Result<Answer<Reservation>, Problem> {
    shown(&api, &tenant, &reservation).await
}

async fn shown(
    api: &Api,
    tenant: &TenantId,
    reservation: &ReservationId,
) -> Result<Answer<Reservation>, Problem> {
    let found = api.service().reservation(tenant, reservation).await?;
    let end = found.ended.as_ref().and_then(ended);
    let told = begun(&found.begun).ok_or_else(untold)?.with_end(end);
    Ok(Answer::at(api, found.head, told))
}

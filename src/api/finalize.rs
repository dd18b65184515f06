//! Another service of the house charges what its work cost, under the runbooks' paths.
//!
//! Its caller takes 409 for success and drops the charge, so 409 means one thing here: the reservation
//! is finalized at another amount.

use axum::{
    Router,
    extract::{FromRequestParts, State},
    http::{StatusCode, request},
    routing::post,
};
use metrics::counter;
use piperoll_domain::{
    account::{self, Finalized, ShadowFinalized},
    billing::Mode,
    event::{Event, Recorded},
    id::{AccountId, ReservationId, TenantId},
    money::{Amount, Code as Commodity, Money},
    operation::Finalize,
    rejection::Rejection,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        caller::{Caller, forbidden},
        extract::{Json, must_be_reference},
        problem::{Code, Limited, seconds},
        render::{Answer, At},
    },
    service::{self, Metered, Principal},
};

/// The paths that callers know it by.
pub(super) const PATHS: [&str; 3] =
    ["/api/internal/billing/finalize", "/api/billing/internal/finalize", "/api/internal/finalize"];

/// What the rules call by other names. What is charged is micro USD; the reservation may not be.
const NAMES: [(&str, &str); 2] = [("cost", "actualCostMicro"), ("cost.commodity", "reservationId")];

pub(super) fn routes() -> Router<Api> {
    PATHS.into_iter().fold(Router::new(), |router, path| router.route(path, post(finalize)))
}

/// Another service, and for which tenant it acts. Each request counts, whomever it is for.
pub(super) struct Peer {
    who: Principal,
    tenant: TenantId,
}

impl FromRequestParts<Api> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(who) = <Caller as FromRequestParts<Api>>::from_request_parts(parts, api).await?;
        let Principal::Peer { tenant, issuer, .. } = &who else { return Err(forbidden()) };
        let tenant = tenant.clone();
        api.service().count_peer(issuer).map_err(|wait| {
            let detail = "too many requests in a minute; look for a loop that retries";
            let problem = Problem::new(Code::RateLimited, detail).limited(Limited::Finalizes);
            problem.retry_after(seconds(wait))
        })?;
        Ok(Self { who, tenant })
    }
}

/// What the work cost, in micro USD.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Charge {
    /// Which reservation.
    #[serde(rename = "reservationId")]
    #[schema(value_type = String)]
    reservation_id: ReservationId,
    /// How much: whole micro USD.
    #[serde(rename = "actualCostMicro")]
    #[schema(value_type = String, example = "1500000")]
    actual_cost_micro: Amount,
    /// Whose credit, if the caller knows; another account's reservation is refused then.
    #[serde(rename = "accountId")]
    #[schema(value_type = Option<String>)]
    account_id: Option<AccountId>,
    /// Taken for the sake of callers who say it; nothing is anchored here.
    #[serde(rename = "identity_anchor")]
    _identity_anchor: Option<String>,
    /// The caller's own name for what it does; stands in our log.
    #[serde(rename = "traceId")]
    trace_id: Option<String>,
}

/// What was charged.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Charged {
    /// Which reservation.
    reservation_id: String,
    /// Whose credit.
    account_id: String,
    /// What was charged; in shadow mode, what would have been.
    finalized_micro: String,
    /// How much of what was set aside is free again.
    released_micro: String,
    /// How much more the work cost than was set aside.
    overrun_micro: String,
    /// The mode that the reservation was made in.
    billing_mode: &'static str,
    /// When.
    #[schema(value_type = At)]
    finalized_at: At,
}

impl Charged {
    fn of(fact: &Recorded) -> Option<Self> {
        let Event::Account(event) = &fact.event else { return None };
        let (reservation, mode, reserved, charged, overrun) = match event {
            account::Event::Finalized(said) => {
                let Finalized { reservation, mode, reserved, charged, overrun, .. } = &**said;
                (reservation, *mode, reserved.amount, charged.amount, *overrun)
            }
            account::Event::ShadowFinalized(said) => {
                let ShadowFinalized { reservation, reserved, cost, overrun, .. } = said;
                (reservation, Mode::Shadow, reserved.amount, cost.amount, *overrun)
            }
            _ => return None,
        };
        Some(Self {
            reservation_id: reservation.to_string(),
            account_id: fact.envelope.stream.id.to_string(),
            finalized_micro: charged.to_string(),
            released_micro: reserved.saturating_sub(charged).to_string(),
            overrun_micro: overrun.to_string(),
            billing_mode: mode.as_str(),
            finalized_at: At(fact.envelope.recorded_at),
        })
    }
}

/// Charges what the work cost. Asked again at the same cost, it gives the stored answer.
#[utoipa::path(post, path = "/api/internal/finalize", tag = "runbooks", request_body = Charge,
    responses((status = 200, body = Charged)))]
pub(super) async fn finalize(
    State(api): State<Api>,
    peer: Peer,
    body: Json<Charge>,
) -> Result<Answer<Charged>, Problem> {
    let Charge { reservation_id, actual_cost_micro, account_id, trace_id, .. } = body.value;
    must_be_reference(trace_id.as_deref()).map_err(|problem| problem.field("traceId"))?;
    tracing::debug!(trace = trace_id, reservation = %reservation_id, "a service finalizes");
    let wish = Finalize {
        tenant: peer.tenant,
        account: account_id,
        reservation: reservation_id,
        cost: Money { commodity: Commodity::USD, amount: actual_cost_micro },
        ceiling: None,
    };
    match api.service().finalize(&peer.who, wish.clone(), None).await {
        Ok(metered) => answer(&api, &metered),
        Err(error) => Err(refused(&api, &wish, error).await),
    }
}

/// The same under the path that its service names.
#[utoipa::path(post, path = "/api/internal/billing/finalize", tag = "runbooks",
    request_body = Charge, responses((status = 200, body = Charged)))]
#[expect(dead_code, reason = "it only describes an alias")]
pub(super) fn under_internal() {}

/// The same under the path where its service stands.
#[utoipa::path(post, path = "/api/billing/internal/finalize", tag = "runbooks",
    request_body = Charge, responses((status = 200, body = Charged)))]
#[expect(dead_code, reason = "it only describes an alias")]
pub(super) fn under_billing() {}

fn answer(api: &Api, metered: &Metered) -> Result<Answer<Charged>, Problem> {
    let untold = || Problem::new(Code::Internal, "the command left nothing to tell");
    let charged = Charged::of(&metered.fact).ok_or_else(untold)?;
    Ok(Answer { replayed: metered.replayed, ..Answer::at(api, metered.head, charged) })
}

async fn refused(api: &Api, wish: &Finalize, error: service::Error) -> Problem {
    match error.rejection() {
        Some(Rejection::ReservationNotFound) if is_of_another(api, wish).await => {
            let detail = "the reservation belongs to another account than the one that is named";
            Problem::new(Code::Forbidden, detail).field("accountId")
        }
        Some(Rejection::ReservationFinalized { cost }) => {
            counter!("billing_finalize_conflicts_total").increment(1);
            // Whoever asked drops it: nobody else will tell.
            tracing::warn!(
                reservation = %wish.reservation,
                "a service charges otherwise what it has charged: one of the two is lost"
            );
            Problem::from(Rejection::ReservationFinalized { cost: *cost }).renamed(&NAMES)
        }
        _ => {
            let problem = Problem::from(error).renamed(&NAMES);
            let is_success_to_them = problem.code().status() == StatusCode::CONFLICT;
            if is_success_to_them {
                problem.status(StatusCode::SERVICE_UNAVAILABLE).retry_after(60)
            } else {
                problem
            }
        }
    }
}

/// Whether the reservation stands, in another account than the caller says.
async fn is_of_another(api: &Api, wish: &Finalize) -> bool {
    let Some(account) = &wish.account else { return false };
    let found = api.service().reservation(&wish.tenant, &wish.reservation).await;
    found.is_ok_and(|found| AccountId::from(&found.begun.envelope.stream.id) != *account)
}

//! How a tenant bills: looked at and changed, all of it at once or, under the runbooks' path, in part.

pub(in crate::api) mod config;
pub(in crate::api) mod judged;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
pub(in crate::api) mod readiness;
pub(in crate::api) mod shares;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::{
    billing::{self, Billing, InForce},
    event::{Event, Idempotency},
    id::TenantId,
    rejection::Rejection,
    time::Moment,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::judged::Said;
use crate::{
    api::{
        Api, Problem,
        caller::Caller,
        extract::{Path, Write},
        render::Answer,
    },
    engine::Done,
    service::Principal,
};

pub(super) fn routes() -> Router<Api> {
    const SHARES: &str = "/v1/admin/tenants/{tenant}/billing/shares";
    Router::new()
        .route("/v1/admin/tenants/{tenant}/billing", get(show).put(change))
        .route(SHARES, get(shares::list).post(shares::propose))
        .route(&format!("{SHARES}/{{rule}}/approve"), post(shares::approve))
        .route(&format!("{SHARES}/{{rule}}/reject"), post(shares::reject))
        .route(&format!("{SHARES}/{{rule}}/hasten"), post(shares::hasten))
        .route("/v1/admin/tenants/{tenant}/billing/readiness", get(readiness::ready))
        .route("/v1/admin/tenants/{tenant}/billing/doctor", get(readiness::doctor))
        .route("/admin/billing/config", get(config::show).put(config::change))
}

/// How a tenant bills.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Bills {
    /// Whose.
    tenant: String,
    /// Counts its changes; 0 before the first.
    version: u32,
    /// What holds.
    #[schema(value_type = AllBilling)]
    billing: Billing,
}

impl Bills {
    fn of(tenant: &TenantId, InForce { version, billing, .. }: InForce) -> Self {
        Self { tenant: tenant.to_string(), version, billing }
    }
}

/// All of it at once.
#[derive(ToSchema)]
#[schema(as = Billing)]
#[expect(dead_code, reason = "it only describes what the rules define")]
pub(in crate::api) struct AllBilling {
    /// Off: nothing is reserved and nothing finalized.
    enabled: bool,
    /// How strictly credit is demanded of reservations from here on: `shadow`, `soft` or `live`.
    #[schema(pattern = "^(shadow|soft|live)$")]
    mode: String,
    /// How long a reservation lasts where nobody says otherwise.
    #[schema(minimum = 1, maximum = 86400)]
    reserve_ttl_seconds: u32,
    /// What an estimate is multiplied by before it is reserved, in ten-thousandths.
    #[schema(minimum = 10000, maximum = 1_000_000)]
    safety_multiplier_bps: u32,
    /// The most that one reservation, charge or credit by hand may come to: smallest units, by commodity.
    ceilings: std::collections::BTreeMap<String, String>,
    /// The order in which lots are used, by the pool that is asked for.
    orders: std::collections::BTreeMap<String, String>,
    /// Whether credit that was given, not sold, is shared out too when it is used.
    share_gifts: bool,
    /// How long after its approval a rule of shares waits before it holds.
    shares_cooldown_seconds: u32,
}

/// Tells how a tenant bills.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/billing", tag = "admin",
    params(("tenant" = String, Path)), responses((status = 200, body = Bills)))]
pub(in crate::api) async fn show(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
) -> Result<Answer<Bills>, Problem> {
    let billing = api.service().billing(&who, &tenant).await?;
    Ok(Answer::at(&api, api.service().engine().head(), Bills::of(&tenant, billing)))
}

/// How a tenant shall bill.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Change {
    /// All of it.
    #[schema(value_type = AllBilling)]
    billing: Billing,
    /// The version that it was made out of; refused if it was changed since. Without it, whatever
    /// holds is replaced.
    version: Option<u32>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
    /// Why the mode becomes stricter though its checklist does not hold.
    #[serde(default, rename = "override", deserialize_with = "crate::api::extract::maybe_line")]
    overruling: Option<String>,
}

/// Changes how a tenant bills: all of it is said. Holds at once, for reservations made from then on.
#[utoipa::path(put, path = "/v1/admin/tenants/{tenant}/billing", tag = "admin",
    params(("tenant" = String, Path)), request_body = Change,
    responses((status = 200, body = Bills)))]
pub(in crate::api) async fn change(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    write: Write<Change>,
) -> Result<Answer<Bills>, Problem> {
    let key = write.key("billing.change", &[tenant.as_str()])?;
    let done = match api.service().billing_changed_before(&tenant, &key).await? {
        Some(done) => done,
        None => put(&api, &who, &tenant, write.body, key).await?,
    };
    let state = match changed(&done) {
        Some(state) => state,
        None => api.service().billing(&who, &tenant).await?,
    };
    Ok(Answer::done(&api, &done, Bills::of(&tenant, state)))
}

/// Puts a change to the roll, once it may be made.
async fn put(
    api: &Api,
    who: &Principal,
    tenant: &TenantId,
    change: Change,
    key: Idempotency,
) -> Result<Done, Problem> {
    let Change { billing, version, reason, overruling } = change;
    let wanted = |held: &InForce| match version {
        Some(version) if version != held.version => {
            Err(Rejection::BillingChanged { version: held.version })
        }
        _ => Ok(billing.clone()),
    };
    let (mode, overruling) = (Some(billing.mode), overruling.as_deref());
    let said = Said { mode, reason: &reason, overruling };
    judged::put(api, who, tenant, &said, wanted, Some(key)).await
}

/// What a change said, also when its answer is told again.
fn changed(done: &Done) -> Option<InForce> {
    done.events.iter().find_map(|fact| match &fact.event {
        Event::Billing(billing::Event::Changed(changed)) => Some(InForce {
            version: changed.version,
            billing: changed.billing.clone(),
            ..InForce::default()
        }),
        _ => None,
    })
}

/// When a change was made, also when its answer is told again: what held then is what it says.
fn moment_of(api: &Api, done: &Done) -> Moment {
    let now = api.service().moment();
    done.events.first().map_or(now, |fact| {
        let then = fact.envelope.recorded_at;
        Moment { now: then, sure: now.sure.min(then), ..now }
    })
}

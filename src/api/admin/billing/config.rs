//! How the runbooks' tenant bills, under their path: said in part, what is not said stays.

use axum::extract::State;
use piperoll_domain::{
    billing::{Billing, CeilingOf, Cut, InForce, Mode},
    event::Idempotency,
    id::TenantId,
    money::{Amount, Code},
    time::Moment,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{
    changed,
    judged::{self, Said},
    moment_of,
};
use crate::{
    api::{Api, Problem, caller::Caller, extract::Loose, render::Answer},
    engine::Done,
    service::Principal,
};

/// How the runbooks' tenant bills.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Config {
    /// Whose.
    tenant: String,
    /// Counts its changes; 0 before the first.
    version: u32,
    /// Off: nothing is reserved and nothing finalized.
    enabled: bool,
    /// How strictly credit is demanded of reservations from here on.
    mode: &'static str,
    /// How long a reservation lasts where nobody says otherwise.
    reserve_ttl_seconds: u32,
    /// What an estimate is multiplied by before it is reserved, in ten-thousandths.
    safety_multiplier_bps: u32,
    /// The most that one reservation, charge or credit by hand may come to by the setting; null for no bound.
    ceiling_micro: Option<String>,
    /// The lower of that and of what the environment says.
    ceiling_micro_in_force: Option<String>,
    /// Which of the two it is: `setting` or `environment`.
    ceiling_set_by: Option<&'static str>,
    /// Whether credit that was given, not sold, is shared out too.
    share_gifts: bool,
    /// How long an approved rule of shares waits before it holds.
    shares_cooldown_seconds: u32,
    /// The rule of shares that holds now.
    shares_rule: u32,
    /// What goes to the commons, in ten-thousandths.
    commons_rate_bps: u32,
    /// What goes to the community.
    community_rate_bps: u32,
    /// What goes to the foundation.
    foundation_rate_bps: u32,
}

impl Config {
    fn of(api: &Api, tenant: &TenantId, state: &InForce, moment: Moment) -> Self {
        let (rule, cut) = state.rule_at(moment);
        let Cut { commons_bps, community_bps, foundation_bps } = cut;
        let Billing { enabled, mode, reserve_ttl_seconds, safety_multiplier_bps, .. } =
            state.billing;
        let set = state.billing.ceilings.get(&Code::USD).copied();
        let in_force = lower(set, api.service().settings().ceiling.map(|most| most.amount));
        Self {
            tenant: tenant.to_string(),
            version: state.version,
            enabled,
            mode: mode.as_str(),
            reserve_ttl_seconds,
            safety_multiplier_bps,
            ceiling_micro: set.map(|most| most.to_string()),
            ceiling_micro_in_force: in_force.map(|(most, _)| most.to_string()),
            ceiling_set_by: in_force.map(|(_, of)| of.as_str()),
            share_gifts: state.billing.share_gifts,
            shares_cooldown_seconds: state.billing.shares_cooldown_seconds,
            shares_rule: rule,
            commons_rate_bps: commons_bps,
            community_rate_bps: community_bps,
            foundation_rate_bps: foundation_bps,
        }
    }
}

/// Which of the two bounds, if any, is met first.
fn lower(set: Option<Amount>, given: Option<Amount>) -> Option<(Amount, CeilingOf)> {
    let set = set.map(|most| (most, CeilingOf::Setting));
    let given = given.map(|most| (most, CeilingOf::Environment));
    set.into_iter().chain(given).min_by_key(|(most, _)| *most)
}

/// What shall be otherwise; what is not said stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Adjusted {
    /// Off: nothing is reserved and nothing finalized.
    enabled: Option<bool>,
    /// How strictly credit is demanded: `shadow`, `soft` or `live`.
    #[serde(alias = "billing_mode")]
    #[schema(value_type = Option<String>, pattern = "^(shadow|soft|live)$")]
    mode: Option<Mode>,
    /// How long a reservation lasts where nobody says otherwise.
    reserve_ttl_seconds: Option<u32>,
    /// What an estimate is multiplied by before it is reserved, in ten-thousandths.
    safety_multiplier_bps: Option<u32>,
    /// The most that one reservation, charge or credit by hand may come to, in micro USD; null for no
    /// bound by the setting.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "100000000000")]
    #[expect(clippy::option_option, reason = "left out, null and an amount are three things")]
    ceiling_micro: Option<Option<Amount>>,
    /// Whether credit that was given, not sold, is shared out too.
    share_gifts: Option<bool>,
    /// How long an approved rule of shares waits before it holds.
    shares_cooldown_seconds: Option<u32>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
    /// Why the mode becomes stricter though its checklist does not hold.
    #[serde(default, rename = "override", deserialize_with = "crate::api::extract::maybe_line")]
    overruling: Option<String>,
}

impl Adjusted {
    fn adjust(&self, billing: &mut Billing) {
        fn put<T: Copy>(into: &mut T, said: Option<T>) {
            *into = said.unwrap_or(*into);
        }
        put(&mut billing.enabled, self.enabled);
        put(&mut billing.mode, self.mode);
        put(&mut billing.reserve_ttl_seconds, self.reserve_ttl_seconds);
        put(&mut billing.safety_multiplier_bps, self.safety_multiplier_bps);
        put(&mut billing.share_gifts, self.share_gifts);
        put(&mut billing.shares_cooldown_seconds, self.shares_cooldown_seconds);
        match self.ceiling_micro {
            Some(Some(most)) => {
                billing.ceilings.insert(Code::USD, most);
            }
            Some(None) => {
                billing.ceilings.remove(&Code::USD);
            }
            None => {}
        }
    }

    /// What a key is bound to beside the body, of which a fingerprint takes null for nothing said.
    fn unbound(&self) -> &'static [&'static str] {
        if self.ceiling_micro == Some(None) { &["ceiling_micro"] } else { &[] }
    }
}

/// A part that is there, whatever it says: null is said too.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(part: D) -> Result<Option<T>, D::Error> {
    T::deserialize(part).map(Some)
}

/// What the rules call by other names.
const NAMES: [(&str, &str); 3] = [
    ("billing.reserve_ttl_seconds", "reserve_ttl_seconds"),
    ("billing.safety_multiplier_bps", "safety_multiplier_bps"),
    ("billing.ceilings", "ceiling_micro"),
];

fn tenant(api: &Api) -> &TenantId {
    &api.service().settings().administrators.tenant
}

/// Tells how the runbooks' tenant bills.
#[utoipa::path(get, path = "/admin/billing/config", tag = "runbooks",
    responses((status = 200, body = Config)))]
pub(in crate::api) async fn show(
    State(api): State<Api>,
    Caller(who): Caller,
) -> Result<Answer<Config>, Problem> {
    let state = api.service().billing(&who, tenant(&api)).await?;
    let config = Config::of(&api, tenant(&api), &state, api.service().moment());
    Ok(Answer::at(&api, api.service().engine().head(), config))
}

/// Changes how the runbooks' tenant bills; holds at once, for reservations made from then on.
#[utoipa::path(put, path = "/admin/billing/config", tag = "runbooks", request_body = Adjusted,
    responses((status = 200, body = Config)))]
pub(in crate::api) async fn change(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Loose<Adjusted>,
) -> Result<Answer<Config>, Problem> {
    let key = write.key("billing.adjust", write.body.unbound())?;
    let service = api.service();
    let before = match &key {
        Some(key) => service.billing_changed_before(tenant(&api), key).await?,
        None => None,
    };
    let done = match before {
        Some(done) => done,
        None => adjust(&api, &who, write.body, key).await?,
    };
    let mut state = service.billing(&who, tenant(&api)).await?;
    if let Some(InForce { version, billing, .. }) = changed(&done) {
        (state.version, state.billing) = (version, billing);
    }
    let config = Config::of(&api, tenant(&api), &state, moment_of(&api, &done));
    Ok(Answer::done(&api, &done, config))
}

/// Puts what shall be otherwise to the roll, once it may be.
async fn adjust(
    api: &Api,
    who: &Principal,
    adjusted: Adjusted,
    key: Option<Idempotency>,
) -> Result<Done, Problem> {
    let Adjusted { mode, reason, overruling, .. } = &adjusted;
    let said = Said { mode: *mode, reason, overruling: overruling.as_deref() };
    let made = |held: &InForce| {
        let mut billing = held.billing.clone();
        adjusted.adjust(&mut billing);
        Ok(billing)
    };
    let done = judged::put(api, who, tenant(api), &said, made, key).await;
    done.map_err(|problem| problem.renamed(&NAMES))
}

//! The one way to change how a tenant bills: what was judged is what is written over.
//!
//! # Correctness
//! Whether a mode is stricter depends on the one that holds. So a change is written over the version
//! that it was judged at, and judged again where another change, or a guard, came between.

use piperoll_domain::{
    billing::{Billing, InForce, Mode},
    event::Idempotency,
    id::TenantId,
    operation::ChangeBilling,
    rejection::Rejection,
};

use super::readiness;
use crate::{
    api::{Api, Problem, problem},
    engine::Done,
    service::{Error, Principal},
};

/// How often a change is made out again because somebody else was faster.
const ROUNDS_MAX: usize = 8;

/// What is said beside what shall hold.
pub(in crate::api) struct Said<'a> {
    /// The mode, if it is said.
    pub(in crate::api) mode: Option<Mode>,
    /// Why.
    pub(in crate::api) reason: &'a str,
    /// Why the mode becomes stricter though its checklist does not hold.
    pub(in crate::api) overruling: Option<&'a str>,
}

/// Puts a change to the roll, once it may be made. What others change at the same time is what it is
/// made out of.
pub(in crate::api) async fn put(
    api: &Api,
    who: &Principal,
    tenant: &TenantId,
    said: &Said<'_>,
    made: impl Fn(&InForce) -> Result<Billing, Rejection>,
    key: Option<Idempotency>,
) -> Result<Done, Problem> {
    let mut rounds = 1..ROUNDS_MAX;
    loop {
        let held = api.service().billing(who, tenant).await?;
        let billing = made(&held)?;
        let reason = said.judged(api, tenant, held.billing.mode).await?;
        let (tenant, over) = (tenant.clone(), Some(held.version));
        let wish = ChangeBilling { tenant, billing, over, reason };
        match api.service().execute(who, wish, key.clone()).await {
            Err(error) if has_raced(&error) && rounds.next().is_some() => {}
            done => return Ok(done?),
        }
    }
}

fn has_raced(error: &Error) -> bool {
    matches!(error.rejection(), Some(Rejection::BillingChanged { .. }))
}

impl Said<'_> {
    /// The reason that is recorded. A stricter mode wants the checklist, or somebody who overrules it,
    /// and says why.
    async fn judged(&self, api: &Api, tenant: &TenantId, holds: Mode) -> Result<String, Problem> {
        let said = self.reason.to_owned();
        let Some(to) = self.mode else { return Ok(said) };
        if said.trim().is_empty() {
            return Err(Rejection::ReasonNeeded.into());
        }
        match self.overruling {
            Some(overruling) if overruling.trim().is_empty() => {
                Err(problem::field("override", "say why it need not be ready"))
            }
            _ if to <= holds => Ok(said),
            Some(overruling) => Ok(format!("{said} (not asked whether it is ready: {overruling})")),
            None => readiness::must_be_ready(api, tenant, to).await.map(|()| said),
        }
    }
}

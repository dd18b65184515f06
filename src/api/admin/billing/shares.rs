//! Who shares in what is used: proposed by one, approved by another, in force after a wait.

use axum::extract::State;
use piperoll_domain::{
    billing::{self, Cut, Rule, Stage},
    event::{Actor, Event},
    id::TenantId,
    operation::{ApproveShares, HastenShares, Operation, ProposeShares, RejectShares},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moment_of;
use crate::{
    api::{
        Api, Problem,
        caller::Caller,
        extract::{Path, Write},
        listing::Listed,
        offers::Reason,
        problem::Code,
        render::{Answer, At},
    },
    engine::Done,
    service::Principal,
};

/// A rule of shares.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Shares {
    /// Its number; 0 is the one that stands from the beginning.
    rule: u32,
    /// What goes to the commons, in ten-thousandths.
    commons_bps: u32,
    /// What goes to the community.
    community_bps: u32,
    /// What goes to the foundation, and what rounding leaves.
    foundation_bps: u32,
    /// `proposed`, `approved` or `rejected`.
    stage: &'static str,
    /// From when it holds; null before it is approved.
    from: Option<At>,
    /// Whether it holds now; in the answer to a change, whether it held then.
    in_force: bool,
    /// Who proposed it; null for the one from the beginning.
    proposed_by: Option<String>,
}

impl Shares {
    fn of(number: u32, cut: Cut, stage: Stage, by: Option<&Actor>, holds: u32) -> Self {
        let Cut { commons_bps, community_bps, foundation_bps } = cut;
        let (stage, from) = match stage {
            Stage::Proposed {} => ("proposed", None),
            Stage::Approved { from } => ("approved", Some(At(from))),
            Stage::Rejected {} => ("rejected", None),
        };
        Self {
            rule: number,
            commons_bps,
            community_bps,
            foundation_bps,
            stage,
            from,
            in_force: number == holds,
            proposed_by: by.map(|by| by.id.to_string()),
        }
    }

    fn first(holds: u32) -> Self {
        let from = piperoll_domain::time::Time::EPOCH;
        let first = Self::of(0, Cut::default(), Stage::Approved { from }, None, holds);
        Self { from: None, ..first }
    }
}

/// Lists every rule of shares, in the order in which they were proposed.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/billing/shares", tag = "admin",
    params(("tenant" = String, Path)), responses((status = 200, body = Listed<Shares>)))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
) -> Result<Answer<Listed<Shares>>, Problem> {
    let state = api.service().billing(&who, &tenant).await?;
    let (holds, _) = state.rule_at(api.service().moment());
    let known = state.rules.iter().map(|(number, Rule { cut, by, stage })| {
        Shares::of(*number, *cut, *stage, Some(by), holds)
    });
    let all = std::iter::once(Shares::first(holds)).chain(known).collect();
    Ok(Answer::at(&api, api.service().engine().head(), Listed::all(all)))
}

/// A rule that somebody wants.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Proposal {
    /// What goes to the commons, in ten-thousandths.
    commons_bps: u32,
    /// What goes to the community.
    community_bps: u32,
    /// What goes to the foundation. The three add up to 10000.
    foundation_bps: u32,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Wants other shares. Somebody else has to agree.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/billing/shares", tag = "admin",
    params(("tenant" = String, Path)), request_body = Proposal,
    responses((status = 201, body = Shares)))]
pub(in crate::api) async fn propose(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    write: Write<Proposal>,
) -> Result<Answer<Shares>, Problem> {
    let key = write.key("shares.propose", &[tenant.as_str()])?;
    let Proposal { commons_bps, community_bps, foundation_bps, reason } = write.body;
    let cut = Cut { commons_bps, community_bps, foundation_bps };
    let wish = ProposeShares { tenant: tenant.clone(), cut, reason };
    let done = api.service().execute(&who, wish, Some(key)).await?;
    let proposed = done.events.iter().find_map(|fact| match &fact.event {
        Event::Billing(billing::Event::Proposed(proposed)) => Some(proposed.rule),
        _ => None,
    });
    let untold = || Problem::new(Code::Internal, "the command left nothing to tell");
    let shares = told(&api, &who, &tenant, proposed.ok_or_else(untold)?, &done).await?;
    Ok(Answer::done(&api, &done, shares).created())
}

/// Agrees to what somebody else proposed. It holds after a wait.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/billing/shares/{rule}/approve",
    tag = "admin", params(("tenant" = String, Path), ("rule" = u32, Path)), request_body = Reason,
    responses((status = 200, body = Shares)))]
pub(in crate::api) async fn approve(
    api: State<Api>,
    who: Caller,
    at: Path<(TenantId, u32)>,
    write: Write<Reason>,
) -> Result<Answer<Shares>, Problem> {
    decide(api, who, at, write, "shares.approve", |tenant, rule, reason| {
        ApproveShares { tenant, rule, reason }.into()
    })
    .await
}

/// Does not agree, takes a proposal back, or stops what was approved before it holds.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/billing/shares/{rule}/reject",
    tag = "admin", params(("tenant" = String, Path), ("rule" = u32, Path)), request_body = Reason,
    responses((status = 200, body = Shares)))]
pub(in crate::api) async fn reject(
    api: State<Api>,
    who: Caller,
    at: Path<(TenantId, u32)>,
    write: Write<Reason>,
) -> Result<Answer<Shares>, Problem> {
    decide(api, who, at, write, "shares.reject", |tenant, rule, reason| {
        RejectShares { tenant, rule, reason }.into()
    })
    .await
}

/// Cuts the wait of an approved rule short: an emergency.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/billing/shares/{rule}/hasten",
    tag = "admin", params(("tenant" = String, Path), ("rule" = u32, Path)), request_body = Reason,
    responses((status = 200, body = Shares)))]
pub(in crate::api) async fn hasten(
    api: State<Api>,
    who: Caller,
    at: Path<(TenantId, u32)>,
    write: Write<Reason>,
) -> Result<Answer<Shares>, Problem> {
    decide(api, who, at, write, "shares.hasten", |tenant, rule, reason| {
        HastenShares { tenant, rule, reason }.into()
    })
    .await
}

async fn decide(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, rule)): Path<(TenantId, u32)>,
    write: Write<Reason>,
    name: &str,
    wish: fn(TenantId, u32, String) -> Operation,
) -> Result<Answer<Shares>, Problem> {
    let key = write.key(name, &[tenant.as_str(), &rule.to_string()])?;
    let wish = wish(tenant.clone(), rule, write.body.reason);
    let done = api.service().execute(&who, wish, Some(key)).await?;
    let shares = told(&api, &who, &tenant, rule, &done).await?;
    Ok(Answer::done(&api, &done, shares))
}

/// A rule as what was just said of it left it, also when that is told again.
async fn told(
    api: &Api,
    who: &Principal,
    tenant: &TenantId,
    rule: u32,
    done: &Done,
) -> Result<Shares, Problem> {
    let state = api.service().billing(who, tenant).await?;
    let unknown = || Problem::new(Code::SharesNotFound, "the rule of shares does not exist");
    let Rule { cut, by, stage } = state.rules.get(&rule).ok_or_else(unknown)?;
    let said = done.events.iter().find_map(|fact| match &fact.event {
        Event::Billing(billing::Event::Proposed(_)) => Some(Stage::Proposed {}),
        Event::Billing(billing::Event::Approved(said)) => Some(Stage::Approved { from: said.from }),
        Event::Billing(billing::Event::Rejected(_)) => Some(Stage::Rejected {}),
        Event::Billing(billing::Event::Hastened(said)) => Some(Stage::Approved { from: said.from }),
        _ => None,
    });
    let (holds, _) = state.rule_at(moment_of(api, done));
    Ok(Shares::of(rule, *cut, said.unwrap_or(*stage), Some(by), holds))
}

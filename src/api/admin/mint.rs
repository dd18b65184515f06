//! Credit by hand, with a reason, and from a source that can be claimed once.

use axum::{Router, extract::State, routing::post};
use piperoll_domain::{
    account::{self, Source, SourceKind},
    event::{Event, Idempotency, Recorded},
    id::{AccountId, LotId, Pool, TenantId},
    money::Money,
    operation::Mint,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{
    Api, Problem,
    accounts::untold,
    caller::Caller,
    extract::{Path, Write, must_be_reference},
    listing::time,
    problem,
    render::{Answer, Sum},
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/admin/tenants/{tenant}/accounts/{account}/mint", post(mint))
}

/// What the name of a source begins with that is called after its request's key. The runbooks' own
/// call has another: a key counts for one operation.
const BY_KEY: &str = "key:";

/// Refuses a name for a source that cannot be one, or that is of the sort that is made up here.
pub(super) fn must_be_source(field: &str, id: Option<&str>) -> Result<(), Problem> {
    must_be_reference(id).map_err(|problem| problem.field(field))?;
    let is_made_up = |id: &str| {
        let unnamed = Source { kind: SourceKind::Grant, id: id.to_owned() }.is_unnamed();
        unnamed || id.starts_with(BY_KEY)
    };
    if id.is_some_and(is_made_up) {
        return Err(problem::field(field, "names like this are made up here"));
    }
    Ok(())
}

/// Credit to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewLot {
    /// How much.
    #[schema(value_type = Sum)]
    amount: Money,
    /// `grant`, `deposit`, `purchase` or `commons_dividend`; `grant` unless said.
    #[serde(default)]
    source: NewSource,
    /// The source's own name: of one source there is one lot. A payment that its provider calls 123 is
    /// `nowpay-123`, and no gift. Without it, the request's idempotency key.
    source_id: Option<String>,
    /// Where it shall lie; `general` unless said.
    #[schema(value_type = Option<String>)]
    pool: Option<Pool>,
    /// Until when it can be spent; for ever unless said.
    expires_at: Option<String>,
    /// What was paid for it outside.
    #[schema(value_type = Option<Sum>)]
    cost: Option<Money>,
    /// Why; no place for personal data.
    #[serde(deserialize_with = "crate::api::extract::line")]
    reason: String,
}

/// Where credit comes from.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum NewSource {
    /// A gift.
    #[default]
    Grant,
    /// Money that was paid in.
    Deposit,
    /// Something that was bought.
    Purchase,
    /// What the commons gives back.
    CommonsDividend,
}

impl From<NewSource> for SourceKind {
    fn from(source: NewSource) -> Self {
        match source {
            NewSource::Grant => Self::Grant,
            NewSource::Deposit => Self::Deposit,
            NewSource::Purchase => Self::Purchase,
            NewSource::CommonsDividend => Self::CommonsDividend,
        }
    }
}

/// Credit that was given.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Minted {
    /// Whose account.
    tenant: String,
    /// Which account.
    account: String,
    /// Which lot.
    lot: String,
    /// How much.
    amount: Sum,
}

/// Gives credit by hand.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/accounts/{account}/mint", tag = "admin",
    params(("tenant" = String, Path), ("account" = String, Path)), request_body = NewLot,
    responses((status = 201, body = Minted)))]
pub(in crate::api) async fn mint(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, account)): Path<(TenantId, AccountId)>,
    write: Write<NewLot>,
) -> Result<Answer<Minted>, Problem> {
    let key = write.key("lot.mint", &[tenant.as_str(), account.as_str()])?;
    let operation = write.body.of(tenant.clone(), account.clone(), &key)?;
    let done = api.service().execute(&who, operation, Some(key)).await?;
    let minted = minted(&done.events, &tenant, &account).ok_or_else(untold)?;
    Ok(Answer::done(&api, &done, minted).created())
}

impl NewLot {
    pub(in crate::api) fn of(
        self,
        tenant: TenantId,
        account: AccountId,
        key: &Idempotency,
    ) -> Result<Mint, Problem> {
        must_be_source("source_id", self.source_id.as_deref())?;
        Ok(Mint {
            tenant,
            account,
            lot: lot()?,
            amount: self.amount,
            source: Source {
                kind: self.source.into(),
                id: self.source_id.unwrap_or_else(|| format!("{BY_KEY}{}", key.key)),
            },
            pool: self.pool.unwrap_or_else(Pool::general),
            expires_at: time("expires_at", self.expires_at.as_deref())?,
            cost: self.cost,
            reason: self.reason,
            ceiling: None,
        })
    }
}

/// The answer to a repeat names the lot of the first request.
pub(in crate::api) fn minted(
    events: &[Recorded],
    tenant: &TenantId,
    account: &AccountId,
) -> Option<Minted> {
    events.iter().find_map(|recorded| match &recorded.event {
        Event::Account(account::Event::LotMinted(minted)) => Some(Minted {
            tenant: tenant.to_string(),
            account: account.to_string(),
            lot: minted.lot.to_string(),
            amount: minted.amount.into(),
        }),
        _ => None,
    })
}

fn lot() -> Result<LotId, Problem> {
    let name = format!("lot_{}", uuid::Uuid::now_v7().simple());
    name.parse().map_err(|error| problem::field("lot", &format!("{error}")))
}

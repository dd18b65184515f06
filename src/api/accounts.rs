//! Accounts: what they hold, how it came and went, and spending it.

pub(super) mod balance;
pub(super) mod entries;
pub(super) mod lots;

use axum::{Router, extract::State, routing::post};
use piperoll_domain::{
    account,
    event::{Event, Recorded},
    id::{AccountId, Pool, TenantId},
    money::Money,
    operation::{OpenAccount, Spend},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        caller::Of,
        demand::{Demand, Refusals},
        extract::{Path, Write},
        position::Position,
        problem::Code,
        render::{Answer, Sum},
    },
    views::Snapshot,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .merge(balance::routes())
        .merge(lots::routes())
        .merge(entries::routes())
        .route("/v1/accounts", post(open))
        .route("/v1/accounts/{account}/spend", post(spend))
}

/// An account to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// Its name: opaque, no personal data.
    #[schema(value_type = String, example = "acct_42")]
    pub(super) account: AccountId,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Account {
    /// Its name.
    account: String,
}

impl Account {
    pub(super) fn named(account: &AccountId) -> Self {
        Self { account: account.to_string() }
    }
}

/// Opens an account. Opening it again changes nothing.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 201, body = Account)))]
pub(super) async fn open(
    State(api): State<Api>,
    of: Of,
    write: Write<NewAccount>,
) -> Result<Answer<Account>, Problem> {
    let key = write.key("account.open", &[])?;
    let account = write.body.account;
    let operation = OpenAccount { tenant: of.tenant, account: account.clone() };
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, Account::named(&account)).created())
}

async fn must_exist(
    snapshot: &mut Snapshot,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<(), Problem> {
    match snapshot.account(tenant, account).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(Code::AccountNotFound, "the account does not exist")),
    }
}

/// An answer of the views, which says how far they were.
pub(super) fn looked<T>(api: &Api, snapshot: &Snapshot, body: T) -> Answer<T> {
    let mark = snapshot.mark();
    let position = Position::of(api.service().engine(), mark.position, mark.hash);
    Answer { status: axum::http::StatusCode::OK, body, position, replayed: false }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `next` of the page before.
    pub(super) after: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

/// Credit to be used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpendBody {
    /// How much.
    #[schema(value_type = Sum)]
    pub(super) amount: Money,
    /// From which pool first; `general` unless said.
    #[schema(value_type = Option<String>)]
    pub(super) pool: Option<Pool>,
    /// The caller's own name for it; opaque.
    #[schema(max_length = 200)]
    pub(super) reference: Option<String>,
}

impl SpendBody {
    pub(super) fn of(self, tenant: TenantId, account: AccountId) -> Result<Spend, Problem> {
        let Self { amount, pool, reference } = self;
        super::extract::must_be_reference(reference.as_deref())?;
        let pool = pool.unwrap_or_else(Pool::general);
        Ok(Spend { tenant, account, total: amount, pool, reference, ceiling: None })
    }
}

/// Credit that was used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Spent {
    /// Whose.
    account: String,
    /// How much.
    amount: Sum,
    /// From which lots.
    parts: Vec<Part>,
    /// The caller's own name for it.
    reference: Option<String>,
}

/// What one lot gave.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Part {
    /// Which lot.
    lot: String,
    /// How much of it.
    amount: Sum,
    /// What is left of it.
    left: String,
}

/// Uses credit: all of it, or none. A plain charge outside of metering: it demands what is there,
/// whatever the tenant's mode, and nobody shares in it.
#[utoipa::path(post, path = "/v1/accounts/{account}/spend", tag = "accounts",
    params(("account" = String, Path)), request_body = SpendBody,
    responses((status = 201, body = Spent)))]
pub(super) async fn spend(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    write: Write<SpendBody>,
) -> Result<Answer<Spent>, Problem> {
    let key = write.key("account.spend", &[account.as_str()])?;
    let operation = write.body.of(of.tenant.clone(), account.clone())?;
    let demand = Demand::of(operation.total);
    let done = match api.service().execute(&of.who, operation, Some(key)).await {
        Ok(done) => done,
        Err(error) => {
            return Err(Refusals::to(&api, &of.who, &of.tenant).tell(Some(demand), error).await);
        }
    };
    let spent = spent(&account, &done.events).ok_or_else(untold)?;
    Ok(Answer::done(&api, &done, spent).created())
}

/// A spend is said by its own facts; there is always one.
pub(super) fn spent(account: &AccountId, events: &[Recorded]) -> Option<Spent> {
    events.iter().find_map(|recorded| match &recorded.event {
        Event::Account(account::Event::Spent(spent)) => Some(Spent::of(account, spent)),
        _ => None,
    })
}

impl Spent {
    pub(super) fn of(account: &AccountId, spent: &account::Spent) -> Self {
        Self {
            account: account.to_string(),
            amount: spent.total.into(),
            parts: spent.parts.iter().map(|part| of_part(part, spent.total)).collect(),
            reference: spent.reference.clone(),
        }
    }
}

fn of_part(part: &account::Part, total: Money) -> Part {
    let account::Part { lot, amount, left, .. } = part;
    Part { lot: lot.to_string(), amount: total.with(*amount).into(), left: left.to_string() }
}

pub(super) fn untold() -> Problem {
    Problem::new(Code::Internal, "the command left nothing to tell")
}

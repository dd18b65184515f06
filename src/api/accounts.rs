//! Accounts: what they hold, how it came and went, and spending it.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
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
        extract::{Path, Query, Write},
        listing::{Listed, moment, page},
        position::{Look, Position},
        problem::Code,
        render::{Answer, At, Sum},
    },
    views::{Snapshot, read},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/accounts", post(open))
        .route("/v1/accounts/{account}/balance", get(balance))
        .route("/v1/accounts/{account}/lots", get(lots))
        .route("/v1/accounts/{account}/entries", get(entries))
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

/// As of when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AsOfQuery {
    /// A position, or a time; without it, now.
    pub(super) as_of: Option<String>,
}

/// What an account holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Balances {
    /// Which account.
    account: String,
    /// By commodity and pool.
    balances: Vec<Balance>,
}

/// What an account holds of a commodity in a pool: whole numbers of smallest units, as text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Balance {
    /// Of what.
    commodity: String,
    /// In which pool.
    pool: String,
    /// What can be used.
    available: String,
    /// What is set aside.
    reserved: String,
    /// What was used.
    consumed: String,
    /// What lapsed.
    expired: String,
    /// What came in.
    minted: String,
}

/// Tells what an account holds, now or back then.
#[utoipa::path(get, path = "/v1/accounts/{account}/balance", tag = "accounts",
    params(("account" = String, Path), AsOfQuery), responses((status = 200, body = Balances)))]
pub(super) async fn balance(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    Query(query): Query<AsOfQuery>,
    Look(mut snapshot): Look,
) -> Result<Answer<Balances>, Problem> {
    let as_of = moment(&api, query.as_of.as_deref()).await?;
    must_exist(&mut snapshot, &of.tenant, &account).await?;
    let balances = snapshot.balances(&of.tenant, &account, as_of).await?;
    let balances = balances.into_iter().map(shown).collect();
    Ok(looked(&api, &snapshot, Balances { account: account.to_string(), balances }))
}

fn shown(balance: read::Balance) -> Balance {
    let read::Balance { commodity, pool, held } = balance;
    Balance {
        commodity,
        pool,
        available: held.available.to_string(),
        reserved: held.reserved.to_string(),
        consumed: held.consumed.to_string(),
        expired: held.expired.to_string(),
        minted: held.minted.to_string(),
    }
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

/// A lot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Lot {
    /// Its name.
    lot: String,
    /// Of what.
    commodity: Option<String>,
    /// Where it lies.
    pool: Option<String>,
    /// What it began with.
    minted: Option<String>,
    /// What can be used.
    available: String,
    /// What is set aside.
    reserved: String,
    /// What was used.
    consumed: String,
    /// What lapsed.
    expired: String,
    /// What all of it cost.
    cost: Option<Sum>,
    /// How much of the cost has gone with what is gone.
    cost_released: String,
    /// Where it comes from.
    source: Option<String>,
    /// Which one.
    source_id: Option<String>,
    /// Under which offer.
    offer: Option<String>,
    /// Under which version of it.
    offer_version: Option<i64>,
    /// By which payment.
    payment: Option<String>,
    /// Until when it can be spent; none for ever.
    expires_at: Option<At>,
    /// When it came to be.
    minted_at: Option<At>,
}

/// Lists an account's lots.
#[utoipa::path(get, path = "/v1/accounts/{account}/lots", tag = "accounts",
    params(("account" = String, Path), PageQuery), responses((status = 200, body = Listed<Lot>)))]
pub(super) async fn lots(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    Query(query): Query<PageQuery>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Lot>>, Problem> {
    let page = page(query.after, query.limit)?;
    must_exist(&mut snapshot, &of.tenant, &account).await?;
    let lots = snapshot.lots(&of.tenant, &account, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(lots, lot)))
}

fn lot(row: read::Lot) -> Lot {
    Lot {
        lot: row.lot,
        commodity: row.commodity,
        pool: row.pool,
        minted: row.minted.map(|units| units.to_string()),
        available: row.available.to_string(),
        reserved: row.reserved.to_string(),
        consumed: row.consumed.to_string(),
        expired: row.expired.to_string(),
        cost: Sum::both(row.cost_commodity.as_ref(), row.cost),
        cost_released: row.released.to_string(),
        source: row.source_kind,
        source_id: row.source_id,
        offer: row.offer,
        offer_version: row.offer_version,
        payment: row.payment,
        expires_at: row.expires_at.map(At::micros),
        minted_at: row.minted_at.map(At::micros),
    }
}

/// One movement of one lot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountEntry)]
pub(super) struct Entry {
    /// In which event.
    position: i64,
    /// The event's first movement is 0.
    leg: i64,
    /// `minted`, `spent`, `expired`, `reserved`, `released`, `finalized` …
    kind: String,
    /// What came in, or went out with a minus.
    amount: Sum,
    /// In which pool.
    pool: String,
    /// Of which lot; none for what is owed or shared.
    lot: Option<String>,
    /// What was left of it.
    lot_left: Option<String>,
    /// The movement's share of the lot's cost.
    cost: Option<Sum>,
    /// The caller's own name for it, or the payment of a mint.
    reference: Option<String>,
    /// When it was recorded.
    recorded_at: At,
    /// When it happened outside.
    effective_at: Option<At>,
}

/// Lists how an account's credit came and went, the oldest first.
#[utoipa::path(get, path = "/v1/accounts/{account}/entries", tag = "accounts",
    params(("account" = String, Path), PageQuery),
    responses((status = 200, body = Listed<Entry>)))]
pub(super) async fn entries(
    State(api): State<Api>,
    of: Of,
    Path(account): Path<AccountId>,
    Query(query): Query<PageQuery>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Entry>>, Problem> {
    let page = page(query.after, query.limit)?;
    must_exist(&mut snapshot, &of.tenant, &account).await?;
    let entries = snapshot.entries(&of.tenant, &account, read::Direction::Up, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(entries, entry)))
}

fn entry(row: read::Entry) -> Entry {
    Entry {
        position: row.position,
        leg: row.leg,
        kind: row.kind,
        amount: Sum::of(&row.commodity, &row.amount),
        pool: row.pool,
        lot: row.lot,
        lot_left: row.lot_left.map(|units| units.to_string()),
        cost: Sum::both(row.cost_commodity.as_ref(), row.cost),
        reference: row.reference,
        recorded_at: At::micros(row.recorded_at),
        effective_at: row.effective_at.map(At::micros),
    }
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

/// Uses credit: all of it, or none.
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
    let operation = write.body.of(of.tenant, account.clone())?;
    let done = api.service().execute(&of.who, operation, Some(key)).await?;
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

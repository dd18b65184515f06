//! Payments: asking to be paid, and what became of it.

mod body;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use piperoll_domain::{
    id::{AccountId, ConnectionId, OfferId, PaymentId, TenantId},
    money::Money,
    operation::Purpose,
    payment::Status,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

pub(super) use self::body::{Payment, Row};
use crate::{
    api::{
        Api, Problem,
        accounts::looked,
        asking::Beside,
        caller::{Caller, Of},
        challenge::{self, Offered},
        extract::{Path, Query, Write},
        listing::{Listed, page, time},
        position::Look,
        problem,
        render::{Answer, Sum},
    },
    service::For,
    views::read::{Order, PaymentFilter},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/payments", post(ask).get(list))
        .route("/v1/payments/{payment}", get(show))
        .route("/v1/payments/{payment}/sync", post(sync))
        .route("/api/payments", get(list_for_runbooks))
}

/// A payment to be asked for: an amount for what the application delivers by itself, or an offer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPayment {
    /// What it costs, in MSAT; not beside an offer.
    #[schema(value_type = Option<Sum>)]
    amount: Option<Money>,
    /// What is bought; not beside an amount.
    #[schema(value_type = Option<String>)]
    offer: Option<OfferId>,
    /// How often the offer's price is paid; once unless said.
    #[schema(minimum = 1)]
    quantity: Option<u32>,
    /// Whose account it concerns.
    #[schema(value_type = Option<String>)]
    account: Option<AccountId>,
    /// Through which provider account.
    #[schema(value_type = Option<String>)]
    connection: Option<ConnectionId>,
    /// How long the invoice can be paid.
    #[schema(minimum = 1, maximum = 31_536_000)]
    expiry_seconds: Option<u32>,
    /// The caller's own name for it; opaque.
    #[schema(max_length = 200)]
    reference: Option<String>,
    /// Whatever the caller wants to be told again; sealed before it is kept. At most 16 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// What the payer reads in the invoice.
    #[schema(max_length = 200)]
    description: Option<String>,
}

impl NewPayment {
    fn split(self) -> Result<(Purpose, Beside), Problem> {
        let Self { amount, offer, quantity, account, .. } = self;
        let purpose = match (amount, offer) {
            (Some(price), None) if quantity.is_none() => Purpose::Plain { price, account },
            (Some(_), None) => return Err(problem::field("quantity", "it goes with an offer")),
            (None, Some(offer)) => {
                Purpose::Offer { offer, quantity: quantity.unwrap_or(1), account }
            }
            (Some(_), Some(_)) => {
                return Err(problem::field("offer", "say an amount or an offer, not both"));
            }
            (None, None) => return Err(problem::field("amount", "say an amount or an offer")),
        };
        let beside = Beside {
            connection: self.connection,
            expiry_seconds: self.expiry_seconds,
            reference: self.reference,
            metadata: self.metadata,
            description: self.description,
        };
        Ok((purpose, beside))
    }
}

/// Asks to be paid: an invoice, and the challenge that goes with it.
#[utoipa::path(post, path = "/v1/payments", tag = "payments", request_body = NewPayment,
    responses((status = 201, body = Offered)))]
pub(super) async fn ask(
    State(api): State<Api>,
    of: Of,
    write: Write<NewPayment>,
) -> Result<Answer<Offered>, Problem> {
    let key = write.key("payment.create", &[])?;
    let (purpose, beside) = write.body.split()?;
    let ask = beside.ask(purpose, For::Application)?;
    let checkout = api.service().checkout(&of.who, ask, Some(key)).await?;
    Ok(challenge::created(&api, &checkout))
}

/// Tells how a payment stands, from the roll itself.
#[utoipa::path(get, path = "/v1/payments/{payment}", tag = "payments",
    params(("payment" = String, Path)), responses((status = 200, body = Payment)))]
pub(super) async fn show(
    State(api): State<Api>,
    of: Of,
    Path(payment): Path<PaymentId>,
) -> Result<Answer<Payment>, Problem> {
    stands(&api, &of.tenant, &payment).await
}

async fn stands(
    api: &Api,
    tenant: &TenantId,
    payment: &PaymentId,
) -> Result<Answer<Payment>, Problem> {
    let head = api.service().engine().head();
    let view = api.service().render(tenant, payment).await?;
    Ok(Answer::at(api, head, Payment::of(api, &view)))
}

/// Asks the provider about a payment now, and tells how it stands then.
#[utoipa::path(post, path = "/v1/payments/{payment}/sync", tag = "payments",
    params(("payment" = String, Path)), responses((status = 200, body = Payment)))]
pub(super) async fn sync(
    State(api): State<Api>,
    of: Of,
    Path(payment): Path<PaymentId>,
) -> Result<Answer<Payment>, Problem> {
    api.service().sync(&of.tenant, &payment).await?;
    stands(&api, &of.tenant, &payment).await
}

/// Which payments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Where they stand.
    #[param(value_type = Option<String>)]
    status: Option<Status>,
    /// Asked for at least so long ago: `90s`, `15m`, `1h 30m`.
    older_than: Option<String>,
    /// Asked for then or later.
    requested_from: Option<String>,
    /// Asked for before.
    requested_before: Option<String>,
    /// Concerning an account.
    #[param(value_type = Option<String>)]
    account: Option<AccountId>,
    /// Through a provider account.
    #[param(value_type = Option<String>)]
    connection: Option<ConnectionId>,
    /// By the caller's own name for them.
    reference: Option<String>,
    /// `latest` first, or `oldest`.
    #[param(inline)]
    order: Option<Sorted>,
    /// `next` of the page before.
    after: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    limit: Option<u32>,
}

/// Which come first.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sorted {
    /// The latest.
    Latest,
    /// The oldest.
    Oldest,
}

/// Lists a tenant's payments.
#[utoipa::path(get, path = "/v1/payments", tag = "payments", params(Which),
    responses((status = 200, body = Listed<Row>)))]
pub(super) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(which): Query<Which>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Row>>, Problem> {
    listed(&api, Some(of.tenant), which, snapshot).await
}

/// Lists payments under the path of the runbooks: a tenant's own, or everybody's for an operator.
#[utoipa::path(get, path = "/api/payments", tag = "runbooks", params(Which),
    responses((status = 200, body = Listed<Row>)))]
pub(super) async fn list_for_runbooks(
    State(api): State<Api>,
    Caller(who): Caller,
    Query(which): Query<Which>,
    Look(snapshot): Look,
) -> Result<Answer<Listed<Row>>, Problem> {
    listed(&api, who.tenant().cloned(), which, snapshot).await
}

async fn listed(
    api: &Api,
    tenant: Option<TenantId>,
    which: Which,
    mut snapshot: crate::views::Snapshot,
) -> Result<Answer<Listed<Row>>, Problem> {
    let order = match which.order {
        Some(Sorted::Oldest) => Order::Oldest,
        Some(Sorted::Latest) | None => Order::Latest,
    };
    let page = page(which.after.clone(), which.limit)?;
    let filter = which.filter(api, tenant)?;
    let payments = snapshot.payments(&filter, order, &page).await?;
    Ok(looked(api, &snapshot, Listed::of(payments, Row::of)))
}

impl Which {
    fn filter(self, api: &Api, tenant: Option<TenantId>) -> Result<PaymentFilter, Problem> {
        let before = time("requested_before", self.requested_before.as_deref())?;
        let older = self.older_than.as_deref().map(humantime::parse_duration).transpose();
        let older = older.map_err(|error| problem::field("older_than", &error.to_string()))?;
        let now = api.service().engine().clock().now();
        let older = older.map(|age| {
            let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
            now.plus_micros(micros.saturating_neg())
        });
        Ok(PaymentFilter {
            tenant,
            status: self.status,
            requested_before: before.into_iter().chain(older).min(),
            requested_from: time("requested_from", self.requested_from.as_deref())?,
            account: self.account,
            connection: self.connection,
            reference: self.reference,
        })
    }
}

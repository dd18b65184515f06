//! Receipts: what providers told us, how sure we are of who told it, and what it led to.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::id::{ConnectionId, PaymentId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        Api, Problem,
        accounts::looked,
        caller::{Caller, Of},
        extract::Query,
        listing::{Listed, page},
        position::Look,
        render::{Answer, At},
    },
    views::read::{self, ReceiptFilter},
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/receipts", get(list))
        .route("/v1/admin/receipts/refused", get(list_refused))
}

/// Which receipts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Concerning a payment.
    #[param(value_type = Option<String>)]
    payment: Option<PaymentId>,
    /// Through a provider account.
    #[param(value_type = Option<String>)]
    connection: Option<ConnectionId>,
    /// By the provider's name for the message.
    event_id: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    limit: Option<u32>,
}

/// What a provider told us.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Receipt {
    /// Its name.
    receipt: String,
    /// Through which provider account.
    connection: Option<String>,
    /// The provider's name for the message.
    event_id: Option<String>,
    /// SHA-256 of the raw body, in hexadecimal.
    digest: Option<String>,
    /// What proved the sender.
    scheme: Option<String>,
    /// Which of its keys.
    key: Option<String>,
    /// What it says.
    says: Option<String>,
    /// Which payment is meant.
    payment: Option<String>,
    /// What it led to.
    led_to: Option<String>,
    /// When it came.
    recorded_at: Option<At>,
    /// The provider's time.
    occurred_at: Option<At>,
    /// The position of its last event.
    position: i64,
}

/// Lists the receipts about a tenant's payments, the latest first.
#[utoipa::path(get, path = "/v1/receipts", tag = "receipts", params(Which),
    responses((status = 200, body = Listed<Receipt>)))]
pub(super) async fn list(
    State(api): State<Api>,
    of: Of,
    Query(which): Query<Which>,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Receipt>>, Problem> {
    let page = page(which.after, which.limit)?;
    let filter = ReceiptFilter {
        payment_tenant: Some(of.tenant),
        payment: which.payment,
        connection: which.connection,
        event_id: which.event_id,
        ..ReceiptFilter::default()
    };
    let receipts = snapshot.receipts(&filter, &page).await?;
    Ok(looked(&api, &snapshot, Listed::of(receipts, shown)))
}

fn shown(row: read::Receipt) -> Receipt {
    Receipt {
        receipt: row.receipt,
        connection: row.connection,
        event_id: row.event_id,
        digest: row.digest,
        scheme: row.scheme,
        key: row.scheme_key,
        says: row.says,
        payment: row.payment,
        led_to: row.led_to,
        recorded_at: row.recorded_at.map(At::micros),
        occurred_at: row.occurred_at.map(At::micros),
        position: row.position,
    }
}

/// Attempts that proved nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refused {
    /// Which provider account was addressed.
    connection: String,
    /// Why they were refused.
    reason: String,
    /// How many.
    count: i64,
    /// When the last one came.
    last_at: Option<At>,
}

/// Lists attempts that proved nothing, by provider account and reason.
#[utoipa::path(get, path = "/v1/admin/receipts/refused", tag = "admin",
    responses((status = 200, body = Listed<Refused>)))]
pub(super) async fn list_refused(
    State(api): State<Api>,
    _: Caller,
    Look(mut snapshot): Look,
) -> Result<Answer<Listed<Refused>>, Problem> {
    let rows = snapshot.receipts_refused().await?;
    let refused = |row: read::Refused| Refused {
        connection: row.connection,
        reason: row.reason,
        count: row.count,
        last_at: row.last_at.map(At::micros),
    };
    Ok(looked(&api, &snapshot, Listed::all(rows.into_iter().map(refused).collect())))
}

//! What a request costs by itself: the JSON of a spend in and out, as axum has it, and nothing
//! between. The limit of what a bench can find.

use axum::{Json, Router, extract::Path, http::StatusCode, routing::post};
use piperoll_domain::{
    account::{Part, SourceKind, Spent},
    id::{AccountId, LotId},
    money::Amount,
};

use super::accounts::{self, SpendBody};

/// One route, without a credential, a limit or a roll.
pub fn bare() -> Router {
    Router::new().route("/v1/accounts/{account}/spend", post(spend))
}

async fn spend(
    Path(account): Path<AccountId>,
    Json(body): Json<SpendBody>,
) -> Result<(StatusCode, Json<accounts::Spent>), StatusCode> {
    let lot: LotId = format!("lot_{account}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let spent = spent(lot, body);
    Ok((StatusCode::CREATED, Json(accounts::Spent::of(&account, &spent))))
}

fn spent(lot: LotId, body: SpendBody) -> Spent {
    let SpendBody { amount, pool, reference } = body;
    let part = Part {
        lot,
        amount: amount.amount,
        left: Amount::MAX,
        cost: None,
        source: SourceKind::Grant,
        pool: pool.unwrap_or_else(piperoll_domain::id::Pool::general),
    };
    Spent { total: amount, parts: vec![part], order: String::new(), reference }
}

//! What operators do: tenants, credit by hand, sweeps, settings, and what was found wrong.

mod commodities;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
mod letters;
mod mint;
mod operation;
mod reconciliation;
mod sandbox;
mod settings;
mod tenants;
mod workers;

use axum::Router;
use utoipa::OpenApi;

use crate::api::Api;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .merge(tenants::routes())
        .merge(mint::routes())
        .merge(reconciliation::routes())
        .merge(settings::routes())
        .merge(commodities::routes())
        .merge(operation::routes())
        .merge(sandbox::routes())
        .merge(letters::routes())
        .merge(workers::routes())
}

/// The operators' part of the document.
#[derive(OpenApi)]
#[openapi(paths(
    tenants::list,
    tenants::open,
    mint::mint,
    reconciliation::run,
    reconciliation::run_for_runbooks,
    reconciliation::runs,
    settings::show,
    settings::change,
    commodities::show,
    commodities::declare,
    operation::clock,
    operation::accept_clock,
    operation::correct_clock,
    operation::acknowledge,
    operation::duties,
    operation::waive,
    operation::rebuild,
    sandbox::pay,
    sandbox::faults,
    letters::list,
    letters::show,
    letters::retry,
    letters::resolve,
    workers::list,
    workers::switch,
))]
pub(super) struct Document;

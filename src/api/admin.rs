//! What operators do: tenants, credit by hand, sweeps, settings, and what was found wrong.

pub(super) mod billing;
pub(super) mod commodities;
#[expect(unused_qualifications, reason = "utoipa's macro names types in full")]
pub(super) mod letters;
pub(super) mod mint;
pub(super) mod operation;
mod reconciliation;
pub(super) mod recover;
pub(super) mod sandbox;
pub(super) mod settings;
pub(super) mod tenants;
pub(super) mod workers;

use axum::Router;
use utoipa::OpenApi;

pub(super) use self::tenants::must_be_tenant;
use crate::api::Api;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .merge(tenants::routes())
        .merge(mint::routes())
        .merge(recover::routes())
        .merge(billing::routes())
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
    recover::recover,
    billing::show,
    billing::change,
    billing::config::show,
    billing::config::change,
    billing::readiness::ready,
    billing::readiness::doctor,
    billing::shares::list,
    billing::shares::propose,
    billing::shares::approve,
    billing::shares::reject,
    billing::shares::hasten,
    reconciliation::run,
    reconciliation::run_for_runbooks,
    reconciliation::runs,
    reconciliation::ledger,
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

//! The roll's settings: whatever a decision depends on and an operator may change.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{operation::ChangeSettings, settings::Settings};
use utoipa::ToSchema;

use crate::api::{Api, Problem, caller::Caller, extract::Write, render::Answer};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/admin/settings", get(show).put(change))
}

/// All settings at once.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes what the rules define")]
pub(in crate::api) struct AllSettings {
    /// How long a bare idempotency key is remembered, in days.
    idempotency_days: u32,
    /// How long after its expiry an unpaid invoice is still asked about.
    settlement_grace_seconds: u32,
    /// How long a provider may stay silent before a review opens.
    provider_silence_seconds: u32,
    /// How long an unanswered create call is asked about before it is abandoned.
    create_patience_seconds: u32,
    /// The smallest invoice.
    #[schema(pattern = "^[0-9]{1,19}$")]
    invoice_min_msat: String,
    /// The largest invoice.
    #[schema(pattern = "^[0-9]{1,19}$")]
    invoice_max_msat: String,
    /// After how long the same use of an entitlement is another use.
    same_use_seconds: u32,
    /// How often the same use may be repeated within that time.
    same_use_max: u32,
    /// What happens to a tenant's billing when an account of its breaks an invariant: `alert` and
    /// nothing else, fall back to `shadow`, or `stop`. `alert` unless said, and then not told.
    #[schema(required = false, example = "shadow", pattern = "^(alert|shadow|stop)$")]
    on_lot_violation: String,
}

/// Tells the settings in force.
#[utoipa::path(get, path = "/v1/admin/settings", tag = "admin",
    responses((status = 200, body = AllSettings)))]
pub(in crate::api) async fn show(State(api): State<Api>, _: Caller) -> Answer<Settings> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    Answer::at(&api, head, directory.settings())
}

/// Changes the settings: all of them are said.
#[utoipa::path(put, path = "/v1/admin/settings", tag = "admin", request_body = AllSettings,
    responses((status = 200, body = AllSettings)))]
pub(in crate::api) async fn change(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Write<Settings>,
) -> Result<Answer<Settings>, Problem> {
    let key = write.key("settings.change", &[])?;
    let settings = write.body;
    let operation = ChangeSettings { settings };
    let done = api.service().execute(&who, operation, Some(key)).await?;
    Ok(Answer::done(&api, &done, settings))
}

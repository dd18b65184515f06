//! Tenants: opened once, never closed.

use axum::{Router, extract::State, routing::get};
use piperoll_domain::{
    bytes::{Bytes, Id16},
    id::TenantId,
    money::Code as Commodity,
    operation::OpenTenant,
    tenant::Opened,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::{
    Api, Problem, caller::Caller, extract::Write, listing::Listed, problem, render::Answer,
};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/admin/tenants", get(list).post(open))
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Tenant {
    /// Its name.
    tenant: String,
    /// Its random id.
    uid: String,
    /// Its time zone.
    time_zone: String,
    /// Its locale.
    locale: String,
    /// What its books are kept in.
    functional_currency: String,
    /// How many keys it has that are not stopped.
    keys: usize,
}

impl Tenant {
    fn of(name: &TenantId, opened: &Opened, keys: usize) -> Self {
        Self {
            tenant: name.to_string(),
            uid: opened.uid.to_string(),
            time_zone: opened.time_zone.clone(),
            locale: opened.locale.clone(),
            functional_currency: opened.functional_currency.to_string(),
            keys,
        }
    }
}

/// An operator who mistypes a tenant hears so, and sees no empty list.
pub(in crate::api) fn must_be_tenant(api: &Api, tenant: &TenantId) -> Result<(), Problem> {
    let known = api.service().engine().directory().opened(tenant).is_some();
    known.then_some(()).ok_or_else(|| problem::no_tenant(tenant))
}

/// Lists the tenants.
#[utoipa::path(get, path = "/v1/admin/tenants", tag = "admin",
    responses((status = 200, body = Listed<Tenant>)))]
pub(in crate::api) async fn list(State(api): State<Api>, _: Caller) -> Answer<Listed<Tenant>> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    let shown = directory.tenants().filter_map(|(name, tenant)| {
        let keys = tenant.keys.values().filter(|key| !key.revoked).count();
        Some(Tenant::of(name, tenant.opened.as_ref()?, keys))
    });
    Answer::at(&api, head, Listed::all(shown.collect()))
}

/// A tenant to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewTenant {
    /// Its name.
    #[schema(value_type = String, example = "acme")]
    tenant: TenantId,
    /// Its time zone; `UTC` unless said.
    time_zone: Option<String>,
    /// Its locale; `en` unless said.
    locale: Option<String>,
    /// What its books are kept in; `USD` unless said.
    #[schema(value_type = Option<String>)]
    functional_currency: Option<Commodity>,
}

/// Opens a tenant.
#[utoipa::path(post, path = "/v1/admin/tenants", tag = "admin", request_body = NewTenant,
    responses((status = 201, body = Tenant)))]
pub(in crate::api) async fn open(
    State(api): State<Api>,
    Caller(who): Caller,
    write: Write<NewTenant>,
) -> Result<Answer<Tenant>, Problem> {
    let key = write.key("tenant.open", &[])?;
    let NewTenant { tenant, time_zone, locale, functional_currency } = write.body;
    let opened = Opened {
        uid: uid()?,
        time_zone: word("time_zone", time_zone, "UTC")?,
        locale: word("locale", locale, "en")?,
        functional_currency: functional_currency.unwrap_or(Commodity::USD),
    };
    let operation = OpenTenant { tenant: tenant.clone(), opened };
    let done = api.service().open_tenant(&who, operation, Some(key)).await?;
    let directory = api.service().engine().directory();
    let opened = directory.opened(&tenant).ok_or_else(|| problem::not_found("the tenant"))?;
    Ok(Answer::done(&api, &done, Tenant::of(&tenant, opened, 0)).created())
}

fn uid() -> Result<Id16, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(Bytes(bytes))
}

/// A short word such as `Europe/Berlin` or `de-CH`.
fn word(field: &str, given: Option<String>, default: &str) -> Result<String, Problem> {
    let word = given.unwrap_or_else(|| default.to_owned());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
    if (1..=64).contains(&word.len()) && word.bytes().all(plain) {
        return Ok(word);
    }
    Err(problem::field(field, "it is a name such as Europe/Berlin or de-CH"))
}

//! API keys: handed out once, known by their digest from then on, stopped with a reason.

use std::collections::BTreeSet;

use axum::{
    Router,
    extract::State,
    routing::{delete, get},
};
use piperoll_domain::{
    bytes::Bytes,
    id::{KeyId, TenantId},
    operation::{IssueKey, RevokeKey},
    tenant::{Key as Known, Role},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        caller::{Caller, Of},
        extract::{Path, Write},
        listing::Listed,
        offers::Reason,
        problem::{self, Code},
        render::Answer,
    },
    secret::Secret,
    service::Principal,
};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/keys", get(list).post(issue))
        .route("/v1/keys/{key}", delete(revoke))
        .route("/v1/admin/tenants/{tenant}/keys", get(list_of).post(issue_for))
        .route("/v1/admin/tenants/{tenant}/keys/{key}", delete(revoke_of))
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Key {
    /// Its name.
    key: String,
    /// What it may do; without any, it is a reverse proxy's.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// The first bytes of its digest.
    fingerprint: String,
    /// Whether it is stopped.
    revoked: bool,
}

impl Key {
    fn of(id: &KeyId, known: &Known) -> Self {
        let fingerprint = known.digest.0.first_chunk().copied().map_or(Bytes::<8>::ZERO, Bytes);
        let fingerprint = fingerprint.to_string();
        Self {
            key: id.to_string(),
            roles: known.roles.clone(),
            fingerprint,
            revoked: known.revoked,
        }
    }
}

/// Lists a tenant's keys.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses((status = 200, body = Listed<Key>)))]
pub(super) async fn list(State(api): State<Api>, of: Of) -> Result<Answer<Listed<Key>>, Problem> {
    listed(&api, &of.tenant)
}

/// Lists the keys of any tenant.
#[utoipa::path(get, path = "/v1/admin/tenants/{tenant}/keys", tag = "admin",
    params(("tenant" = String, Path)), responses((status = 200, body = Listed<Key>)))]
pub(super) async fn list_of(
    State(api): State<Api>,
    _: Caller,
    Path(tenant): Path<TenantId>,
) -> Result<Answer<Listed<Key>>, Problem> {
    listed(&api, &tenant)
}

fn listed(api: &Api, tenant: &TenantId) -> Result<Answer<Listed<Key>>, Problem> {
    let engine = api.service().engine();
    let (head, directory) = (engine.head(), engine.directory());
    let known = directory.tenant(tenant).ok_or_else(|| problem::no_tenant(tenant))?;
    let keys = known.keys.iter().map(|(id, key)| Key::of(id, key)).collect();
    Ok(Answer::at(api, head, Listed::all(keys)))
}

/// A key to be handed out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// Its name.
    #[schema(value_type = String, example = "shop-1")]
    key: KeyId,
    /// What it may do: `read`, `sell`, `credit`, `operate`, `admin`; nothing for a reverse proxy.
    #[schema(value_type = Vec<String>)]
    #[serde(default)]
    roles: BTreeSet<Role>,
}

/// A key that was handed out.
#[derive(Serialize, ToSchema)]
pub(super) struct Issued {
    /// Its name.
    key: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// The key itself: told once, kept by nobody. Null when this answers a repeat; revoke it and
    /// hand out another then.
    secret: Option<String>,
}

/// Hands out a key of the tenant's own.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = NewKey,
    responses((status = 201, body = Issued)))]
pub(super) async fn issue(
    State(api): State<Api>,
    of: Of,
    write: Write<NewKey>,
) -> Result<Answer<Issued>, Problem> {
    issued(&api, &of.who, of.tenant, write).await
}

/// Hands out a key of any tenant's.
#[utoipa::path(post, path = "/v1/admin/tenants/{tenant}/keys", tag = "admin",
    params(("tenant" = String, Path)), request_body = NewKey,
    responses((status = 201, body = Issued)))]
pub(super) async fn issue_for(
    State(api): State<Api>,
    Caller(who): Caller,
    Path(tenant): Path<TenantId>,
    write: Write<NewKey>,
) -> Result<Answer<Issued>, Problem> {
    issued(&api, &who, tenant, write).await
}

async fn issued(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    write: Write<NewKey>,
) -> Result<Answer<Issued>, Problem> {
    let idempotency = write.key("key.issue", &[tenant.as_str()])?;
    let NewKey { key, roles } = write.body;
    let (secret, digest) = new_key()?;
    let operation = IssueKey { tenant, key: key.clone(), digest, roles: roles.clone() };
    let done = api.service().execute(who, operation, Some(idempotency)).await?;
    let secret = (!done.replayed).then_some(secret);
    Ok(Answer::done(api, &done, Issued { key: key.to_string(), roles, secret }).created())
}

/// A new key, and its digest.
fn new_key() -> Result<(String, Bytes<32>), Problem> {
    let secret = Secret::random().map_err(|error| Problem::internal(&error))?;
    let text = format!("prk_{}", secret.expose());
    let digest = Bytes(Sha256::digest(text.as_bytes()).into());
    Ok((text, digest))
}

/// Stops a key of the tenant's own.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "keys", params(("key" = String, Path)),
    request_body = Reason, responses((status = 200, body = Key)))]
pub(super) async fn revoke(
    State(api): State<Api>,
    of: Of,
    Path(key): Path<KeyId>,
    write: Write<Reason>,
) -> Result<Answer<Key>, Problem> {
    revoked(&api, &of.who, of.tenant, key, write).await
}

/// Stops a key of any tenant's.
#[utoipa::path(delete, path = "/v1/admin/tenants/{tenant}/keys/{key}", tag = "admin",
    params(("tenant" = String, Path), ("key" = String, Path)), request_body = Reason,
    responses((status = 200, body = Key)))]
pub(super) async fn revoke_of(
    State(api): State<Api>,
    Caller(who): Caller,
    Path((tenant, key)): Path<(TenantId, KeyId)>,
    write: Write<Reason>,
) -> Result<Answer<Key>, Problem> {
    revoked(&api, &who, tenant, key, write).await
}

async fn revoked(
    api: &Api,
    who: &Principal,
    tenant: TenantId,
    key: KeyId,
    write: Write<Reason>,
) -> Result<Answer<Key>, Problem> {
    let idempotency = write.key("key.revoke", &[tenant.as_str(), key.as_str()])?;
    let reason = write.body.reason;
    let operation = RevokeKey { tenant: tenant.clone(), key: key.clone(), reason };
    let done = api.service().execute(who, operation, Some(idempotency)).await?;
    let directory = api.service().engine().directory();
    let known = directory.tenant(&tenant).and_then(|tenant| tenant.keys.get(&key));
    let absent = || Problem::new(Code::KeyNotFound, "the key does not exist");
    Ok(Answer::done(api, &done, Key::of(&key, known.ok_or_else(absent)?)))
}

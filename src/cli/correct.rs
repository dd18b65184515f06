//! What commands that set something right have in common: whose it is, why, and a key.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{client::Target, error::Error};

/// Whose it is, why, and a key.
#[derive(Debug, Args)]
pub(super) struct Why {
    #[command(flatten)]
    pub(super) whose: Whose,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    pub(super) reason: String,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
}

/// Whose it is.
#[derive(Debug, Args)]
pub(super) struct Whose {
    #[command(flatten)]
    pub(super) server: Target,
    /// Whose it is, where an operator asks; with a tenant's key, its own.
    #[arg(long)]
    pub(super) tenant: Option<String>,
}

impl Whose {
    /// Reads something of the tenant's.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value, Error> {
        Ok(match &self.tenant {
            Some(tenant) => self.server.operator().get(&of(tenant, path), query).await?,
            None => self.server.tenant().get(&own(path), query).await?,
        })
    }

    /// Changes something of the tenant's.
    pub(super) async fn post(
        &self,
        path: &[&str],
        body: &Value,
        key: Option<&str>,
    ) -> Result<Value, Error> {
        let (post, body) = (Method::POST, Some(body));
        Ok(match &self.tenant {
            Some(tenant) => {
                self.server.operator().write(post, &of(tenant, path), body, key).await?
            }
            None => self.server.tenant().write(post, &own(path), body, key).await?,
        })
    }
}

impl Why {
    /// Sets something of the tenant's right.
    pub(super) async fn post(&self, path: &[&str], mut body: Value) -> Result<Value, Error> {
        body["reason"] = self.reason.clone().into();
        self.whose.post(path, &body, self.idempotency_key.as_deref()).await
    }
}

fn own<'a>(path: &[&'a str]) -> Vec<&'a str> {
    [&["v1"], path].concat()
}

fn of<'a>(tenant: &'a str, path: &[&'a str]) -> Vec<&'a str> {
    [&["v1", "admin", "tenants", tenant], path].concat()
}

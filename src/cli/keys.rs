//! `piperoll keys`: who may call in a tenant's name.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// API keys of a tenant: issue, list, revoke.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List a tenant's keys, without the keys themselves.
    List {
        #[command(flatten)]
        server: Target,
        /// Whose; one's own unless said.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Hand out a key. It is shown once.
    Issue(Issue),
    /// Stop a key.
    Revoke(Revoke),
}

/// A new key.
#[derive(Debug, Args)]
pub(super) struct Issue {
    #[command(flatten)]
    server: Target,
    /// Its name.
    key: String,
    /// Whose; one's own unless said.
    #[arg(long)]
    tenant: Option<String>,
    /// What it may do: read, sell, credit, operate, admin; may be repeated. None for a reverse proxy.
    #[arg(long, value_delimiter = ',')]
    role: Vec<String>,
}

/// A key that stops.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    server: Target,
    /// Its name.
    key: String,
    /// Whose; one's own unless said.
    #[arg(long)]
    tenant: Option<String>,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

/// Where keys are: a tenant's own, or those of a tenant that an operator names.
fn path<'a>(tenant: Option<&'a str>, key: Option<&'a str>) -> Vec<&'a str> {
    let base = match tenant {
        Some(tenant) => vec!["v1", "admin", "tenants", tenant, "keys"],
        None => vec!["v1", "keys"],
    };
    base.into_iter().chain(key).collect()
}

impl Keys {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let answer = match self {
            Self::List { server, tenant } => {
                let client = if tenant.is_some() { server.operator() } else { server.tenant() };
                client.get(&path(tenant.as_deref(), None), &[]).await?
            }
            Self::Issue(Issue { server, key, tenant, role }) => {
                let client = if tenant.is_some() { server.operator() } else { server.tenant() };
                let body = json!({ "key": key, "roles": role });
                let path = path(tenant.as_deref(), None);
                client.write(Method::POST, &path, Some(&body), None).await?
            }
            Self::Revoke(Revoke { server, key, tenant, reason }) => {
                let client = if tenant.is_some() { server.operator() } else { server.tenant() };
                let path = path(tenant.as_deref(), Some(&key));
                let body = json!({ "reason": reason });
                client.write(Method::DELETE, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

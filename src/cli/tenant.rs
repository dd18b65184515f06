//! `piperoll tenant`: who has books here.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// Tenants: open, list.
#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// List the tenants.
    List {
        #[command(flatten)]
        server: Target,
    },
    /// Open a tenant. It cannot be undone.
    Open(Open),
}

/// A new tenant.
#[derive(Debug, Args)]
pub(super) struct Open {
    #[command(flatten)]
    server: Target,
    /// Its name: lower-case letters, digits and `_`, at most 32.
    tenant: String,
    /// An IANA time zone; reports cut days by it.
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// A language tag, such as `en` or `de-CH`.
    #[arg(long, default_value = "en")]
    locale: String,
    /// What its books are kept in.
    #[arg(long, default_value = "USD")]
    functional_currency: String,
}

impl Tenant {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let path = ["v1", "admin", "tenants"];
        let answer = match self {
            Self::List { server } => server.operator().get(&path, &[]).await?,
            Self::Open(Open { server, tenant, time_zone, locale, functional_currency }) => {
                let body = json!({
                    "tenant": tenant,
                    "time_zone": time_zone,
                    "locale": locale,
                    "functional_currency": functional_currency,
                });
                server.operator().write(Method::POST, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

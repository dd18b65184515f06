//! `piperoll connections`: provider accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, document, error::Error, exit::Exit, output::Output};

/// Provider accounts: declare, look at, retire.
#[derive(Debug, Subcommand)]
pub(super) enum Connections {
    /// List provider accounts.
    List {
        #[command(flatten)]
        server: Target,
    },
    /// Name a provider account, or describe it anew. Secrets are named, never sent.
    Declare(Declare),
    /// Let no new payment go through a provider account.
    Retire(Retire),
}

/// A provider account and what it is.
#[derive(Debug, Args)]
pub(super) struct Declare {
    #[command(flatten)]
    server: Target,
    /// Its name, such as `default`.
    connection: String,
    /// What it is, as JSON; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    account: PathBuf,
}

/// A provider account and why it ends.
#[derive(Debug, Args)]
pub(super) struct Retire {
    #[command(flatten)]
    server: Target,
    /// Its name.
    connection: String,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

impl Connections {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let answer = match self {
            Self::List { server } if server.is_tenant() => {
                server.tenant().get(&["v1", "connections"], &[]).await?
            }
            Self::List { server } => {
                server.operator().get(&["v1", "admin", "connections"], &[]).await?
            }
            Self::Declare(Declare { server, connection, account }) => {
                let (path, account) =
                    (["v1", "admin", "connections", &connection], document::read(&account)?);
                server.operator().write(Method::PUT, &path, Some(&account), None).await?
            }
            Self::Retire(Retire { server, connection, reason }) => {
                let path = ["v1", "admin", "connections", &connection];
                let body = json!({ "reason": reason });
                server.operator().write(Method::DELETE, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

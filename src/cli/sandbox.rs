//! `piperoll sandbox`: paying with play money.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// The play-money provider of development.
#[derive(Debug, Subcommand)]
pub(super) enum Sandbox {
    /// Pay an invoice; prints the preimage.
    Pay(Pay),
}

/// An invoice.
#[derive(Debug, Args)]
pub(super) struct Pay {
    #[command(flatten)]
    server: Target,
    /// The invoice, `lnbcrt…`.
    invoice: String,
}

impl Sandbox {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let Self::Pay(Pay { server, invoice }) = self;
        let (path, body) = (["v1", "admin", "sandbox", "pay"], json!({ "invoice": invoice }));
        let answer = server.operator().write(Method::POST, &path, Some(&body), None).await?;
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

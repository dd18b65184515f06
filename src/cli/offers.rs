//! `piperoll offers`: what is sold.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{client::Target, document, error::Error, exit::Exit, output::Output};

/// What is sold: publish, look at, withdraw.
#[derive(Debug, Subcommand)]
pub(super) enum Offers {
    /// List the offers on sale.
    List {
        #[command(flatten)]
        server: Target,
    },
    /// Show one offer.
    Show {
        #[command(flatten)]
        server: Target,
        /// Its name.
        offer: String,
    },
    /// Put an offer up for sale, or a new version of it.
    Publish(Publish),
    /// Sell an offer no more; what was sold stays valid.
    Withdraw(Withdraw),
}

/// An offer and its terms.
#[derive(Debug, Args)]
pub(super) struct Publish {
    #[command(flatten)]
    server: Target,
    /// Its name.
    offer: String,
    /// Its terms as JSON, or what `--json offers show` prints; `-` for stdin.
    #[arg(long, value_name = "FILE")]
    terms: PathBuf,
    /// Makes asking again safe; made up unless given.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// An offer and why it ends.
#[derive(Debug, Args)]
pub(super) struct Withdraw {
    #[command(flatten)]
    server: Target,
    /// Its name.
    offer: String,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

/// What was shown holds the terms beside the offer's name and version.
fn terms_of(mut document: Value) -> Value {
    match document.get_mut("terms") {
        Some(terms) => terms.take(),
        None => document,
    }
}

impl Offers {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let answer = match self {
            Self::List { server } => server.tenant().get(&["v1", "offers"], &[]).await?,
            Self::Show { server, offer } => {
                server.tenant().get(&["v1", "offers", &offer], &[]).await?
            }
            Self::Publish(Publish { server, offer, terms, idempotency_key }) => {
                let terms = terms_of(document::read(&terms)?);
                let (path, key) = (["v1", "offers", &offer], idempotency_key.as_deref());
                server.tenant().write(Method::PUT, &path, Some(&terms), key).await?
            }
            Self::Withdraw(Withdraw { server, offer, reason }) => {
                let (path, body) = (["v1", "offers", &offer], json!({ "reason": reason }));
                server.tenant().write(Method::DELETE, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_can_be_published() {
        let terms = json!({ "service": "weather", "path": "/*" });
        let shown = json!({ "offer": "weather", "version": 1, "terms": terms });
        assert_eq!(terms_of(shown), terms);
        assert_eq!(terms_of(terms.clone()), terms);
    }
}

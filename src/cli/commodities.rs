//! `piperoll commodities`: what amounts are counted in.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Target, error::Error, exit::Exit, output::Output};

/// What amounts are counted in: declare, look at.
#[derive(Debug, Subcommand)]
pub(super) enum Commodities {
    /// Show a commodity's decimal places.
    Show {
        #[command(flatten)]
        server: Target,
        /// Its code, such as `MSAT`.
        commodity: String,
    },
    /// Declare a commodity. It cannot be undone.
    Declare(Declare),
}

/// A new commodity.
#[derive(Debug, Args)]
pub(super) struct Declare {
    #[command(flatten)]
    server: Target,
    /// Its code: capital letters, digits, `.` and `_`, at most 16, a letter first.
    commodity: String,
    /// Its decimal places, 12 at most.
    #[arg(long)]
    scale: u8,
}

impl Commodities {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let path = |code| ["v1", "admin", "commodities", code];
        let answer = match &self {
            Self::Show { server, commodity } => {
                server.operator().get(&path(commodity), &[]).await?
            }
            Self::Declare(Declare { server, commodity, scale }) => {
                let body = json!({ "scale": scale });
                server.operator().write(Method::PUT, &path(commodity), Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

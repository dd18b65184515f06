//! `piperoll duties`: what is still owed, and what shall be owed no more.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{client::Server, error::Error, exit::Exit, output::Output};

/// What is still owed: look at it, or close it by hand.
#[derive(Debug, Subcommand)]
pub(super) enum Duties {
    /// Show how much of each kind is owed, and the oldest of each.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Close a duty that nobody will do any more.
    Waive(Waive),
}

/// What is waived.
#[derive(Debug, Args)]
pub(super) struct Waive {
    #[command(flatten)]
    server: Server,
    /// What kind, such as `fulfil`; `piperoll duties list` names it.
    kind: String,
    /// To what it is owed, such as `payment-acme-pay_1`.
    stream: String,
    /// Which of it, where there may be several, such as a lot's name.
    #[arg(long)]
    item: Option<String>,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

impl Duties {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let path = ["v1", "admin", "duties"];
        let answer = match self {
            Self::List { server } => server.operator().get(&path, &[]).await?,
            Self::Waive(Waive { server, kind, stream, item, reason }) => {
                let path = [&path[..], &["waive"]].concat();
                let mut body = json!({ "kind": kind, "stream": stream, "reason": reason });
                if let Some(item) = item {
                    body["item"] = item.into();
                }
                server.operator().write(Method::POST, &path, Some(&body), None).await?
            }
        };
        output.answer(&answer)?;
        Ok(Exit::Done)
    }
}

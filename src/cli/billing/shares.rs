//! `piperoll billing shares`: rules of shares, which two people make.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::Whose;
use crate::cli::client::{self, Target};

/// Who shares in what is used: propose, approve, reject, hasten, list.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Shares {
    /// List every rule, and which of them holds.
    List(Whose),
    /// Want other shares. Somebody else has to agree, with a credential of their own.
    Propose(Propose),
    /// Agree to what somebody else proposed. It holds after a wait.
    Approve(Decide),
    /// Do not agree, take a proposal back, or stop what was approved before it holds.
    Reject(Decide),
    /// Cut the wait of an approved rule short: an emergency.
    Hasten(Decide),
}

/// A rule that somebody wants: three parts, in ten-thousandths, that add up to 10000.
#[derive(Debug, Args)]
pub(in crate::cli) struct Propose {
    #[command(flatten)]
    whose: Whose,
    /// What goes to the commons.
    #[arg(long, value_name = "BPS")]
    commons: u32,
    /// What goes to the community.
    #[arg(long, value_name = "BPS")]
    community: u32,
    /// What goes to the foundation.
    #[arg(long, value_name = "BPS")]
    foundation: u32,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

/// A rule that is decided about.
#[derive(Debug, Args)]
pub(in crate::cli) struct Decide {
    #[command(flatten)]
    whose: Whose,
    /// Its number.
    rule: u32,
    /// Why. Plain text that stays for ever; no personal data.
    #[arg(long)]
    reason: String,
}

impl Shares {
    pub(super) fn server(&self) -> &Target {
        match self {
            Self::List(whose) => &whose.server,
            Self::Propose(propose) => &propose.whose.server,
            Self::Approve(decide) | Self::Reject(decide) | Self::Hasten(decide) => {
                &decide.whose.server
            }
        }
    }

    pub(in crate::cli) async fn ask(self) -> Result<Value, client::Error> {
        match self {
            Self::List(whose) => whose.server.operator().get(&whose.path(&["shares"]), &[]).await,
            Self::Propose(propose) => propose.ask().await,
            Self::Approve(decide) => decide.ask("approve").await,
            Self::Reject(decide) => decide.ask("reject").await,
            Self::Hasten(decide) => decide.ask("hasten").await,
        }
    }
}

impl Propose {
    async fn ask(self) -> Result<Value, client::Error> {
        let Self { whose, commons, community, foundation, reason } = self;
        let body = json!({
            "commons_bps": commons,
            "community_bps": community,
            "foundation_bps": foundation,
            "reason": reason,
        });
        let path = whose.path(&["shares"]);
        whose.server.operator().write(Method::POST, &path, Some(&body), None).await
    }
}

impl Decide {
    async fn ask(self, how: &str) -> Result<Value, client::Error> {
        let Self { whose, rule, reason } = self;
        let (rule, body) = (rule.to_string(), json!({ "reason": reason }));
        let path = whose.path(&["shares", &rule, how]);
        whose.server.operator().write(Method::POST, &path, Some(&body), None).await
    }
}

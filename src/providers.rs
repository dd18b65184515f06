//! The contract with whoever takes the money: what is asked, what was heard, how sure it is.
//!
//! A provider speaks to the outside and tells what it was told. It never decides what that means:
//! whether a payment is settled, expired or due for review is for the rules to say.
//! The time is an argument of whatever depends on it.

mod ask;
pub mod bolt11;
mod error;
mod generic;
mod heard;
pub mod http;
pub mod json;
pub mod lnbits;
pub mod open;
pub mod sandbox;
mod secret;
pub mod signature;

pub use ask::{CreateInvoice, Invoice, Lookup, Report, Status};
pub use bolt11::Network;
pub use error::{Class, CreateError, StatusError};
pub use heard::{Heard, Notice, Refusal, Says, Verification};
pub use secret::{InvalidSecret, Secret, Secrets};

use piperoll_domain::time::Time;
use reqwest::header::HeaderMap;

use crate::providers::{lnbits::Lnbits, sandbox::Sandbox};

/// How a provider tells of a payment without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// It does not.
    None,
    /// Webhooks that anybody could have sent.
    Unsigned,
    /// Webhooks under a hexadecimal HMAC of the body.
    Hmac,
    /// Webhooks in the manner of Standard Webhooks.
    Svix,
    /// A stream that we hold open.
    Stream,
}

impl Push {
    /// The word that stands in the roll and in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unsigned => "unsigned",
            Self::Hmac => "hmac",
            Self::Svix => "svix",
            Self::Stream => "stream",
        }
    }
}

/// What a provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a capability is there or it is not")]
pub struct Capabilities {
    /// How it tells of a payment.
    pub push: Push,
    /// Its webhooks carry an id that a repeat carries again.
    pub event_ids: bool,
    /// The caller may choose the preimage.
    pub caller_preimage: bool,
    /// Amounts finer than a satoshi.
    pub msat: bool,
    /// An open invoice can be taken back.
    pub cancel: bool,
    /// What became of a create can be learnt by our reference.
    pub finds_by_reference: bool,
}

/// A provider account that can be talked to.
#[derive(Debug, Clone)]
pub enum Provider {
    /// The Lightning node inside this process.
    Sandbox(Sandbox),
    /// A wallet of an LNbits server.
    Lnbits(Lnbits),
}

impl Provider {
    /// The word for metrics and settings.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => "sandbox",
            Self::Lnbits(_) => "lnbits",
        }
    }

    /// What it can do.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Self::Sandbox(node) => node.capabilities(),
            Self::Lnbits(wallet) => wallet.capabilities(),
        }
    }

    /// The network its invoices must be on.
    pub const fn network(&self) -> Network {
        match self {
            Self::Sandbox(_) => Network::Regtest,
            Self::Lnbits(wallet) => wallet.network(),
        }
    }

    /// Asks for an invoice, once; a caller in doubt asks [`find`](Self::find), never this again.
    pub async fn create(&self, asked: &CreateInvoice, now: Time) -> Result<Invoice, CreateError> {
        asked.check()?;
        match self {
            Self::Sandbox(node) => over(node, node.create(asked, now)).await,
            Self::Lnbits(wallet) => wallet.create(asked, now).await,
        }
    }

    /// Asks what became of an invoice.
    pub async fn status(&self, lookup: &Lookup, now: Time) -> Result<Report, StatusError> {
        match self {
            Self::Sandbox(node) => over(node, async { node.status(lookup, now) }).await,
            Self::Lnbits(wallet) => wallet.status(lookup, now).await,
        }
    }

    /// Asks whether a create whose answer was lost made its invoice.
    ///
    /// "None" is what is true now: a create that is still on its way may yet arrive.
    pub async fn find(&self, asked: &CreateInvoice) -> Result<Option<Invoice>, StatusError> {
        match self {
            Self::Sandbox(node) => over(node, async { node.find(asked) }).await,
            Self::Lnbits(wallet) => wallet.find(asked).await,
        }
    }

    /// Asks the provider whether it knows us; nothing is made by it.
    pub async fn probe(&self) -> Result<Option<Time>, StatusError> {
        match self {
            Self::Sandbox(node) => over(node, async { node.probe() }).await,
            Self::Lnbits(wallet) => wallet.probe().await,
        }
    }

    /// Judges a webhook: its sender over the raw bytes, then what it says.
    ///
    /// `url_token_ok` tells that the URL carried the secret token handed out for that payment.
    pub fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        url_token_ok: bool,
        now: Time,
    ) -> Heard {
        match self {
            Self::Sandbox(node) => node.receive(headers, body, now),
            Self::Lnbits(wallet) => wallet.receive(headers, body, url_token_ok, now),
        }
    }
}

/// A call of a sandbox, as long on its way as its faults say.
async fn over<T>(node: &Sandbox, call: impl Future<Output = T>) -> T {
    node.travel().await;
    let answer = call.await;
    node.travel().await;
    answer
}

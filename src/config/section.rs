//! The settings themselves: one struct for each concern, in types that cannot be wrong.

mod billing;
mod connection;
mod http;
mod jwt;
mod work;

pub use billing::{Billing, Seed};
pub use connection::{Account, Connection, ProviderKind};
pub use http::{Limits, Metrics, Server, Tls};
pub use jwt::Jwt;
pub use work::{Engine, Log, LogFormat, Providers, Reconciliation, Views};

use serde::{Deserialize, Serialize};

use crate::secret::{Secret, Secrets};

/// What operators show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    token: Secret,
    #[serde(deserialize_with = "super::list::read")]
    token_previous: Vec<Secret>,
}

impl Admin {
    /// The token in force and those on their way out.
    pub fn tokens(&self) -> Secrets {
        Secrets { current: self.token.clone(), previous: self.token_previous.clone() }
    }
}

/// What wraps the keys of sealed text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyring {
    master_key: Secret,
    #[serde(deserialize_with = "super::list::read")]
    master_key_previous: Vec<Secret>,
}

impl Keyring {
    /// The master key in force and those on their way out.
    pub fn master_keys(&self) -> Secrets {
        Secrets { current: self.master_key.clone(), previous: self.master_key_previous.clone() }
    }
}

/// How tokens are sold and honoured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L402 {
    secret: Secret,
    #[serde(deserialize_with = "super::list::read")]
    secret_previous: Vec<Secret>,
    /// How long an invoice can be paid.
    pub invoice_expiry: super::Period,
    /// How long a right preimage waits for the provider's word.
    pub settle_wait_ms: u32,
    /// Whose answers are given.
    pub compat: Compat,
    /// Whether plain http is refused.
    pub require_https: bool,
    /// Whether only the second `WWW-Authenticate` line is sent.
    pub drop_lsat_line: bool,
}

impl L402 {
    /// The secret that tokens are sold under and those whose tokens are still honoured.
    pub fn secrets(&self) -> Secrets {
        Secrets { current: self.secret.clone(), previous: self.secret_previous.clone() }
    }
}

/// Whose answers to a bad or used-up credential are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// Ours.
    Standard,
    /// Aperture's.
    Aperture,
    /// Those of `WordClaw`.
    Wordclaw,
}

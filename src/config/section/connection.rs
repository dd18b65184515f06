//! The connection `default`, as the environment of the runbooks describes it.

use serde::{Deserialize, Serialize};

use crate::{
    config::{WebUrl, list},
    providers::Network,
    secret::{Secret, Secrets},
};

/// A provider account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Which provider.
    pub provider: ProviderKind,
    #[serde(default, with = "network")]
    network: Option<Network>,
    /// Where it is reached.
    pub base_url: Option<WebUrl>,
    pub(in crate::config) key: Option<Secret>,
    webhook_secret: Secret,
    #[serde(deserialize_with = "list::read")]
    webhook_secret_previous: Vec<Secret>,
    sandbox_seed: Option<Secret>,
    /// Whether somebody insists on real money in development.
    pub real_money_in_development: bool,
}

/// What is needed to talk to the provider, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account<'a> {
    /// The Lightning node inside this process.
    Sandbox {
        /// Everything it makes follows from this.
        seed: &'a Secret,
    },
    /// A wallet of an LNbits server.
    Lnbits {
        /// Where the server is.
        base_url: &'a WebUrl,
        /// The wallet's key.
        key: &'a Secret,
    },
}

impl Connection {
    /// What is needed to talk to the provider; `None` when there is none.
    pub const fn account(&self) -> Option<Account<'_>> {
        match (self.provider, &self.sandbox_seed, &self.base_url, &self.key) {
            (ProviderKind::Sandbox, Some(seed), _, _) => Some(Account::Sandbox { seed }),
            (ProviderKind::Lnbits, _, Some(base_url), Some(key)) => {
                Some(Account::Lnbits { base_url, key })
            }
            _ => None,
        }
    }

    /// The network that its invoices must be on.
    pub fn network(&self) -> Network {
        self.network.unwrap_or(match self.provider {
            ProviderKind::Sandbox => Network::Regtest,
            ProviderKind::Lnbits | ProviderKind::None => Network::Bitcoin,
        })
    }

    /// What its webhooks are signed with.
    pub fn webhook_secrets(&self) -> Secrets {
        let previous = self.webhook_secret_previous.clone();
        Secrets { current: self.webhook_secret.clone(), previous }
    }
}

/// The kinds of providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// The Lightning node inside this process.
    #[serde(alias = "mock")]
    Sandbox,
    /// LNbits.
    Lnbits,
    /// No connection `default`.
    #[serde(alias = "disabled")]
    None,
}

/// A network by its word, as it stands in facts too.
mod network {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::providers::Network;

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it like this"
    )]
    pub(super) fn serialize<S: Serializer>(
        network: &Option<Network>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        network.map(Network::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Network>, D::Error> {
        String::deserialize(deserializer)?.parse().map(Some).map_err(de::Error::custom)
    }
}

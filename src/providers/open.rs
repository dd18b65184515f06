//! From typed settings to a provider that may be used in this environment, or a reason why not.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{Url, header::HeaderValue};

use crate::providers::{
    Network, Provider, Secret, Secrets,
    http::{BuildError, Http},
    lnbits::{self, Lnbits},
    sandbox::{self, Sandbox},
};

/// Whether other people's money is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Nobody's: loopback and sandboxes are fine.
    Development,
    /// Everybody's.
    Production,
}

/// An address that must not be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is no URL of the web.
    #[error("it is not an http or https URL with a host")]
    Unreadable,
    /// It holds a name or a password.
    #[error("it must not hold a user name or a password")]
    Credentials,
    /// Anybody on the way could read along.
    #[error("it must be https (http is for loopback, in development)")]
    Plain,
}

impl Environment {
    /// Reads an address that may be talked to here.
    pub fn check_url(self, text: &str) -> Result<Url, BadUrl> {
        let url = Url::parse(text).map_err(|_| BadUrl::Unreadable)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::Credentials);
        }
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => Ok(url),
            ("http", Some(host)) if self == Self::Development && is_loopback(host) => Ok(url),
            ("http", Some(_)) => Err(BadUrl::Plain),
            _ => Err(BadUrl::Unreadable),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Which provider, and what only it needs.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The Lightning node inside this process.
    Sandbox {
        /// Everything it makes follows from this.
        seed: [u8; 32],
        /// Where it remembers; without it, nowhere.
        file: Option<PathBuf>,
    },
    /// Such a node that is there already.
    Node(Sandbox),
    /// A wallet of an LNbits server.
    Lnbits {
        /// Where the server is.
        base_url: String,
        /// The wallet's invoice key.
        key: Secret,
    },
}

/// Everything that a connection needs to be opened.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Which provider.
    pub kind: Kind,
    /// The network its invoices must be on.
    pub network: Network,
    /// Judge its webhooks.
    pub webhook_secrets: Secrets,
    /// Every call ends within this.
    pub timeout: Duration,
    /// Somebody insists on real money in development.
    pub real_money_in_development: bool,
}

/// Why a connection cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Play money does not belong here.
    #[error("the sandbox provider is refused in production")]
    SandboxInProduction,
    /// Real money does not belong here.
    #[error("a provider of real money is refused in development")]
    RealMoneyInDevelopment,
    /// The sandbox has a chain of its own.
    #[error("the sandbox is on regtest, not on {}", .0.as_str())]
    SandboxNetwork(Network),
    /// The sandbox signs its webhooks.
    #[error("the sandbox needs a webhook secret")]
    NoWebhookSecret,
    /// The address must not be used.
    #[error("the provider's base URL is refused")]
    BaseUrl(#[source] BadUrl),
    /// The key has characters that no header can carry.
    #[error("the provider's key must be printable ASCII")]
    Key,
    /// A call that may take no time can never succeed.
    #[error("the provider's timeout must not be zero")]
    Timeout,
    /// The client could not be built.
    #[error(transparent)]
    Http(#[from] BuildError),
    /// The sandbox's file could not be read.
    #[error("failed to open the sandbox")]
    Sandbox(#[from] sandbox::OpenError),
}

/// Opens a connection; nobody is called yet.
pub fn open(settings: ConnectionSettings, environment: Environment) -> Result<Provider, OpenError> {
    if settings.timeout.is_zero() {
        return Err(OpenError::Timeout);
    }
    match settings.kind.clone() {
        Kind::Sandbox { seed, file } => {
            may_be_sandbox(&settings, environment)?;
            let file = file.as_deref();
            Ok(Provider::Sandbox(Sandbox::open(&seed, settings.webhook_secrets, file)?))
        }
        Kind::Node(node) => {
            may_be_sandbox(&settings, environment)?;
            Ok(Provider::Sandbox(node))
        }
        Kind::Lnbits { base_url, key } => open_lnbits(settings, &base_url, &key, environment),
    }
}

fn may_be_sandbox(
    settings: &ConnectionSettings,
    environment: Environment,
) -> Result<(), OpenError> {
    if environment == Environment::Production {
        return Err(OpenError::SandboxInProduction);
    }
    if settings.network != Network::Regtest {
        return Err(OpenError::SandboxNetwork(settings.network));
    }
    if settings.webhook_secrets.current.is_none() {
        return Err(OpenError::NoWebhookSecret);
    }
    Ok(())
}

fn open_lnbits(
    settings: ConnectionSettings,
    base_url: &str,
    key: &Secret,
    environment: Environment,
) -> Result<Provider, OpenError> {
    let insists = settings.real_money_in_development || environment == Environment::Production;
    if settings.network == Network::Bitcoin && !insists {
        return Err(OpenError::RealMoneyInDevelopment);
    }
    let base_url = environment.check_url(base_url).map_err(OpenError::BaseUrl)?;
    if base_url.query().is_some() || base_url.fragment().is_some() {
        return Err(OpenError::BaseUrl(BadUrl::Unreadable));
    }
    let mut key = HeaderValue::from_str(key.expose()).map_err(|_| OpenError::Key)?;
    key.set_sensitive(true);
    let http = Http::try_new(settings.timeout)?;
    let ConnectionSettings { network, webhook_secrets, .. } = settings;
    let settings = lnbits::Settings { base_url, key, network, webhook_secrets, environment };
    Ok(Provider::Lnbits(Lnbits::new(settings, http)))
}

#[cfg(test)]
mod tests;

//! Where we are reached, by whom, and how much of it we bear.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Cidr, Period, WebUrl, list},
    secret::Secret,
};

/// Where we listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The address.
    pub listen: SocketAddr,
    /// Where we are reached from outside.
    pub public_url: Option<WebUrl>,
    /// Whose word about the caller's address and scheme is believed.
    #[serde(deserialize_with = "list::read")]
    pub trusted_proxies: Vec<Cidr>,
}

impl Server {
    /// Whether what this address says of its caller is believed.
    pub fn trusts(&self, proxy: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(proxy))
    }
}

/// Our own certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain of certificates, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// How much one caller, and all of them, may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The longest body.
    pub body_bytes_max: NonZeroU32,
    /// All header fields together.
    pub header_bytes_max: NonZeroU32,
    /// Requests in flight.
    pub concurrency_max: NonZeroU32,
    /// How long a body may take to come in.
    pub body_timeout: Period,
    /// How long a request may take.
    pub request_timeout: Period,
    /// Arrays and objects within each other.
    pub json_depth_max: NonZeroU32,
    /// Challenges for an address without credentials.
    pub challenges_per_address_per_minute: NonZeroU32,
    /// Challenges of a tenant's offers for callers without credentials.
    pub challenges_per_tenant_per_minute: NonZeroU32,
    /// Reservations that one service finalizes.
    pub finalizes_per_issuer_per_minute: NonZeroU32,
    /// Keys and tokens that open nothing, from one address.
    pub wrong_credentials_per_address_per_minute: NonZeroU32,
}

/// Who may read the metrics, and where. With neither, the admin token opens them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// A listener of their own, without a token.
    pub listen: Option<SocketAddr>,
    /// The token that opens them on the server's listener.
    pub token: Option<Secret>,
}

//! A network of addresses: `10.0.0.0/8`, `fd00::/8`, or one address alone.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Serialize, Serializer};

/// All addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u32,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANetwork {
    /// Neither an address nor a network.
    #[error("`{0}` is not a network, such as 10.0.0.0/8 or fd00::/8")]
    Unreadable(String),
    /// It is not said which network is meant.
    #[error("`{0}` has bits beyond its prefix")]
    BitsBeyondPrefix(String),
    /// It would let anybody pretend to be anybody.
    #[error("`{0}` would trust everybody")]
    Everybody(String),
}

/// The address and its width; an IPv4 address in IPv6 clothes is an IPv4 address.
fn bits(address: IpAddr) -> (u128, u32) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl Cidr {
    /// Whether an address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((network, width), (address, other)) = (bits(self.network), bits(address));
        let rest = width.saturating_sub(self.prefix);
        width == other && network.checked_shr(rest) == address.checked_shr(rest)
    }
}

impl FromStr for Cidr {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let unreadable = || NotANetwork::Unreadable(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network = address.parse::<IpAddr>().map_err(|_| unreadable())?.to_canonical();
        let (value, width) = bits(network);
        let prefix = prefix.map_or(Ok(width), str::parse).map_err(|_| unreadable())?;
        let rest = width.checked_sub(prefix).ok_or_else(unreadable)?;
        if prefix == 0 {
            return Err(NotANetwork::Everybody(text.to_owned()));
        }
        if value.trailing_zeros() < rest {
            return Err(NotANetwork::BitsBeyondPrefix(text.to_owned()));
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::a00:1", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("172.16.0.0/12", "172.31.255.255", true),
            ("172.16.0.0/12", "172.32.0.0", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
        ] {
            let cidr: Cidr = network.parse().unwrap();
            assert_eq!(cidr.contains(address.parse().unwrap()), holds, "{address} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::1/129", "proxy", "10.0.0.0/-1", "1.2.3.4/"] {
            let refused = text.parse::<Cidr>();
            assert_eq!(refused, Err(NotANetwork::Unreadable(text.to_owned())), "{text:?}");
        }
        assert!(matches!("10.0.0.1/8".parse::<Cidr>(), Err(NotANetwork::BitsBeyondPrefix(_))));
        assert!(matches!("0.0.0.0/0".parse::<Cidr>(), Err(NotANetwork::Everybody(_))));
        assert!(matches!("::/0".parse::<Cidr>(), Err(NotANetwork::Everybody(_))));
    }
}

//! An invoice's own word: hash, amount, network and expiry are read from the BOLT11 and checked.

use std::time::Duration;

use lightning_invoice::{Bolt11Invoice, Currency};
use piperoll_domain::{bytes::Hash, time::Time};

use crate::providers::{CreateInvoice, Invoice};

/// Longer text is not looked at.
const TEXT_BYTES_MAX: usize = 7_089;
/// How far the granted life may differ from the asked one.
const LIFE_SECONDS_OFF_MAX: u64 = 60;
/// How far the invoice's own time may lie from ours.
const CLOCK_SECONDS_OFF_MAX: i64 = 600;

/// The chain an invoice is paid on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// Real money.
    Bitcoin,
    /// The public test chain.
    Testnet,
    /// The signed test chain.
    Signet,
    /// A chain of one's own.
    Regtest,
    /// btcd's simulation chain.
    Simnet,
}

/// A word that names no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is one of bitcoin, testnet, signet, regtest, simnet")]
pub struct InvalidNetwork;

impl Network {
    /// The word that stands in facts and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bitcoin => "bitcoin",
            Self::Testnet => "testnet",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
            Self::Simnet => "simnet",
        }
    }
}

impl std::str::FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        [Self::Bitcoin, Self::Testnet, Self::Signet, Self::Regtest, Self::Simnet]
            .into_iter()
            .find(|network| network.as_str() == text)
            .ok_or(InvalidNetwork)
    }
}

impl From<Currency> for Network {
    fn from(currency: Currency) -> Self {
        match currency {
            Currency::Bitcoin => Self::Bitcoin,
            Currency::BitcoinTestnet => Self::Testnet,
            Currency::Signet => Self::Signet,
            Currency::Regtest => Self::Regtest,
            Currency::Simnet => Self::Simnet,
        }
    }
}

/// Which check an invoice failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadInvoice {
    /// It is no invoice, or its own signature is wrong.
    #[error("the invoice cannot be read")]
    Unreadable,
    /// The provider named another hash.
    #[error("the invoice's payment hash is not the one the provider named")]
    Hash,
    /// It asks for another amount, or for none.
    #[error("the invoice's amount is not the one that was asked for")]
    Amount,
    /// It is to be paid on another chain.
    #[error("the invoice is on another network than the connection")]
    Network,
    /// It ends at another time than was asked.
    #[error("the invoice's expiry is not the one that was asked for")]
    Expiry,
}

/// What an invoice says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What its preimage hashes to.
    pub payment_hash: Hash,
    /// How much it asks for.
    pub amount_msat: Option<u64>,
    /// Where it is to be paid.
    pub network: Network,
    /// When it was made.
    pub made_at: Time,
    /// How long it may be paid.
    pub life_seconds: u64,
    /// When it ends.
    pub expires_at: Time,
}

/// Reads an invoice.
pub fn read(text: &str) -> Result<Terms, BadInvoice> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(BadInvoice::Unreadable);
    }
    let invoice: Bolt11Invoice = text.parse().map_err(|_| BadInvoice::Unreadable)?;
    let expires_at = invoice.expires_at().and_then(time).ok_or(BadInvoice::Expiry)?;
    Ok(Terms {
        payment_hash: Hash::from_slice(invoice.payment_hash().as_ref()).ok_or(BadInvoice::Hash)?,
        amount_msat: invoice.amount_milli_satoshis(),
        network: invoice.currency().into(),
        made_at: time(invoice.duration_since_epoch()).ok_or(BadInvoice::Expiry)?,
        life_seconds: invoice.expiry_time().as_secs(),
        expires_at,
    })
}

fn time(since_epoch: Duration) -> Option<Time> {
    i64::try_from(since_epoch.as_secs()).ok().map(Time::from_seconds)
}

/// An invoice as a provider handed it over.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    /// The BOLT11 text.
    pub payment_request: &'a str,
    /// The hash that the provider named beside it.
    pub payment_hash: Hash,
    /// The provider's own name for it.
    pub provider_id: &'a str,
}

impl Offered<'_> {
    /// Checks it against what was asked; `made_about` is when it must have been made, if known.
    pub fn check(
        &self,
        asked: &CreateInvoice,
        network: Network,
        made_about: Option<Time>,
    ) -> Result<Invoice, BadInvoice> {
        let terms = read(self.payment_request)?;
        if terms.payment_hash != self.payment_hash {
            return Err(BadInvoice::Hash);
        }
        if terms.amount_msat != Some(asked.amount_msat) {
            return Err(BadInvoice::Amount);
        }
        if terms.network != network {
            return Err(BadInvoice::Network);
        }
        let life_off = terms.life_seconds.abs_diff(u64::from(asked.expiry_seconds));
        let clock_is_off = made_about.is_some_and(|now| {
            now.seconds().saturating_sub(terms.made_at.seconds()).abs() > CLOCK_SECONDS_OFF_MAX
        });
        if life_off > LIFE_SECONDS_OFF_MAX || clock_is_off {
            return Err(BadInvoice::Expiry);
        }
        Ok(Invoice {
            payment_request: self.payment_request.to_owned(),
            payment_hash: terms.payment_hash,
            expires_at: terms.expires_at,
            provider_id: self.provider_id.to_owned(),
        })
    }
}

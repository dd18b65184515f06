//! An invoice's own word: hash, amount, network and expiry are read from the BOLT11 and checked.

use lightning_invoice::{
    Currency, DEFAULT_EXPIRY_TIME, ExpiryTime, RawBolt11Invoice, RawHrp, SiPrefix,
    SignedRawBolt11Invoice, TaggedField,
};
use piperoll_domain::{bytes::Hash, time::Time};

use crate::providers::{CreateInvoice, Invoice};

/// Longer text is not looked at.
const TEXT_BYTES_MAX: usize = 7_089;
/// How many pico-bitcoin are a bitcoin.
const PICO_BTC: u64 = 1_000_000_000_000;
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
///
/// Looser than a wallet on one point: the feature bits, which are the payer's business and which
/// some backends leave out. Everything that money depends on is read strictly.
pub fn read(text: &str) -> Result<Terms, BadInvoice> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(BadInvoice::Unreadable);
    }
    let signed: SignedRawBolt11Invoice = text.parse().map_err(|_| BadInvoice::Unreadable)?;
    if !signed.check_signature() {
        return Err(BadInvoice::Unreadable);
    }
    let raw = signed.raw_invoice();
    let made = raw.data.timestamp.as_unix_timestamp();
    let life_seconds = raw.expiry_time().map_or(DEFAULT_EXPIRY_TIME, ExpiryTime::as_seconds);
    Ok(Terms {
        payment_hash: only_hash(raw)?,
        amount_msat: amount_msat(&raw.hrp)?,
        network: raw.currency().into(),
        made_at: time(Some(made))?,
        life_seconds,
        expires_at: time(made.checked_add(life_seconds))?,
    })
}

fn time(seconds: Option<u64>) -> Result<Time, BadInvoice> {
    let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    seconds.map(Time::from_seconds).ok_or(BadInvoice::Expiry)
}

/// Two hashes in one invoice would let two readers wait for different payments.
fn only_hash(raw: &RawBolt11Invoice) -> Result<Hash, BadInvoice> {
    let hashes = raw.known_tagged_fields().filter_map(|field| match field {
        TaggedField::PaymentHash(hash) => Hash::from_slice(hash.0.as_ref()),
        _ => None,
    });
    match hashes.collect::<Vec<_>>().as_slice() {
        [hash] => Ok(*hash),
        _ => Err(BadInvoice::Hash),
    }
}

/// An amount too large to count is a wrong one, not an absent one.
fn amount_msat(hrp: &RawHrp) -> Result<Option<u64>, BadInvoice> {
    let Some(count) = hrp.raw_amount else { return Ok(None) };
    let pico_btc = hrp.si_prefix.as_ref().map_or(PICO_BTC, SiPrefix::multiplier);
    let whole = count.checked_mul(pico_btc).filter(|pico| pico.is_multiple_of(10));
    whole.map(|pico| Some(pico / 10)).ok_or(BadInvoice::Amount)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the `FakeWallet` of LNbits: no feature bits.
    const FAKE_WALLET: &str = "lnbc420n1p4srq0pdqzd5xqzjcsp5u90vx28sl88l9fkm93ln6u675qhpgam5taarx5wr2efkykg0rckspp53cnqpx4gl2xp9zx4rh5drq7wetwy5f4daym7xyyrv2a4l59xqm7qvn30aacs4kmzj64xs9ud3s87z5e504hdn5ujnwtcxv64wg37ja6k5tqgx8chep8p5vshm4gak3f7hhnp53j7jaqydcjyt9tsx68acuqpkgut9n";

    #[test]
    fn an_invoice_without_feature_bits_is_read() {
        let terms = read(FAKE_WALLET).unwrap();
        let hash = "8e26009aa8fa8c1288d51de8d183cecadc4a26ade937e3108362bb5fd0a606fc";
        assert_eq!(Some(terms.payment_hash), Hash::from_hex(hash));
        assert_eq!(terms.amount_msat, Some(42_000));
        assert_eq!(terms.network, Network::Bitcoin);
        assert_eq!(terms.life_seconds, 600);
        assert_eq!(terms.expires_at.seconds() - terms.made_at.seconds(), 600);
    }

    #[test]
    fn one_changed_letter_is_noticed_wherever_it_stands() {
        for at in 0..FAKE_WALLET.len() {
            let mut text = FAKE_WALLET.to_owned();
            let letter = if &text[at..=at] == "q" { "p" } else { "q" };
            text.replace_range(at..=at, letter);
            assert_eq!(read(&text), Err(BadInvoice::Unreadable), "{at}");
        }
    }

    #[test]
    fn amounts_are_multiplied_with_care() {
        let hrp =
            |raw_amount, si_prefix| RawHrp { currency: Currency::Bitcoin, raw_amount, si_prefix };
        for (raw, prefix, msat) in [
            (Some(1), Some(SiPrefix::Milli), Ok(Some(100_000_000))),
            (Some(420), Some(SiPrefix::Nano), Ok(Some(42_000))),
            (Some(10), Some(SiPrefix::Pico), Ok(Some(1))),
            (Some(11), Some(SiPrefix::Pico), Err(BadInvoice::Amount)),
            (Some(1), None, Ok(Some(100_000_000_000))),
            (Some(u64::MAX), None, Err(BadInvoice::Amount)),
            (Some(u64::MAX / 2), Some(SiPrefix::Milli), Err(BadInvoice::Amount)),
            (None, None, Ok(None)),
        ] {
            assert_eq!(amount_msat(&hrp(raw, prefix)), msat, "{raw:?}");
        }
    }
}

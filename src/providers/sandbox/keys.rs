//! Everything that follows from the node's seed.

use std::{fmt, time::Duration};

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{All, Secp256k1, SecretKey};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use piperoll_domain::{
    bytes::{Bytes, Hash},
    time::Time,
};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::providers::CreateInvoice;

/// What the payer gets for the money: whoever holds it has paid, or says so.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Preimage([u8; 32]);

impl Preimage {
    /// The bytes.
    pub const fn reveal(&self) -> [u8; 32] {
        self.0
    }

    /// What it hashes to.
    pub fn payment_hash(&self) -> Hash {
        Bytes(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Preimage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

pub(super) struct Keys {
    seed: [u8; 32],
    node: SecretKey,
    secp: Secp256k1<All>,
}

impl Keys {
    /// None for a seed whose first 256 candidates are all no keys, which nobody will ever see.
    pub(super) fn derive(seed: &[u8; 32]) -> Option<Self> {
        let candidate = |n: u8| derived("node", seed, &[&[n]]);
        let node = (0..=u8::MAX).find_map(|n| SecretKey::from_slice(&candidate(n)).ok())?;
        Some(Self { seed: *seed, node, secp: Secp256k1::new() })
    }

    pub(super) fn preimage(&self, reference: &str) -> Preimage {
        Preimage(derived("preimage", &self.seed, &[reference.as_bytes()]))
    }

    pub(super) fn event_id(&self, payment_hash: Hash, settlement: usize) -> String {
        let number = settlement.to_string();
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            derived("event", &self.seed, &[&payment_hash.0, number.as_bytes()]);
        format!("evt_{}", Bytes::<16>(id))
    }

    pub(super) fn invoice(&self, asked: &CreateInvoice, now: Time) -> Option<String> {
        let payment_hash = self.preimage(&asked.reference).payment_hash();
        let secret = derived("payment-secret", &self.seed, &[asked.reference.as_bytes()]);
        InvoiceBuilder::new(Currency::Regtest)
            .description(asked.description.clone().unwrap_or_default())
            .payment_hash(sha256::Hash::from_byte_array(payment_hash.0))
            .payment_secret(PaymentSecret(secret))
            .duration_since_epoch(Duration::from_secs(u64::try_from(now.seconds()).ok()?))
            .min_final_cltv_expiry_delta(18)
            .amount_milli_satoshis(asked.amount_msat)
            .expiry_time(Duration::from_secs(asked.expiry_seconds.into()))
            .build_signed(|hash| self.secp.sign_ecdsa_recoverable(hash, &self.node))
            .ok()
            .map(|invoice| invoice.to_string())
    }
}

fn derived(what: &str, seed: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix("piperoll.sandbox.");
    hash.update(what);
    hash.update(".v1");
    hash.update(seed);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

//! A wallet's answers, honest and otherwise, over real sockets.

mod create;
mod live;
mod server;
mod status;
mod webhook;

use std::time::Duration;

use bitcoin::{
    hashes::{Hash as _, sha256},
    secp256k1::{Secp256k1, SecretKey},
};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use piperoll_domain::bytes::{Bytes, Hash};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::providers::{
    Provider, Secret,
    open::{ConnectionSettings, Kind, open},
};

const NOW: Time = Time::from_seconds(1_700_000_000);
const PREIMAGE: [u8; 32] = [5; 32];
const KEY: &str = "invoice_key_of_the_wallet";

fn hash() -> Hash {
    Bytes(Sha256::digest(PREIMAGE).into())
}

fn wallet(base_url: &str) -> Provider {
    wallet_within(base_url, Duration::from_secs(10))
}

fn wallet_within(base_url: &str, timeout: Duration) -> Provider {
    let settings = ConnectionSettings {
        kind: Kind::Lnbits { base_url: base_url.into(), key: Secret::try_new(KEY).unwrap() },
        network: Network::Bitcoin,
        webhook_secrets: Secrets::default(),
        timeout,
        real_money_in_development: true,
    };
    open(settings, Environment::Development).unwrap()
}

fn asked() -> CreateInvoice {
    CreateInvoice {
        reference: "pay_1.1".into(),
        amount_msat: 42_000,
        description: Some("ten calls".into()),
        expiry_seconds: 600,
        webhook_url: Some("http://127.0.0.1:9/hook?token=t".into()),
    }
}

/// What an invoice says; the honest one is the default.
struct Bolt11 {
    currency: Currency,
    amount_msat: Option<u64>,
    life: u64,
    made: u64,
}

impl Default for Bolt11 {
    fn default() -> Self {
        let (life, made) = (600, 1_700_000_000);
        Self { currency: Currency::Bitcoin, amount_msat: Some(42_000), life, made }
    }
}

impl Bolt11 {
    fn text(&self) -> String {
        let builder = InvoiceBuilder::new(self.currency.clone())
            .description("ten calls".into())
            .payment_hash(sha256::Hash::from_byte_array(hash().0))
            .payment_secret(PaymentSecret([1; 32]))
            .duration_since_epoch(Duration::from_secs(self.made))
            .min_final_cltv_expiry_delta(18)
            .expiry_time(Duration::from_secs(self.life));
        let builder = match self.amount_msat {
            Some(amount) => builder.amount_milli_satoshis(amount),
            None => builder,
        };
        let key = SecretKey::from_slice(&[9; 32]).unwrap();
        let sign = |hash: &_| Secp256k1::new().sign_ecdsa_recoverable(hash, &key);
        builder.build_signed(sign).unwrap().to_string()
    }
}

/// A payment as LNbits shows it, the preimage of an unpaid invoice included.
fn payment(status: &str) -> Value {
    let bolt11 = Bolt11::default().text();
    json!({
        "checking_id": hash(), "payment_hash": hash(), "wallet_id": "w", "amount": 42_000,
        "fee": 0, "bolt11": bolt11, "payment_request": bolt11, "status": status,
        "memo": "ten calls", "expiry": "2023-11-14T22:23:20", "webhook": null,
        "preimage": hex::encode(PREIMAGE), "labels": [], "extra": {},
        "time": "2023-11-14T22:13:20.000001+00:00",
        "updated_at": "2023-11-14T22:14:20.000002+00:00", "external_id": "pay_1.1",
    })
}

/// The same, with some fields replaced.
fn payment_but(status: &str, but: &Value) -> Value {
    let mut payment = payment(status);
    let fields = payment.as_object_mut().unwrap();
    fields.extend(but.as_object().unwrap().clone());
    payment
}

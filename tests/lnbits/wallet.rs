//! The wallets of an LNbits: the shop's, and a payer's.

use std::env;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::json;
use sha2::Sha256;

use crate::{
    peers::Lnbits,
    server::{Answer, Ask, client},
};

pub(super) struct Wallet {
    url: String,
    shop_key: String,
    payer_key: String,
    own: Option<Lnbits>,
}

impl Wallet {
    /// The one that all tests share, or one of our own; nothing where there is no LNbits.
    pub(super) async fn any() -> Option<Self> {
        let name = |what: &str| env::var(format!("PIPEROLL_TEST_LNBITS_{what}")).ok();
        let (Some(url), Some(shop_key), Some(payer_key)) =
            (name("URL"), name("INKEY"), name("PAYER_KEY"))
        else {
            return Lnbits::up().await.map(Self::of);
        };
        Some(Self { url, shop_key, payer_key, own: None })
    }

    pub(super) fn of(own: Lnbits) -> Self {
        let (shop_key, payer_key) = (own.shop_key().to_owned(), own.payer_key().to_owned());
        Self { url: own.url().to_owned(), shop_key, payer_key, own: Some(own) }
    }

    /// One that has no wallets yet.
    pub(super) fn bare(own: Lnbits) -> Self {
        let key = "nobody".to_owned();
        Self { url: own.url().to_owned(), shop_key: key.clone(), payer_key: key, own: Some(own) }
    }

    /// The server behind it, if it is ours to stop.
    pub(super) fn own(&self) -> &Lnbits {
        self.own.as_ref().expect("the LNbits is the test's own")
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn payer_key(&self) -> &str {
        &self.payer_key
    }

    /// What the shop's wallet says about a payment.
    pub(super) async fn look(&self, hash: &str) -> Answer {
        let url = format!("{}/api/v1/payments/{hash}", self.url);
        client().request(Method::GET, url).header("x-api-key", &self.shop_key).answer().await
    }

    /// Pays an invoice out of the payer's wallet.
    pub(super) async fn pay(&self, invoice: &str) -> Answer {
        let url = format!("{}/api/v1/payments", self.url);
        let wish = json!({ "out": true, "bolt11": invoice });
        let pay = client().request(Method::POST, url).header("x-api-key", &self.payer_key);
        pay.json(&wish).answer().await
    }
}

/// A server whose payments go through this wallet. The money is play money, whatever its invoices
/// say.
pub(super) fn connected(wallet: &Wallet) -> Vec<(&str, &str)> {
    vec![
        ("PAYMENT_PROVIDER", "lnbits"),
        ("LNBITS_BASE_URL", wallet.url.as_str()),
        ("LNBITS_ADMIN_KEY", wallet.shop_key.as_str()),
        ("PIPEROLL_CONNECTION__REAL_MONEY_IN_DEVELOPMENT", "true"),
    ]
}

/// The signature of a body.
pub(super) fn signed(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

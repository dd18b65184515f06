//! The secret token in the URL that a provider is told to call about one payment.
//!
//! # Shape
//! `<tenant>.<payment>.<64 hexadecimal digits>`: the token names its payment itself, so that a
//! webhook that comes before the invoice is recorded is known all the same. The digits are an HMAC
//! over both names. What an instrument keeps is the token's SHA-256: it proves a token that was
//! made under a secret which has been changed since.

use piperoll_domain::{
    bytes::{Bytes, Hash},
    payment::{Payment, PaymentRef},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{providers::signature::hmac_sha256, secret::Secret};

const LABEL: &[u8] = b"piperoll.callback.v1";

/// The token of a payment's URL.
pub(super) fn token(secret: &Secret, payment: &PaymentRef) -> String {
    let PaymentRef { tenant, id } = payment;
    format!("{tenant}.{id}.{}", hex::encode(mac(secret, payment)))
}

/// What an instrument keeps of it.
pub(super) fn digest(token: &str) -> Hash {
    Bytes(Sha256::digest(token).into())
}

/// The payment that a token speaks of; whether it may is not known yet.
pub(super) fn names(token: &str) -> Option<PaymentRef> {
    let (tenant, rest) = token.split_once('.')?;
    let (id, _) = rest.rsplit_once('.')?;
    Some(PaymentRef { tenant: tenant.parse().ok()?, id: id.parse().ok()? })
}

/// Whether the token is the one that was handed out for this payment.
pub(super) fn proves(
    secret: &Secret,
    token: &str,
    payment: &PaymentRef,
    state: Option<&Payment>,
) -> bool {
    let ours = self::token(secret, payment).as_bytes().ct_eq(token.as_bytes());
    let shown = state.and_then(Payment::instrument_shown).and_then(|shown| shown.callback);
    let kept = shown.map(|kept| kept.0.ct_eq(&digest(token).0));
    bool::from(ours) || kept.is_some_and(bool::from)
}

fn mac(secret: &Secret, payment: &PaymentRef) -> [u8; 32] {
    let PaymentRef { tenant, id } = payment;
    let parts = [LABEL, tenant.as_str().as_bytes(), b".", id.as_str().as_bytes()];
    hmac_sha256(secret.expose().as_bytes(), &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(id: &str) -> PaymentRef {
        PaymentRef { tenant: "acme".parse().unwrap(), id: id.parse().unwrap() }
    }

    #[test]
    fn a_token_proves_its_own_payment_and_no_other() {
        let secret: Secret = "correct-horse-battery-staple".parse().unwrap();
        for id in ["pay_1", "pay.with.dots", "a:b~c"] {
            let token = token(&secret, &payment(id));
            assert_eq!(names(&token), Some(payment(id)));
            assert!(proves(&secret, &token, &payment(id), None));
            assert!(!proves(&secret, &token, &payment("pay_2"), None));
            assert!(!proves(&secret, &token[..token.len() - 1], &payment(id), None));
        }
    }

    #[test]
    fn what_is_no_token_names_nothing() {
        for text in ["", "acme", "acme.pay", "ACME.pay.00", ".pay.00", "acme..00", "acme.a/b.00"] {
            assert_eq!(names(text), None, "{text}");
        }
    }
}

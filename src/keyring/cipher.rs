//! XChaCha20-Poly1305, for texts and for the keys themselves.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use piperoll_domain::bytes::Bytes;
use zeroize::Zeroizing;

use super::Error;
use crate::entropy::Entropy;

/// A key, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;
/// Random, so never used twice.
pub(super) type Nonce = Bytes<24>;

pub(super) fn random_key(entropy: &Entropy) -> Result<Key, Error> {
    let mut key = Key::default();
    entropy.fill(key.as_mut_slice()).map_err(Error::Random)?;
    Ok(key)
}

/// `None` when the text is longer than the cipher takes.
pub(super) fn seal(key: &Key, nonce: &Nonce, text: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: text, aad: data };
    cipher(key).encrypt(&XNonce::from(nonce.0), payload).ok()
}

/// `None` when anything is not as it was sealed.
pub(super) fn open(key: &Key, nonce: &Nonce, sealed: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: sealed, aad: data };
    cipher(key).decrypt(&XNonce::from(nonce.0), payload).ok()
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

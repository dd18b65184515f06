//! The secrets that tokens are sold under, and the root keys derived from them.
//!
//! Nothing is stored for a challenge: the key of each token follows from the secret and the token's
//! own identifier. A retired secret stays, for verification only, until its last token has ended.

use std::{fmt, iter};

use hmac::{Hmac, KeyInit, Mac};
use piperoll_domain::bytes::Bytes;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::identifier::{Identifier, Kid};

const KID: &[u8] = b"piperoll.l402.kid.v1";
const ROOT: &[u8] = b"piperoll.l402.root.v1";

/// The key that one token's chain of signatures begins with.
pub type RootKey = Zeroizing<[u8; 32]>;

/// A secret that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Anybody can guess nothing.
    #[error("an L402 secret is empty")]
    Empty,
    /// The MAC does not take it.
    #[error("an L402 secret is unusable as a key")]
    Unusable,
}

/// The current secret and the retired ones.
pub struct Secrets {
    current: Secret,
    previous: Vec<Secret>,
}

impl Secrets {
    /// Takes the secret to sell under, and those whose tokens are still honoured.
    ///
    /// What is kept is the keyed state of the MAC, wiped when dropped; wiping what came in is up to
    /// the caller.
    pub fn try_new<'a>(
        current: &[u8],
        previous: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, BadSecret> {
        let previous = previous.into_iter().map(Secret::try_new).collect::<Result<_, _>>()?;
        Ok(Self { current: Secret::try_new(current)?, previous })
    }

    /// Names the secret that new tokens are sold under.
    pub fn current_kid(&self) -> Kid {
        self.current.kid
    }

    /// The root keys that a token may have: one for each secret of its fingerprint, in practice
    /// one or none.
    pub fn root_keys(&self, identifier: &Identifier) -> impl Iterator<Item = RootKey> {
        let kid = identifier.kid();
        iter::once(&self.current)
            .chain(&self.previous)
            .filter(move |secret| secret.kid == kid)
            .map(|secret| secret.root_key(identifier))
    }

    /// The root key of a token that is about to be sold.
    pub(super) fn current_root_key(&self, identifier: &Identifier) -> RootKey {
        self.current.root_key(identifier)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

struct Secret {
    keyed: Hmac<Sha256>,
    kid: Kid,
}

impl Secret {
    fn try_new(secret: &[u8]) -> Result<Self, BadSecret> {
        if secret.is_empty() {
            return Err(BadSecret::Empty);
        }
        let keyed = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| BadSecret::Unusable)?;
        let [a, b, c, d, ..] = *mac(&keyed, &[KID]);
        Ok(Self { keyed, kid: Bytes([a, b, c, d]) })
    }

    fn root_key(&self, identifier: &Identifier) -> RootKey {
        mac(&self.keyed, &[ROOT, &identifier.encode()])
    }
}

fn mac(keyed: &Hmac<Sha256>, parts: &[&[u8]]) -> RootKey {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(kid: Kid) -> Identifier {
        Identifier::new(Bytes([7; 32]), kid, [9; 28])
    }

    /// Reckoned with Python's `hmac`; see the derivation at the top of the module.
    #[test]
    fn the_derivation_never_changes() {
        let secrets = Secrets::try_new(b"correct horse battery staple", []).unwrap();
        assert_eq!(secrets.current_kid().to_string(), "4cec55ee");
        let root = secrets.current_root_key(&identifier(secrets.current_kid()));
        assert_eq!(
            Bytes(*root).to_string(),
            "f08268741969201a7b1694a4457a761e727e1a24011566a7a6f8ee2e5f1bb341"
        );
    }

    #[test]
    fn a_retired_secret_still_answers_for_its_tokens() {
        let old = Secrets::try_new(b"first", []).unwrap();
        let sold = identifier(old.current_kid());
        let rotated: Vec<&[u8]> = vec![b"second", b"first"];
        let new = Secrets::try_new(b"third", rotated).unwrap();
        assert_ne!(new.current_kid(), old.current_kid());
        let keys: Vec<_> = new.root_keys(&sold).collect();
        assert_eq!(keys, [old.current_root_key(&sold)]);
    }

    #[test]
    fn a_secret_that_is_gone_answers_for_nothing() {
        let old = Secrets::try_new(b"first", []).unwrap();
        let new = Secrets::try_new(b"second", []).unwrap();
        assert_eq!(new.root_keys(&identifier(old.current_kid())).count(), 0);
    }

    #[test]
    fn an_empty_secret_is_refused() {
        assert_eq!(Secrets::try_new(b"", []).err(), Some(BadSecret::Empty));
        let previous: Vec<&[u8]> = vec![b""];
        assert_eq!(Secrets::try_new(b"x", previous).err(), Some(BadSecret::Empty));
    }

    #[test]
    fn secrets_are_not_printed() {
        let secrets = Secrets::try_new(b"hunter2", []).unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets(***)");
    }
}

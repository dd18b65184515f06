//! What a token says about itself: 66 bytes that name the payment and the token.

use std::fmt;

use piperoll_domain::bytes::{Bytes, Hash};

/// Names the secret that a token was sold under: a fingerprint that tells nothing of it.
pub type Kid = Bytes<4>;

const VERSION: u16 = 0;

/// Version 0 (two bytes) ‖ payment hash ‖ token id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identifier {
    /// The invoice that pays for the token.
    pub payment_hash: Hash,
    /// Four bytes naming the secret, then 28 random ones: what uses and revocations are kept under.
    pub token_id: Hash,
}

/// Bytes that are no identifier of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnIdentifier {
    /// Not 66 bytes.
    #[error("an L402 identifier has 66 bytes, not {0}")]
    Length(usize),
    /// Not version 0.
    #[error("an L402 identifier has version 0, not {0}")]
    Version(u16),
}

impl Identifier {
    /// Exactly this many bytes.
    pub const LEN: usize = 66;

    /// Names a new token; the caller gives the randomness.
    pub fn new(payment_hash: Hash, kid: Kid, random: [u8; 28]) -> Self {
        let mut token_id = [0; 32];
        token_id[..4].copy_from_slice(&kid.0);
        token_id[4..].copy_from_slice(&random);
        Self { payment_hash, token_id: Bytes(token_id) }
    }

    /// Which secret the token was sold under.
    pub fn kid(&self) -> Kid {
        let [a, b, c, d, ..] = self.token_id.0;
        Bytes([a, b, c, d])
    }

    /// The bytes that the token carries.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..34].copy_from_slice(&self.payment_hash.0);
        bytes[34..].copy_from_slice(&self.token_id.0);
        bytes
    }

    /// Reads what [`Identifier::encode`] wrote, and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAnIdentifier> {
        let bytes: &[u8; Self::LEN] =
            bytes.try_into().map_err(|_| NotAnIdentifier::Length(bytes.len()))?;
        let version = u16::from_be_bytes([bytes[0], bytes[1]]);
        if version != VERSION {
            return Err(NotAnIdentifier::Version(version));
        }
        let (mut payment_hash, mut token_id) = ([0; 32], [0; 32]);
        payment_hash.copy_from_slice(&bytes[2..34]);
        token_id.copy_from_slice(&bytes[34..]);
        Ok(Self { payment_hash: Bytes(payment_hash), token_id: Bytes(token_id) })
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.payment_hash, self.token_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_identifier_is_version_then_hash_then_token_id() {
        let identifier = Identifier::new(Bytes([1; 32]), Bytes([2; 4]), [3; 28]);
        let bytes = identifier.encode();
        assert_eq!(bytes[..2], [0, 0]);
        assert_eq!(bytes[2..34], [1; 32]);
        assert_eq!(bytes[34..38], [2; 4]);
        assert_eq!(bytes[38..], [3; 28]);
        assert_eq!(identifier.kid(), Bytes([2; 4]));
    }

    #[test]
    fn another_length_or_version_is_refused() {
        for length in [0, 32, 65, 67] {
            let refusal = Identifier::parse(&vec![0; length]);
            assert_eq!(refusal, Err(NotAnIdentifier::Length(length)));
        }
        let mut bytes = [0; 66];
        bytes[1] = 1;
        assert_eq!(Identifier::parse(&bytes), Err(NotAnIdentifier::Version(1)));
    }

    proptest! {
        #[test]
        fn identifiers_read_back(hash: [u8; 32], kid: [u8; 4], random: [u8; 28]) {
            let identifier = Identifier::new(Bytes(hash), Bytes(kid), random);
            prop_assert_eq!(Identifier::parse(&identifier.encode()), Ok(identifier));
        }
    }
}

//! The 32 bytes that a payer learns by paying.

use std::fmt;

use piperoll_domain::bytes::{Bytes, Hash};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A preimage as somebody claims it; whether it is the right one, its payment hash tells.
///
/// The owner of an invoice knows it before anybody has paid, so it is no proof of payment alone.
#[derive(Clone)]
pub struct Preimage(Zeroizing<[u8; 32]>);

impl Preimage {
    /// Takes the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From exactly 64 hexadecimal digits of either case.
    pub fn from_hex(text: &str) -> Option<Self> {
        Bytes::<32>::from_hex(text).map(|bytes| Self::new(bytes.0))
    }

    /// What an invoice for it would carry.
    pub fn hash(&self) -> Hash {
        Bytes(Sha256::digest(self.0.as_slice()).into())
    }

    /// Whether it opens this payment hash; takes as long either way.
    pub fn opens(&self, payment_hash: &Hash) -> bool {
        self.hash().0.ct_eq(&payment_hash.0).into()
    }

    /// Whether it is the same; takes as long either way.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl fmt::Debug for Preimage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preimage(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preimage_opens_its_own_hash_only() {
        let mut bytes = [0; 32];
        bytes[31] = 1;
        let preimage = Preimage::new(bytes);
        let hash = "ec4916dd28fc4c10d78e287ca5d9cc51ee1ae73cbfde08c6b37324cbfaac8bc5";
        assert_eq!(preimage.hash().to_string(), hash);
        assert!(preimage.opens(&Bytes::from_hex(hash).unwrap()));
        assert!(!preimage.opens(&Bytes::ZERO));
        assert!(!preimage.equals(&Preimage::new([0; 32])));
    }

    #[test]
    fn hexadecimal_of_either_case_and_exact_length_is_read() {
        let lower = "ab".repeat(32);
        let upper = lower.to_uppercase();
        let read = |text: &str| Preimage::from_hex(text).unwrap();
        assert!(read(&lower).equals(&read(&upper)));
        for text in ["", &lower[1..], &format!("{lower}0"), &"zz".repeat(32), &"é".repeat(32)] {
            assert!(Preimage::from_hex(text).is_none(), "{text}");
        }
    }

    #[test]
    fn preimages_are_not_printed() {
        assert_eq!(format!("{:?}", Preimage::new([1; 32])), "Preimage(***)");
    }
}

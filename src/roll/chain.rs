//! The hashes: of a record, of the history up to it, and the identities derived the same way.
//!
//! These bytes are a one-way door: `block/vectors.txt` publishes three records with their hashes, and
//! nothing here ever changes for a roll of format 1.

use piperoll_domain::bytes::{Hash, Id16};
use sha2::{Digest, Sha256};

/// A place in the history: a position and the hash of everything up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Head {
    /// Position of the last record; 0 when there is none.
    pub position: u64,
    /// The chain's hash at that position.
    pub hash: Hash,
}

impl Head {
    /// The head of a roll that holds nothing yet.
    pub fn genesis(roll: Id16) -> Self {
        Self { position: 0, hash: genesis(roll) }
    }
}

/// `position:first 8 digits of the hash`: enough for a person and a log.
impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.position)?;
        self.hash.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// H(0): where the chain of this roll begins.
pub fn genesis(roll: Id16) -> Hash {
    digest(Sha256::new_with_prefix(b"piperoll.roll.v1").chain_update(roll.0))
}

/// The hash of one record alone, which may stand for it where the record itself may not be seen.
pub fn leaf(record: &[u8]) -> Hash {
    // A slice is never longer than `u64` can say.
    let length = u64::try_from(record.len()).unwrap_or(u64::MAX);
    let hasher = Sha256::new_with_prefix(b"piperoll.leaf.v1");
    digest(hasher.chain_update(length.to_be_bytes()).chain_update(record))
}

/// H(n), from H(n − 1) and the leaf of record n.
pub fn link(before: Hash, leaf: Hash) -> Hash {
    let hasher = Sha256::new_with_prefix(b"piperoll.chain.v1");
    digest(hasher.chain_update(before.0).chain_update(leaf.0))
}

/// The identity of the event that stands at `index` among those of one operation.
pub fn event_id(operation: Id16, index: u32) -> Id16 {
    let hasher = Sha256::new_with_prefix(b"piperoll.event.v1");
    let hash = digest(hasher.chain_update(operation.0).chain_update(index.to_be_bytes()));
    let mut id = Id16::ZERO;
    id.0.copy_from_slice(&hash.0[..16]);
    id
}

fn digest(hasher: Sha256) -> Hash {
    piperoll_domain::bytes::Bytes(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use piperoll_domain::bytes::Bytes;

    use super::*;

    // Computed with another implementation (Python's hashlib) from the definitions.
    #[test]
    fn the_functions_have_their_published_values() {
        let roll = Bytes([7; 16]);
        let vectors = [
            (genesis(roll), "7656997327efdd79bd03219128771d4cfb8624a4f831323c4d6dd24848d09770"),
            (leaf(b""), "270d2e76cde87bf5aefb594482e8e2e3a084009b72eadcb578b4c45b49591465"),
            (leaf(b"a record"), "23d7233237cef6d4413c6c5af04e7434e29fa6b946f5a439d2bb06ddb50a9c9b"),
            (
                link(genesis(roll), leaf(b"a record")),
                "c048ebbf99298f7b962ab5a05c63ab459b41ab691678f8af12c50d39a01dd3bd",
            ),
        ];
        for (found, published) in vectors {
            assert_eq!(found.to_string(), published);
        }
        assert_eq!(event_id(roll, 0x0102_0304).to_string(), "0328c468daa5f2d5309aeae9b4321218");
    }

    #[test]
    fn a_head_is_shown_short() {
        assert_eq!(Head { position: 12, hash: Bytes([0xab; 32]) }.to_string(), "12:abababab");
    }
}

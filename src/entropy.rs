//! Where random bytes come from: the system, or a seed.
//!
//! Names, nonces and keys are inputs of whoever needs them, so that a simulated house whose source
//! is a seed runs the same way each time. Whatever serves people uses the system's.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use piperoll_domain::bytes::Bytes;
use sha2::{Digest, Sha256};

const LABEL: &[u8] = b"piperoll.entropy.v1";

/// A source of random bytes. Clones draw from the same one.
#[derive(Clone, Default)]
pub struct Entropy(Option<Arc<Seeded>>);

struct Seeded {
    seed: [u8; 32],
    drawn: Mutex<u64>,
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Entropy(seed)" } else { "Entropy(system)" })
    }
}

impl Entropy {
    /// The system's: nobody can guess it.
    pub const fn system() -> Self {
        Self(None)
    }

    /// Everything follows from the seed: for simulations, where nothing is worth guessing.
    pub fn seeded(seed: [u8; 32]) -> Self {
        Self(Some(Arc::new(Seeded { seed, drawn: Mutex::new(0) })))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error> {
        let Some(source) = &self.0 else { return getrandom::fill(bytes) };
        bytes.chunks_mut(32).for_each(|chunk| chunk.copy_from_slice(&source.next()[..chunk.len()]));
        Ok(())
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&self) -> Result<Bytes<N>, getrandom::Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(Bytes(bytes))
    }
}

impl Seeded {
    fn next(&self) -> [u8; 32] {
        // A count is whole at any time.
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn = drawn.wrapping_add(1);
        let hash = Sha256::new_with_prefix(LABEL).chain_update(self.seed);
        hash.chain_update(drawn.to_be_bytes()).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_again_and_never_the_same_twice() {
        let draw = |seed| {
            let source = Entropy::seeded([seed; 32]);
            let first: Bytes<40> = source.bytes().unwrap();
            (first, source.clone().bytes::<40>().unwrap())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).0, draw(2).0);
        assert_ne!(draw(1).0, draw(1).1);
        assert_ne!(draw(1).0.0[..8], draw(1).0.0[32..]);
    }

    #[test]
    fn the_system_is_asked_unless_there_is_a_seed() {
        let (one, other) = (Entropy::system(), Entropy::default());
        assert_ne!(one.bytes::<16>().unwrap(), other.bytes::<16>().unwrap());
    }
}

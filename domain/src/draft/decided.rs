//! What a command comes to: its facts, once nothing stands in the way of the claims they take.

use smallvec::SmallVec;

use super::{Draft, Stop};
use crate::{
    claim::{Claim, Taker, lasting},
    event::Recorded,
    rejection::Rejection,
};

/// What a command comes to.
#[derive(Debug)]
pub struct Decided {
    /// Its facts, in order.
    pub facts: Vec<Recorded>,
    /// The claims that they take for ever, each with its fact's position.
    pub takes: Takes,
}

/// Claims and the positions of the facts that take them.
pub type Takes = SmallVec<[(Claim, u64); 1]>;

impl Draft<'_> {
    /// The facts, once every claim they take is known to be free.
    ///
    /// The caller's own key is the engine's to look up beforehand; it may be an old one that has
    /// been forgotten.
    pub fn finish(self) -> Result<Decided, Stop> {
        let mut takes = Takes::new();
        for said in &self.said {
            for claim in lasting(said) {
                takes.push((claim, said.envelope.position));
            }
        }
        let mut missing = vec![];
        for (claim, _) in takes.iter().filter(|(claim, _)| !self.free.contains(claim)) {
            match self.claim(claim) {
                Err(Stop::Missing(needs)) => missing.extend(needs),
                Err(stop) => return Err(stop),
                Ok(Some(Taker { position, .. })) => {
                    return Err(Rejection::ClaimTaken { claim: claim.clone(), position }.into());
                }
                Ok(None) => {}
            }
        }
        if let Some(claim) = taken_twice(&takes).cloned() {
            return Err(Rejection::ClaimTaken { claim, position: self.next }.into());
        }
        if missing.is_empty() {
            Ok(Decided { facts: self.said, takes })
        } else {
            Err(Stop::Missing(missing))
        }
    }
}

/// A claim that stands there more than once.
fn taken_twice(takes: &Takes) -> Option<&Claim> {
    if takes.len() < 2 {
        return None;
    }
    let mut all: Vec<&Claim> = takes.iter().map(|(claim, _)| claim).collect();
    all.sort_unstable();
    all.windows(2).find(|both| both[0] == both[1]).map(|both| both[0])
}

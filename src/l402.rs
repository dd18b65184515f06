//! L402: making and checking tokens that a Lightning payment buys. Bytes only.
//!
//! # Shape
//!
//! A credential is checked in this order: that we made the token ([`prove`]), that the preimage is
//! the one its invoice hides (also [`prove`]), that our own roll says the invoice is settled (the
//! caller's part), and what the caveats allow ([`Proven::allows`]).
//!
//! # Correctness
//!
//! Nothing in here knows whether something was paid. A right preimage is no proof of it: the owner
//! of an invoice has it before anybody has paid. [`check`] alone therefore lets nobody in.

pub mod caveat;
pub mod challenge;
pub mod credential;
pub mod identifier;
pub mod path;
pub mod preimage;
pub mod scope;
pub mod secret;
pub mod token;

use caveat::Caveat;
use credential::Credential;
use identifier::Identifier;
use scope::{CaveatRefusal, Request, Scope};
use secret::Secrets;
use token::{Forged, Token};

/// Why a well-formed credential is refused. Checks run in the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// We did not make the token: 401.
    #[error(transparent)]
    Forged(#[from] Forged),
    /// The preimage is another one's, or differs from the one inside the token: 401.
    #[error("the preimage does not belong to the token")]
    Preimage,
    /// The token does not allow the request: 401 broken, 403 out of scope, 402 expired.
    #[error(transparent)]
    Caveats(#[from] CaveatRefusal),
}

/// A credential with a token of ours and its preimage. What it is good for is not known yet.
#[derive(Debug, Clone, Copy)]
pub struct Proven<'a> {
    token: &'a Token,
}

/// A credential that allows a request, if its invoice is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Names the payment and the token.
    pub identifier: Identifier,
    /// What the token is good for after all its caveats.
    pub scope: Scope,
}

/// Checks that we made the token, and then that the preimage is its own.
pub fn prove<'a>(secrets: &Secrets, credential: &'a Credential) -> Result<Proven<'a>, Refusal> {
    let Credential { token, preimage } = credential;
    token.verify(secrets)?;
    // One client sends the preimage twice, inside the token and behind it.
    let mut inside = token.caveats().into_iter().filter_map(Caveat::preimage);
    let differs = inside.any(|inside| !inside.equals(preimage));
    if differs || !preimage.opens(&token.identifier().payment_hash) {
        return Err(Refusal::Preimage);
    }
    Ok(Proven { token })
}

impl Proven<'_> {
    /// Names the payment, to be looked up, and the token, to be counted.
    pub fn identifier(&self) -> &Identifier {
        self.token.identifier()
    }

    /// Checks the caveats against a request; for once the payment is known to be settled.
    pub fn allows(&self, request: &Request<'_>) -> Result<Checked, CaveatRefusal> {
        let scope = scope::verify_caveats(&self.token.caveats(), request)?;
        Ok(Checked { identifier: *self.identifier(), scope })
    }
}

/// All checks at once, for callers that look at settlement afterwards.
pub fn check(
    secrets: &Secrets,
    credential: &Credential,
    request: &Request<'_>,
) -> Result<Checked, Refusal> {
    Ok(prove(secrets, credential)?.allows(request)?)
}

#[cfg(test)]
mod tests;

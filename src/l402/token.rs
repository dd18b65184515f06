//! The token itself: a macaroon of version 2, signed over its identifier and each of its caveats.
//!
//! Everything is keyed on the identifier, never on the bytes: holders may add caveats and some do.

use std::fmt;

use base64::{
    Engine as _,
    engine::general_purpose::{
        STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE, URL_SAFE_PAD_INDIFFERENT,
    },
};
use macaroon::{Format, Macaroon, MacaroonError, MacaroonKey, Verifier};
use piperoll_domain::bytes::Hash;

use super::{
    caveat::{Caveat, VALID_FOR_EVER},
    identifier::{Identifier, NotAnIdentifier},
    scope::Scope,
    secret::Secrets,
};

/// Longer texts are refused unread.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// A token with more caveats is refused.
pub const CAVEATS_MAX: usize = 64;
/// A token with a longer caveat is refused.
pub const CAVEAT_BYTES_MAX: usize = 512;

/// What every client expects. No signature covers it, so we demand it and trust it with nothing.
const LOCATION: &str = "lsat";
const VERSION_2: u8 = 2;

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The scope renders to a caveat that would never be understood.
    #[error("the scope of a token has a value that cannot be written as a caveat")]
    Scope,
    /// A caveat is longer than 512 bytes.
    #[error("a caveat of a token is longer than {CAVEAT_BYTES_MAX} bytes")]
    CaveatTooLong,
    /// It would be the 65th.
    #[error("a token has more than {CAVEATS_MAX} caveats")]
    TooManyCaveats,
    /// The macaroon could not be put together.
    #[error("failed to put a macaroon together")]
    Macaroon(#[from] MacaroonError),
    /// The macaroon could not be rendered.
    #[error("failed to render a macaroon")]
    Rendering(#[from] base64::DecodeError),
}

/// Why something is no token of ours.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// The text is longer than 8 KiB.
    #[error("a token is at most {TEXT_BYTES_MAX} characters long")]
    TooLong,
    /// The text is not base64 of either alphabet.
    #[error("a token is written in base64")]
    Base64(#[from] base64::DecodeError),
    /// Another format of macaroons.
    #[error("a token is a macaroon of the binary version 2")]
    Version,
    /// Not a macaroon, or more than one.
    #[error("failed to read a macaroon")]
    Macaroon(#[from] MacaroonError),
    /// Another location than ours.
    #[error("a token has the location `{LOCATION}`")]
    Location,
    /// Another kind of identifier.
    #[error(transparent)]
    Identifier(#[from] NotAnIdentifier),
    /// A caveat that somebody else would have to discharge.
    #[error("a token has no third-party caveats")]
    ThirdParty,
    /// A caveat is longer than 512 bytes.
    #[error("a caveat is at most {CAVEAT_BYTES_MAX} bytes long")]
    CaveatTooLong,
    /// More than 64 caveats.
    #[error("a token has at most {CAVEATS_MAX} caveats")]
    TooManyCaveats,
}

/// Why a well-formed token is not one that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// No secret of ours has the fingerprint that it names.
    #[error("the token was sold under a secret that is not known")]
    UnknownSecret,
    /// The signature is not the one that the secret makes.
    #[error("the token's signature is wrong")]
    Signature,
}

/// A token in its bytes, within bounds; whether we made it, [`Token::verify`] tells.
#[derive(Clone)]
pub struct Token {
    identifier: Identifier,
    macaroon: Macaroon,
    bytes: Vec<u8>,
}

impl Token {
    /// Makes a token under the current secret. Nothing about it needs to be kept secret or stored.
    pub fn mint(
        secrets: &Secrets,
        payment_hash: Hash,
        random: [u8; 28],
        scope: &Scope,
    ) -> Result<Self, MintError> {
        let caveats = scope.caveats();
        let readable = caveats.iter().all(|caveat| is_ours(caveat.as_bytes()));
        if !readable || !(1..=VALID_FOR_EVER).contains(&scope.valid_until) {
            return Err(MintError::Scope);
        }
        let identifier = Identifier::new(payment_hash, secrets.current_kid(), random);
        sign(&secrets.current_root_key(&identifier), identifier, &caveats)
    }

    /// The token that was made before under these caveats; none once its secret is gone.
    ///
    /// The caveats must be those that it was made with, in their order: then the bytes are the same.
    pub fn again<C: AsRef<[u8]>>(
        secrets: &Secrets,
        identifier: Identifier,
        caveats: &[C],
    ) -> Result<Option<Self>, MintError> {
        let root = secrets.root_keys(&identifier).next();
        root.map(|root| sign(&root, identifier, caveats)).transpose()
    }

    /// The same token, good for less. This needs no secret: any holder can do it.
    pub fn narrowed(&self, caveat: &str) -> Result<Self, MintError> {
        let mut macaroon = self.macaroon.clone();
        add(&mut macaroon, caveat.as_bytes())?;
        let bytes = render(&macaroon)?;
        Ok(Self { identifier: self.identifier, macaroon, bytes })
    }

    /// Reads base64 of either alphabet, with or without padding.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(BadToken::TooLong);
        }
        let url_safe = text.contains(['-', '_']);
        let engine = if url_safe { URL_SAFE_PAD_INDIFFERENT } else { STANDARD_PAD_INDIFFERENT };
        Self::from_bytes(engine.decode(text)?)
    }

    /// Reads the binary form.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, BadToken> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(BadToken::TooLong);
        }
        if bytes.first() != Some(&VERSION_2) {
            return Err(BadToken::Version);
        }
        let macaroon = Macaroon::deserialize_binary(&bytes)?;
        if macaroon.location() != Some(LOCATION) {
            return Err(BadToken::Location);
        }
        let identifier = Identifier::parse(macaroon.identifier())?;
        within_bounds(&macaroon)?;
        Ok(Self { identifier, macaroon, bytes })
    }

    /// What the token says about itself; true only once it is verified.
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// The caveats in their order.
    pub fn caveats(&self) -> Vec<&[u8]> {
        let caveats = self.macaroon.caveats().iter();
        caveats.filter_map(|caveat| Some(caveat.as_first_party()?.predicate())).collect()
    }

    /// The binary form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The form for headers: standard base64 with padding, the one that every client reads.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// Whether we made it, over all its caveats; compares in constant time.
    pub fn verify(&self, secrets: &Secrets) -> Result<(), Forged> {
        let mut refusal = Forged::UnknownSecret;
        for root in secrets.root_keys(&self.identifier) {
            if self.is_signed_by(&root) {
                return Ok(());
            }
            refusal = Forged::Signature;
        }
        Err(refusal)
    }

    fn is_signed_by(&self, root: &[u8; 32]) -> bool {
        let mut verifier = Verifier::default();
        // Only the chain of signatures is asked for here; what the caveats say is looked at later.
        verifier.satisfy_general(|_| true);
        verifier.verify(&self.macaroon, &MacaroonKey::generate(root), &[]).is_ok()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Caveats may hold a preimage and the signature is what makes the token: neither is shown.
        write!(f, "Token({:?})", self.identifier)
    }
}

fn is_ours(caveat: &[u8]) -> bool {
    Caveat::parse(caveat).is_ok_and(|caveat| !matches!(caveat, Caveat::Foreign))
}

fn sign(
    root: &[u8; 32],
    identifier: Identifier,
    caveats: &[impl AsRef<[u8]>],
) -> Result<Token, MintError> {
    // `generate` derives the key as all other libraries do; `from` would take it as it is.
    let key = MacaroonKey::generate(root);
    let mut macaroon = Macaroon::create(Some(LOCATION), &key, identifier.encode())?;
    for caveat in caveats {
        add(&mut macaroon, caveat.as_ref())?;
    }
    let bytes = render(&macaroon)?;
    Ok(Token { identifier, macaroon, bytes })
}

fn add(macaroon: &mut Macaroon, caveat: &[u8]) -> Result<(), MintError> {
    if caveat.len() > CAVEAT_BYTES_MAX {
        return Err(MintError::CaveatTooLong);
    }
    if macaroon.caveats().len() >= CAVEATS_MAX {
        return Err(MintError::TooManyCaveats);
    }
    macaroon.add_first_party_caveat(caveat)?;
    Ok(())
}

/// The library writes bytes as URL-safe base64 only.
fn render(macaroon: &Macaroon) -> Result<Vec<u8>, MintError> {
    Ok(URL_SAFE.decode(macaroon.serialize(Format::V2)?)?)
}

fn within_bounds(macaroon: &Macaroon) -> Result<(), BadToken> {
    if macaroon.caveats().len() > CAVEATS_MAX {
        return Err(BadToken::TooManyCaveats);
    }
    macaroon.caveats().iter().try_for_each(|caveat| match caveat.as_first_party() {
        None => Err(BadToken::ThirdParty),
        Some(caveat) if caveat.predicate().len() > CAVEAT_BYTES_MAX => Err(BadToken::CaveatTooLong),
        Some(_) => Ok(()),
    })
}

#[cfg(test)]
pub(super) mod tests;

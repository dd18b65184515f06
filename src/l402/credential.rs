//! What a caller presents: a token and the preimage that paying for it revealed.
//!
//! # Shape
//!
//! `Authorization: L402 <token>[,<token>…]:<preimage>`, the scheme also `LSAT`, in any case; or
//! `Grpc-Metadata-Macaroon` and `Macaroon`, whose value is the token in hexadecimal with the
//! preimage in a caveat. All lines are looked at in that order and the first that reads well is
//! taken; lines of other schemes are none of our business.
//!
//! Some clients send several tokens, the others being discharges of third-party caveats. Ours have
//! no such caveats, so exactly one of the tokens must be readable as ours and the rest is ignored;
//! of two that are readable we do not choose one.

use super::{
    caveat::Caveat,
    preimage::Preimage,
    token::{BadToken, TEXT_BYTES_MAX, Token},
};

/// Headers that may carry a token in hexadecimal.
pub const CARRIERS: [&str; 2] = ["grpc-metadata-macaroon", "macaroon"];

/// More lines of one name are not looked at.
const LINES_MAX: usize = 16;

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Nobody tried.
    #[error("the request carries no L402 credential")]
    Absent,
    /// Somebody tried; this is what is wrong with the first attempt.
    #[error("the L402 credential is malformed")]
    Malformed(#[source] Malformed),
}

/// What is wrong with a credential.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The line is longer than 8 KiB.
    #[error("a credential is at most {TEXT_BYTES_MAX} bytes long")]
    TooLong,
    /// Control characters, or others than those of ASCII.
    #[error("a credential is printable ASCII")]
    Characters,
    /// There is no colon.
    #[error("a credential is a token, a colon and a preimage")]
    Colon,
    /// Behind the last colon are not 64 hexadecimal digits.
    #[error("a preimage has 64 hexadecimal digits")]
    Preimage,
    /// Before the colon is no token of ours.
    #[error("failed to read the token")]
    Token(#[from] BadToken),
    /// Before the colon is more than one token of ours.
    #[error("a credential has one token")]
    SeveralTokens,
    /// A token that came alone has no preimage inside.
    #[error("a token that comes without a preimage has a caveat with one")]
    NoPreimage,
}

/// A token and a preimage, both well-formed. Neither is checked yet.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What was sold.
    pub token: Token,
    /// What is said to have been paid for it.
    pub preimage: Preimage,
}

impl Credential {
    /// Reads the values of all `Authorization` lines, then those of all [`CARRIERS`].
    pub fn read<'a>(
        authorization: impl IntoIterator<Item = &'a [u8]>,
        carriers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, CredentialError> {
        let lines = authorization.into_iter().take(LINES_MAX).filter_map(Self::from_line);
        let carried = carriers.into_iter().take(LINES_MAX).filter_map(Self::from_carrier);
        let mut refusal = CredentialError::Absent;
        for attempt in lines.chain(carried) {
            match attempt {
                Ok(credential) => return Ok(credential),
                Err(first) if matches!(refusal, CredentialError::Absent) => {
                    refusal = CredentialError::Malformed(first);
                }
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    /// None where the line speaks of something else.
    fn from_line(line: &[u8]) -> Option<Result<Self, Malformed>> {
        let rest = after_scheme(line)?;
        if line.len() > TEXT_BYTES_MAX {
            return Some(Err(Malformed::TooLong));
        }
        // One client puts the scheme before what it has stored with the scheme.
        Some(Self::from_text(after_scheme(rest).unwrap_or(rest)))
    }

    fn from_text(text: &[u8]) -> Result<Self, Malformed> {
        let text = str::from_utf8(text).map_err(|_| Malformed::Characters)?;
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Malformed::Characters);
        }
        let (tokens, preimage) = text.rsplit_once(':').ok_or(Malformed::Colon)?;
        let preimage = Preimage::from_hex(preimage.trim_matches(' ')).ok_or(Malformed::Preimage)?;
        Ok(Self { token: one_of(tokens)?, preimage })
    }

    /// None where the macaroon is not ours: these headers serve other systems too.
    fn from_carrier(value: &[u8]) -> Option<Result<Self, Malformed>> {
        if value.len() > TEXT_BYTES_MAX {
            return None;
        }
        let token = Token::from_bytes(hex::decode(value.trim_ascii()).ok()?).ok()?;
        let preimage = token.caveats().into_iter().find_map(Caveat::preimage);
        let credential = preimage.map(|preimage| Self { token, preimage });
        Some(credential.ok_or(Malformed::NoPreimage))
    }
}

/// What follows `L402` or `LSAT`; none behind other words.
fn after_scheme(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_start();
    let end = line.iter().position(|byte| *byte <= b' ').unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end)?;
    let ours = word.eq_ignore_ascii_case(b"L402") || word.eq_ignore_ascii_case(b"LSAT");
    ours.then_some(rest)
}

fn one_of(tokens: &str) -> Result<Token, Malformed> {
    let mut readable = None;
    let mut refusal = None;
    for text in tokens.split(',') {
        match Token::parse(text.trim_matches(' ')) {
            Ok(_) if readable.is_some() => return Err(Malformed::SeveralTokens),
            Ok(token) => readable = Some(token),
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    match (readable, refusal) {
        (Some(token), _) => Ok(token),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(Malformed::Colon),
    }
}

#[cfg(test)]
mod tests;

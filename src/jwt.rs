//! Short-lived tokens that other services sign with a secret they share with us: JSON web tokens, of
//! one algorithm and one shape only.
//!
//! Nothing of a token is believed before its signature is, and nothing in it chooses how it is
//! checked: the algorithm is HS256, the secrets are ours.

#[cfg(test)]
mod tests;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use crate::secret::{Secrets, Used};

/// The longest token that is looked at.
pub const LENGTH_MAX: usize = 4_096;
/// The longest that a token may be good for.
pub const LIFE_SECONDS_MAX: i64 = 300;
/// How far two clocks may be apart.
pub const LEEWAY_SECONDS: i64 = 30;
/// The longest name of an issuer or a subject.
const NAME_CHARS_MAX: usize = 200;

/// Whose tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What they are signed with.
    pub secrets: Secrets,
    /// Who may sign.
    pub issuers: Vec<String>,
    /// By which names we are addressed.
    pub audiences: Vec<String>,
}

/// What a token says that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who signed it.
    pub issuer: String,
    /// In whose name.
    pub subject: Option<String>,
    /// Which of our secrets it was signed with.
    pub used: Used,
}

/// Why a token is not believed. For our log: callers are told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token, or says the same twice.
    #[error("it cannot be read")]
    Malformed,
    /// It is longer than any token has to be.
    #[error("it is longer than {LENGTH_MAX} bytes")]
    TooLong,
    /// It is signed otherwise, or not at all.
    #[error("its algorithm is not HS256")]
    Algorithm,
    /// It demands what we do not know.
    #[error("it has critical headers")]
    Critical,
    /// It was not signed with a secret of ours.
    #[error("its signature is wrong")]
    Signature,
    /// It was signed by somebody else.
    #[error("its issuer is not one that is believed here")]
    Issuer,
    /// It was made for somebody else.
    #[error("it is not made for us")]
    Audience,
    /// It is good for longer than a token may be, or for no time at all.
    #[error("it is good for more than {LIFE_SECONDS_MAX} seconds, or for none")]
    Lifetime,
    /// It will be good later.
    #[error("its time has not come")]
    Early,
    /// It was good before.
    #[error("its time is over")]
    Expired,
}

impl Refused {
    /// The word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Lifetime => "lifetime",
            Self::Early => "early",
            Self::Expired => "expired",
        }
    }
}

/// How it is signed. A member that stands twice is refused, one that nobody knows is left alone.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    #[serde(default, rename = "crit", deserialize_with = "stands")]
    has_critical: bool,
}

/// Whatever it says, it is there.
fn stands<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    aud: Audience,
    sub: Option<String>,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn is_one_of(&self, ours: &[String]) -> bool {
        match self {
            Self::One(name) => ours.contains(name),
            Self::Several(names) => names.iter().any(|name| ours.contains(name)),
        }
    }
}

impl Rules {
    /// Judges a token at a time, in seconds since 1970.
    pub fn judge(&self, token: &str, now: i64) -> Result<Claims, Refused> {
        if token.len() > LENGTH_MAX {
            return Err(Refused::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refused::Malformed)?;
        must_be_ours(&read::<Header>(header)?)?;
        let signature = decoded(signature)?;
        let used = self.secrets.signed(signed.as_bytes(), &signature).ok_or(Refused::Signature)?;
        let payload: Payload = read(payload)?;
        self.must_be_for_us(&payload)?;
        must_be_in_time(&payload, now)?;
        Ok(Claims { issuer: payload.iss, subject: payload.sub, used })
    }

    fn must_be_for_us(&self, payload: &Payload) -> Result<(), Refused> {
        if !self.issuers.contains(&payload.iss) {
            return Err(Refused::Issuer);
        }
        if !payload.aud.is_one_of(&self.audiences) {
            return Err(Refused::Audience);
        }
        if payload.sub.as_deref().is_none_or(is_name) { Ok(()) } else { Err(Refused::Malformed) }
    }
}

/// It stands in facts and in logs, where people read it.
fn is_name(text: &str) -> bool {
    let length = (1..=NAME_CHARS_MAX).contains(&text.len());
    length && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn must_be_ours(header: &Header) -> Result<(), Refused> {
    if header.alg != "HS256" {
        return Err(Refused::Algorithm);
    }
    if header.has_critical {
        return Err(Refused::Critical);
    }
    let plain = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if plain { Ok(()) } else { Err(Refused::Malformed) }
}

fn must_be_in_time(payload: &Payload, now: i64) -> Result<(), Refused> {
    let life = payload.exp.checked_sub(payload.iat).ok_or(Refused::Lifetime)?;
    if !(1..=LIFE_SECONDS_MAX).contains(&life) {
        return Err(Refused::Lifetime);
    }
    let latest = now.saturating_add(LEEWAY_SECONDS);
    if payload.iat > latest || payload.nbf.is_some_and(|from| from > latest) {
        return Err(Refused::Early);
    }
    if now >= payload.exp.saturating_add(LEEWAY_SECONDS) {
        return Err(Refused::Expired);
    }
    Ok(())
}

fn decoded(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)
}

fn read<T: DeserializeOwned>(part: &str) -> Result<T, Refused> {
    let text = decoded(part)?;
    // A list of the right length would read as an object too.
    if text.first() != Some(&b'{') {
        return Err(Refused::Malformed);
    }
    // What nobody reads is text and in range too: other readers would refuse the whole token.
    let text = str::from_utf8(&text).map_err(|_| Refused::Malformed)?;
    let read = serde_json::from_str(text).map_err(|_| Refused::Malformed)?;
    let _readable: Value = serde_json::from_str(text).map_err(|_| Refused::Malformed)?;
    Ok(read)
}

//! One condition of a token, read from its text.
//!
//! We write `key=value`. We read the spaced form `key = value` too, and three conditions of another
//! dialect of that form: `domain = <tenant>`, `amount = <whole sats>` and `expires_at <= <unix ms>`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use piperoll_domain::{
    id::{Service, TenantId},
    money::Amount,
};

use super::{path::PathPattern, preimage::Preimage};

/// The bound of a token for uses without a time.
pub const VALID_FOR_EVER: i64 = 9_999_999_999;

/// A time above this is in milliseconds: as seconds it would be after the year 5000.
const SECONDS_MAX: i64 = 99_999_999_999;

const VALID_UNTIL: &str = "_valid_until";

/// What a caveat may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Which service.
    Services,
    /// Which methods.
    Method,
    /// Which paths.
    Path,
    /// Whose service.
    Tenant,
    /// What was to be paid.
    Amount,
    /// Until when.
    ValidUntil,
    /// Until when, in the other dialect.
    ExpiresAt,
    /// The preimage that stands inside the token.
    Preimage,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Services => "services",
            Self::Method => "method",
            Self::Path => "path",
            Self::Tenant => "tenant",
            Self::Amount => "amount_msat",
            Self::ValidUntil => "valid_until",
            Self::ExpiresAt => "expires_at",
            Self::Preimage => "preimage",
        })
    }
}

/// A condition that we know, with a value that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the caveat `{0}` cannot be read")]
pub struct Unreadable(pub Condition);

/// The methods that a token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// Every method: `*`.
    Any,
    /// These, in capitals; at least one.
    Only(BTreeSet<String>),
}

impl Methods {
    /// Whether the token is good for this method, compared as it is written.
    pub fn allows(&self, method: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(methods) => methods.contains(method),
        }
    }

    /// Whether every method that `narrower` allows is allowed here too.
    pub fn covers(&self, narrower: &Self) -> bool {
        match (self, narrower) {
            (Self::Any, _) => true,
            (Self::Only(_), Self::Any) => false,
            (Self::Only(own), Self::Only(other)) => other.is_subset(own),
        }
    }
}

impl FromStr for Methods {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let method = |word: &str| {
            let valid = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
            (valid && !word.is_empty()).then(|| word.to_owned())
        };
        let methods = text.split(',').map(|word| method(word.trim_matches(' ')));
        let methods = methods.collect::<Option<_>>().ok_or(Unreadable(Condition::Method))?;
        Ok(Self::Only(methods))
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Only(methods) => {
                let words: Vec<&str> = methods.iter().map(String::as_str).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

/// A caveat, understood.
#[derive(Debug, Clone)]
pub enum Caveat {
    /// `services=<service>:<tier>[,…]`. Tiers are read and mean nothing.
    Services(BTreeSet<Service>),
    /// `method=<METHOD>[,…]` or `method=*`.
    Method(Methods),
    /// `path=<path>` or `path=<folder>/*`.
    Path(PathPattern),
    /// `tenant=<tenant>`.
    Tenant(TenantId),
    /// `amount_msat=<amount>`.
    Amount(Amount),
    /// `<service>_valid_until=<unix seconds>`; good before that second.
    ValidUntil(Service, i64),
    /// `expires_at <= <unix milliseconds>`, here in seconds: good before that second.
    ExpiresAt(i64),
    /// `preimage=<hex>`, as one client carries it.
    Preimage(Preimage),
    /// Somebody else's condition.
    Foreign,
}

/// What stands before and behind a caveat's first `=`.
fn parts(caveat: &[u8]) -> Option<(&str, &str)> {
    str::from_utf8(caveat).ok()?.split_once('=')
}

impl Caveat {
    /// The preimage, if that is what a caveat carries: what any other says is not looked at.
    pub fn preimage(caveat: &[u8]) -> Option<Preimage> {
        let (key, value) = parts(caveat)?;
        let value = (key.trim_matches(' ') == "preimage").then_some(value)?;
        Preimage::from_hex(value.trim_matches(' '))
    }

    /// Reads a caveat; what we do not know is foreign, what we know must be readable.
    pub fn parse(caveat: &[u8]) -> Result<Self, Unreadable> {
        let Some((key, value)) = parts(caveat) else { return Ok(Self::Foreign) };
        let spaced = key.ends_with(' ') && value.starts_with(' ');
        match (key.trim_matches(' '), value.trim_matches(' ')) {
            ("services", value) => services(value),
            ("method", value) => value.parse().map(Self::Method),
            ("path", value) => known(Condition::Path, value.parse().ok().map(Self::Path)),
            ("tenant", value) => tenant(value),
            ("domain", value) if spaced => tenant(value),
            ("amount_msat", value) => amount(value, 1),
            ("amount", value) if spaced => amount(value, 1_000),
            ("preimage", value) => {
                known(Condition::Preimage, Preimage::from_hex(value).map(Self::Preimage))
            }
            // `expires_at <= 1` has its first `=` behind the `<`.
            ("expires_at" | "expires_at <", value) => {
                known(Condition::ExpiresAt, number(value).map(|ms| Self::ExpiresAt(ms / 1_000)))
            }
            (key, value) => valid_until(key, value),
        }
    }
}

fn known(condition: Condition, caveat: Option<Caveat>) -> Result<Caveat, Unreadable> {
    caveat.ok_or(Unreadable(condition))
}

fn services(value: &str) -> Result<Caveat, Unreadable> {
    let service = |part: &str| {
        let (name, tier) = part.split_once(':')?;
        number(tier).filter(|tier| u8::try_from(*tier).is_ok())?;
        name.parse::<Service>().ok()
    };
    let services = value.split(',').map(|part| service(part.trim_matches(' ')));
    known(Condition::Services, services.collect::<Option<_>>().map(Caveat::Services))
}

fn tenant(value: &str) -> Result<Caveat, Unreadable> {
    known(Condition::Tenant, value.parse().ok().map(Caveat::Tenant))
}

fn amount(value: &str, msat_each: i64) -> Result<Caveat, Unreadable> {
    let msat = number(value).and_then(|units| units.checked_mul(msat_each));
    let amount = msat.and_then(|msat| u64::try_from(msat).ok()).and_then(Amount::new);
    known(Condition::Amount, amount.map(Caveat::Amount))
}

fn valid_until(key: &str, value: &str) -> Result<Caveat, Unreadable> {
    let service = key.strip_suffix(VALID_UNTIL).and_then(|service| service.parse().ok());
    let Some(service) = service else { return Ok(Caveat::Foreign) };
    let time = number(value).ok_or(Unreadable(Condition::ValidUntil))?;
    let seconds = if time > SECONDS_MAX { time / 1_000 } else { time };
    Ok(Caveat::ValidUntil(service, seconds))
}

/// A plain count: digits only, no sign.
fn number(value: &str) -> Option<i64> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())?
}

/// The text of the condition until when a token for this service is good.
pub(super) fn render_valid_until(service: &Service, seconds: i64) -> String {
    format!("{service}{VALID_UNTIL}={seconds}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match Caveat::parse(text.as_bytes()) {
            Ok(caveat) => format!("{caveat:?}"),
            Err(Unreadable(condition)) => format!("unreadable {condition}"),
        }
    }

    #[test]
    fn plain_and_spaced_forms_read_alike() {
        for (plain, spaced) in [
            ("services=api:0", "services = api:0"),
            ("method=GET,POST", "method = GET, POST"),
            ("path=/v1/*", "path = /v1/*"),
            ("tenant=acme", "domain = acme"),
            ("amount_msat=5000", "amount_msat = 5000"),
            ("amount_msat=5000", "amount = 5"),
            ("api_valid_until=1893456000", "api_valid_until = 1893456000"),
            ("api_valid_until=1893456000", "api_valid_until = 1893456000999"),
            ("expires_at=1893456000000", "expires_at <= 1893456000000"),
        ] {
            assert_eq!(read(plain), read(spaced));
            assert!(!read(plain).contains("unreadable"), "{plain}");
            assert_ne!(read(plain), "Foreign");
        }
        assert_eq!(read("expires_at <= 1893456000999"), "ExpiresAt(1893456000)");
        assert_eq!(read("api_valid_until=9999999999"), "ValidUntil(api, 9999999999)");
    }

    #[test]
    fn what_others_mean_is_foreign() {
        for text in [
            "",
            "nonsense",
            "capabilities=read",
            "api_capabilities=read,write",
            "API_valid_until=x",
            "_valid_until=x",
            "amount=5",
            "domain=acme",
            "Method=GET",
            "hash = 00",
        ] {
            assert_eq!(read(text), "Foreign", "{text}");
        }
        assert!(matches!(Caveat::parse(b"path=\xff"), Ok(Caveat::Foreign)));
    }

    #[test]
    fn what_we_mean_must_be_readable() {
        for (text, condition) in [
            ("services=", "services"),
            ("services=api", "services"),
            ("services=api:256", "services"),
            ("services=api:0,", "services"),
            ("services=API:0", "services"),
            ("method=", "method"),
            ("method=get", "method"),
            ("method=GET,*", "method"),
            ("path=v1", "path"),
            ("path=/a/..%2fb", "path"),
            ("tenant=", "tenant"),
            ("amount_msat=", "amount_msat"),
            ("amount_msat=+1", "amount_msat"),
            ("amount_msat=-1", "amount_msat"),
            ("amount_msat=9223372036854775808", "amount_msat"),
            ("amount = 9223372036854776", "amount_msat"),
            ("api_valid_until=tomorrow", "valid_until"),
            ("api_valid_until=", "valid_until"),
            ("expires_at <= soon", "expires_at"),
            ("preimage=00", "preimage"),
        ] {
            assert_eq!(read(text), format!("unreadable {condition}"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Caveat::parse(&bytes);
        }

        #[test]
        fn a_preimage_looked_for_is_one_that_is_read(
            caveat in r"( ?preimage ?|pre|tenant|)[=<]? ?[0-9a-fA-F]{63,65} ?",
        ) {
            let read = match Caveat::parse(caveat.as_bytes()) {
                Ok(Caveat::Preimage(preimage)) => Some(preimage),
                Ok(_) | Err(_) => None,
            };
            let found = Caveat::preimage(caveat.as_bytes());
            assert_eq!(found.is_some(), read.is_some());
            assert!(found.zip(read).is_none_or(|(found, read)| found.equals(&read)));
        }
    }
}

//! L402: what is shown to be let in.

use std::sync::LazyLock;

use piperoll::l402::{
    caveat::{Caveat, Methods},
    check,
    credential::{Credential, CredentialError},
    identifier::Identifier,
    path::{Path, PathPattern},
    preimage::Preimage,
    prove,
    scope::{Request, Scope, verify_caveats},
    secret::Secrets,
    token::{CAVEAT_BYTES_MAX, CAVEATS_MAX, TEXT_BYTES_MAX, Token},
};
use piperoll_domain::money::Amount;

use super::{halves, lines};

/// What tokens of the corpora were sold under.
static SECRETS: LazyLock<Secrets> =
    LazyLock::new(|| Secrets::try_new(b"what fuzzed tokens are sold under", []).unwrap());

/// The one token that was ever sold.
pub static SOLD: LazyLock<Token> = LazyLock::new(|| {
    let scope = Scope {
        service: "api".parse().unwrap(),
        methods: "GET,POST".parse().unwrap(),
        path: "/v1/reports/*".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        amount_msat: Amount::new(5_000).unwrap(),
        valid_until: 2_000_000_000,
    };
    Token::mint(&SECRETS, Preimage::new([0x11; 32]).hash(), [0x22; 28], &scope).unwrap()
});

/// Lines of `Authorization`, and behind an empty line those of the other carriers.
pub fn credential(input: &[u8]) -> bool {
    let (authorization, carriers) = halves(input);
    let read = Credential::read(lines(authorization), lines(carriers));
    let credential = match read {
        Ok(credential) => credential,
        Err(error) => {
            assert!(short(&error), "{error}");
            return false;
        }
    };
    assert!(!format!("{credential:?}").contains(&"11".repeat(32)), "a preimage is shown");
    same_when_rendered(&credential.token);
    if !within_what_was_sold(&credential.token) {
        return false;
    }
    let proven = prove(&SECRETS, &credential).is_ok();
    if proven {
        assert!(credential.preimage.equals(&Preimage::new([0x11; 32])), "any preimage opens it");
        opens_no_more_than_was_sold(&credential);
    }
    proven
}

/// A token in base64 or in its bytes.
pub fn macaroon(input: &[u8]) -> bool {
    let of_text = str::from_utf8(input).ok().and_then(|text| Token::parse(text).ok());
    let Some(token) = of_text.or_else(|| Token::from_bytes(input.to_vec()).ok()) else {
        return false;
    };
    assert!(input.len() <= TEXT_BYTES_MAX);
    assert!(token.caveats().len() <= CAVEATS_MAX);
    assert!(token.caveats().iter().all(|caveat| caveat.len() <= CAVEAT_BYTES_MAX));
    same_when_rendered(&token);
    if let Ok(narrowed) = token.narrowed("method=GET")
        && narrowed.as_bytes().len() <= TEXT_BYTES_MAX
    {
        assert_eq!(narrowed.caveats().len(), token.caveats().len() + 1);
        assert_eq!(narrowed.verify(&SECRETS).is_ok(), token.verify(&SECRETS).is_ok());
    }
    within_what_was_sold(&token)
}

pub fn identifier(input: &[u8]) -> bool {
    let Ok(identifier) = Identifier::parse(input) else { return false };
    assert_eq!(identifier.encode().as_slice(), input);
    true
}

/// Caveats that a holder adds, one a line: whatever they are, they open nothing new.
pub fn caveats(input: &[u8]) -> bool {
    for line in lines(input) {
        reads_alike_when_rendered(line);
    }
    let sold = SOLD.caveats();
    let more: Vec<&[u8]> = sold.iter().copied().chain(lines(input)).collect();
    let mut taken = false;
    for (method, path, tenant, now) in ASKED {
        let (service, tenant) = ("api".parse().unwrap(), tenant.parse().unwrap());
        let asked = Request {
            service: &service,
            method,
            path,
            tenant: &tenant,
            amount_msat: None,
            now_seconds: now,
        };
        let Ok(narrow) = verify_caveats(&more, &asked) else { continue };
        let wide = verify_caveats(&sold, &asked).expect("more caveats allow more");
        assert!(wide.methods.covers(&narrow.methods) && wide.path.covers(&narrow.path));
        assert!(narrow.amount_msat <= wide.amount_msat && narrow.valid_until <= wide.valid_until);
        assert_eq!((&narrow.tenant, &narrow.service), (&wide.tenant, &wide.service));
        taken = true;
    }
    taken
}

const ASKED: [(&str, &str, &str, i64); 6] = [
    ("GET", "/v1/reports/7?page=2", "acme", 1_900_000_000),
    ("POST", "/v1/reports/a/b", "acme", 1_999_999_999),
    ("GET", "/v1/reports/7", "acme", 2_000_000_000),
    ("DELETE", "/v1/reports/7", "acme", 1_900_000_000),
    ("GET", "/v1/secrets", "acme", 1_900_000_000),
    ("GET", "/v1/reports/7", "other", 1_900_000_000),
];

/// A request's path, as it stands in its first line.
pub fn path(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    if let Ok(pattern) = text.parse::<PathPattern>() {
        let again: PathPattern = pattern.to_string().parse().unwrap();
        assert_eq!(again, pattern, "{text:?}");
        assert!(pattern.covers(&pattern));
    }
    let Ok(path) = Path::normalise(text) else { return false };
    assert_eq!(Path::normalise(path.as_str()), Ok(path.clone()), "{text:?}");
    assert!(path.as_str().starts_with('/') && path.as_str().is_ascii(), "{path:?}");
    assert!(!path.as_str().split('/').any(|part| part == "." || part == ".."), "{path:?}");
    let folder: PathPattern = "/v1/reports/*".parse().unwrap();
    assert_eq!(folder.allows(&path), path.as_str().starts_with("/v1/reports/"));
    true
}

fn short(error: &CredentialError) -> bool {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    error.to_string().len() + source.len() < 500
}

fn same_when_rendered(token: &Token) {
    let text = token.to_base64();
    if text.len() <= TEXT_BYTES_MAX {
        let again = Token::parse(&text).expect("what we write reads back");
        assert_eq!(again.as_bytes(), token.as_bytes());
        assert_eq!(again.caveats(), token.caveats());
    }
}

/// Whether it verifies; if so, it is the one that was sold, with perhaps more caveats.
fn within_what_was_sold(token: &Token) -> bool {
    let verifies = token.verify(&SECRETS).is_ok();
    if verifies {
        assert_eq!(token.identifier(), SOLD.identifier(), "a token that nobody sold");
        assert!(token.caveats().starts_with(&SOLD.caveats()), "a caveat was taken off");
    }
    verifies
}

fn opens_no_more_than_was_sold(credential: &Credential) {
    let (service, tenant) = ("api".parse().unwrap(), "acme".parse().unwrap());
    for path in ["/v1/reports/7", "/v1/secrets", "/"] {
        let asked = Request {
            service: &service,
            method: "GET",
            path,
            tenant: &tenant,
            amount_msat: None,
            now_seconds: 1_900_000_000,
        };
        if check(&SECRETS, credential, &asked).is_ok() {
            assert!(path.starts_with("/v1/reports/"), "{path}");
        }
    }
}

fn reads_alike_when_rendered(line: &[u8]) {
    match Caveat::parse(line) {
        Ok(Caveat::Method(methods)) => {
            assert_eq!(methods.to_string().parse::<Methods>(), Ok(methods));
        }
        Ok(Caveat::Path(pattern)) => {
            assert_eq!(pattern.to_string().parse::<PathPattern>(), Ok(pattern));
        }
        Ok(Caveat::ValidUntil(_, end) | Caveat::ExpiresAt(end)) => assert!(end >= 0),
        Ok(_) | Err(_) => {}
    }
}

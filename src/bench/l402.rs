//! `bench l402`: a paid credential read and checked, as every request to a paid path has it checked.
//!
//! The limit is what no check can do without: the chain of MACs that makes a token, computed anew.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use piperoll_domain::bytes::Bytes;
use sha2::Sha256;

use super::{BoxError, Error, Machine, Random, Report, callers::histogram, failed, float};
use crate::l402::{
    check,
    credential::Credential,
    preimage::Preimage,
    scope::{Request, Scope},
    secret::Secrets,
    token::Token,
};

const SECRET: &[u8] = b"a secret of a bench, which is long enough";
/// Different tokens, so that no answer is in the processor already.
const TOKENS: usize = 1_024;
/// How often the check and its limit take turns, so that both meet the same machine.
const TURNS: u32 = 10;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder on the disk that is told of.
    pub data: Option<std::path::PathBuf>,
    /// How long is measured.
    pub seconds: Duration,
}

/// A credential as it comes, and what its MACs are made of.
struct Paid {
    line: String,
    identifier: [u8; 66],
    caveats: [String; 6],
}

/// Measures on one thread.
pub fn run(options: &Options) -> Result<Report, Error> {
    let folder = options.data.clone().unwrap_or_else(std::env::temp_dir);
    let mut report = Report::new("l402", "nothing is stored", Machine::look(&folder)?);
    report.asked("seconds", options.seconds.as_secs_f64());
    report.asked("tokens", TOKENS);
    let broken = failed("make a token");
    let (secrets, scope) = sold().map_err(broken)?;
    let mut random = Random::seeded()?;
    let paid: Result<Vec<Paid>, BoxError> =
        (0..TOKENS).map(|_| pay(&secrets, &scope, &mut random)).collect();
    let paid = paid.map_err(failed("make a token"))?;
    let request = Request {
        service: &scope.service,
        method: "GET",
        path: "/v1/answers/17?verbose=1",
        tenant: &scope.tenant,
        amount_msat: Some(scope.amount_msat),
        now_seconds: 1_800_000_000,
    };
    let turn = options.seconds / (2 * TURNS);
    let (mut latency, mut checks, mut chains) = (histogram()?, Pace::default(), Pace::default());
    for _ in 0..TURNS {
        let mut refused = 0_u64;
        checks.add(turn, &paid, |paid| {
            let began = Instant::now();
            let read = Credential::read([paid.line.as_bytes()], []);
            let allowed = read.ok().and_then(|read| check(&secrets, &read, &request).ok());
            refused += u64::from(black_box(allowed).is_none());
            latency.saturating_record(nanos(began));
        });
        report.must(refused == 0, || format!("{refused} paid credentials were refused"));
        chains.add(turn, &paid, |paid| {
            black_box(chain(paid));
        });
    }
    report.found("checks_per_second", checks.per_second());
    for (of, percentile) in [("p50", 50.0), ("p99", 99.0), ("p99_9", 99.9)] {
        report.found(format!("check_{of}_ns"), float(latency.value_at_percentile(percentile)));
    }
    let what = "the bare chain of HMAC-SHA256 of the same tokens, chains a second";
    report.against(what, chains.per_second(), checks.per_second());
    Ok(report)
}

/// How much was done, and how long it took.
#[derive(Default)]
struct Pace {
    done: u64,
    took: Duration,
}

impl Pace {
    fn add(&mut self, turn: Duration, paid: &[Paid], mut work: impl FnMut(&Paid)) {
        let began = Instant::now();
        while began.elapsed() < turn {
            paid.iter().for_each(&mut work);
            self.done += u64::try_from(paid.len()).unwrap_or(0);
        }
        self.took += began.elapsed();
    }

    fn per_second(&self) -> f64 {
        float(self.done) / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

fn nanos(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn sold() -> Result<(Secrets, Scope), BoxError> {
    let scope = Scope {
        service: "answers".parse()?,
        methods: "GET,POST".parse()?,
        path: "/v1/answers/*".parse()?,
        tenant: "acme".parse()?,
        amount_msat: piperoll_domain::money::Amount::new(5_000).ok_or("no amount")?,
        valid_until: 9_999_999_999,
    };
    Ok((Secrets::try_new(SECRET, [])?, scope))
}

fn pay(secrets: &Secrets, scope: &Scope, random: &mut Random) -> Result<Paid, BoxError> {
    let mut preimage = [0; 32];
    preimage[..16].copy_from_slice(&random.id().0);
    let mut unique = [0; 28];
    unique[..16].copy_from_slice(&random.id().0);
    let hash = Preimage::new(preimage).hash();
    let token = Token::mint(secrets, hash, unique, scope)?;
    let line = format!("L402 {}:{}", token.to_base64(), Bytes(preimage));
    Ok(Paid { line, identifier: token.identifier().encode(), caveats: scope.caveats() })
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length.
    let keyed = Hmac::<Sha256>::new_from_slice(key);
    keyed.map(|keyed| keyed.chain_update(text).finalize().into_bytes().into()).unwrap_or_default()
}

/// The root key, the key that all libraries derive from it, the identifier, the caveats.
fn chain(paid: &Paid) -> [u8; 32] {
    let root = mac(SECRET, &paid.identifier);
    let key = mac(b"macaroons-key-generator", &root);
    let caveats = paid.caveats.iter();
    caveats.fold(mac(&key, &paid.identifier), |key, caveat| mac(&key, caveat.as_bytes()))
}

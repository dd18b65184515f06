//! `bench growth`: what a longer history makes slower, of a server that was just started on it.
//!
//! One roll grows in this process, with everything on. At each size it is closed, and the server is
//! started on it as a program of its own, so that its start and its memory are its own too.

mod server;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use hdrhistogram::Histogram;

use self::server::Server;
use super::{
    Edge, Error, Machine, Place, Random, Report, Spender, callers::histogram, failed, float,
    replays, wire::Wire,
};
use crate::bench::{Caller as _, Outside};

/// Callers that make the history.
const MAKERS: usize = 1_024;
/// How often is asked for each kind at most, and one for so many events of the shortest roll.
const ASKED_MAX: u64 = 2_000;
const ASKED_ONE_OF: u64 = 10;
/// What stands on a page.
const PAGE: usize = 25;
/// Whose p99 must not grow.
const KINDS: [&str; 4] = ["cold", "warm", "repeat", "page"];

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder on the disk to measure.
    pub data: Option<PathBuf>,
    /// How many events the roll has each time it is looked at, in growing order.
    pub events: Vec<u64>,
    /// Accounts that they concern.
    pub accounts: usize,
    /// How often the server is started and asked at each size.
    pub rounds: usize,
    /// Variables of the server's environment, by name.
    pub settings: Vec<(String, String)>,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.data.as_deref())?;
    let durability = "each command is synced before it is answered";
    let mut report = Report::new("growth", durability, Machine::look(place.path())?);
    report.asked("events", options.events.clone());
    report.asked("accounts", options.accounts);
    report.asked("rounds", options.rounds);
    let settings: Vec<_> =
        options.settings.iter().map(|(name, to)| format!("{name}={to}")).collect();
    report.asked("settings", settings);
    let (directory, outside) = (place.house("growth"), Outside::start()?);
    let shortest = options.events.iter().copied().min().unwrap_or_default();
    let asked = usize::try_from(ASKED_MAX.min(shortest / ASKED_ONE_OF)).unwrap_or_default();
    let (mut keys, mut p99s) = (None, vec![]);
    for events in &options.events {
        let edge = Edge::start(&directory, options.accounts).await?;
        let known = match keys.take() {
            Some(known) => known,
            None => replays::done(&outside, &edge, asked).await?,
        };
        grow(&edge, *events).await?;
        edge.house.catch_up().await?;
        edge.stop().await;
        p99s.push(look(&directory, *events, options, &known, &mut report).await?);
        keys = Some(known);
    }
    report.found("makers_memory_mib", float(server::memory_kib(std::process::id())?) / 1_024.0);
    tell_growth(&p99s, &mut report);
    Ok(report)
}

/// Puts bare commands to the writer until the roll is so long.
async fn grow(edge: &Edge, events: u64) -> Result<(), Error> {
    let missing = events.saturating_sub(edge.house.engine().head().position);
    let each = missing.div_ceil(u64::try_from(MAKERS).unwrap_or(1));
    let bare = edge.bare()?;
    let mut makers = tokio::task::JoinSet::new();
    for number in 0..MAKERS {
        let mut maker = bare(number);
        makers.spawn(async move {
            for _ in 0..each {
                maker.call().await?;
            }
            Ok::<_, super::BoxError>(())
        });
    }
    while let Some(made) = makers.join_next().await {
        made.map_err(failed("make a history"))?.map_err(failed("make a history"))?;
    }
    Ok(())
}

/// Starts the server, asks it and kills it, so often; then starts it once more. Returns the p99 of
/// each kind. Each figure is the middle one of its rounds, but the start: only the first is one after
/// a stop in good order.
async fn look(
    directory: &Path,
    events: u64,
    options: &Options,
    keys: &[(usize, String)],
    report: &mut Report,
) -> Result<[f64; 4], Error> {
    let name = |what: &str| format!("at_{events}_{what}");
    let mut rounds = vec![];
    for _ in 0..options.rounds.max(1) {
        rounds.push(round(directory, options, keys).await?);
    }
    let middle = |figure: &dyn Fn(&Round) -> f64| middle(rounds.iter().map(figure).collect());
    report.found(name("start_ms"), rounds.first().map_or(0.0, |round| round.start_ms));
    let mut p99s = [0.0; 4];
    for (number, (kind, p99)) in KINDS.iter().zip(&mut p99s).enumerate() {
        let at = |percentile| {
            middle(&|round| float(round.latencies[number].value_at_percentile(percentile)))
        };
        report.found(name(&format!("{kind}_p50_us")), at(50.0));
        *p99 = at(99.0);
        report.found(name(&format!("{kind}_p99_us")), *p99);
    }
    report.found(name("memory_at_start_mib"), middle(&|round| round.at_start_mib));
    report.found(name("memory_mib"), middle(&|round| round.memory_mib));
    let again = Server::start(directory, &options.settings).await?;
    report.found(name("start_after_kill_ms"), again.took.as_secs_f64() * 1e3);
    again.kill().await?;
    Ok(p99s)
}

/// What one start and the asking after it came to.
struct Round {
    start_ms: f64,
    at_start_mib: f64,
    memory_mib: f64,
    latencies: [Histogram<u64>; 4],
}

async fn round(
    directory: &Path,
    options: &Options,
    keys: &[(usize, String)],
) -> Result<Round, Error> {
    let server = Server::start(directory, &options.settings).await?;
    let mib = |server: &Server| Ok::<_, Error>(float(server.memory_kib()?) / 1_024.0);
    let (start_ms, at_start_mib) = (server.took.as_secs_f64() * 1e3, mib(&server)?);
    let mut asker = Asker::of(&server, options.accounts)?;
    let latencies = asker.all(keys).await.map_err(failed("ask the server"))?;
    let memory_mib = mib(&server)?;
    server.kill().await?;
    Ok(Round { start_ms, at_start_mib, memory_mib, latencies })
}

/// The one in the middle; of two, the larger.
fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// One connection, and a history of each of its requests.
struct Asker {
    spender: Spender,
    wire: Wire,
    key: String,
    accounts: Vec<String>,
    random: Random,
}

impl Asker {
    fn of(server: &Server, accounts: usize) -> Result<Self, Error> {
        let mut random = Random::seeded()?;
        let stock = super::Stock::named(accounts)?;
        let accounts = stock.accounts.iter().map(ToString::to_string).collect();
        let (wire, key) = (Wire::to(server.address), server.key.clone());
        let spender = Spender::new(server.address, stock, key.clone(), random.fork());
        Ok(Self { spender, wire, key, accounts, random })
    }

    /// Asks for everything, in the order of the kinds.
    async fn all(
        &mut self,
        keys: &[(usize, String)],
    ) -> Result<[Histogram<u64>; 4], super::BoxError> {
        let [mut cold, mut warm, mut repeat, mut page] =
            [histogram()?, histogram()?, histogram()?, histogram()?];
        // Nobody has touched any of them since the start.
        for account in 0..self.accounts.len() {
            let key = self.random.key();
            timed(&mut cold, self.spender.spend(account, &key)).await?;
        }
        for _ in keys {
            timed(&mut warm, self.spender.call()).await?;
        }
        for (account, key) in keys {
            timed(&mut repeat, self.spender.spend(*account, key)).await?;
        }
        for _ in keys {
            let request = self.page();
            timed(&mut page, self.wire.must(&request, 200)).await?;
        }
        Ok([cold, warm, repeat, page])
    }

    /// A page of some account's entries.
    fn page(&mut self) -> Vec<u8> {
        let account = &self.accounts[self.random.below(self.accounts.len())];
        let line = format!("GET /v1/accounts/{account}/entries?limit={PAGE}");
        let mut request = vec![];
        super::edge::request(&line, &[("piperoll-key", self.key.as_str())], "", &mut request);
        request
    }
}

async fn timed<T>(
    latency: &mut Histogram<u64>,
    asking: impl Future<Output = Result<T, super::BoxError>>,
) -> Result<(), super::BoxError> {
    let began = Instant::now();
    asking.await?;
    latency.saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    Ok(())
}

/// The kind whose p99 grew most from the shortest roll to the longest.
fn tell_growth(p99s: &[[f64; 4]], report: &mut Report) {
    let Some((first, last)) = p99s.first().zip(p99s.last()) else { return };
    for ((kind, first), last) in KINDS.iter().zip(first).zip(last) {
        report.found(format!("{kind}_p99_grew_to_times"), last / first.max(1.0));
    }
    let growth = |(first, last): &(&f64, &f64)| **last / first.max(1.0);
    let worst = first.iter().zip(last).max_by(|one, other| growth(one).total_cmp(&growth(other)));
    if let Some((first, last)) = worst {
        let what = "the p99 that grew most, as it was when the roll was shortest, microseconds";
        report.against(what, *first, *last);
    }
}

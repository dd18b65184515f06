//! `piperoll bench`: how fast it is, beside what this machine could do in the same run.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};

use super::{
    error::Error,
    exit::Exit,
    output::{Output, columns, enough},
};
use crate::bench::{
    Ask, Report, authorize, bulk, credits, engine, flood, growth, http, l402, rebuild, replays,
    verify,
};

/// Measure, beside a limit of the machine that is measured in the same run.
#[derive(Debug, Subcommand)]
pub(super) enum Bench {
    /// Bare commands put to the writer in this process, every group synced.
    Engine(Engine),
    /// Credit set aside before work and charged after it, against bare commands in the same run.
    Credits(Credits),
    /// All views from nothing, of a roll with a day of business in it.
    Rebuild(Rebuild),
    /// Bare commands over HTTP, against a handler with nothing behind it.
    Http(Http),
    /// Bare commands over HTTP, many in each request, against the engine itself.
    Bulk(Bulk),
    /// A reverse proxy asks whether those who paid may pass.
    Authorize(Edge),
    /// Commands that were done, asked again under the same keys.
    Replays(Http),
    /// Those who pay, beside a flood of forged webhooks or of bad credentials.
    Flood(Flood),
    /// What a longer history makes slower: commands, repeats, pages, the start, memory.
    Growth(Growth),
    /// A roll proved, and everything that is derived from it compared.
    Verify(Verify),
    /// Paid credentials read and checked, on one thread.
    L402(L402),
}

/// What all benches over HTTP are asked.
#[derive(Debug, Args)]
pub(super) struct Edge {
    /// Connections, each of which waits for its answer before it asks again.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    connections: u32,
    /// How long to measure, after a warm-up of a tenth of that.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    seconds: Duration,
    /// A folder on the disk to measure, in which a temporary directory is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Bare commands over HTTP.
#[derive(Debug, Args)]
pub(super) struct Http {
    #[command(flatten)]
    edge: Edge,
    /// Accounts to spend from.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
}

/// A flood.
#[derive(Debug, Args)]
pub(super) struct Flood {
    /// Connections of those who pay, each of which waits for its answer before it asks again.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    connections: u32,
    /// Accounts to spend from.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
    /// Forgeries a second.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Connections that they come over.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    strangers: u32,
    /// How long to measure: a third of it without a flood and one beside each, in turn; then each kind
    /// of forgery alone for a sixth.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    seconds: Duration,
    /// A folder on the disk to measure, in which a temporary directory is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Bare commands, many in each request.
#[derive(Debug, Args)]
pub(super) struct Bulk {
    #[command(flatten)]
    http: Http,
    /// Commands in each request.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    items: u32,
    /// All of a request's commands, or none of them.
    #[arg(long)]
    atomic: bool,
}

/// What all benches are asked.
#[derive(Debug, Args)]
struct Load {
    /// Callers, each of which waits for its answer before it asks again.
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    callers: u32,
    /// How long to measure, after a warm-up of a tenth of that.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    seconds: Duration,
    /// A folder on the disk to measure, in which a temporary directory is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Bare commands put to the writer.
#[derive(Debug, Args)]
pub(super) struct Engine {
    #[command(flatten)]
    load: Load,
    /// Accounts to spend from.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
    /// All callers spend from one account.
    #[arg(long, conflicts_with = "accounts")]
    hot: bool,
    /// Whether the whole program, with views and reactors, is measured too.
    #[arg(long, value_enum, default_value = "on")]
    views: Switch,
}

/// Pairs of reserve and finalize.
#[derive(Debug, Args)]
pub(super) struct Credits {
    #[command(flatten)]
    load: Load,
    /// Accounts to take from.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
    /// The most lots that a hot account has, and that another one has had.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    lots: u32,
    /// Whether the whole program, with views and reactors, is measured too.
    #[arg(long, value_enum, default_value = "on")]
    views: Switch,
}

/// All views from nothing.
#[derive(Debug, Args)]
pub(super) struct Rebuild {
    /// How many events the roll has: 60 % uses of credit, 20 % top-ups, 20 % the rest.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    events: u64,
    /// How many accounts they concern.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    accounts: u32,
    /// The same seed makes the same events.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A folder on the disk to measure, in which a temporary directory is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A history that grows.
#[derive(Debug, Args)]
pub(super) struct Growth {
    /// How many events the roll has each time it is looked at.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "50000,500000,5000000", value_parser = clap::value_parser!(u64).range(100..=1_000_000_000))]
    events: Vec<u64>,
    /// How many accounts they concern.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    accounts: u32,
    /// How often the server is started and asked at each size; each figure is the middle one.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// A setting of the server, by the name of its variable, such as
    /// `PIPEROLL_ENGINE__INDEX_CACHE_BYTES_MAX=33554432`. May be given more than once, and stands in
    /// the report.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// A folder on the disk to measure, in which a temporary directory is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A roll proved.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Events of the roll that is made for this.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_024..=100_000_000))]
    events: u64,
    /// A folder on the disk to measure, in which a temporary directory is made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Credentials checked.
#[derive(Debug, Args)]
pub(super) struct L402 {
    /// How long to measure.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    seconds: Duration,
    /// A folder on the disk that is told of; nothing is written to it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Bench {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Error> {
        let report = match self {
            Self::Engine(bench) => engine::run(&bench.options()).await,
            Self::Credits(bench) => credits::run(&bench.options()).await,
            Self::Rebuild(bench) => rebuild::run(&bench.options()).await,
            Self::Http(bench) => {
                let (ask, accounts) = (bench.edge.ask(), size(bench.accounts));
                http::run(&http::Options { ask, accounts }).await
            }
            Self::Bulk(bench) => bulk::run(&bench.options()).await,
            Self::Authorize(edge) => authorize::run(&authorize::Options { ask: edge.ask() }).await,
            Self::Replays(bench) => {
                let (ask, accounts) = (bench.edge.ask(), size(bench.accounts));
                replays::run(&replays::Options { ask, accounts }).await
            }
            Self::Flood(bench) => flood::run(&bench.options()).await,
            Self::Growth(bench) => growth::run(&bench.options()).await,
            Self::Verify(Verify { events, data }) => {
                verify::run(&verify::Options { data, events }).await
            }
            Self::L402(L402 { seconds, data }) => l402::run(&l402::Options { data, seconds }),
        };
        tell(&report?, output)
    }
}

impl Engine {
    fn options(&self) -> engine::Options {
        let accounts = if self.hot { 1 } else { size(self.accounts) };
        engine::Options { ask: self.load.ask(), accounts, views: self.views == Switch::On }
    }
}

impl Credits {
    fn options(&self) -> credits::Options {
        let (accounts, lots) = (size(self.accounts), size(self.lots));
        credits::Options { ask: self.load.ask(), accounts, lots, views: self.views == Switch::On }
    }
}

impl Rebuild {
    fn options(&self) -> rebuild::Options {
        let (data, events, seed) = (self.data.clone(), self.events, self.seed);
        rebuild::Options { data, events, accounts: size(self.accounts), seed }
    }
}

impl Flood {
    fn options(&self) -> flood::Options {
        let (data, callers) = (self.data.clone(), size(self.connections));
        let (accounts, strangers) = (size(self.accounts), size(self.strangers));
        let ask = Ask { data, callers, seconds: self.seconds };
        flood::Options { ask, accounts, rate: self.rate, strangers }
    }
}

impl Growth {
    fn options(&self) -> growth::Options {
        let mut events = self.events.clone();
        events.sort_unstable();
        let (data, settings) = (self.data.clone(), self.settings.clone());
        let (accounts, rounds) = (size(self.accounts), size(self.rounds));
        growth::Options { data, events, accounts, rounds, settings }
    }
}

impl Edge {
    fn ask(&self) -> Ask {
        let (data, callers) = (self.data.clone(), size(self.connections));
        Ask { data, callers, seconds: self.seconds }
    }
}

impl Bulk {
    fn options(&self) -> bulk::Options {
        let Self { http: Http { edge, accounts }, items, atomic } = self;
        let (accounts, items) = (size(*accounts), size(*items));
        bulk::Options { ask: edge.ask(), accounts, items, atomic: *atomic }
    }
}

impl Load {
    fn ask(&self) -> Ask {
        Ask { data: self.data.clone(), callers: size(self.callers), seconds: self.seconds }
    }
}

/// A run that broke what must hold has failed, however fast it was.
fn tell(report: &Report, output: Output) -> Result<Exit, Error> {
    if output.is_json() {
        Output::document(report)?;
    } else {
        let rows: Vec<Vec<String>> = report.rows().into_iter().map(Vec::from).collect();
        let mut stream = Output::stream();
        let told = columns(&rows).iter().try_for_each(|line| stream.line(line));
        enough(told.and_then(|()| stream.finish()))?;
    }
    Ok(if report.is_sound() { Exit::Done } else { Exit::Failed })
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A variable and what it is set to.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, to) = text.split_once('=').ok_or("it has no `=`")?;
    Ok((name.to_owned(), to.to_owned()))
}

/// A time of up to an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    let told = (0.01..=3_600.0).contains(&seconds);
    if told { Ok(Duration::from_secs_f64(seconds)) } else { Err("it is 0.01 to 3600".to_owned()) }
}

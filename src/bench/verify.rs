//! `bench verify`: a roll proved and everything derived from it compared, beside a plain reading of it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::{
    Bare, Caller as _, Error, Machine, Place, Random, Report, Stock, Writer, cpu, failed, float,
};
use crate::{
    audit::{self, Ask},
    roll::{self, Record},
    views,
};

/// Callers that make the history.
const MAKERS: usize = 1_024;
/// Accounts that it is about.
const ACCOUNTS: usize = 1_000;
/// How often everything is measured; the fastest counts.
const TURNS: u32 = 3;
/// What `verify` holds unless told otherwise.
const EVENTS_HELD: u64 = 1 << 20;
/// What stands before the packed records of a block, and before each record.
const HEADER: usize = 5;
const PREFIX: usize = 4;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder on the disk to measure.
    pub data: Option<std::path::PathBuf>,
    /// How many events the roll holds.
    pub events: u64,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.data.as_deref())?;
    let mut report = Report::new("verify", "nothing is written", Machine::look(place.path())?);
    report.asked("events", options.events);
    let directory = place.house("verify");
    let events = make(&directory, options.events).await?;
    let (mut plain, mut chain, mut whole) = (Fastest::new(), Fastest::new(), Fastest::new());
    for _ in 0..TURNS {
        let began = Instant::now();
        let read = read_plainly(&directory.join("roll.db")).await?;
        plain.took(began.elapsed());
        let (began, before) = (Instant::now(), cpu::used());
        let proved = prove(&directory).await?;
        chain.took(began.elapsed());
        tell_cpu(&mut report, "chain", before, proved);
        report.must(read == proved && proved == events, || {
            format!("{events} events were made, {read} read and {proved} proved")
        });
        let (began, before) = (Instant::now(), cpu::used());
        check(&directory, &place, &mut report).await?;
        whole.took(began.elapsed());
        tell_cpu(&mut report, "verify", before, events);
    }
    report.found("chain_per_second", chain.per_second(events));
    report.found("verify_per_second", whole.per_second(events));
    let what = "the same file read, unpacked, decoded and hashed on one thread, events a second";
    report.against(what, plain.per_second(events), chain.per_second(events));
    Ok(report)
}

/// The shortest of several times.
struct Fastest(Duration);

impl Fastest {
    const fn new() -> Self {
        Self(Duration::MAX)
    }

    fn took(&mut self, time: Duration) {
        self.0 = self.0.min(time);
    }

    fn per_second(&self, events: u64) -> f64 {
        float(events) / self.0.as_secs_f64()
    }
}

fn tell_cpu(report: &mut Report, name: &str, before: Option<Duration>, events: u64) {
    if let Some((before, after)) = before.zip(cpu::used()) {
        let each = after.saturating_sub(before).as_secs_f64() * 1e6 / float(events.max(1));
        report.found(format!("{name}_cpu_us"), each);
    }
}

/// A roll of bare commands, its index and its views.
async fn make(directory: &Path, events: u64) -> Result<u64, Error> {
    let writer = Writer::start(directory).await?;
    let stock = Stock::of(&writer.engine, ACCOUNTS).await?;
    let random = Mutex::new(Random::seeded()?);
    let each = events / u64::try_from(MAKERS).unwrap_or(1);
    let mut makers = tokio::task::JoinSet::new();
    for _ in 0..MAKERS {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        let mut maker = Bare::new(&writer.engine, &stock, &mut random);
        makers.spawn(async move {
            for _ in 0..each {
                maker.call().await?;
            }
            Ok(())
        });
    }
    while let Some(made) = makers.join_next().await {
        let made: Result<(), super::BoxError> = made.map_err(failed("make a history"))?;
        made.map_err(failed("make a history"))?;
    }
    let (events, source) = (writer.engine.head().position, Arc::new(writer.roll.clone()));
    let built = views::rebuild(directory, &source, |_| {}).await;
    built.map_err(failed("build the views"))?.writer.close().await;
    writer.stop().await?;
    Ok(events)
}

/// Every row of blocks read, every record unpacked, decoded and hashed, one after another.
async fn read_plainly(file: &Path) -> Result<u64, Error> {
    let reading = "read the roll plainly";
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await.map_err(failed(reading))?;
    let query = sqlx::query_scalar::<_, Vec<u8>>("SELECT body FROM blocks ORDER BY first");
    let mut bodies = query.fetch(&mut connection);
    let mut records = 0;
    while let Some(body) = bodies.try_next().await.map_err(failed(reading))? {
        records += hash(&body)?;
    }
    drop(bodies);
    connection.close().await.map_err(failed(reading))?;
    Ok(records)
}

fn hash(body: &[u8]) -> Result<u64, Error> {
    let cut = || failed("unpack a block")("it is cut off");
    let (header, packed) = body.split_at_checked(HEADER).ok_or_else(cut)?;
    let length = header.last_chunk().map_or(0, |length| u32::from_be_bytes(*length));
    let length = usize::try_from(length).unwrap_or(0);
    let unpacked = match header {
        [1, ..] => lz4_flex::block::decompress(packed, length).map_err(failed("unpack a block"))?,
        _ => packed.to_vec(),
    };
    let (mut rest, mut records) = (unpacked.as_slice(), 0);
    while let Some((length, after)) = rest.split_first_chunk::<PREFIX>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (record, after) = after.split_at_checked(length).ok_or_else(cut)?;
        std::hint::black_box(Record::read(record).map_err(failed("decode a record"))?);
        std::hint::black_box(Sha256::digest(record));
        (rest, records) = (after, records + 1);
    }
    Ok(records)
}

async fn prove(directory: &Path) -> Result<u64, Error> {
    let roll = roll::open_to_audit(directory).await.map_err(failed("open the roll"))?;
    let head = roll.head().await.map_err(failed("read the roll"))?;
    let proved = audit::prove(&roll, 0, head.position).await;
    roll.close().await;
    proved.map_err(failed("prove the chain"))
}

async fn check(directory: &Path, place: &Place, report: &mut Report) -> Result<(), Error> {
    let scratch = place.house("scratch");
    std::fs::create_dir_all(&scratch).map_err(failed("make a directory"))?;
    let ask =
        Ask { directory: directory.to_owned(), anchors: vec![], scratch, events_held: EVENTS_HELD };
    let verified = audit::verify(&ask, &()).await.map_err(failed("verify"))?;
    let first = verified.first().map(ToString::to_string);
    report.must(first.is_none(), || first.unwrap_or_default());
    Ok(())
}

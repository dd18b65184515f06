//! `bench engine`: bare commands put to the writer in this process, each group synced.
//!
//! First the writer with its index alone, then the groups that it made appended raw, which is the
//! limit, then the whole program with its views and reactors.

mod raw;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use piperoll_domain::id::TenantId;

use super::{
    Ask, Bare, Error, House, Load, Machine, Place, Random, Report, Stock, Writer, closed_loop,
    disk, failed, float,
};
use crate::{engine, roll::Roll};

/// How often is looked how far behind the views are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Records of others that may stand behind a tenant's last one.
const BEHIND: u64 = 1_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked.
    pub ask: Ask,
    /// Accounts that are spent from.
    pub accounts: usize,
    /// Whether the whole program is measured too.
    pub views: bool,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "each group is synced before it is answered";
    let mut report = Report::new("engine", durability, Machine::look(place.path())?);
    report.asked("callers", options.ask.callers);
    report.asked("accounts", options.accounts);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    report.asked("views", options.views);
    let alone = alone(options, &place, &mut report).await?;
    if options.views {
        whole(options, &place, &alone, &mut report).await?;
    }
    Ok(report)
}

/// The writer and its index, and against it the same groups appended raw.
async fn alone(options: &Options, place: &Place, report: &mut Report) -> Result<Load, Error> {
    let directory = place.house("alone");
    let writer = Writer::start(&directory).await?;
    let load = load(options, &writer.engine, report).await?;
    report.load("alone", &load);
    let groups = raw::groups(&writer.roll).await?;
    let events = writer.engine.head().position;
    writer.stop().await?;
    report.found("roll_bytes_per_event", disk::per_event(&directory.join("roll.db"), events)?);
    report.found("index_bytes_per_event", disk::per_event(&directory.join("index"), events)?);
    remove(&directory)?;
    let raw = raw::append(&place.house("raw"), &groups, options.ask.seconds / 3).await?;
    report.found("group_events_mean", groups.mean());
    report.found("raw_append_p50_us", float(raw.latency.value_at_percentile(50.0)));
    report.found("raw_append_p99_us", float(raw.latency.value_at_percentile(99.0)));
    let what = "the same groups as ready-made, uncompressed blocks, appended raw, events a second";
    report.against(what, raw.per_second, load.per_second());
    Ok(load)
}

/// The whole program.
async fn whole(
    options: &Options,
    place: &Place,
    alone: &Load,
    report: &mut Report,
) -> Result<(), Error> {
    let directory = place.house("whole");
    let house = Arc::new(House::start(&directory, &[]).await?);
    let lags = Arc::new(Mutex::new(Vec::new()));
    let watching = tokio::spawn(watch(house.clone(), lags.clone()));
    let load = load(options, house.engine(), report).await?;
    watching.abort();
    // It held a handle on the house; whether it ended by itself does not matter.
    let _ = watching.await;
    report.load("whole", &load);
    tell_lag(&lags.lock().unwrap_or_else(PoisonError::into_inner), house.lag(), report);
    report.found("views_catch_up_ms", house.catch_up().await?.as_secs_f64() * 1e3);
    let open: usize = house.engine().open_duties().iter().map(|duties| duties.count).sum();
    report.must(open == 0, || format!("{open} duties are open, and nobody opened any"));
    if let Some((whole, alone)) = load.cpu_per_unit().zip(alone.cpu_per_unit()) {
        report.found("views_cpu_us", whole.saturating_sub(alone).as_secs_f64() * 1e6);
    }
    let events = house.engine().head().position;
    if let Ok(house) = Arc::try_unwrap(house).map_err(drop) {
        house.stop().await;
    }
    disk::views(&directory, events, report).await?;
    remove(&directory)
}

/// Puts bare commands to an engine. What was acknowledged is what was appended, or the run is broken.
async fn load(
    options: &Options,
    engine: &engine::Engine,
    report: &mut Report,
) -> Result<Load, Error> {
    let stock = Stock::of(engine, options.accounts).await?;
    let before = count(engine.roll(), &stock.tenant).await?;
    let random = Mutex::new(Random::seeded()?);
    let load = closed_loop(options.ask.plan(), |_| {
        Bare::new(engine, &stock, &mut random.lock().unwrap_or_else(PoisonError::into_inner))
    })
    .await?;
    let appended = count(engine.roll(), &stock.tenant).await?.saturating_sub(before);
    report.must(appended == load.units_ever, || {
        format!("{} commands were acknowledged and {appended} appended", load.units_ever)
    });
    Ok(load)
}

/// How many events a tenant has, as its last record says.
pub(super) async fn count(roll: &Roll, tenant: &TenantId) -> Result<u64, Error> {
    let head = roll.head().await.map_err(failed("read the roll"))?.position;
    for position in (head.saturating_sub(BEHIND)..=head).rev() {
        let record = roll.record(position).await.map_err(failed("read the roll"))?;
        let Some(entry) = record else { continue };
        let record = entry.record().map_err(failed("read a record"))?;
        if record.tenant == tenant.as_str() {
            return Ok(record.tenant_version);
        }
    }
    Err(failed("find the tenant's last record")("there is none near the end"))
}

async fn watch(house: Arc<House>, lags: Arc<Mutex<Vec<u64>>>) {
    loop {
        lags.lock().unwrap_or_else(PoisonError::into_inner).push(house.lag());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// It goes up and down, so a lag that grows is seen in the middle of each quarter of the run.
fn tell_lag(lags: &[u64], end: u64, report: &mut Report) {
    for (quarter, lags) in (1..).zip(lags.chunks(lags.len().div_ceil(4).max(1))) {
        let mut lags = lags.to_vec();
        lags.sort_unstable();
        let middle = lags.get(lags.len() / 2).copied().unwrap_or(0);
        report.found(format!("views_lag_quarter_{quarter}_events"), float(middle));
    }
    report.found("views_lag_most_events", float(lags.iter().copied().max().unwrap_or(0)));
    report.found("views_lag_end_events", float(end));
}

fn remove(directory: &Path) -> Result<(), Error> {
    std::fs::remove_dir_all(directory).map_err(failed("remove what was measured"))
}

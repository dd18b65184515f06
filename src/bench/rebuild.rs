//! `bench rebuild`: all views from nothing, of a roll with a day of business in it.
//!
//! The limit is reading, decoding and folding the same events alone. Beside it stand what a row costs
//! the same SQLite at least, what each view takes of the time and of the disk, and how fast the
//! follower catches up with the same events.

mod mix;
mod row;
mod veiled;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use piperoll_domain::{bytes::Bytes, time::Time, wire};
use piperoll_projections::SCHEMAS;
use tokio_util::sync::CancellationToken;

use self::{mix::Mix, veiled::Veiled};
use super::{Error, Machine, Place, Report, cpu, disk, failed, float};
use crate::{
    roll::{self, BlockBuilder, DirectoryLock, Identity, Roll},
    views::{self, AsOf, Store, Views},
};

/// About how many events a group has when the writer is busy.
const GROUP: usize = 500;
/// How long the follower may take.
const CATCH_UP: Duration = Duration::from_mins(30);

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder on the disk to measure; the system's own for temporary files unless said otherwise.
    pub data: Option<PathBuf>,
    /// Events of the roll.
    pub events: u64,
    /// Accounts that they concern.
    pub accounts: usize,
    /// The same seed gives the same events.
    pub seed: u64,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.data.as_deref())?;
    let durability = "a new generation of views is synced before it is put in force";
    let mut report = Report::new("rebuild", durability, Machine::look(place.path())?);
    report.asked("events", options.events);
    report.asked("accounts", options.accounts);
    report.asked("seed", options.seed);
    let directory = place.house("rebuild");
    std::fs::create_dir_all(&directory).map_err(failed("make a directory"))?;
    let lock = DirectoryLock::acquire(&directory, "piperoll bench");
    let lock = lock.map_err(failed("take the directory"))?;
    let roll = write(&lock, options, &mut report).await?;
    measure(&directory, &roll, &place, &mut report).await?;
    roll.close().await;
    Ok(report)
}

async fn measure(
    directory: &Path,
    roll: &Roll,
    place: &Place,
    report: &mut Report,
) -> Result<(), Error> {
    let source = Arc::new(roll.clone());
    let events = roll.head().await.map_err(failed("read the roll"))?.position;
    report.found("roll_bytes_per_event", disk::per_event(&directory.join("roll.db"), events)?);
    let watch = Watch::start();
    let folded = views::fold_all(&source).await.map_err(failed("fold the roll"))?;
    let limit = watch.tell("fold", folded, report);
    let watch = Watch::start();
    let store = views::rebuild(directory, &source, |_| {}).await;
    let store = store.map_err(failed("build the views"))?;
    let rebuilt = watch.tell("rebuild", events, report);
    tell_shares(&store, events, report);
    let Store { generation, writer } = store;
    report
        .must(writer.mark().position == events, || "the views do not stand at the end".to_owned());
    writer.close().await;
    check(generation, report).await?;
    disk::views(directory, events, report).await?;
    follow(directory, roll, events, report).await?;
    row::measure(&place.house("row.db"), events, report).await?;
    let what = "reading, decoding and folding the same events alone, events a second";
    report.against(what, limit, rebuilt);
    Ok(())
}

/// Writes the roll.
async fn write(
    lock: &DirectoryLock,
    options: &Options,
    report: &mut Report,
) -> Result<Roll, Error> {
    let identity =
        Identity { id: Bytes([7; 16]), name: "main".to_owned(), created: Time::from_micros(1) };
    roll::create(lock, &identity).await.map_err(failed("create the roll"))?;
    let roll = roll::open(lock, None).await.map_err(failed("open the roll"))?;
    let mix = Mix::new(options.seed, options.accounts, identity.id);
    let mut mix = mix.map_err(failed("make events"))?;
    let mut head = roll.head().await.map_err(failed("read the roll"))?;
    let mut data = vec![];
    while head.position < options.events {
        let mut block = BlockBuilder::new(head.position);
        for recorded in mix.next(GROUP).map_err(failed("make events"))? {
            data.clear();
            wire::encode(&recorded.event, &mut data).map_err(failed("encode an event"))?;
            let name = recorded.event.name();
            block.push(&recorded.envelope, name, &data).map_err(failed("fill a block"))?;
        }
        let block = block.finish(head).ok_or("it is empty").map_err(failed("fill a block"))?;
        head = roll.append(head, &block).await.map_err(failed("append to the roll"))?;
    }
    report.must(mix.is_sound(), || "the rules would not have said these events".to_owned());
    for (name, share) in ["spends", "top_ups", "others"].into_iter().zip(mix.shares()) {
        report.found(format!("{name}_percent"), share);
    }
    Ok(roll)
}

/// What each view takes of the time that writing takes.
fn tell_shares(store: &Store, events: u64, report: &mut Report) {
    for (schema, spent) in SCHEMAS.iter().zip(store.writer.spent()) {
        let micros = spent.as_secs_f64() * 1e6 / float(events.max(1));
        report.found(format!("view_{}_write_us", schema.name), micros);
    }
}

/// Fast and wrong would be worth nothing.
async fn check(generation: views::store::Generation, report: &mut Report) -> Result<(), Error> {
    let read = failed("read the views");
    let mut snapshot = views::Snapshot::of(Arc::new(generation)).await.map_err(read)?;
    let broken = snapshot.lot_violations().await.map_err(failed("read the views"))?;
    report.must(broken == 0, || format!("{broken} lots do not add up"));
    let lines = snapshot.trial_balance(None, AsOf::Now).await.map_err(failed("read the views"))?;
    let sum: i128 = lines.iter().map(|line| line.debit - line.credit).sum();
    report.must(sum == 0, || format!("debits and credits differ by {sum}"));
    Ok(())
}

/// The follower, alone: from its first event to the end, each batch in a transaction.
async fn follow(
    directory: &Path,
    roll: &Roll,
    events: u64,
    report: &mut Report,
) -> Result<(), Error> {
    let source = Arc::new(Veiled::over(roll.clone()));
    let store = views::rebuild(directory, &source, |_| {}).await;
    let (views, follower) =
        Views::start(directory, store.map_err(failed("build the views"))?, source.clone());
    let stop = CancellationToken::new();
    let task = tokio::spawn(follower.run(stop.clone()));
    let begun = views.applied();
    let watch = Watch::start();
    source.unveil();
    views.wait_for(events, CATCH_UP).await.map_err(failed("catch up"))?;
    watch.tell("follow", events - begun, report);
    let batches = views.lag().borrow().batches;
    report.found("follow_batch_events", float(events - begun) / float(batches.max(1)));
    stop.cancel();
    task.await.map_err(failed("stop the views"))
}

/// Time and processor time of a stage.
struct Watch {
    began: Instant,
    cpu: Option<Duration>,
}

impl Watch {
    fn start() -> Self {
        Self { began: Instant::now(), cpu: cpu::used() }
    }

    /// Tells events a second, and processor time for each. Returns the former.
    fn tell(self, name: &str, events: u64, report: &mut Report) -> f64 {
        let per_second = float(events) / self.began.elapsed().as_secs_f64();
        report.found(format!("{name}_per_second"), per_second);
        if let Some((after, before)) = cpu::used().zip(self.cpu) {
            let micros = after.saturating_sub(before).as_secs_f64() * 1e6;
            report.found(format!("{name}_cpu_us"), micros / float(events.max(1)));
        }
        per_second
    }
}

#[cfg(test)]
mod tests;

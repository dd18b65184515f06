//! The house as a whole, on a clock and with luck that a seed decides.
//!
//! # Shape
//! A seed gives a world: a roll in memory, a Lightning node, buyers, an operator, a postman. The
//! house that serves them is the real one: engine, service, reactors, sandbox provider. Everything
//! runs on one thread, in time that stands still while anybody has something to do. The seed also
//! decides what goes wrong: appends that are refused, lost or never answered, processes that die
//! between any two instructions that wait, indexes that a power cut takes, clocks that somebody
//! sets, a provider that is silent, late or lies.
//!
//! # Correctness
//! After every step an observer takes in what is new in the roll, with sums of its own, and says
//! what does not hold. At the end the weather is fair: whatever is owed must get done.

mod buyer;
mod dice;
mod end;
mod furniture;
mod house;
mod ledger;
mod operator;
mod plan;
mod postman;
mod trace;
mod wallet;
mod weather;
mod world;

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::runtime::{Builder, Runtime};

use self::{
    house::{End, House},
    ledger::Broken,
    plan::Plan,
    weather::Weather,
    world::World,
};

/// How many seeds the tests run, unless somebody asks for more.
const SEEDS: u64 = 300;
/// A store that lies must be caught within so many seeds.
const LIES: u64 = 5;

/// What must have happened in some world, for all of them together to prove anything.
const HAPPENS: &[&str] = &[
    "billing.changed.v1",
    "clock.corrected.v1",
    "credit.finalized.v1",
    "credit.released.v1",
    "credit.reserved.v1",
    "credit.shadow_finalized.v1",
    "credit.shadow_reserved.v1",
    "credit.spent.v1",
    "debt.repaid.v1",
    "entitlement.granted.v1",
    "entitlement.released.v1",
    "entitlement.repeated.v1",
    "entitlement.used.v1",
    "key.revoked.v1",
    "lot.clawed_back.v1",
    "lot.expired.v1",
    "lot.minted.v1",
    "payment.abandoned.v1",
    "payment.consumed.v1",
    "payment.expired.v1",
    "payment.failed.v1",
    "payment.outcome_unknown.v1",
    "payment.refunded.v1",
    "payment.review_opened.v1",
    "payment.review_resolved.v1",
    "payment.settled.v1",
    "payment.settlement_named.v1",
    "receipt.recorded.v1",
    "receipts.refused.v1",
    "reconciliation.finished.v1",
    "writer.started.v1",
];

/// Events by name, and how often each was recorded.
type Happened = BTreeMap<&'static str, usize>;

/// A run that broke.
struct Failure {
    seed: u64,
    broken: Broken,
    steps: usize,
    tail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, broken: Broken { invariant, found }, steps, tail } = self;
        writeln!(
            f,
            "seed {seed:#x}, step {steps}: {invariant}\n  {found}\nthe last steps:\n{tail}"
        )?;
        write!(f, "again: tests/run simulation --seed {seed:#x}")
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Runs one seed to its end.
fn run(seed: u64, change: impl FnOnce(&mut Plan)) -> (Arc<World>, Option<Failure>) {
    let world = World::new(seed, change);
    let lived = catch_unwind(AssertUnwindSafe(|| live(&world)));
    let mut state = world.state();
    if lived.is_err() {
        let found = "see the panic above".to_owned();
        state.note(Err(Broken { invariant: "nothing panics", found }));
    }
    let failure = state.broken.clone().map(|broken| {
        let (steps, tail) = (state.trace.steps, state.trace.tail());
        Failure { seed, broken, steps, tail }
    });
    drop(state);
    (world, failure)
}

fn live(world: &Arc<World>) {
    for number in 0.. {
        if world.is_over() || number > 40 {
            break;
        }
        let mut dice = world.dice.of(5_000 + number);
        let share = usize::try_from(20 + dice.below(150)).unwrap();
        let dies = dice.happens(world.plan.crash / 2);
        let weather = Weather::new(if dies { 3 + dice.below(60).cast_signed() } else { i64::MAX });
        // A process and everything in it: what waits when it dies never goes on.
        let runtime = runtime();
        let end = runtime.block_on(life(world, weather, share));
        drop(runtime);
        world.step(format!("a life ends: {end:?}"));
        if end != End::Stopped {
            lose(world, &mut dice);
        }
        rotate(world, &mut dice);
    }
    if world.state().broken.is_none() {
        runtime().block_on(end::come(world));
    }
}

async fn life(world: &Arc<World>, weather: Weather, share: usize) -> End {
    let dead = weather.dead.clone();
    let house = tokio::select! {
        biased;
        () = dead.cancelled() => return End::Killed,
        house = House::start(world, weather) => house,
    };
    match house {
        Some(house) => house.live(share).await,
        None => End::Stillborn,
    }
}

/// What a crash takes: nothing of the roll, anything of the index.
fn lose(world: &World, dice: &mut dice::Dice) {
    if !dice.happens(world.plan.index_lost) {
        return;
    }
    let mut state = world.state();
    state.index = if dice.happens(500) {
        state.older.copy()
    } else {
        piperoll::engine::IndexMemory::default().slow(world.plan.index_pace)
    };
}

/// Between lives, tokens may come to be sold under another secret; the old ones stay good.
fn rotate(world: &World, dice: &mut dice::Dice) {
    if dice.happens(200) {
        let mut state = world.state();
        let name = format!("what-tokens-are-sold-under-{:010}", state.tokens.len());
        state.tokens.insert(0, name);
    }
}

/// Runs seeds on every processor; the first failures, if there are any, and what happened how often.
fn run_many(seeds: std::ops::Range<u64>) -> (Vec<Failure>, Happened) {
    let (next, failures) = (AtomicU64::new(seeds.start), Mutex::new(vec![]));
    let happened = Mutex::new(Happened::new());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failures.lock().unwrap().len() > 5 {
                        break;
                    }
                    let (world, failure) = run(seed, |_| {});
                    // Told at once: a long run may be ended before its end.
                    if let Some(failure) = &failure {
                        eprintln!("{failure}");
                    }
                    failures.lock().unwrap().extend(failure);
                    let mut happened = happened.lock().unwrap();
                    for (name, count) in &world.state().ledger.names {
                        *happened.entry(name).or_default() += count;
                    }
                }
            });
        }
    });
    (failures.into_inner().unwrap(), happened.into_inner().unwrap())
}

fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn every_promise_holds_in_every_world() {
    if let Some(seed) = asked("PIPEROLL_SIMULATION_SEED") {
        let failure = run(seed, |_| {}).1;
        return assert!(failure.is_none(), "{}", failure.unwrap());
    }
    let from = asked("PIPEROLL_SIMULATION_FROM").unwrap_or(0);
    let seeds = asked("PIPEROLL_SIMULATION_SEEDS").unwrap_or(SEEDS).max(SEEDS);
    let (failures, happened) = run_many(from..from.saturating_add(seeds));
    let texts: Vec<String> = failures.iter().map(Failure::to_string).collect();
    assert!(texts.is_empty(), "{}", texts.join("\n\n"));
    // Worlds in which nothing happens prove nothing.
    let missing: Vec<_> = HAPPENS.iter().filter(|name| !happened.contains_key(*name)).collect();
    assert!(missing.is_empty(), "no world has seen {missing:?}: {happened:#?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [7, 77, 777, 7_777, 77_777] {
        let traces: Vec<_> = (0..2)
            .map(|_| {
                let (world, failure) = run(seed, |_| {});
                assert!(failure.is_none(), "{}", failure.unwrap());
                let state = world.state();
                (state.trace.steps, state.trace.hash(), state.ledger.head)
            })
            .collect();
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}

#[test]
fn a_store_that_says_that_it_stored_what_it_did_not_is_caught() {
    let caught = (0..LIES).find_map(|seed| run(seed, |plan| plan.lies = 20).1);
    let caught = caught.expect("somebody was told of something that is not in the roll");
    assert_eq!(caught.broken.invariant, "what was acknowledged stands in the roll", "{caught}");
}

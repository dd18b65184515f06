//! `bench credits`: credit set aside before work and charged after it, each pair two synced commands.
//!
//! First pairs over many accounts and bare commands over the same, which are the limit. A pair is known by
//! its reservation's name, as a bare command is by its key; pairs with keys besides are told apart. They take turns:
//! the index grows, and the machine is faster and slower, which must weigh as much on both. Then pairs over one hot account:
//! with one lot, with many that it had and used up, and with many that it has. Then the first once
//! more in the whole program.

mod hot;
mod pair;

use std::sync::{Mutex, PoisonError};

use self::{hot::Hot, pair::Pair};
use super::{
    Ask, Bare, Error, House, Load, Machine, Place, Plan, Random, Report, Stock, Writer,
    closed_loop, engine::count, report::float,
};
use crate::engine::Engine;

/// Between one lot and as many as are asked for.
const MIDDLE: usize = 1_000;

/// How often bare commands and pairs take turns.
const TURNS: u32 = 6;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked.
    pub ask: Ask,
    /// Accounts that are taken from.
    pub accounts: usize,
    /// The most lots that a hot account has, and that another one has had.
    pub lots: usize,
    /// Whether the whole program, with views and reactors, is measured too.
    pub views: bool,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "each group is synced before it is answered";
    let mut report = Report::new("credits", durability, Machine::look(place.path())?);
    report.asked("callers", options.ask.callers);
    report.asked("accounts", options.accounts);
    report.asked("lots", options.lots);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    let writer = Writer::start(&place.house("credits")).await?;
    let stock = Stock::of(&writer.engine, options.accounts).await?;
    let (bare, pairs) = spread(options, &writer.engine, &stock, "", &mut report).await?;
    report.found("alone_ratio", pairs.per_second() / bare.per_second().max(1e-9));
    hot_ones(options, &writer.engine, &stock, &mut report).await?;
    all_must_be_ended(&writer.engine, &mut report);
    writer.stop().await?;
    let (bare, pairs) =
        if options.views { whole(options, &place, &mut report).await? } else { (bare, pairs) };
    let what = "bare commands a second, over the same accounts";
    report.against(what, bare.per_second(), pairs.per_second());
    Ok(report)
}

/// The first in the whole program.
async fn whole(
    options: &Options,
    place: &Place,
    report: &mut Report,
) -> Result<(Load, Load), Error> {
    let house = House::start(&place.house("whole"), &[]).await?;
    let stock = Stock::of(house.engine(), options.accounts).await?;
    let loads = spread(options, house.engine(), &stock, "whole_", report).await?;
    report.found("views_lag_events", float(house.lag()));
    report.found("views_catch_up_ms", house.catch_up().await?.as_secs_f64() * 1e3);
    all_must_be_ended(house.engine(), report);
    house.stop().await;
    Ok(loads)
}

fn all_must_be_ended(engine: &Engine, report: &mut Report) {
    let open: usize = engine.open_duties().iter().map(|duties| duties.count).sum();
    report.must(open == 0, || format!("{open} reservations were never ended"));
}

/// Bare commands and pairs, over the same accounts.
async fn spread(
    options: &Options,
    engine: &Engine,
    stock: &Stock,
    name: &str,
    report: &mut Report,
) -> Result<(Load, Load), Error> {
    pair::demand(engine, &stock.tenant).await?;
    let turn = options.ask.plan().part(TURNS);
    let mut bare = bare_commands(turn, engine, stock).await?;
    let mut pairs = pairs_of(turn, engine, stock, report).await?;
    let mut keyed = keyed_pairs_of(turn, engine, stock, report).await?;
    for _ in 1..TURNS {
        bare = bare.and(&bare_commands(turn, engine, stock).await?)?;
        pairs = pairs.and(&pairs_of(turn, engine, stock, report).await?)?;
        keyed = keyed.and(&keyed_pairs_of(turn, engine, stock, report).await?)?;
    }
    report.load(&format!("{name}bare"), &bare);
    report.load(&format!("{name}pairs"), &pairs);
    report.load(&format!("{name}keyed_pairs"), &keyed);
    report.found(format!("{name}keyed_ratio"), keyed.per_second() / bare.per_second().max(1e-9));
    if let Some((bare, pair)) = bare.cpu_per_unit().zip(pairs.cpu_per_unit()) {
        let ratio = bare.as_secs_f64() / pair.as_secs_f64().max(1e-9);
        report.found(format!("{name}cpu_ratio"), ratio);
    }
    Ok((bare, pairs))
}

async fn bare_commands(plan: Plan, engine: &Engine, stock: &Stock) -> Result<Load, Error> {
    let random = Mutex::new(Random::seeded()?);
    closed_loop(plan, |_| {
        Bare::new(engine, stock, &mut random.lock().unwrap_or_else(PoisonError::into_inner))
    })
    .await
}

/// Pairs over one account at a time; what they cost must not depend on its lots. The roll grows
/// meanwhile, so the account with one lot is asked before the others and after them.
async fn hot_ones(
    options: &Options,
    engine: &Engine,
    stock: &Stock,
    report: &mut Report,
) -> Result<(), Error> {
    let plan = options.ask.plan().part(3);
    let hot = Hot::one(engine, &stock.tenant).await?;
    let mut before = pairs_of(plan, engine, &hot, report).await?;
    report.load("hot_1", &before);
    let middle = Some(MIDDLE).filter(|middle| *middle < options.lots);
    for lots in middle.into_iter().chain([options.lots]) {
        let had = Hot::had(engine, &stock.tenant, lots).await?;
        let had = pairs_of(plan, engine, &had, report).await?;
        let live = Hot::live(engine, &stock.tenant, lots).await?;
        let live = pairs_of(plan, engine, &live, report).await?;
        let after = pairs_of(plan, engine, &hot, report).await?;
        let one = before.and(&after)?;
        tell(&format!("had_{lots}"), &one, &had, report);
        tell(&format!("live_{lots}"), &one, &live, report);
        before = after;
    }
    Ok(())
}

/// A load, and how much more a pair cost in it than where there is one lot.
fn tell(name: &str, one: &Load, many: &Load, report: &mut Report) {
    report.load(name, many);
    let (few, more) = (one.per_second(), many.per_second());
    report.found(format!("{name}_growth"), if more > 0.0 { few / more } else { 0.0 });
    if let Some((few, more)) = one.cpu_per_unit().zip(many.cpu_per_unit()) {
        let growth = more.as_secs_f64() / few.as_secs_f64().max(1e-9);
        report.found(format!("{name}_cpu_growth"), growth);
    }
}

/// Puts pairs to the engine that are known by their reservation's name.
async fn pairs_of(
    plan: Plan,
    engine: &Engine,
    stock: &Stock,
    report: &mut Report,
) -> Result<Load, Error> {
    ask_pairs(plan, engine, stock, false, report).await
}

/// The same with a key for each command.
async fn keyed_pairs_of(
    plan: Plan,
    engine: &Engine,
    stock: &Stock,
    report: &mut Report,
) -> Result<Load, Error> {
    ask_pairs(plan, engine, stock, true, report).await
}

/// Puts pairs to the engine. Each is two events, or the run is broken.
async fn ask_pairs(
    plan: Plan,
    engine: &Engine,
    stock: &Stock,
    keyed: bool,
    report: &mut Report,
) -> Result<Load, Error> {
    let before = count(engine.roll(), &stock.tenant).await?;
    let random = Mutex::new(Random::seeded()?);
    let load = closed_loop(plan, |_| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        Pair::new(engine, stock, &mut random, keyed)
    });
    let load = load.await?;
    let appended = count(engine.roll(), &stock.tenant).await?.saturating_sub(before);
    report.must(appended == load.units_ever.saturating_mul(2), || {
        format!("{} pairs were acknowledged and {appended} events appended", load.units_ever)
    });
    Ok(load)
}

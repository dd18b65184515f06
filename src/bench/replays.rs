//! `bench replays`: commands that were done, asked again under the same keys.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    Ask, BoxError, Caller, Edge, Error, Machine, Outside, Place, Random, Report, Spender, edge,
    failed, http,
};

/// Commands to be repeated, and how many are done at once.
const DONE: usize = 10_000;
const AT_ONCE: usize = 64;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked.
    pub ask: Ask,
    /// Accounts that are spent from.
    pub accounts: usize,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "what was synced is told again";
    let mut report = Report::new("replays", durability, Machine::look(place.path())?);
    report.asked("connections", options.ask.callers);
    report.asked("accounts", options.accounts);
    report.asked("repeated", DONE);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    let outside = Outside::start()?;
    let edge = Edge::start(&place.house("replays"), options.accounts).await?;
    let plan = options.ask.plan();
    let first = http::spend(&outside, &edge, plan.part(2), "first", &mut report).await?;
    let keys = done(&outside, &edge, DONE).await?;
    edge.tell_lag(&mut report).await?;
    let before = edge.house.engine().head().position;
    let load = outside.ask(plan, repeaters(&edge, keys)?).await?;
    let appended = edge.house.engine().head().position.saturating_sub(before);
    report.must(appended == 0, || format!("repeats appended {appended} events"));
    report.load("replays", &load);
    let what = "bare commands that are new, commands a second";
    report.against(what, first.per_second(), load.per_second());
    edge.stop().await;
    Ok(report)
}

/// Accounts by number, and the keys under which something was done with them.
pub(super) type Done = Arc<[(usize, String)]>;

/// Does what is to be repeated, so often.
pub(super) async fn done(outside: &Outside, edge: &Edge, count: usize) -> Result<Done, Error> {
    let mut random = Random::seeded()?;
    let one = |_| (random.below(edge.stock.accounts.len()), random.key());
    let keys: Done = (0..count).map(one).collect();
    let spenders = edge.spenders(edge.address())?;
    let each = keys.chunks(count.div_ceil(AT_ONCE).max(1)).enumerate().map(|(number, some)| {
        let (mut spender, some) = (spenders(number), some.to_vec());
        outside.run(async move {
            for (account, key) in some {
                spender.spend(account, &key).await?;
            }
            Ok::<_, BoxError>(())
        })
    });
    for put in join_all(each).await {
        put?.map_err(failed("do what is to be repeated"))?;
    }
    Ok(keys)
}

fn repeaters(
    edge: &Edge,
    done: Done,
) -> Result<impl Fn(usize) -> Repeater + Send + 'static, Error> {
    let (spenders, random) = (edge.spenders(edge.address())?, edge::Seeds::new()?);
    Ok(move |number| Repeater {
        spender: spenders(number),
        random: random.next(),
        done: Arc::clone(&done),
    })
}

/// A caller who repeats.
struct Repeater {
    spender: Spender,
    random: Random,
    done: Done,
}

impl Caller for Repeater {
    async fn call(&mut self) -> Result<u64, BoxError> {
        let (account, key) = &self.done[self.random.below(self.done.len())];
        self.spender.spend(*account, key).await
    }
}

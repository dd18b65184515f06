//! `bench bulk`: bare commands over HTTP, many in each request, against the engine itself.

use super::{
    Ask, BoxError, Caller, Edge, Error, Machine, Outside, Place, Plan, Random, Report, Stock, Wire,
    closed_loop, edge,
};

/// Callers of the engine, each with one command at a time.
const ENGINE_CALLERS: usize = 1_024;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked.
    pub ask: Ask,
    /// Accounts that are spent from.
    pub accounts: usize,
    /// Commands in a request.
    pub items: usize,
    /// All of a request's commands, or none of them.
    pub atomic: bool,
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "each request is synced before it is answered";
    let mut report = Report::new("bulk", durability, Machine::look(place.path())?);
    let mode = if options.atomic { "atomic" } else { "independent" };
    report.asked("connections", options.ask.callers);
    report.asked("items", options.items);
    report.asked("mode", mode);
    report.asked("accounts", options.accounts);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    let outside = Outside::start()?;
    let edge = Edge::start(&place.house("bulk"), options.accounts).await?;
    let plan = options.ask.plan();
    let engine = Plan { callers: ENGINE_CALLERS, ..plan.part(3) };
    let engine = closed_loop(engine, edge.bare()?).await?;
    report.load("engine", &engine);
    edge.tell_lag(&mut report).await?;
    let before = edge.house.engine().head().position;
    let load = outside.ask(plan, batchers(&edge, mode, options.items)?).await?;
    let appended = edge.house.engine().head().position.saturating_sub(before);
    report.must(appended == load.units_ever, || {
        format!("{} commands were answered and {appended} appended", load.units_ever)
    });
    report.load("bulk", &load);
    edge.tell_lag(&mut report).await?;
    let what = "the engine in the whole program, asked by 1 024 callers, commands a second";
    report.against(what, engine.per_second(), load.per_second());
    edge.stop().await;
    Ok(report)
}

fn batchers(
    edge: &Edge,
    mode: &str,
    items: usize,
) -> Result<impl Fn(usize) -> Batcher + Send + 'static, Error> {
    let (address, stock, key) = (edge.address(), edge.stock.clone(), edge.key.clone());
    let line = format!("POST /v1/batch?mode={mode}");
    let random = edge::Seeds::new()?;
    Ok(move |_| Batcher {
        wire: Wire::to(address),
        stock: stock.clone(),
        key: key.clone(),
        line: line.clone(),
        items,
        random: random.next(),
        out: vec![],
    })
}

/// A caller who sends one batch after another.
struct Batcher {
    wire: Wire,
    stock: Stock,
    key: String,
    line: String,
    items: usize,
    random: Random,
    out: Vec<u8>,
}

impl Caller for Batcher {
    async fn call(&mut self) -> Result<u64, BoxError> {
        let mut body = String::with_capacity(self.items.saturating_mul(192));
        for _ in 0..self.items {
            let account = self.random.below(self.stock.accounts.len());
            let account = self.stock.accounts.get(account).map_or("", |account| account.as_str());
            body.push_str(r#"{"operation":"account.spend","idempotency_key":""#);
            body.push_str(&self.random.key());
            body.push_str(r#"","account":""#);
            body.push_str(account);
            body.push_str("\",\"amount\":{\"commodity\":\"MSAT\",\"amount\":\"1\"}}\n");
        }
        let fields =
            [("piperoll-key", self.key.as_str()), ("content-type", "application/x-ndjson")];
        edge::request(&self.line, &fields, &body, &mut self.out);
        let answer = self.wire.must(&self.out, 200).await?;
        let done = answer.body.split(|byte| *byte == b'\n');
        let done = done.filter(|line| line.starts_with(br#"{"status":201,"#)).count();
        if done == self.items {
            Ok(u64::try_from(done)?)
        } else {
            let first = String::from_utf8_lossy(answer.body);
            Err(format!("{done} of {} were done: {first:.300}", self.items).into())
        }
    }
}

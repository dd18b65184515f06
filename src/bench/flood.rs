//! `bench flood`: those who pay, beside a flood of forged webhooks or of bad credentials.

mod forged;

use std::time::{Duration, Instant};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use self::forged::{Forger, Kind};
use super::{
    Ask, BoxError, Caller, Edge, Error, Load, Machine, Outside, Place, Plan, Report, Spender,
    authorize::{Passer, Shop, USES},
    failed, float,
};

/// What it is compared with.
const QUIET: &str = "the same load without a flood, in the same run, calls a second";
/// What is asked of a flood at least, so that it counts as one.
const FLOWS: f64 = 0.9;
/// Without a flood, and beside each, in turn: so often, so that a machine that slows down is no flood.
const ROUNDS: u32 = 5;
/// What a round consists of.
const PARTS: u32 = 3;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all benches are asked; those who pay are its callers.
    pub ask: Ask,
    /// Accounts that are spent from.
    pub accounts: usize,
    /// Forgeries a second.
    pub rate: u32,
    /// Connections that they come over.
    pub strangers: usize,
}

/// What became of a flood.
struct Flood {
    took: Duration,
    sent: u64,
    first_failure: Option<String>,
}

/// What was paid beside it.
struct Flooded {
    load: Load,
    flood: Flood,
}

impl Flooded {
    /// This and an earlier one, as one.
    fn and(self, before: Self) -> Result<Self, Error> {
        let flood = Flood {
            took: self.flood.took.saturating_add(before.flood.took),
            sent: self.flood.sent.saturating_add(before.flood.sent),
            first_failure: before.flood.first_failure.or(self.flood.first_failure),
        };
        Ok(Self { load: self.load.and(&before.load)?, flood })
    }
}

/// Measures.
pub async fn run(options: &Options) -> Result<Report, Error> {
    let place = Place::make(options.ask.data.as_deref())?;
    let durability = "each command and each counted use is synced before it is answered";
    let mut report = Report::new("flood", durability, Machine::look(place.path())?);
    report.asked("connections", options.ask.callers);
    report.asked("accounts", options.accounts);
    report.asked("forgeries_per_second", options.rate);
    report.asked("strangers", options.strangers);
    report.asked("seconds", options.ask.seconds.as_secs_f64());
    let edge = Edge::start(&place.house("flood"), options.accounts).await?;
    let bench = Bench::of(&edge, options).await?;
    bench.measure(&mut report).await?;
    edge.tell_lag(&mut report).await?;
    edge.stop().await;
    Ok(report)
}

/// A shop, those who pay in it, and those who only knock.
struct Bench<'a> {
    edge: &'a Edge,
    options: &'a Options,
    outside: Outside,
    shown: Vec<std::sync::Arc<[u8]>>,
    token: String,
}

impl<'a> Bench<'a> {
    async fn of(edge: &'a Edge, options: &'a Options) -> Result<Self, Error> {
        let outside = Outside::start()?;
        let mut shop = Shop::of(edge);
        let sold = async move {
            let uses = serde_json::json!({ "uses": { "count": USES } });
            let shown = shop.sell("uses", uses).await?;
            Ok::<_, BoxError>((shown, shop.token("uses").await?))
        };
        let sold = outside.run(sold).await?;
        let (shown, token) = sold.map_err(failed("sell what is asked for"))?;
        Ok(Self { edge, options, outside, shown, token })
    }

    async fn measure(&self, report: &mut Report) -> Result<(), Error> {
        let mut quiet = self.pay("alone", report).await?;
        let mut beside = Kind::ALL.map(|kind| (kind, None));
        for round in 0..ROUNDS {
            if round > 0 {
                quiet = quiet.and(&self.pay("alone", report).await?)?;
            }
            // Each kind is as often the first as the other, as near as may be.
            beside.reverse();
            for (kind, so_far) in &mut beside {
                let more = self.flooded(*kind, report).await?;
                *so_far = Some(match so_far.take() {
                    Some(before) => more.and(before)?,
                    None => more,
                });
            }
        }
        report.load("alone", &quiet);
        let mut worst = f64::INFINITY;
        for (kind, beside) in beside {
            let Some(beside) = beside else { continue };
            let ratio = beside.load.per_second() / quiet.per_second();
            worst = worst.min(beside.load.per_second());
            report.found(format!("{}_ratio", kind.name()), ratio);
            self.tell(kind, beside, report);
            self.forged(kind, report).await?;
        }
        report.against(QUIET, quiet.per_second(), worst);
        Ok(())
    }

    /// Half of those who pay spend credit, the others show what they bought. Each answer is appended.
    async fn pay(&self, name: &str, report: &mut Report) -> Result<Load, Error> {
        let before = self.edge.house.engine().head().position;
        let (address, shown) = (self.edge.address(), self.shown.clone());
        let spender = self.edge.spenders(address)?;
        let payer = move |number: usize| {
            if number.is_multiple_of(2) {
                Payer::Spends(spender(number))
            } else {
                Payer::Shows(Passer::of(address, &shown, number / 2))
            }
        };
        let load = self.outside.ask(self.options.ask.plan().part(PARTS * ROUNDS), payer).await?;
        let appended = self.edge.house.engine().head().position.saturating_sub(before);
        report.must(appended >= load.units_ever, || {
            format!("{name}: {} were answered and {appended} events appended", load.units_ever)
        });
        Ok(load)
    }

    /// The same load beside a flood.
    async fn flooded(&self, kind: Kind, report: &mut Report) -> Result<Flooded, Error> {
        let (stop, each) = (CancellationToken::new(), self.forgers(kind));
        let (strangers, rate) = (self.options.strangers, self.options.rate);
        let flood = self.outside.run(flood((0..strangers).map(each).collect(), rate, stop.clone()));
        let paying = async {
            let paid = self.pay(kind.name(), report).await;
            stop.cancel();
            paid
        };
        let (flood, load) = tokio::join!(flood, paying);
        Ok(Flooded { load: load?, flood: flood? })
    }

    fn tell(&self, kind: Kind, beside: Flooded, report: &mut Report) {
        let Flooded { load, flood: Flood { took, sent, first_failure } } = beside;
        report.load(kind.name(), &load);
        let per_second = float(sent) / took.as_secs_f64();
        report.found(format!("{}_flood_per_second", kind.name()), per_second);
        if per_second < f64::from(self.options.rate) * FLOWS {
            report.warnings.push(format!("the flood of {} came to less than asked", kind.name()));
        }
        report.must(first_failure.is_none(), || {
            format!("a forgery was not refused: {}", first_failure.unwrap_or_default())
        });
    }

    /// What a forgery costs, when there is nothing else, and what part of a core so many a second take.
    async fn forged(&self, kind: Kind, report: &mut Report) -> Result<(), Error> {
        let plan = self.options.ask.plan().part(2 * PARTS);
        let plan = Plan { callers: self.options.strangers, ..plan };
        let load = self.outside.ask(plan, self.forgers(kind)).await?;
        report.load(&format!("{}_forged", kind.name()), &load);
        if let (Some(all), Some(callers)) = (load.cpu_per_unit(), load.cpu_outside_per_unit()) {
            let server = all.saturating_sub(callers).as_secs_f64();
            let cores = server * f64::from(self.options.rate);
            report.found(format!("{}_flood_cores", kind.name()), cores);
        }
        Ok(())
    }

    fn forgers(&self, kind: Kind) -> impl Fn(usize) -> Forger + Send + 'static {
        let (address, key) = (self.edge.address(), self.edge.key.clone());
        let token = self.token.clone();
        move |number| Forger::new(kind, address, &key, &token, number)
    }
}

/// Sends forgeries at a steady rate until it is stopped.
async fn flood(forgers: Vec<Forger>, rate: u32, stop: CancellationToken) -> Flood {
    let began = Instant::now();
    let each = f64::from(rate) / float(u64::try_from(forgers.len()).unwrap_or(u64::MAX));
    let pause = Duration::from_secs_f64(1.0 / each.max(0.001));
    let mut strangers: JoinSet<_> =
        forgers.into_iter().map(|forger| knock(forger, pause, stop.clone())).collect();
    let mut flooded = Flood { took: Duration::ZERO, sent: 0, first_failure: None };
    while let Some(ended) = strangers.join_next().await {
        let (sent, failure) = ended.unwrap_or_else(|error| (0, Some(error.to_string())));
        flooded.sent = flooded.sent.saturating_add(sent);
        flooded.first_failure = flooded.first_failure.or(failure);
    }
    Flood { took: began.elapsed(), ..flooded }
}

/// One stranger, who is late where the server is slow, and does not catch up.
async fn knock(
    mut forger: Forger,
    pause: Duration,
    stop: CancellationToken,
) -> (u64, Option<String>) {
    let (mut sent, mut failure) = (0_u64, None);
    let mut beat = interval(pause);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        match forger.call().await {
            Ok(count) => sent = sent.saturating_add(count),
            Err(error) => failure = failure.or_else(|| Some(error.to_string())),
        }
    }
    (sent, failure)
}

/// One of those who pay.
enum Payer {
    Spends(Spender),
    Shows(Passer),
}

impl Caller for Payer {
    async fn call(&mut self) -> Result<u64, BoxError> {
        match self {
            Self::Spends(spender) => spender.call().await,
            Self::Shows(passer) => passer.call().await,
        }
    }
}

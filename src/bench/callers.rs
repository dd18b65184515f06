//! A closed loop: callers that each wait for an answer before they ask again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::{Error, cpu, failed, float, outside};

/// Whatever a bench may meet.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The longest time that is told apart, in microseconds.
const LONGEST_US: u64 = 100_000_000;
/// Histograms that callers share, so that they seldom meet.
const SHARDS: usize = 16;
/// How long a caller rests after a failure, so that a broken run does not spin.
const REST: Duration = Duration::from_millis(1);

/// How much load, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many callers.
    pub callers: usize,
    /// How long before anything is measured.
    pub warm_up: Duration,
    /// How long is measured.
    pub seconds: Duration,
}

impl Plan {
    /// A part of the time.
    #[must_use]
    pub fn part(self, of: u32) -> Self {
        Self { warm_up: self.warm_up / of, seconds: self.seconds / of, ..self }
    }
}

/// Somebody who asks.
pub trait Caller: Send + 'static {
    /// Asks once, and says how many units of work were answered.
    fn call(&mut self) -> impl Future<Output = Result<u64, BoxError>> + Send;
}

/// What became of a load.
#[derive(Debug, Clone)]
pub struct Load {
    /// How long was measured.
    pub took: Duration,
    /// Units of work that were answered meanwhile.
    pub units: u64,
    /// All that were ever answered, also before and after.
    pub units_ever: u64,
    /// Calls that failed, ever.
    pub failed: u64,
    /// What the first of them said.
    pub first_failure: Option<String>,
    /// How long calls took that were begun and answered while it was measured, in microseconds.
    pub latency: Histogram<u64>,
    /// Processor time of the whole process meanwhile, callers included.
    pub cpu: Option<Duration>,
    /// Of it, that of callers with threads of their own.
    pub cpu_outside: Option<Duration>,
}

impl Load {
    /// This and another load, as one.
    pub fn and(mut self, other: &Self) -> Result<Self, Error> {
        self.latency.add(&other.latency).map_err(failed("add up latencies"))?;
        let sum = |(one, other): (Duration, Duration)| one.saturating_add(other);
        Ok(Self {
            took: self.took.saturating_add(other.took),
            units: self.units.saturating_add(other.units),
            units_ever: self.units_ever.saturating_add(other.units_ever),
            failed: self.failed.saturating_add(other.failed),
            first_failure: self.first_failure.or_else(|| other.first_failure.clone()),
            latency: self.latency,
            cpu: self.cpu.zip(other.cpu).map(sum),
            cpu_outside: self.cpu_outside.zip(other.cpu_outside).map(sum),
        })
    }

    /// Units a second.
    pub fn per_second(&self) -> f64 {
        float(self.units) / self.took.as_secs_f64()
    }

    /// Processor time for each unit.
    pub fn cpu_per_unit(&self) -> Option<Duration> {
        let units = u32::try_from(self.units.max(1)).unwrap_or(u32::MAX);
        self.cpu.map(|cpu| cpu / units)
    }

    /// Of it, that of callers with threads of their own.
    pub fn cpu_outside_per_unit(&self) -> Option<Duration> {
        let units = u32::try_from(self.units.max(1)).unwrap_or(u32::MAX);
        self.cpu_outside.map(|cpu| cpu / units)
    }
}

struct Window {
    from: Instant,
    until: Instant,
    units: AtomicU64,
    units_ever: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
    shards: Vec<Mutex<Histogram<u64>>>,
}

/// Lets callers, made by `caller` from their numbers, ask until the plan is over.
pub async fn closed_loop<C: Caller>(
    plan: Plan,
    caller: impl Fn(usize) -> C,
) -> Result<Load, Error> {
    let from = Instant::now() + plan.warm_up;
    let window = Arc::new(Window::new(from, from + plan.seconds)?);
    let mut callers = JoinSet::new();
    for number in 0..plan.callers {
        callers.spawn(ask_on(caller(number), number, window.clone()));
    }
    tokio::time::sleep_until(from.into()).await;
    let (before, outside_before) = (cpu::used(), cpu::used_by(outside::THREADS));
    tokio::time::sleep_until(window.until.into()).await;
    let since = |after: Option<Duration>, before: Option<Duration>| {
        after.zip(before).map(|(after, before)| after.saturating_sub(before))
    };
    let cpu = since(cpu::used(), before);
    let cpu_outside = since(cpu::used_by(outside::THREADS), outside_before);
    while let Some(ended) = callers.join_next().await {
        ended.map_err(failed("let a caller ask"))?;
    }
    Ok(Load { cpu, cpu_outside, ..window.load(plan.seconds)? })
}

async fn ask_on<C: Caller>(mut caller: C, number: usize, window: Arc<Window>) {
    loop {
        let began = Instant::now();
        if began >= window.until {
            return;
        }
        match caller.call().await {
            Ok(units) => window.note(number, units, began),
            Err(error) => {
                window.fail(&error);
                tokio::time::sleep(REST).await;
            }
        }
    }
}

impl Window {
    fn new(from: Instant, until: Instant) -> Result<Self, Error> {
        let shards = (0..SHARDS).map(|_| histogram().map(Mutex::new)).collect::<Result<_, _>>()?;
        let zero = || AtomicU64::new(0);
        let (units, units_ever, failed) = (zero(), zero(), zero());
        Ok(Self { from, until, units, units_ever, failed, first_failure: Mutex::default(), shards })
    }

    fn note(&self, number: usize, units: u64, began: Instant) {
        let now = Instant::now();
        self.units_ever.fetch_add(units, Ordering::Relaxed);
        if now < self.from || now > self.until {
            return;
        }
        self.units.fetch_add(units, Ordering::Relaxed);
        if began < self.from {
            return;
        }
        let micros = u64::try_from((now - began).as_micros()).unwrap_or(LONGEST_US);
        if let Some(shard) = self.shards.get(number % SHARDS) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.saturating_record(micros);
        }
    }

    fn fail(&self, error: &BoxError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut first = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
    }

    fn load(&self, took: Duration) -> Result<Load, Error> {
        let mut latency = histogram()?;
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            latency.add(&*shard).map_err(failed("add up latencies"))?;
        }
        let first_failure = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Load {
            took,
            units: self.units.load(Ordering::Relaxed),
            units_ever: self.units_ever.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            first_failure: first_failure.clone(),
            latency,
            cpu: None,
            cpu_outside: None,
        })
    }
}

/// Microseconds, told apart to three digits.
pub(super) fn histogram() -> Result<Histogram<u64>, Error> {
    Histogram::new_with_max(LONGEST_US, 3).map_err(failed("make a histogram"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Every(u64);

    impl Caller for Every {
        async fn call(&mut self) -> Result<u64, BoxError> {
            self.0 += 1;
            tokio::time::sleep(Duration::from_micros(100)).await;
            if self.0 == 3 { Err("the third".into()) } else { Ok(2) }
        }
    }

    #[tokio::test]
    async fn what_was_answered_is_counted_and_the_first_failure_is_told() {
        let (warm_up, seconds) = (Duration::from_millis(20), Duration::from_millis(50));
        let load = closed_loop(Plan { callers: 3, warm_up, seconds }, |_| Every(0)).await.unwrap();
        assert_eq!((load.failed, load.first_failure.as_deref()), (3, Some("the third")));
        assert!(load.units > 0 && load.units < load.units_ever && load.units % 2 == 0, "{load:?}");
        assert!(load.latency.len() <= load.units / 2);
    }
}

//! One life of the house: from the start of its process to its end, whichever that is.

use std::{path::Path, sync::Arc, time::Duration};

use piperoll::{
    engine::{self, Clock, Options},
    keyring::{Keyring, Masters},
    l402, reactors,
    roll::Roll,
    secret::{Secret, Secrets},
    service::{Parts, Patience, Principal, Rate, Service, Settings},
};
use piperoll_domain::{
    bytes::Bytes,
    id::TenantId,
    money::{Amount, Money},
    tenant::Role,
    time::Time,
};
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{buyer::Visit, furniture, operator::Operator, postman, weather::Weather, world::World};

/// How long the machine has been up, which no correction of a clock changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uptime {
    began: Instant,
    before: i64,
}

impl Uptime {
    pub(super) fn micros(self) -> i64 {
        self.before + i64::try_from(self.began.elapsed().as_micros()).unwrap()
    }
}

/// A house that runs.
pub(super) struct House {
    pub(super) world: Arc<World>,
    pub(super) service: Service,
    pub(super) clock: Clock,
    pub(super) weather: Weather,
    pub(super) uptime: Uptime,
    engine: JoinHandle<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It never began: the store failed while it started.
    Stillborn,
    /// In the middle of whatever it was doing.
    Killed,
    /// It was told to, and finished what it had begun.
    Stopped,
}

pub(super) fn key_of(name: &str) -> Principal {
    let roles = [Role::Sell, Role::Credit].into();
    let (tenant, key) = (tenant(name), "k1".parse().unwrap());
    Principal::Key { tenant, key, roles, fingerprint: Bytes([1; 8]) }
}

pub(super) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

pub(super) fn msat(units: u64) -> Money {
    Money::msat(Amount::new(units).unwrap())
}

impl House {
    /// Starts on what the last life left; none if the store does not let it.
    pub(super) async fn start(world: &Arc<World>, weather: Weather) -> Option<Self> {
        let (clock, uptime, roll, index, lives) = {
            let mut state = world.state();
            state.lives += 1;
            let roll = state.roll.reopen();
            state.roll = roll.clone();
            let clock = Clock::paced(Time::from_micros(state.wall), state.boot);
            let uptime = Uptime { began: Instant::now(), before: state.boot };
            (clock, uptime, roll, state.index.clone(), state.lives)
        };
        roll.expose(weather.decide(&world.plan, world.dice.of(1_000 + lives)));
        let stop = CancellationToken::new();
        let ids = [world.entropy.bytes().unwrap(), world.entropy.bytes().unwrap()];
        let options = Options {
            queue: world.plan.queue,
            streams: world.plan.streams,
            unflushed: world.plan.unflushed,
            index: Some(index),
            ..Options::plain(clock.clone(), ids)
        };
        let started =
            engine::start(Roll::Memory(roll), Path::new("/nowhere"), options, stop.clone()).await;
        let (engine, task) = match started {
            Ok(started) => started,
            Err(error) => {
                world.step(format!("a start fails: {error}"));
                return None;
            }
        };
        let service = Service::new(parts(world, engine));
        let world = world.clone();
        let tasks = TaskTracker::new();
        Some(Self { world, service, clock, weather, uptime, engine: task, tasks, stop })
    }

    /// Lives until it is killed or has nothing more to do.
    pub(super) async fn live(self, share: usize) -> End {
        let until = self.world.state().trace.steps + share;
        self.world.step("a life begins");
        let end = tokio::select! {
            biased;
            () = self.weather.dead.cancelled() => End::Killed,
            end = self.serve(until) => end,
        };
        self.leave();
        end
    }

    async fn serve(&self, until: usize) -> End {
        furniture::bring(&self.world, &self.service).await;
        self.begin_reactors();
        let mut people = tokio::task::JoinSet::new();
        let buyers = self.world.state().buyers.len();
        for number in 0..buyers {
            people.spawn(self.visit(number).run());
        }
        people.spawn(Operator::new(self).run());
        people.spawn(postman::run(self.world.clone(), self.service.clone(), self.uptime));
        while !self.world.is_over() && self.world.state().trace.steps < until {
            sleep(Duration::from_millis(5)).await;
        }
        if self.is_to_be_killed() {
            self.wait_a_moment().await;
            return End::Killed;
        }
        people.shutdown().await;
        self.stop().await;
        End::Stopped
    }

    pub(super) fn begin_reactors(&self) {
        reactors::start(&self.service, &self.tasks, &self.stop);
    }

    pub(super) fn visit(&self, number: usize) -> Visit {
        let (world, service) = (self.world.clone(), self.service.clone());
        Visit { world, service, uptime: self.uptime, number }
    }

    fn is_to_be_killed(&self) -> bool {
        let lives = self.world.state().lives;
        self.world.dice.of(2_000 + lives).happens(self.world.plan.crash)
    }

    /// So many turns of everybody: any place where somebody waits may be the last.
    async fn wait_a_moment(&self) {
        let lives = self.world.state().lives;
        let mut dice = self.world.dice.of(3_000 + lives);
        sleep(dice.millis(40)).await;
        for _ in 0..dice.below(60) {
            yield_now().await;
        }
    }

    /// Told to stop, it finishes what it has begun, and soon.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        let finished = async {
            self.tasks.wait().await;
            self.service.finish().await;
            while !self.engine.is_finished() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let finished = timeout(Duration::from_mins(10), finished).await.is_ok();
        self.world.must(finished, "a house that is told to stop stops", || {
            format!("engine: {:?}", self.service.engine().health())
        });
    }

    /// What the machine's clocks say at the end, for the next life.
    fn leave(&self) {
        let mut state = self.world.state();
        state.wall = self.clock.now().micros();
        state.boot = self.uptime.micros();
    }
}

fn parts(world: &World, engine: engine::Engine) -> Parts {
    let master = Secret::parse("the-master-key-of-a-house-0123456789").unwrap();
    let masters = Masters::new(&Secrets { current: master, previous: vec![] });
    let keyring = Keyring::in_memory(world.keys.clone(), masters, world.entropy.clone());
    let names = world.state().tokens.clone();
    let mut names = names.iter().map(String::as_bytes);
    let tokens = l402::secret::Secrets::try_new(names.next().unwrap(), names).unwrap();
    let callbacks = Secret::parse("what-callbacks-are-signed-with-012345").unwrap();
    let vars = Arc::new(|name: &str| (name == "HOOK").then(|| super::world::HOOK.to_owned()));
    let many = Rate { burst: 200, per_minute: 6_000 };
    let settings = Settings {
        public_url: Some("http://127.0.0.1:4020/".into()),
        settle_wait: Duration::from_millis(700),
        create_wait: Duration::from_secs(2),
        stale_after: Duration::from_secs(20),
        sweep_interval: Duration::from_secs(30),
        match_patience: Duration::from_mins(10),
        mint_per_address: many,
        mint_per_tenant: many,
        concurrency: 3,
        breaker: Patience { failures: 4, cool_down: Duration::from_secs(10) },
        sandbox: Some(world.node.clone()),
        entropy: world.entropy.clone(),
        ..Settings::plain(callbacks, vars)
    };
    Parts { engine, keyring, tokens, admin: None, settings }
}

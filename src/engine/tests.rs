//! The engine over a roll in memory: what is acknowledged is there, once.

mod ahead;
mod anew;
mod batch;
mod large;
mod names;

use std::{collections::BTreeSet, sync::atomic::Ordering};

use piperoll_domain::{
    account::{Source, SourceKind},
    book::State,
    bytes::{Bytes, Hash, Id16},
    draft::Meta,
    event::{Actor, ActorKind, Event, Idempotency},
    id::{Kind, Pool, Stream, TenantId},
    money::{Amount, Code, Money},
    operation::{Command, IssueKey, Mint, OpenTenant, Operation, Spend},
    rejection::Rejection,
    tenant,
    time::Time,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    engine::{Clock, Engine, Error, Health, Options, start},
    roll::{Fault, Identity, MemoryRoll, Roll, Turn},
};

const START: Time = Time::from_seconds(1_750_000_000);

struct House {
    roll: MemoryRoll,
    directory: TempDir,
    clock: Clock,
    engine: Engine,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

fn random() -> Id16 {
    Bytes(*uuid::Uuid::new_v4().as_bytes())
}

fn options(clock: &Clock) -> Options {
    Options { streams: 4, ..Options::plain(clock.clone(), [random(), random()]) }
}

impl House {
    async fn new() -> Self {
        let identity = Identity { id: random(), name: "main".into(), created: START };
        let house = Self::on(MemoryRoll::new(identity), tempfile::tempdir().unwrap()).await;
        house.run(open_tenant("acme")).await.unwrap();
        house
    }

    async fn on(roll: MemoryRoll, directory: TempDir) -> Self {
        Self::keeping(4, roll, directory).await
    }

    /// With so many streams in memory.
    async fn keeping(streams: usize, roll: MemoryRoll, directory: TempDir) -> Self {
        let clock = Clock::manual(START);
        let stop = CancellationToken::new();
        let handle = Roll::Memory(roll.clone());
        let options = Options { streams, ..options(&clock) };
        let started = start(handle, directory.path(), options, stop.clone()).await;
        let (engine, task) = started.unwrap();
        Self { roll, directory, clock, engine, task, stop }
    }

    async fn restart(self) -> Self {
        self.stop.cancel();
        self.task.await.unwrap();
        Self::on(self.roll.reopen(), self.directory).await
    }

    async fn run(&self, operation: impl Into<Operation>) -> Result<Vec<Event>, Error> {
        self.keyed(operation, None).await.map(|done| done.0)
    }

    async fn keyed(
        &self,
        operation: impl Into<Operation>,
        key: Option<(&str, u8)>,
    ) -> Result<(Vec<Event>, bool), Error> {
        let done = self.engine.execute(command(operation.into(), key)).await?;
        Ok((done.events.into_iter().map(|recorded| recorded.event).collect(), done.replayed))
    }

    async fn available(&self, account: &str) -> u64 {
        let stream: Stream = format!("account-acme-{account}").parse().unwrap();
        let slot = self.engine.look(&stream).await.unwrap();
        match slot.map(|slot| slot.state) {
            Some(State::Account(account)) => account.lots().map(|lot| lot.available.units()).sum(),
            _ => 0,
        }
    }
}

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

fn command(operation: Operation, key: Option<(&str, u8)>) -> Command {
    let id = random();
    let actor = Actor { kind: ActorKind::Cli, id: "test".into(), credential: None };
    let idempotency = key.map(|(key, request)| Idempotency {
        operation: operation.name().into(),
        key: key.into(),
        fingerprint: Bytes([request; 33]),
    });
    let meta = Meta {
        operation: id,
        tenant: acme(),
        actor,
        correlation: id,
        causation: None,
        idempotency,
        effective_at: None,
    };
    Command { meta, operation }
}

fn open_tenant(name: &str) -> OpenTenant {
    let opened = tenant::Opened {
        uid: random(),
        time_zone: "UTC".into(),
        locale: "en".into(),
        functional_currency: Code::USD,
    };
    OpenTenant { tenant: name.parse().unwrap(), opened }
}

fn msat(units: u64) -> Money {
    Money::msat(Amount::new(units).unwrap())
}

fn mint(account: &str, lot: &str, units: u64) -> Mint {
    Mint {
        tenant: acme(),
        account: account.parse().unwrap(),
        lot: lot.parse().unwrap(),
        amount: msat(units),
        source: Source { kind: SourceKind::Grant, id: lot.into() },
        pool: Pool::general(),
        expires_at: None,
        cost: None,
        reason: "a test".into(),
        ceiling: None,
    }
}

fn spend(account: &str, units: u64) -> Spend {
    Spend {
        tenant: acme(),
        account: account.parse().unwrap(),
        total: msat(units),
        pool: Pool::general(),
        reference: None,
        ceiling: None,
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_a_restart() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 100)).await.unwrap();
    house.run(spend("a", 30)).await.unwrap();
    let house = house.restart().await;
    assert_eq!(house.available("a").await, 70);
    house.run(spend("a", 70)).await.unwrap();
    let refused = house.run(spend("a", 1)).await;
    assert!(matches!(refused, Err(Error::Rejected(Rejection::CreditInsufficient { .. }))));
}

#[tokio::test]
async fn a_key_asked_again_gives_the_first_answer_even_when_it_came_at_once() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 100)).await.unwrap();
    let once = || house.keyed(spend("a", 30), Some(("k", 1)));
    let answers = tokio::join!(once(), once(), once());
    let replayed = [answers.0.unwrap().1, answers.1.unwrap().1, answers.2.unwrap().1];
    assert_eq!(replayed.iter().filter(|replayed| !**replayed).count(), 1);
    assert_eq!(house.available("a").await, 70);
    let other = house.keyed(spend("a", 31), Some(("k", 2))).await;
    assert!(matches!(other, Err(Error::Rejected(Rejection::IdempotencyMismatch))));
    let house = house.restart().await;
    assert!(house.keyed(spend("a", 30), Some(("k", 1))).await.unwrap().1);
    assert_eq!(house.available("a").await, 70);
}

#[tokio::test]
async fn a_refused_key_is_free() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 10)).await.unwrap();
    assert!(house.keyed(spend("a", 30), Some(("k", 1))).await.is_err());
    house.run(mint("a", "lot2", 50)).await.unwrap();
    assert!(!house.keyed(spend("a", 30), Some(("k", 1))).await.unwrap().1);
}

#[tokio::test]
async fn a_source_is_claimed_once_also_across_restarts() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 10)).await.unwrap();
    let mut again = mint("b", "lot9", 10);
    again.source.id = "lot1".into();
    let refused = house.run(again.clone()).await;
    assert!(matches!(refused, Err(Error::Rejected(Rejection::ClaimTaken { .. }))));
    let house = house.restart().await;
    let refused = house.run(again).await;
    assert!(matches!(refused, Err(Error::Rejected(Rejection::ClaimTaken { .. }))));
}

#[tokio::test]
async fn a_refused_append_changes_nothing_and_the_next_one_works() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 100)).await.unwrap();
    house.roll.inject(Fault::RefuseAppend);
    assert!(matches!(house.run(spend("a", 30)).await, Err(Error::NotWritten)));
    assert_eq!(house.available("a").await, 100);
    house.run(spend("a", 30)).await.unwrap();
    assert_eq!(house.available("a").await, 70);
}

#[tokio::test(start_paused = true)]
async fn an_idle_writer_is_ready_again_once_the_store_is_back() {
    let house = House::new().await;
    house.roll.inject(Fault::RefuseAppend);
    assert!(matches!(house.run(mint("a", "lot1", 100)).await, Err(Error::NotWritten)));
    assert!(matches!(house.engine.health(), Health::Waiting { .. }));
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(house.engine.health(), Health::Writing);
}

#[tokio::test]
async fn an_unknown_append_is_settled_by_the_head() {
    for fault in [Fault::LoseAnswer, Fault::LoseBlock] {
        let house = House::new().await;
        house.run(mint("a", "lot1", 100)).await.unwrap();
        house.roll.inject(fault);
        house.run(spend("a", 30)).await.unwrap();
        assert_eq!(house.available("a").await, 70);
        let house = house.restart().await;
        assert_eq!(house.available("a").await, 70);
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_written_is_told_and_waited_for_not_for_ever() {
    let identity = Identity { id: random(), name: "main".into(), created: START };
    let (roll, directory) = (MemoryRoll::new(identity), tempfile::tempdir().unwrap());
    let (clock, stop) = (Clock::manual(START), CancellationToken::new());
    let options = Options { unflushed: 6, ..options(&clock) };
    let fails = options.index_fails.clone();
    let handle = Roll::Memory(roll.clone());
    let (engine, task) = start(handle, directory.path(), options, stop.clone()).await.unwrap();
    let house = House { roll, directory, clock, engine, task, stop };
    house.run(open_tenant("acme")).await.unwrap();
    fails.store(true, Ordering::Relaxed);
    let mut done = 0;
    let refused = loop {
        match house.run(mint("a", &format!("lot{done}"), 1)).await {
            Ok(_) => done += 1,
            Err(error) => break error,
        }
        assert!(done < 100, "it takes ever more into memory");
    };
    assert!(matches!(refused, Error::Busy), "{refused}");
    assert!(matches!(house.engine.health(), Health::Waiting { .. }));
    assert_eq!(house.available("a").await, done, "what was acknowledged can be read");
    fails.store(false, Ordering::Relaxed);
    let mut health = house.engine.health_changed();
    health.wait_for(|health| *health == Health::Writing).await.unwrap();
    house.run(mint("a", "more", 1)).await.unwrap();
    let house = house.restart().await;
    assert_eq!(house.available("a").await, done + 1);
}

#[tokio::test]
async fn a_writer_that_ended_says_so() {
    let house = House::new().await;
    assert_eq!(house.engine.health(), Health::Writing);
    house.stop.cancel();
    house.task.await.unwrap();
    assert!(matches!(house.engine.health(), Health::Stopped { .. }));
    let late = house.engine.execute(command(mint("a", "lot1", 1).into(), None)).await;
    assert!(matches!(late, Err(Error::NotWritten)));
}

#[tokio::test]
async fn a_lost_index_costs_time_and_no_answer() {
    let house = House::new().await;
    for n in 0..20 {
        let account = format!("a{n}");
        house.run(mint(&account, &format!("lot{n}"), 100)).await.unwrap();
        house.keyed(spend(&account, 1), Some((&account, 1))).await.unwrap();
    }
    house.stop.cancel();
    house.task.await.unwrap();
    drop(house.engine);
    std::fs::remove_dir_all(house.directory.path().join("index")).unwrap();
    let house = House::on(house.roll.reopen(), house.directory).await;
    for n in 0..20 {
        let account = format!("a{n}");
        assert!(house.keyed(spend(&account, 1), Some((&account, 1))).await.unwrap().1);
        assert_eq!(house.available(&account).await, 99);
    }
}

#[tokio::test]
async fn an_index_that_nobody_got_past_is_made_anew() {
    let house = House::new().await;
    house.run(mint("a", "lot", 100)).await.unwrap();
    house.stop.cancel();
    house.task.await.unwrap();
    drop(house.engine);
    // As a start leaves them that ended while it opened the index.
    let [note, planted] =
        ["index.opening", "index/planted"].map(|name| house.directory.path().join(name));
    std::fs::write(&note, "").unwrap();
    std::fs::write(&planted, "").unwrap();
    let house = House::on(house.roll.reopen(), house.directory).await;
    assert!(!planted.exists(), "the old index is in use");
    assert!(!note.exists(), "the next start would make it anew again");
    assert_eq!(house.available("a").await, 100);
    let house = house.restart().await;
    assert_eq!(house.available("a").await, 100);
}

#[tokio::test]
async fn a_power_cut_that_left_holes_in_the_index_doubles_nothing() {
    let house = House::new().await;
    house.run(mint("a", "lot", 100)).await.unwrap();
    house.keyed(spend("a", 1), Some(("k", 1))).await.unwrap();
    house.stop.cancel();
    house.task.await.unwrap();
    drop(house.engine);
    let index = crate::engine::Index::open(house.directory.path(), 1 << 20).unwrap();
    index.lose_claims().unwrap();
    drop(index);
    let house = House::on(house.roll.reopen(), house.directory).await;
    assert!(house.keyed(spend("a", 1), Some(("k", 1))).await.unwrap().1, "it is a repeat");
    assert_eq!(house.available("a").await, 99);
}

#[tokio::test]
async fn cold_accounts_step_aside_and_come_back() {
    let house = House::new().await;
    for n in 0..50 {
        house.run(mint(&format!("a{n}"), &format!("lot{n}"), 100)).await.unwrap();
    }
    let house = house.restart().await;
    let all = (0..50).map(|n| {
        let house = &house;
        async move { house.run(spend(&format!("a{n}"), 1)).await.map(|_| ()) }
    });
    let all: Vec<_> = futures_util::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(house.available("a49").await, 99);
}

#[tokio::test]
async fn a_clock_behind_the_roll_refuses_until_it_is_corrected() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 100)).await.unwrap();
    house.clock.advance(-60_000_000, 0);
    let refused = house.run(spend("a", 1)).await;
    assert!(matches!(refused, Err(Error::ClockBehind { .. })), "{refused:?}");
    let (was, now) = (START, house.clock.now());
    let reason = "the clock was ahead".to_owned();
    house.run(piperoll_domain::operation::CorrectClock { was, now, reason }).await.unwrap();
    house.run(spend("a", 1)).await.unwrap();
}

#[test]
fn an_engine_that_is_told_to_stop_while_it_reads_lets_the_reader_go_on() {
    let (stopped, stops) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // One thread, as on a machine with one processor: whoever spins keeps everybody waiting.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::new().await;
            house.run(mint("a", "lot1", 100)).await.unwrap();
            let house = house.restart().await;
            let slowly = std::time::Duration::from_millis(50);
            house.roll.expose(move |_| Turn { before: slowly, ..Turn::default() });
            let engine = house.engine.clone();
            let asked =
                tokio::spawn(
                    async move { engine.execute(command(spend("a", 1).into(), None)).await },
                );
            tokio::time::sleep(slowly / 2).await;
            house.stop.cancel();
            house.task.await.unwrap();
            asked.await.unwrap().unwrap();
        });
        stopped.send(()).unwrap();
    });
    stops.recv_timeout(std::time::Duration::from_mins(1)).expect("the engine stops");
}

#[tokio::test]
async fn a_clock_behind_the_roll_lets_an_engine_start_that_can_correct_it() {
    let house = House::new().await;
    house.clock.advance(60_000_000, 60_000_000);
    house.run(mint("a", "lot1", 100)).await.unwrap();
    let was = house.clock.now();
    // The machine that starts next has the time of a minute ago.
    let house = house.restart().await;
    let refused = house.run(spend("a", 1)).await;
    assert!(matches!(refused, Err(Error::ClockBehind { .. })), "{refused:?}");
    let (now, reason) = (house.clock.now(), "the other machine was ahead".to_owned());
    house.run(piperoll_domain::operation::CorrectClock { was, now, reason }).await.unwrap();
    house.run(spend("a", 1)).await.unwrap();
}

#[tokio::test]
async fn time_goes_back_only_straight_after_a_correction() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 100)).await.unwrap();
    house.clock.advance(-3_000_000, -3_000_000);
    let (was, now) = (START, house.clock.now());
    let reason = "three seconds ahead".to_owned();
    let correct = piperoll_domain::operation::CorrectClock { was, now, reason };
    let (one, two) = tokio::join!(
        house.engine.execute(command(correct.into(), None)),
        house.engine.execute(command(spend("a", 1).into(), None)),
    );
    let (one, two) = (one.unwrap().events, two.unwrap().events);
    let at = |events: &[piperoll_domain::event::Recorded]| events[0].envelope.recorded_at;
    assert!(at(&one) > START);
    assert!(at(&two) < START, "the next group goes by the corrected clock");
}

#[tokio::test]
async fn keys_work_from_the_answer_on_and_are_gone_with_the_revocation() {
    let house = House::new().await;
    let digest = Hash::ZERO;
    let key: piperoll_domain::id::KeyId = "k1".parse().unwrap();
    let roles = BTreeSet::new();
    house.run(IssueKey { tenant: acme(), key: key.clone(), digest, roles }).await.unwrap();
    assert_eq!(house.engine.directory().caller(digest).map(|c| c.tenant.clone()), Some(acme()));
    let revoke =
        piperoll_domain::operation::RevokeKey { tenant: acme(), key, reason: "old".into() };
    house.run(revoke).await.unwrap();
    assert_eq!(house.engine.directory().caller(digest), None);
    let tenant = Stream::new(Kind::Tenant, &acme(), &acme());
    assert!(house.engine.look(&tenant).await.unwrap().is_some());
}

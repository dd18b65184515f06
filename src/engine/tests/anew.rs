//! An index that cannot be opened again is made anew from the roll, and the engine goes on by itself.

use std::{
    fs::{self, File},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::*;
use crate::{
    engine::{Entries, Index, load::decode_at},
    roll::Call,
};

/// How long a test waits between two looks, and how often it looks.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: u32 = 12_000;
const ACCOUNTS: u8 = 20;

/// What becomes of the index's files while they cannot be written.
type Damage = fn(&Path);

/// The journal is empty: the store opens, and holds less than it did.
fn lost(index: &Path) {
    for entry in fs::read_dir(index).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "jnl") {
            File::options().write(true).open(path).unwrap().set_len(0).unwrap();
        }
    }
}

/// The store says each time that it cannot open this.
fn unreadable(index: &Path) {
    fs::write(index.join("version"), "nonsense").unwrap();
}

/// The store panics each time that it opens this.
fn panicking(index: &Path) {
    fs::create_dir(index.join("9.jnl")).unwrap();
}

/// A house whose index and whose roll fail when they are told to.
struct Troubled {
    house: House,
    index_fails: Arc<AtomicBool>,
    /// How often the roll can still be read.
    reads: Arc<AtomicUsize>,
}

impl Troubled {
    /// With accounts that spent under a key each, and an engine that has none of it in memory.
    async fn new() -> Self {
        let house = House::new().await;
        for n in 0..ACCOUNTS {
            let account = format!("a{n}");
            house.run(mint(&account, &format!("lot{n}"), 100)).await.unwrap();
            house.keyed(spend(&account, 1), Some((&account, 1))).await.unwrap();
        }
        Self::over(house).await
    }

    /// The same roll and the same index, in another engine.
    async fn over(house: House) -> Self {
        let House { roll, directory, clock, engine, task, stop } = house;
        stop.cancel();
        task.await.unwrap();
        drop(engine);
        let (roll, stop, options) = (roll.reopen(), CancellationToken::new(), options(&clock));
        let (handle, index_fails) = (Roll::Memory(roll.clone()), options.index_fails.clone());
        let (engine, task) = start(handle, directory.path(), options, stop.clone()).await.unwrap();
        let house = House { roll, directory, clock, engine, task, stop };
        Self { house, index_fails, reads: Arc::default() }
    }

    /// Who makes an index anew can read the roll so often each time that he tries.
    fn readable(&self, times: usize) {
        self.reads.store(times, Relaxed);
        let (reads, mut left) = (self.reads.clone(), usize::MAX);
        self.house.roll.expose(move |call| {
            left = match call {
                // He asks where it ends, and nobody else does.
                Call::Head => reads.load(Relaxed),
                Call::Read if left == 0 => {
                    return Turn { fault: Some(Fault::FailRead), ..Turn::default() };
                }
                Call::Read => left - 1,
                Call::Append => left,
            };
            Turn::default()
        });
    }

    /// The index fails, and is damaged before it can be opened again. Waits until it is made anew, which
    /// the roll keeps from its end.
    async fn lose_index(&self, damage: Damage, reads: usize) {
        self.index_fails.store(true, Relaxed);
        damage(&self.house.directory.path().join("index"));
        self.readable(reads);
        self.house.keyed(mint("b", "last", 100), Some(("b", 1))).await.unwrap();
        let anew = |health: &Health| matches!(health, Health::Waiting { why } if why.starts_with("the index is made anew: failed to read"));
        self.health(anew).await;
    }

    async fn health(&self, is_so: impl Fn(&Health) -> bool) {
        for _ in 0..LOOKS {
            if is_so(&self.house.engine.health()) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("it never came: {:?}", self.house.engine.health());
    }

    /// Nothing is written, and nothing that the index would know is said to be absent.
    async fn nobody_is_told_anything_wrong(&self) {
        let house = &self.house;
        for key in ["a0", "a19", "new"] {
            let answer = house.keyed(spend("a0", 1), Some((key, 1))).await;
            assert!(matches!(answer, Err(Error::NotWritten)), "{key}: {answer:?}");
        }
        // Memory could decide this one, but who knows what comes next.
        let known = house.run(spend("b", 1)).await;
        assert!(matches!(known, Err(Error::NotWritten)), "{known:?}");
        let stream = "account-acme-a0".parse().unwrap();
        let look = house.engine.look(&stream).await;
        assert!(matches!(look, Err(Error::NotWritten)), "{look:?}");
        let claim = piperoll_domain::claim::Claim::idempotency(&acme(), &key_of("a0"));
        let taker = house.engine.taker(&claim).await;
        assert!(matches!(taker, Err(Error::NotWritten)), "{taker:?}");
    }

    /// Every key gives its first answer, and every account has what it had.
    async fn all_is_as_it_was(&self) {
        let house = &self.house;
        for n in 0..ACCOUNTS {
            let account = format!("a{n}");
            let again = house.keyed(spend(&account, 1), Some((&account, 1))).await.unwrap();
            assert!(again.1, "{account} has spent twice");
            let other = house.keyed(spend(&account, 2), Some((&account, 2))).await;
            let mismatch = Err::<(), _>(Error::Rejected(Rejection::IdempotencyMismatch));
            assert_eq!(format!("{other:?}"), format!("{mismatch:?}"));
            assert_eq!(house.available(&account).await, 99, "{account}");
        }
        let again = house.keyed(mint("b", "last", 100), Some(("b", 1))).await.unwrap();
        assert!(again.1, "what waited for the index is done twice");
        let taken = house.run(mint("c", "lot7", 1)).await;
        assert!(matches!(taken, Err(Error::Rejected(Rejection::ClaimTaken { .. }))), "{taken:?}");
    }

    /// Stops it, and compares its index with one that was never damaged.
    async fn the_index_is_what_the_roll_says(self) {
        let House { roll, directory, engine, task, stop, .. } = self.house;
        stop.cancel();
        task.await.unwrap();
        drop(engine);
        let beside = tempfile::tempdir().unwrap();
        let [found, expected] =
            [&directory, &beside].map(|place| Index::open(place.path(), 1 << 20).unwrap());
        let mut entries = Entries::default();
        for block in roll.blocks_after(0) {
            entries.up_to = Some(block.head());
            for (position, bytes) in block.iter() {
                entries.fold(&decode_at(position, bytes).unwrap());
            }
        }
        expected.write(&entries).unwrap();
        let all = |index: &Index| {
            let ends = index.all_ends().collect::<Result<Vec<_>, _>>().unwrap();
            let claims = index.all_claims().collect::<Result<Vec<_>, _>>().unwrap();
            let (duties, tenants) = (index.all_duties().unwrap(), index.all_tenants().unwrap());
            format!("{:?} {ends:?} {claims:?} {duties:?} {tenants:?}", index.checkpoint().unwrap())
        };
        assert_eq!(all(&found), all(&expected));
        assert_eq!(found.checkpoint_on_disk().unwrap(), expected.checkpoint().unwrap());
    }
}

fn key_of(key: &str) -> Idempotency {
    let operation = Operation::from(spend("a", 1)).name().into();
    Idempotency { operation, key: key.into(), fingerprint: Bytes([1; 33]) }
}

#[tokio::test]
async fn an_index_that_is_damaged_under_the_engine_is_made_anew_and_doubles_nothing() {
    for damage in [lost, unreadable, panicking] {
        let troubled = Troubled::new().await;
        troubled.lose_index(damage, 1).await;
        troubled.nobody_is_told_anything_wrong().await;
        troubled.index_fails.store(false, Relaxed);
        troubled.reads.store(usize::MAX, Relaxed);
        troubled.health(|health| *health == Health::Writing).await;
        troubled.all_is_as_it_was().await;
        troubled.house.run(spend("a0", 9)).await.unwrap();
        assert_eq!(troubled.house.available("a0").await, 90);
        troubled.the_index_is_what_the_roll_says().await;
    }
}

/// An engine that ended while it made its index anew, and up to where that index holds.
async fn ended_half_way(reads: usize) -> (House, Option<u64>) {
    let troubled = Troubled::new().await;
    troubled.lose_index(lost, reads).await;
    let House { roll, directory, clock, engine, task, stop } = troubled.house;
    stop.cancel();
    task.await.unwrap();
    let half = Index::open_copy(&directory.path().join("index")).unwrap();
    assert_eq!(half.checkpoint_on_disk().unwrap(), None, "half an index says that it is whole");
    let made = half.checkpoint().unwrap().map(|head| head.position);
    assert!(made.is_none_or(|made| made < engine.head().position), "it is made already");
    let task = tokio::spawn(async {});
    (House { roll, directory, clock, engine, task, stop }, made)
}

#[tokio::test]
async fn an_engine_that_ends_while_it_makes_its_index_anew_leaves_nothing_that_misleads_the_next() {
    for reads in [0, 1, 3] {
        let house = loop {
            let (house, made) = ended_half_way(reads).await;
            // It may have ended just when it began once more.
            if made.is_some() == (reads > 0) {
                break house;
            }
        };
        let troubled = Troubled::over(house).await;
        troubled.all_is_as_it_was().await;
        troubled.the_index_is_what_the_roll_says().await;
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_made_though_its_disk_takes_writes_ends_the_engine_with_a_last_word()
 {
    let troubled = Troubled::new().await;
    troubled.index_fails.store(true, Relaxed);
    let directory = troubled.house.directory.path();
    lost(&directory.join("index"));
    // Where the note would lie.
    fs::create_dir(directory.join("index.opening")).unwrap();
    troubled.house.run(mint("b", "last", 100)).await.unwrap();
    let why = troubled.house.engine.stopped().await;
    assert!(why.starts_with("the index cannot be made anew: "), "{why}");
    assert!(why.contains("failed to write"), "{why}");
    assert!(matches!(troubled.house.engine.health(), Health::Stopped { .. }));
}

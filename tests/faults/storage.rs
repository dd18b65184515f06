//! The roll's own files fail under it: nothing acknowledged is lost, nothing refused is there.

use std::time::Duration;

use super::{
    Customers,
    shim::{EIO, EMFILE, ENOSPC, Fault, Mode, OPEN, READ, SYNC, TRUNCATE, WRITE},
};
use crate::crash::{Ending, Mortal, chance::Chance, of_environment};

/// What may go wrong with the roll: where, at what, how.
const FAULTS: [(&str, u64, Mode, u64); 14] = [
    ("roll.db-wal", WRITE, Mode::Fail, EIO),
    ("roll.db-wal", WRITE, Mode::Fail, ENOSPC),
    ("roll.db-wal", WRITE, Mode::Short, 0),
    ("roll.db-wal", WRITE, Mode::Torn, ENOSPC),
    ("roll.db-wal", WRITE, Mode::Land, EIO),
    ("roll.db-wal", SYNC, Mode::Fail, EIO),
    ("roll.db-wal", SYNC, Mode::Land, EIO),
    ("roll.db-wal", READ, Mode::Fail, EIO),
    ("roll.db-wal", TRUNCATE, Mode::Fail, EIO),
    ("roll.db", READ, Mode::Fail, EIO),
    ("roll.db", WRITE | SYNC, Mode::Fail, EIO),
    ("roll.db", OPEN, Mode::Fail, EMFILE),
    ("roll.db", WRITE | SYNC | OPEN | READ, Mode::Fail, EIO),
    ("", WRITE, Mode::Torn, ENOSPC),
];

/// How often a server is troubled unless told; by every fault the same number of times.
const ROUNDS: u64 = 2 * LIFE;
/// How often on one roll.
const LIFE: u64 = 14;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_refused_is_there_when_storage_fails() {
    let rounds = of_environment("PIPEROLL_FAULT_ROUNDS").unwrap_or(ROUNDS);
    let seed = of_environment("PIPEROLL_FAULT_SEED").unwrap_or_else(Chance::seed);
    eprintln!("PIPEROLL_FAULT_SEED={seed}");
    let mut chance = Chance::new(seed);
    let mut left = rounds;
    while left > 0 {
        troubled(left.min(LIFE), &mut chance).await;
        left = left.saturating_sub(LIFE);
    }
}

/// A roll from its first record to a clean end, with so many troubles in between.
async fn troubled(rounds: u64, chance: &mut Chance) {
    let mut mortal = Mortal::new(&[]);
    mortal.open().await;
    let mut customers = Customers::new(chance);
    for round in 0..rounds {
        customers = trouble(&mut mortal, customers, round, chance).await;
    }
    let mut server = mortal.server;
    customers.repeat(&server).await;
    customers.must_be_what_the_views_say(&server).await;
    assert_eq!(server.terminate().await.code(), Some(0), "{}", server.log());
    customers.must_be_what_the_roll_says(&server).await;
    assert!(!server.log().contains("panicked at src"), "{}", server.log());
}

/// One fault, for a while or until it is mended; the server goes on, or ends in the middle of it.
async fn trouble(
    mortal: &mut Mortal,
    customers: Customers,
    round: u64,
    chance: &mut Chance,
) -> Customers {
    let (file, ops, mode, error) = FAULTS[usize::try_from(round).unwrap() % FAULTS.len()];
    let (after, times) = (
        chance.below(if ops == OPEN { 2 } else { 40 }),
        [1, 3, 0][usize::try_from(chance.below(3)).unwrap()],
    );
    let ending = [None, Some(Ending::Kill), Some(Ending::PowerCut)]
        [usize::try_from(chance.below(3)).unwrap()];
    let fault = Fault { file, ops, mode, error, after, times };
    let asking = customers.ask(&mortal.server);
    asking.until_done(5, "before").await;
    if ops == OPEN {
        // Only who has to close a file opens it again.
        let first = Fault { file: "roll.db-wal", ops: WRITE, error: EIO, times: 1, ..fault };
        mortal.shim.fail(first);
    }
    let handle = mortal.shim.fail(fault);
    tokio::time::sleep(Duration::from_millis(100 + chance.below(900))).await;
    if let Some(ending) = ending {
        mortal.end(ending, chance);
    }
    mortal.shim.mend();
    let struck = mortal.shim.struck(&handle);
    eprintln!("{fault:?} struck {struck} times; {ending:?}");
    if ending.is_none() {
        asking.until_done(20, &format!("after {fault:?}\n{}", mortal.server.log())).await;
    }
    let mut customers = asking.stop().await;
    if ending == Some(Ending::Kill) {
        mortal.server.must_be_sound().await;
    }
    if ending.is_some() {
        mortal.open().await;
    }
    customers.resolve(&mortal.server).await;
    customers
}

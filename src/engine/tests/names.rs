//! A name is taken once, whoever looked it up, and whenever.

use std::{collections::HashMap, time::Duration};

use piperoll_domain::claim::{Claim, Taker};
use tokio::sync::oneshot;

use super::*;
use crate::engine::{IndexMemory, Message, group::Pending, load::Loaded, memory::Memory};

impl House {
    /// With an index in memory, which is written as soon as anybody sleeps.
    async fn in_memory() -> Self {
        let identity = Identity { id: random(), name: "main".into(), created: START };
        let (roll, directory) = (MemoryRoll::new(identity), tempfile::tempdir().unwrap());
        let (clock, stop) = (Clock::manual(START), CancellationToken::new());
        let options = Options { index: Some(IndexMemory::default()), ..options(&clock) };
        let handle = Roll::Memory(roll.clone());
        let (engine, task) = start(handle, directory.path(), options, stop.clone()).await.unwrap();
        let house = Self { roll, directory, clock, engine, task, stop };
        house.run(open_tenant("acme")).await.unwrap();
        house.run(mint("a", "lot1", 100)).await.unwrap();
        house
    }

    /// Until everything so far is in the index, and the writer has forgotten it.
    async fn flushed(&self) {
        for number in 0..3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.run(mint("b", &format!("lot_{}_{number}", random()), 1)).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_was_told_is_not_believed_once_the_writer_has_forgotten_what_came_since() {
    for forgotten in [false, true] {
        let house = House::in_memory().await;
        let spend = || command(spend("a", 30).into(), Some(("k", 1)));
        let (reply, answer) = oneshot::channel();
        let late = Pending::new(spend(), reply, &house.engine.shared.names);
        assert!(!house.engine.execute(spend()).await.unwrap().replayed);
        if forgotten {
            house.flushed().await;
        }
        assert!(house.engine.queue.send(Message::Execute(late)).await.is_ok());
        assert!(answer.await.unwrap().unwrap().replayed, "forgotten: {forgotten}");
        assert_eq!(house.available("a").await, 70);
    }
}

#[tokio::test]
async fn what_the_index_did_not_hold_is_read_again_once_the_writer_has_forgotten_what_came_since() {
    let house = House::new().await;
    let mut memory = Memory::new(house.engine.shared.clone(), HashMap::new(), 4);
    memory.tidy(10);
    let claim = Claim::Lot { tenant: acme(), lot: "lot1".parse().unwrap() };
    let stream: Stream = "account-acme-a".parse().unwrap();
    for (as_of, is_good) in [(9, false), (10, true), (11, true)] {
        let free = Loaded::Claim(claim.clone(), None, as_of);
        assert_eq!(memory.take_in(free), is_good, "a claim, as of {as_of}");
        let absent = Loaded::Stream(stream.clone(), None, as_of);
        assert_eq!(memory.take_in(absent), is_good, "a stream, as of {as_of}");
        let taker = Taker { position: 5, stream: stream.clone() };
        let known = Loaded::Claim(claim.clone(), Some(taker), as_of);
        assert!(memory.take_in(known), "what was taken stays so");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_key_that_many_ask_at_once_is_used_once_while_the_index_is_written() {
    const ROUNDS: u64 = 8;
    const KEYS: u64 = 64;
    let house = House::new().await;
    house.run(mint("a", "lot1", ROUNDS * KEYS * 2)).await.unwrap();
    let ask = |key: String| {
        let engine = house.engine.clone();
        tokio::spawn(async move {
            let command = command(spend("a", 1).into(), Some((&key, 1)));
            engine.execute(command).await.unwrap().replayed
        })
    };
    for round in 0..ROUNDS {
        let keys = (0..KEYS * 4).map(|number| format!("{round}-{}", number % KEYS));
        let asked: Vec<_> = keys.map(ask).collect();
        let mut first = 0;
        for asked in asked {
            first += u64::from(!asked.await.unwrap());
        }
        assert_eq!(first, KEYS, "in round {round}");
        tokio::time::sleep(Duration::from_millis(70)).await;
        assert!(ask(format!("{}-7", round / 2)).await.unwrap(), "asked again, rounds later");
    }
    assert_eq!(house.available("a").await, ROUNDS * KEYS);
}

//! What is decided above an append that is still under way stands and falls with it.

use std::time::Duration;

use crate::roll::Call;

use super::*;

/// How long an append takes, and a while in which it is under way.
const APPEND: Duration = Duration::from_millis(100);
const WHILE: Duration = Duration::from_millis(10);

type Doing = JoinHandle<Result<bool, Error>>;

impl House {
    /// Whose appends are slow, and go wrong like this, one after the other.
    async fn slow(faults: impl IntoIterator<Item = Option<Fault>>) -> Self {
        let house = Self::new().await;
        house.run(mint("a", "lot1", 100)).await.unwrap();
        let mut faults: std::collections::VecDeque<_> = faults.into_iter().collect();
        house.roll.expose(move |call| match call {
            Call::Append => {
                let fault = faults.pop_front().flatten();
                Turn { before: APPEND, fault, ..Turn::default() }
            }
            Call::Head | Call::Read => Turn::default(),
        });
        house
    }

    /// Begins to spend, and waits until that is under way. Ends with whether it was a repeat.
    async fn spending(&self, units: u64, key: &str) -> Doing {
        let (engine, command) =
            (self.engine.clone(), command(spend("a", units).into(), Some((key, 1))));
        let doing =
            tokio::spawn(async move { engine.execute(command).await.map(|done| done.replayed) });
        tokio::time::sleep(WHILE).await;
        doing
    }

    /// Begins to look. Ends with what is available.
    fn looking(&self) -> JoinHandle<u64> {
        let (engine, stream) = (self.engine.clone(), "account-acme-a".parse::<Stream>().unwrap());
        tokio::spawn(async move {
            match engine.look(&stream).await.unwrap().map(|slot| slot.state) {
                Some(State::Account(account)) => {
                    account.lots().map(|lot| lot.available.units()).sum()
                }
                _ => 0,
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_an_append_is_under_way_is_appended_next_and_together() {
    let house = House::slow([]).await;
    let before = house.engine.head().position;
    let doing = [house.spending(10, "1").await, house.spending(20, "2").await];
    let [first, second] = doing;
    let third = house.spending(30, "3").await;
    assert!(!first.await.unwrap().unwrap());
    assert_eq!(house.engine.head().position, before + 1);
    for doing in [second, third] {
        assert!(!doing.await.unwrap().unwrap());
        assert_eq!(house.engine.head().position, before + 3);
    }
    assert_eq!(house.available("a").await, 40);
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_above_a_refused_append_is_forgotten_with_it() {
    let house = House::slow([Some(Fault::RefuseAppend)]).await;
    let before = house.engine.head();
    let doing = [house.spending(60, "1").await, house.spending(40, "2").await];
    let refused = house.spending(1, "3").await;
    for doing in doing {
        assert!(matches!(doing.await.unwrap(), Err(Error::NotWritten)));
    }
    // It had been refused because nothing was left, which is not so.
    assert!(matches!(refused.await.unwrap(), Err(Error::NotWritten)));
    assert_eq!(house.engine.head(), before);
    assert_eq!(house.available("a").await, 100);
    for (units, key) in [(60, "1"), (40, "2")] {
        assert!(!house.spending(units, key).await.await.unwrap().unwrap(), "{key} was not used");
    }
    let house = house.restart().await;
    assert_eq!(house.available("a").await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_append_holds_up_what_was_decided_above_it() {
    for fault in [Fault::LoseAnswer, Fault::LoseBlock] {
        let house = House::slow([Some(fault)]).await;
        let doing = [house.spending(60, "1").await, house.spending(40, "2").await];
        for doing in doing {
            assert!(!doing.await.unwrap().unwrap());
        }
        let house = house.restart().await;
        assert_eq!(house.available("a").await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_tells_nothing_that_is_not_appended() {
    let house = House::slow([None, Some(Fault::RefuseAppend)]).await;
    let spending = house.spending(30, "1").await;
    let looking = house.looking();
    tokio::time::sleep(WHILE).await;
    assert!(!looking.is_finished(), "nobody knows yet whether it is so");
    spending.await.unwrap().unwrap();
    assert_eq!(looking.await.unwrap(), 70);
    let spending = house.spending(30, "2").await;
    let looking = house.looking();
    assert!(spending.await.unwrap().is_err());
    assert_eq!(looking.await.unwrap(), 70, "it was not appended");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_what_is_under_way_gets_its_answer() {
    let house = House::slow([]).await;
    let doing = [house.spending(30, "1").await, house.spending(5, "2").await];
    let repeats = [house.spending(30, "1").await, house.spending(5, "2").await];
    for doing in doing {
        assert!(!doing.await.unwrap().unwrap());
    }
    for repeat in repeats {
        assert!(repeat.await.unwrap().unwrap());
    }
    assert_eq!(house.available("a").await, 65);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_told_to_stop_finishes_what_is_under_way_and_above() {
    let house = House::slow([]).await;
    let doing = [house.spending(30, "1").await, house.spending(5, "2").await];
    house.stop.cancel();
    house.task.await.unwrap();
    for doing in doing {
        assert!(!doing.await.unwrap().unwrap());
    }
    assert_eq!(house.roll.reopen().blocks_after(0).last().unwrap().last(), 6);
}

#[test]
fn a_writer_that_is_told_to_stop_while_it_has_no_room_waits_for_the_append() {
    let (stopped, stops) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // One thread: whoever spins keeps the append waiting that he waits for.
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let house = House::slow([]).await;
            let (clock, stop) = (house.clock.clone(), CancellationToken::new());
            house.stop.cancel();
            house.task.await.unwrap();
            drop(house.engine);
            let (roll, directory) = (house.roll.reopen(), house.directory);
            let options = Options { group_commands: 1, ..options(&clock) };
            let handle = Roll::Memory(roll.clone());
            let (engine, task) =
                start(handle, directory.path(), options, stop.clone()).await.unwrap();
            roll.expose(|_| Turn { before: APPEND, ..Turn::default() });
            let house = House { roll, directory, clock, engine, task, stop };
            // One is appended, one is decided above it, the others are in the queue.
            let mut doing = vec![];
            for key in ["1", "2", "3", "4"] {
                doing.push(house.spending(10, key).await);
            }
            house.stop.cancel();
            house.task.await.unwrap();
            for doing in doing {
                assert!(!doing.await.unwrap().unwrap());
            }
        });
        stopped.send(()).unwrap();
    });
    stops.recv_timeout(Duration::from_mins(1)).expect("the engine stops");
}

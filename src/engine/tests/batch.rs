//! Batches that stand or fall as one, over what is not in memory.

use piperoll_domain::operation::{Batch, Item, Wish};

use super::*;

fn batch(accounts: std::ops::Range<u32>) -> Batch {
    let item = |number: u32| Item {
        key: Idempotency {
            operation: "Spend".into(),
            key: format!("k{number}").into(),
            fingerprint: Bytes([1; 33]),
        },
        forgotten: None,
        wish: Wish::Spend(spend(&format!("a{number}"), 1)),
    };
    Batch { tenant: acme(), items: accounts.map(item).collect() }
}

/// Fifty accounts, none of them in memory.
async fn cold() -> House {
    let house = House::new().await;
    for n in 0..50 {
        house.run(mint(&format!("a{n}"), &format!("lot{n}"), 100)).await.unwrap();
    }
    restarted(house).await
}

/// With room in memory for what a batch needs.
async fn restarted(house: House) -> House {
    house.stop.cancel();
    house.task.await.unwrap();
    House::keeping(1_000, house.roll.reopen(), house.directory).await
}

#[tokio::test]
async fn a_batch_over_cold_accounts_lands_in_one_append() {
    let house = cold().await;
    let before = house.engine.head().position;
    let done = house.engine.execute(command(batch(0..50).into(), None)).await.unwrap();
    assert_eq!((done.events.len(), done.head.position), (50, before + 50));
    assert_eq!(house.available("a49").await, 99);
}

#[tokio::test]
async fn what_was_done_before_is_told_also_after_a_restart_and_also_of_one_alone() {
    let house = cold().await;
    house.keyed(spend("a3", 1), Some(("k3", 1))).await.unwrap();
    let told = |house: &House| {
        let command = command(batch(0..5).into(), None);
        let engine = house.engine.clone();
        async move {
            match engine.execute(command).await {
                Err(Error::Repeats(repeats)) => repeats,
                other => panic!("{other:?}"),
            }
        }
    };
    for repeats in [told(&house).await, told(&restarted(house).await).await] {
        assert_eq!(repeats.iter().map(|it| it.index).collect::<Vec<_>>(), [3]);
    }
}

#[tokio::test]
async fn a_first_answer_is_given_again_and_only_to_the_same_request() {
    let house = cold().await;
    let (first, _) = house.keyed(spend("a3", 1), Some(("k3", 1))).await.unwrap();
    let Err(Error::Repeats(repeats)) =
        house.engine.execute(command(batch(3..4).into(), None)).await
    else {
        panic!("done again");
    };
    let key = batch(3..4).items[0].key.clone();
    let again = house.engine.first_answer(&repeats[0].taker, &key).await.unwrap().unwrap();
    assert!(again.replayed);
    assert_eq!(again.events.into_iter().map(|it| it.event).collect::<Vec<_>>(), first);
    let other = Idempotency { fingerprint: Bytes([2; 33]), ..key.clone() };
    let refused = house.engine.first_answer(&repeats[0].taker, &other).await;
    assert!(matches!(refused, Err(Error::Rejected(Rejection::IdempotencyMismatch))));
    house.clock.advance(401 * 86_400_000_000, 0);
    let in_doubt = house.engine.first_answer(&repeats[0].taker, &key).await.unwrap();
    assert!(in_doubt.is_some(), "a clock that jumped makes keys old");
    house.clock.accept();
    assert!(house.engine.first_answer(&repeats[0].taker, &key).await.unwrap().is_none());
}

#[tokio::test]
async fn one_refusal_among_many_leaves_no_trace() {
    let house = cold().await;
    let before = house.engine.head();
    let mut wishes = batch(0..50);
    wishes.items[31].wish = Wish::Spend(spend("a31", 101));
    let refused = house.engine.execute(command(wishes.into(), None)).await;
    assert!(matches!(refused, Err(Error::Rejected(Rejection::Item { index: 31, .. }))));
    assert_eq!(house.engine.head(), before);
    house.engine.execute(command(batch(0..50).into(), None)).await.unwrap();
}

#[tokio::test]
async fn commands_put_together_are_answered_in_their_order() {
    let house = cold().await;
    let wishes = [spend("a1", 1), spend("a2", 101), spend("a1", 2)];
    let commands = wishes.map(|wish| command(wish.into(), None));
    let done = house.engine.execute_all(commands).await;
    let found: Vec<_> = done.iter().map(|done| done.as_ref().map(|it| it.events.len())).collect();
    assert!(matches!(found[..], [Ok(1), Err(Error::Rejected(_)), Ok(1)]), "{found:?}");
    assert_eq!(house.available("a1").await, 97);
}

#[tokio::test]
async fn a_key_that_is_forgotten_is_used_once_by_those_who_come_together() {
    let house = cold().await;
    house.keyed(spend("a3", 1), Some(("k3", 1))).await.unwrap();
    house.clock.advance(401 * 86_400_000_000, 401 * 86_400_000_000);
    let again = || house.keyed(spend("a3", 1), Some(("k3", 1)));
    let (one, two) = tokio::join!(again(), again());
    assert!(one.unwrap().1 != two.unwrap().1, "one of them is a repeat of the other");
    assert_eq!(house.available("a3").await, 98);
}

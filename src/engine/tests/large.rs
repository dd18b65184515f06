//! Groups that are made ready beside the writer, and commands too large for any.

use super::*;

/// More than are made ready on the writer's own task.
const MANY: usize = 600;

fn mints(from: usize) -> impl Iterator<Item = Command> {
    (from..from + MANY).map(|number| command(mint("a", &format!("lot{number}"), 1).into(), None))
}

#[tokio::test]
async fn a_command_that_no_block_has_room_for_is_refused_alone() {
    let house = House::new().await;
    house.run(mint("a", "lot1", 100)).await.unwrap();
    let huge = Spend { reference: Some("x".repeat(33 << 20)), ..spend("a", 10) };
    let wishes: [Operation; 3] = [spend("a", 1).into(), huge.into(), spend("a", 2).into()];
    let commands = wishes.map(|wish| command(wish, None));
    let [one, huge, other] = house.engine.execute_all(commands).await.try_into().unwrap();
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(matches!(huge, Err(Error::Unreadable(_))), "{huge:?}");
    assert_eq!(one.head, other.head, "they share a block");
    assert_eq!(house.available("a").await, 97);
    assert_eq!(house.restart().await.available("a").await, 97);
}

#[tokio::test]
async fn a_large_group_is_true_for_everybody_or_for_nobody() {
    let house = House::new().await;
    house.roll.inject(Fault::RefuseAppend);
    let vain = house.engine.execute_all(mints(0)).await;
    assert!(vain.iter().all(|done| matches!(done, Err(Error::NotWritten))));
    assert_eq!(house.available("a").await, 0);
    let done = house.engine.execute_all(mints(MANY)).await;
    assert!(done.iter().all(Result::is_ok));
    let house = house.restart().await;
    assert_eq!(house.available("a").await, u64::try_from(MANY).unwrap());
}

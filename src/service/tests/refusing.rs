//! Attempts that prove nothing: all of them are told of, none of them fills the roll.

use piperoll_domain::{event::Event, receipt};

use super::house::House;

async fn garbage(house: &House, body: &[u8]) {
    let connection = "default".parse().unwrap();
    let answer = house.service.receive(&connection, None, &<_>::default(), body).await.unwrap();
    assert!(!answer.accepted, "{answer:?}");
}

async fn told(house: &House) -> Vec<(String, u32)> {
    let mut told = vec![];
    for position in 1..=house.service.engine().head().position {
        let fact = house.service.fact(position).await.unwrap();
        if let Event::Receipt(receipt::Event::Refused(refused)) = fact.event {
            assert!(refused.sample.is_some() && refused.first <= refused.last);
            told.push((refused.reason, refused.count));
        }
    }
    told
}

#[tokio::test]
async fn the_first_is_told_at_once_and_the_others_once_a_minute() {
    let house = House::new().await;
    for n in 0..50 {
        garbage(&house, format!("{{\"n\":{n}}}").as_bytes()).await;
    }
    assert_eq!(told(&house).await, [("missing".into(), 1)]);
    house.pass(59);
    assert_eq!(house.service.tell_refusals(false).await, 0);
    house.pass(1);
    assert_eq!(house.service.tell_refusals(false).await, 1);
    assert_eq!(told(&house).await, [("missing".into(), 1), ("missing".into(), 49)]);
    house.pass(600);
    assert_eq!(house.service.tell_refusals(false).await, 0, "nothing new");
}

#[tokio::test]
async fn what_was_counted_is_told_at_the_end_of_the_process() {
    let house = House::new().await;
    for _ in 0..3 {
        garbage(&house, b"x").await;
    }
    assert_eq!(house.service.tell_refusals(true).await, 1);
    assert_eq!(told(&house).await, [("missing".into(), 1), ("missing".into(), 2)]);
}

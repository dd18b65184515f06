//! Minting for strangers, and showing a challenge again to those whom somebody knows.

use super::house::{House, Plan, forwarded, key};
use crate::service::{Checkout, Error, Forwarded, Rate, Refusal};

async fn ask(house: &House, request: impl FnOnce(&mut Forwarded)) -> Result<Checkout, Error> {
    let mut asked = forwarded("/three/x?q=1", None);
    request(&mut asked);
    match house.service.authorize(&key("acme"), asked).await {
        Err(Refusal::NoCredential(checkout)) => Ok(*checkout),
        Err(Refusal::Error(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}

fn user(name: &str) -> impl FnOnce(&mut Forwarded) {
    let name = name.to_owned();
    move |request| request.user = Some(name)
}

#[tokio::test]
async fn an_anonymous_caller_always_gets_an_invoice_of_his_own_until_the_limit() {
    let plan = Plan { per_address: Rate { burst: 2, per_minute: 1 }, ..Plan::default() };
    let house = House::planned(plan).await;
    let (one, two) = (ask(&house, |_| {}).await.unwrap(), ask(&house, |_| {}).await.unwrap());
    assert_ne!(one.payment, two.payment);
    let error = ask(&house, |_| {}).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }), "{error}");
    assert_eq!(house.count("payment.requested.v1").await, 2, "a refusal appends nothing");
    ask(&house, |request| request.client = Some("198.51.100.1".parse().unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_known_buyer_sees_the_same_challenge_again_while_it_can_be_paid() {
    let house = House::new().await;
    let first = ask(&house, user("bob")).await.unwrap();
    let again = ask(&house, user("bob")).await.unwrap();
    assert!(again.reused && !first.reused);
    assert_eq!((&again.payment, &again.challenge), (&first.payment, &first.challenge));
    assert_ne!(ask(&house, user("eve")).await.unwrap().payment, first.payment);
    let elsewhere = |request: &mut Forwarded| {
        request.user = Some("bob".into());
        request.path = "/three/y".into();
    };
    assert_ne!(ask(&house, elsewhere).await.unwrap().payment, first.payment);

    house.pass(545);
    let later = ask(&house, user("bob")).await.unwrap();
    assert!(!later.reused && later.payment != first.payment, "it had less than a minute to live");
}

#[tokio::test]
async fn a_challenge_that_was_paid_or_repriced_is_not_shown_again() {
    let house = House::new().await;
    let first = ask(&house, user("bob")).await.unwrap();
    let paid = house.pay(&first).await;
    house.deliver(&paid.deliveries[0]).await;
    let second = ask(&house, user("bob")).await.unwrap();
    assert_ne!(second.payment, first.payment);
    let gives = piperoll_domain::offer::Gives::Uses { count: 4 };
    house.offer("three", super::house::terms("/three/*", gives)).await;
    assert_ne!(ask(&house, user("bob")).await.unwrap().payment, second.payment);
}

//! A provider that fails again and again is left alone for a while; what was sold is not.

use super::house::{House, key};
use crate::{
    providers::{
        Class,
        sandbox::{CreateFault, Faults},
    },
    service::{Checkout, Error},
};

async fn ask(house: &House) -> Result<Checkout, Error> {
    house.service.checkout(&key("acme"), House::top_up("alice", 9_000), None).await
}

async fn class(house: &House) -> Class {
    match ask(house).await {
        Err(Error::ProviderUnavailable { class, .. }) => class,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_dead_provider_is_not_asked_for_ever_more_invoices() {
    let house = House::new().await;
    let sold = ask(&house).await.unwrap();
    house.faults(Faults { create: CreateFault::Unreachable, ..Faults::default() });
    for _ in 0..5 {
        assert_ne!(class(&house).await, Class::CircuitOpen);
    }
    assert_eq!(class(&house).await, Class::CircuitOpen);
    house.faults(Faults::default());
    assert_eq!(class(&house).await, Class::CircuitOpen, "it is not even tried");
    // What was sold before is settled all the same.
    let paid = house.pay(&sold).await;
    assert!(house.deliver(&paid.deliveries[0]).await.applied);
    house.pass(31);
    ask(&house).await.unwrap();
    ask(&house).await.unwrap();
}

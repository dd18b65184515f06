//! Uses: each counts once, the same one again is free for a minute, and one can be given back.

use piperoll_domain::{bytes::Bytes, operation::ReleaseUse};

use super::house::{House, acme, forwarded, key};
use crate::{
    l402::credential::Credential,
    service::{Authorized, Forwarded, Opens, Refusal},
};

async fn use_it(
    house: &House,
    credential: &Credential,
    request: impl FnOnce(&mut Forwarded),
) -> Result<(u32, u32, bool), Refusal> {
    let mut asked = forwarded("/three/x", Some(credential.clone()));
    request(&mut asked);
    match house.service.authorize(&key("acme"), asked).await? {
        Authorized::Paid(redeemed) => match redeemed.opens {
            Opens::Use { number, left, repeated, .. } => Ok((number, left, repeated)),
            other => panic!("{other:?}"),
        },
        Authorized::Unmetered { .. } => panic!("it is metered"),
    }
}

async fn bought(house: &House) -> Credential {
    let challenge = house.challenge("/three/x").await;
    house.pay(&challenge).await.credential
}

fn with_id(id: &str) -> impl FnOnce(&mut Forwarded) {
    let id = id.to_owned();
    move |request| request.request_id = Some(id)
}

#[tokio::test]
async fn the_same_request_again_is_the_same_use_for_a_minute() {
    let house = House::new().await;
    let credential = bought(&house).await;
    assert_eq!(use_it(&house, &credential, with_id("a")).await.unwrap(), (1, 2, false));
    house.pass(30);
    assert_eq!(use_it(&house, &credential, with_id("a")).await.unwrap(), (1, 2, true));
    house.pass(31);
    assert_eq!(use_it(&house, &credential, with_id("a")).await.unwrap(), (2, 1, false));
}

#[tokio::test]
async fn the_same_use_is_repeated_three_times_and_no_more() {
    let house = House::new().await;
    let credential = bought(&house).await;
    let mut repeated = vec![];
    for _ in 0..5 {
        repeated.push(use_it(&house, &credential, with_id("a")).await.unwrap().2);
    }
    assert_eq!(repeated, [false, true, true, true, false]);
}

#[tokio::test]
async fn without_an_id_that_the_proxy_set_no_use_is_the_same() {
    let house = House::new().await;
    let credential = bought(&house).await;
    for number in 1..=3 {
        let used = use_it(&house, &credential, |_| {}).await.unwrap();
        assert_eq!(used, (number, 3 - number, false));
    }
    let answer = use_it(&house, &credential, |_| {}).await;
    assert!(matches!(answer, Err(Refusal::UsedUp(_))), "{answer:?}");
}

#[tokio::test]
async fn another_method_path_query_or_body_is_another_use() {
    let house = House::new().await;
    let gives = piperoll_domain::offer::Gives::Uses { count: 10 };
    house.offer("ten", super::house::terms("/three/x", gives)).await;
    let credential = bought(&house).await;
    let requests: [fn(&mut Forwarded); 5] = [
        |_| {},
        |request| request.method = "POST".into(),
        |request| request.path = "/three/x?q=1".into(),
        |request| request.path = "/three/x?q=2".into(),
        |request| request.body_digest = Some(Bytes([1; 32])),
    ];
    for request in requests {
        let used = use_it(&house, &credential, |asked| {
            asked.request_id = Some("a".into());
            request(asked);
        });
        assert!(!used.await.unwrap().2);
    }
    assert_eq!(house.count("entitlement.used.v1").await, 5);
}

#[tokio::test]
async fn a_use_that_is_given_back_can_be_used_again() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let credential = house.pay(&challenge).await.credential;
    let redeemed = house.let_in("/one", credential.clone()).await.unwrap();
    let Opens::Use { entitlement, number, .. } = redeemed.opens else { panic!("{redeemed:?}") };
    let reason = "the upstream answered 502".to_owned();
    house.cli(ReleaseUse { tenant: acme(), entitlement, number, reason }).await;
    let again = house.let_in("/one", credential.clone()).await.unwrap();
    assert!(matches!(again.opens, Opens::Use { number: 2, left: 0, .. }), "{again:?}");
    let answer = house.let_in("/one", credential).await;
    assert!(matches!(answer, Err(Refusal::UsedUp(_))), "{answer:?}");
}

#[tokio::test]
async fn who_comes_a_hundred_times_at_once_uses_what_he_paid_for() {
    let house = House::new().await;
    let credential = bought(&house).await;
    let mut visits = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (service, credential) = (house.service.clone(), credential.clone());
        visits.spawn(async move {
            let request = forwarded("/three/x", Some(credential));
            service.authorize(&key("acme"), request).await.is_ok()
        });
    }
    let let_in = visits.join_all().await.into_iter().filter(|let_in| *let_in).count();
    assert_eq!(let_in, 3);
    assert_eq!(house.count("payment.settled.v1").await, 1);
    assert_eq!(house.count("entitlement.granted.v1").await, 1);
}

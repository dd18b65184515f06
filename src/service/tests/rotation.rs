//! Secrets that change while things sold under the old ones are still out.

use piperoll_domain::{connection::Account, operation::DeclareConnection, payment::Status};

use super::house::{House, Plan, sandbox_account};
use crate::service::{Error, Refusal};

const NEW: &str = "another-secret-for-tokens-0123456789";
const OLD: &str = "what-tokens-are-sold-under-0123456789";

fn plan(tokens: &[&'static str]) -> Plan {
    Plan { tokens: tokens.to_vec(), ..Plan::default() }
}

#[tokio::test]
async fn a_token_under_a_retired_secret_is_honoured_and_shown_again_byte_for_byte() {
    let house = House::new().await;
    let challenge = house.challenge("/three/x").await;
    let paid = house.pay(&challenge).await;
    let house = house.killed_into(plan(&[NEW, OLD])).await;
    let view = house.service.render(&super::house::acme(), &challenge.payment).await.unwrap();
    assert_eq!(view.challenge, challenge.challenge);
    house.let_in("/three/x", paid.credential.clone()).await.unwrap();

    let house = house.killed_into(plan(&[NEW])).await;
    let view = house.service.render(&super::house::acme(), &challenge.payment).await.unwrap();
    assert_eq!((view.token, view.challenge), (None, None));
    let answer = house.let_in("/three/x", paid.credential).await;
    assert!(matches!(answer, Err(Refusal::Invalid)), "{answer:?}");
}

#[tokio::test]
async fn webhooks_under_the_old_secret_are_taken_until_it_is_gone() {
    let house = House::new().await;
    let (one, two) = (house.challenge("/one").await, house.challenge("/one").await);
    let (first, second) = (house.pay(&one).await, house.pay(&two).await);
    let rotated = |previous: &str| {
        let mut plan = Plan::default();
        plan.vars.insert("HOOK".into(), "the-new-webhook-secret".into());
        plan.vars.insert("HOOK_PREV".into(), previous.into());
        plan
    };
    let house = house.killed_into(rotated("something-older, the-webhook-secret")).await;
    assert!(house.deliver(&first.deliveries[0]).await.applied);
    let house = house.killed_into(rotated("")).await;
    assert!(!house.deliver(&second.deliveries[0]).await.accepted);
    assert_eq!(house.payment(&two.payment).await.status, Status::Pending);
}

#[tokio::test]
async fn a_connection_is_opened_anew_when_the_roll_describes_it_anew() {
    let house = House::new().await;
    let name: piperoll_domain::id::ConnectionId = "default".parse().unwrap();
    let challenge = house.challenge("/one").await;
    let declare = |account| DeclareConnection { connection: name.clone(), account };
    house
        .cli(declare(Account { webhook_secret_from: Some("NOWHERE".into()), ..sandbox_account() }))
        .await;
    let Err(Error::Connection { .. }) = house.service.line(&name) else { panic!("no secret") };
    let described = Account { capabilities: vec!["new words".into()], ..sandbox_account() };
    house.cli(declare(described)).await;
    // It is the same node: it still knows its invoice.
    let paid = house.pay(&challenge).await;
    assert!(house.deliver(&paid.deliveries[0]).await.applied);
}

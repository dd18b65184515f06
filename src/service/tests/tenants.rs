//! Whose things are whose: a credential fixes the tenant, and nothing else does.

use piperoll_domain::operation::OpenAccount;

use super::house::{House, forwarded, key, tenant, terms};
use crate::service::{Error, Principal, Refusal, TOPUPS, TOPUPS_PATH, UseRequest};

#[tokio::test]
async fn a_token_of_one_tenant_opens_nothing_of_anothers() {
    let house = House::new().await;
    let gives = piperoll_domain::offer::Gives::Uses { count: 1 };
    house
        .cli(piperoll_domain::operation::PublishOffer {
            tenant: tenant("other"),
            offer: "one".parse().unwrap(),
            terms: terms("/one", gives),
        })
        .await;
    let challenge = house.challenge("/one").await;
    let paid = house.pay(&challenge).await;
    let before = house.facts().await.len();
    let request = forwarded("/one", Some(paid.credential.clone()));
    let answer = house.service.authorize(&key("other"), request).await;
    assert!(matches!(answer, Err(Refusal::WrongScope(_))), "{answer:?}");
    assert_eq!(house.facts().await.len(), before, "nobody was even asked");
    house.let_in("/one", paid.credential).await.unwrap();
}

#[tokio::test]
async fn a_caller_reaches_its_own_tenant_only() {
    let house = House::new().await;
    let wish = |name: &str| OpenAccount { tenant: tenant(name), account: "alice".parse().unwrap() };
    house.service.execute(&key("acme"), wish("acme"), None).await.unwrap();
    let error = house.service.execute(&key("acme"), wish("other"), None).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().code(), "tenant_not_found");
    house.service.execute(&Principal::Cli, wish("other"), None).await.unwrap();
    let settings = piperoll_domain::operation::ChangeSettings {
        settings: piperoll_domain::settings::Settings { same_use_max: 9, ..<_>::default() },
    };
    let error = house.service.execute(&key("acme"), settings, None).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().code(), "tenant_not_found");
}

#[tokio::test]
async fn a_payment_of_another_tenant_is_not_found() {
    let house = House::new().await;
    let challenge = house.challenge("/one").await;
    let error = house.service.render(&tenant("other"), &challenge.payment).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().code(), "payment_not_found");
    let error = house.service.sync(&tenant("other"), &challenge.payment).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().code(), "payment_not_found");
}

#[tokio::test]
async fn whose_credential_fixes_no_tenant_sells_nothing() {
    let house = House::new().await;
    let ask = House::top_up("alice", 9_000);
    let error = house.service.checkout(&Principal::Cli, ask, None).await.unwrap_err();
    assert!(matches!(error, Error::NoTenant), "{error}");
}

#[tokio::test]
async fn a_top_up_of_one_tenant_is_not_credited_at_anothers() {
    let house = House::new().await;
    let ask = House::top_up("alice", 9_000);
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let paid = house.pay(&checkout).await;
    let request = UseRequest {
        who: key("other"),
        service: TOPUPS.parse().unwrap(),
        method: "POST".into(),
        path: TOPUPS_PATH.into(),
        request_id: None,
        body_digest: None,
        buyer: crate::service::For::Application,
    };
    let answer = house.service.redeem(paid.credential, request).await;
    assert!(matches!(answer, Err(Refusal::WrongScope(_))), "{answer:?}");
    assert_eq!(house.credit("alice").await, 0);
}

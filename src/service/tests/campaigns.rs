//! Campaigns: what holds while many grant at once, what a crash leaves, what time ends.

use futures_util::future::join_all;
use piperoll_domain::{
    book::State,
    bytes::Bytes,
    campaign::{Purpose, Status, THRESHOLD_PERCENT, Terms},
    duty::Kind as DutyKind,
    event::Idempotency,
    id::{CampaignId, Kind, Pool, Stream},
    money::Amount,
    operation::{ActivateCampaign, CreateCampaign, GrantCredit, Operation, PauseCampaign, Wish},
};

use super::house::{House, START, acme, msat};
use crate::{
    engine::{self, Done},
    service::{Error, Principal},
};

fn terms(budget: u64) -> Terms {
    Terms {
        purpose: Purpose::Promotional,
        budget: msat(budget),
        account_cap: None,
        threshold_percent: THRESHOLD_PERCENT,
        pool: Pool::general(),
        ends_at: None,
        lots_expire_after_seconds: None,
        lots_expire_at: None,
    }
}

fn welcome() -> CampaignId {
    "welcome".parse().unwrap()
}

async fn put(house: &House, wish: impl Into<Operation>) -> Result<Done, Error> {
    house.service.command(&Principal::Cli, wish, None, None).await
}

/// What becomes of wishes that are put at once.
async fn put_all(house: &House, wishes: Vec<Operation>) -> Vec<String> {
    let answers = join_all(wishes.into_iter().map(|wish| put(house, wish))).await;
    answers.iter().map(|answer| code(answer).to_owned()).collect()
}

fn code(answer: &Result<Done, Error>) -> &str {
    match answer {
        Ok(_) => "done",
        Err(error) => error.rejection().unwrap_or_else(|| panic!("{error}")).code(),
    }
}

fn count(codes: &[String], code: &str) -> usize {
    codes.iter().filter(|known| *known == code).count()
}

async fn begin(house: &House, terms: Terms) {
    put(house, CreateCampaign { tenant: acme(), campaign: welcome(), terms }).await.unwrap();
    let begin = ActivateCampaign { tenant: acme(), campaign: welcome(), reason: "go".into() };
    put(house, begin).await.unwrap();
}

fn grant(name: &str, account: &str, amount: u64) -> GrantCredit {
    let (grant, account) = (name.parse().unwrap(), account.parse().unwrap());
    GrantCredit { tenant: acme(), campaign: welcome(), grant, account, amount: msat(amount) }
}

async fn stands(house: &House) -> (Status, Amount) {
    let stream = Stream::new(Kind::Campaign, &acme(), &welcome());
    match house.service.engine().look(&stream).await.unwrap().unwrap().state {
        State::Campaign(campaign) => (campaign.status, campaign.spent),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_many_who_want_the_last_unit_one_gets_it() {
    let house = House::new().await;
    begin(&house, terms(100)).await;
    put(&house, grant("first", "alice", 99)).await.unwrap();
    let wishes = (0..40).map(|n| grant(&format!("g{n}"), &format!("a{n}"), 1).into()).collect();
    let codes = put_all(&house, wishes).await;
    assert_eq!((count(&codes, "done"), count(&codes, "budget_exceeded")), (1, 39), "{codes:?}");
    assert_eq!(stands(&house).await.1, msat(100).amount);
    assert_eq!(house.count("lot.minted.v1").await, 2);
    assert_eq!(house.count("campaign.threshold_reached.v1").await, 1);
}

#[tokio::test]
async fn of_many_grants_to_one_account_as_many_land_as_its_cap_allows() {
    let house = House::new().await;
    begin(&house, Terms { account_cap: Some(msat(7).amount), ..terms(100) }).await;
    let wishes = (0..40).map(|n| grant(&format!("g{n}"), "alice", 2).into()).collect();
    let codes = put_all(&house, wishes).await;
    assert_eq!((count(&codes, "done"), count(&codes, "cap_exceeded")), (3, 37), "{codes:?}");
    assert_eq!(house.credit("alice").await, 6);
}

#[tokio::test]
async fn a_pause_in_the_middle_stops_what_comes_behind_it() {
    let house = House::new().await;
    begin(&house, terms(1_000)).await;
    let pause = PauseCampaign { tenant: acme(), campaign: welcome(), reason: "stop".into() };
    let mut wishes: Vec<Operation> =
        (0..50).map(|n| grant(&format!("g{n}"), "alice", 1).into()).collect();
    wishes.insert(25, pause.into());
    let codes = put_all(&house, wishes).await;
    let given = count(&codes, "done") - 1;
    assert_eq!(given + count(&codes, "campaign_not_active"), 50, "{codes:?}");
    assert_eq!(code(&put(&house, grant("behind", "alice", 1)).await), "campaign_not_active");
    let units = u64::try_from(given).unwrap();
    assert_eq!(stands(&house).await, (Status::Paused, msat(units).amount));
    assert_eq!(house.count("lot.minted.v1").await, given);
}

#[tokio::test]
async fn what_a_crash_leaves_adds_up_and_goes_on() {
    let house = House::new().await;
    begin(&house, Terms { account_cap: Some(msat(60).amount), ..terms(100) }).await;
    put(&house, grant("g1", "alice", 60)).await.unwrap();
    let house = house.killed().await;
    assert_eq!(stands(&house).await.1, msat(60).amount);
    assert_eq!(code(&put(&house, grant("g1", "alice", 1)).await), "grant_exists");
    assert_eq!(code(&put(&house, grant("g2", "alice", 1)).await), "cap_exceeded");
    assert_eq!(code(&put(&house, grant("g2", "bob", 41)).await), "budget_exceeded");
    put(&house, grant("g2", "bob", 40)).await.unwrap();
    assert_eq!(house.count("campaign.threshold_reached.v1").await, 1);
}

#[tokio::test]
async fn its_time_ends_it_and_later_the_credit() {
    let house = House::new().await;
    let (ends, lapses) = (START.plus_seconds(600), START.plus_seconds(900));
    let terms = Terms { ends_at: Some(ends), lots_expire_at: Some(lapses), ..terms(100) };
    begin(&house, terms).await;
    put(&house, grant("g1", "alice", 10)).await.unwrap();
    house.react().await;
    assert_eq!((stands(&house).await.0, house.owes(DutyKind::End)), (Status::Active, 1));
    house.pass(600);
    assert_eq!(code(&put(&house, grant("g2", "alice", 10)).await), "campaign_not_active");
    house.react().await;
    assert_eq!((stands(&house).await.0, house.owes(DutyKind::End)), (Status::Expired, 0));
    assert_eq!(house.credit("alice").await, 10);
    house.pass(300);
    house.react().await;
    assert_eq!(house.credit("alice").await, 0);
    assert_eq!(house.count("campaign.expired.v1").await, 1);
}

#[tokio::test]
async fn a_batch_that_ends_with_the_budget_lands_whole_or_not_at_all() {
    let house = House::new().await;
    begin(&house, terms(100)).await;
    let wish = |number: u64| {
        let (operation, fingerprint) = ("campaign.grant".into(), Bytes([7; 33]));
        let key = Idempotency { operation, key: format!("k{number}").into(), fingerprint };
        (Wish::Grant(grant(&format!("g{number}"), &format!("a{number}"), 10)), key)
    };
    let (who, all): (_, Vec<_>) = (Principal::Cli, (0..11).map(wish).collect());
    let refused = house.service.execute_together(&who, &acme(), all.clone()).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().code(), "budget_exceeded");
    assert_eq!(house.count("lot.minted.v1").await, 0);
    let whole = house.service.execute_together(&who, &acme(), all[..10].to_vec()).await.unwrap();
    assert_eq!((whole.len(), stands(&house).await.1), (10, msat(100).amount));
    let again = house.service.execute_each(&who, all).await;
    let replayed = again.iter().filter(|done| done.as_ref().is_ok_and(|done| done.replayed));
    assert_eq!(replayed.count(), 10);
    assert!(matches!(&again[10], Err(Error::Engine(engine::Error::Rejected(_)))));
    assert_eq!(house.count("grant.given.v1").await, 10);
}

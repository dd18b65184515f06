//! Reservations against time: they end once, by whoever comes first.

use piperoll_domain::{
    account::{Event as OfAccount, Source, SourceKind, Why},
    billing::{Billing, Mode},
    duty::Kind as DutyKind,
    event::Event,
    id::Pool,
    money::{Amount, Money},
    operation::{ChangeBilling, Finalize, Mint, Release, Reserve},
    rejection::Rejection,
};

use super::house::{House, acme};
use crate::service::{Error, Metered, Principal};

fn usd(units: u64) -> Money {
    Money { commodity: "USD".parse().unwrap(), amount: Amount::new(units).unwrap() }
}

/// A house whose tenant bills in this mode, and whose `alice` has 100.
async fn house(mode: Mode) -> House {
    let house = House::new().await;
    let billing = Billing { mode, ..Billing::default() };
    house.cli(ChangeBilling { tenant: acme(), billing, reason: "test".into(), over: None }).await;
    house
        .cli(Mint {
            tenant: acme(),
            account: "alice".parse().unwrap(),
            lot: "lot_1".parse().unwrap(),
            amount: usd(100),
            source: Source { kind: SourceKind::Deposit, id: "paid".into() },
            pool: Pool::general(),
            expires_at: None,
            cost: Some(usd(100)),
            reason: "test".into(),
            ceiling: None,
        })
        .await;
    house
}

async fn hold(house: &House, name: &str, seconds: u32) -> Metered {
    let wish = Reserve {
        tenant: acme(),
        account: "alice".parse().unwrap(),
        reservation: name.parse().unwrap(),
        amount: usd(60),
        is_estimate: false,
        pool: Pool::general(),
        ttl_seconds: Some(seconds),
        reference: None,
        ceiling: None,
    };
    house.service.reserve(&Principal::Cli, wish, None).await.unwrap()
}

async fn finalize(house: &House, name: &str, cost: u64) -> Result<Metered, Error> {
    let reservation = name.parse().unwrap();
    let (account, cost, ceiling) = (None, usd(cost), None);
    let wish = Finalize { tenant: acme(), account, reservation, cost, ceiling };
    house.service.finalize(&Principal::Cli, wish, None).await
}

async fn release(house: &House, name: &str) -> Result<Metered, Error> {
    let wish = Release { tenant: acme(), account: None, reservation: name.parse().unwrap() };
    house.service.release(&Principal::Cli, wish, None).await
}

fn refused(answer: Result<Metered, Error>) -> Rejection {
    answer.unwrap_err().rejection().unwrap().clone()
}

#[tokio::test]
async fn whose_time_is_over_is_not_charged_and_is_given_back_with_an_entry() {
    for mode in [Mode::Shadow, Mode::Soft, Mode::Live] {
        let house = house(mode).await;
        hold(&house, "res_1", 30).await;
        assert_eq!(house.owes(DutyKind::Return), 1);
        house.pass(31);
        assert_eq!(refused(finalize(&house, "res_1", 5).await), Rejection::ReservationExpired);
        house.react_to(DutyKind::Return).await;
        assert_eq!(house.owes(DutyKind::Return), 0);
        assert_eq!(house.credit("alice").await, 100);
        assert_eq!(refused(finalize(&house, "res_1", 5).await), Rejection::ReservationExpired);
        let told = release(&house, "res_1").await.unwrap();
        assert!(told.replayed);
        match told.fact.event {
            Event::Account(OfAccount::Released(ended)) => assert_eq!(ended.why, Why::Expired),
            Event::Account(OfAccount::ShadowReleased(ended)) => {
                assert_eq!((mode, ended.why), (Mode::Shadow, Why::Expired));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_ends_while_it_is_finalized_ends_once() {
    for turn in 0..10 {
        let house = house(Mode::Live).await;
        hold(&house, "res_1", 30).await;
        house.pass(if turn % 2 == 0 { 30 } else { 31 });
        let (charged, _) =
            tokio::join!(finalize(&house, "res_1", 40), house.react_to(DutyKind::Return));
        let ends =
            house.count("credit.finalized.v1").await + house.count("credit.released.v1").await;
        assert_eq!(ends, usize::from(charged.is_ok() || house.owes(DutyKind::Return) == 0));
        let left = if charged.is_ok() { 60 } else { 100 };
        house.pass(60);
        house.react_to(DutyKind::Return).await;
        assert_eq!(house.credit("alice").await, left);
        let again = finalize(&house, "res_1", 40).await;
        assert_eq!(again.is_ok(), charged.is_ok(), "who was charged stays charged");
    }
}

#[tokio::test]
async fn a_switch_to_shadow_still_charges_what_was_held_live() {
    let house = house(Mode::Live).await;
    hold(&house, "res_1", 300).await;
    let billing = Billing { mode: Mode::Shadow, ..Billing::default() };
    house
        .cli(ChangeBilling { tenant: acme(), billing, reason: "an incident".into(), over: None })
        .await;
    let ended = finalize(&house, "res_1", 45).await.unwrap();
    let Event::Account(OfAccount::Finalized(ended)) = ended.fact.event else { panic!() };
    assert_eq!((ended.mode, ended.charged), (Mode::Live, usd(45)));
    assert_eq!(house.credit("alice").await, 55);
}

#[tokio::test]
async fn what_was_charged_is_told_again_after_a_restart() {
    let house = house(Mode::Live).await;
    hold(&house, "res_1", 300).await;
    let first = finalize(&house, "res_1", 45).await.unwrap();
    let house = house.killed().await;
    let again = finalize(&house, "res_1", 45).await.unwrap();
    assert_eq!((again.fact, again.replayed), (first.fact, true));
    let other = refused(finalize(&house, "res_1", 46).await);
    assert_eq!(other, Rejection::ReservationFinalized { cost: usd(45) });
    assert_eq!(house.credit("alice").await, 55);
}

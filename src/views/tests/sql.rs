//! What an auditor is told who asks the views' file in SQL.

use std::collections::BTreeMap;

use piperoll_domain::{
    account::{Debit, Order, Part, SourceKind, TransferredOut},
    billing::{Billing, Changed},
    campaign::{Activated, Created, Expired},
    id::{AccountId, CampaignId, Kind, LotId, Pool, Stream, TenantId},
    payment::{Consumed, Gave},
    testing::{gifts, money, units},
};

use super::*;
use crate::views::samples::name;

/// The answer's first column, from views that were written so many events at once.
pub(super) async fn told(world: &World, events_max: usize, sql: &'static str) -> Vec<Told> {
    asked(world, events_max, sql).await.unwrap()
}

type Told = Option<String>;

async fn asked(
    world: &World,
    events_max: usize,
    sql: &'static str,
) -> Result<Vec<Told>, sqlx::Error> {
    let directory = tempfile::tempdir().unwrap();
    let head = u64::try_from(world.records.len()).unwrap();
    let store = built(directory.path(), &Memory::of(&world.records, head, events_max, 0)).await;
    let path = store.writer.path().to_owned();
    let mut snapshot = snapshot(store).await;
    assert_eq!(differences(&mut snapshot, &Tables::of(&world.records), 7).await, vec![]);
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut outside = options.connect().await.unwrap();
    sqlx::query_scalar(sql).fetch_all(&mut outside).await
}

/// A tenant, and what was said of how it bills.
pub(super) fn opened() -> (World, TenantId) {
    let mut world = World::new();
    let tenant: TenantId = name("acme");
    let opened = piperoll_domain::testing::tenant_opened(1);
    world.say(&Stream::new(Kind::Tenant, &tenant, &tenant), opened);
    (world, tenant)
}

#[tokio::test]
async fn a_ceiling_that_was_taken_away_is_none() {
    let (mut world, tenant) = opened();
    let stream = Stream::new(Kind::Billing, &tenant, &tenant);
    let billing = Billing { ceilings: BTreeMap::new(), ..Billing::default() };
    world.say(&stream, Changed { version: 1, billing, reason: "none".to_owned() });
    let shown = "SELECT value FROM billing_config WHERE key = 'ceiling_micro'";
    for events_max in [1, 1_000] {
        let row = told(&world, events_max, "SELECT CAST(ceiling_micro AS TEXT) FROM billing").await;
        assert_eq!(row, [None]);
        assert_eq!(told(&world, events_max, shown).await, [None]);
    }
}

/// Also where the lot was empty by the time that the payment was known.
#[tokio::test]
async fn a_payment_that_was_recovered_by_hand_shows_its_lot() {
    for known in [true, false] {
        let (mut world, tenant) = opened();
        let account: AccountId = name("alice");
        let by_hand = world.mint(&Stream::new(Kind::Account, &tenant, &account), 5, None);
        let minted = u64::try_from(world.records.len()).unwrap();
        let payment = world.paid(&tenant);
        let lot = known.then(|| by_hand.clone());
        let gave = Gave::Recovered { account, lot, minted };
        world.say(&payment, Consumed { gave, price: money("MSAT", 1_003) });
        let lots = told(&world, 1, "SELECT lot_id FROM crypto_payments").await;
        assert_eq!(lots, [Some(by_hand.to_string())]);
    }
}

#[tokio::test]
async fn a_trial_balance_in_sql_is_exact_or_none() {
    let (mut world, tenant) = opened();
    let account = Stream::new(Kind::Account, &tenant, &name::<AccountId>("alice"));
    world.mint(&account, 1 << 62, None);
    world.mint(&account, (1 << 62) - 2, None);
    world.spend(&account, 5);
    let credits = "SELECT CAST(credit AS TEXT) FROM trial_balance WHERE account = 9200";
    let both = (i64::MAX - 1).to_string();
    assert_eq!(told(&world, 1_000, credits).await, [Some(both)]);
    let apart = "SELECT CAST(sum(debit - credit) AS TEXT) FROM trial_balance";
    assert_eq!(told(&world, 1_000, apart).await, [Some("0".to_owned())]);
    world.mint(&account, 2, None);
    let refused = asked(&world, 1_000, credits).await.unwrap_err();
    assert!(refused.to_string().contains("integer overflow"), "{refused}");
    // What can be told is told beside it.
    let used = "SELECT CAST(debit AS TEXT) FROM trial_balance WHERE account = 9200";
    assert_eq!(told(&world, 1_000, used).await, [Some("5".to_owned())]);
}

#[tokio::test]
async fn credit_that_left_and_never_arrived_is_told_where_the_ledger_is_reconciled() {
    let (mut world, tenant) = opened();
    let account = Stream::new(Kind::Account, &tenant, &name::<AccountId>("alice"));
    let lot = world.mint(&account, 100, None);
    let told_of = |world: &World| {
        let world = world.clone();
        let result = "SELECT value ->> 'passed' || '|' || (value ->> '$.checks[2].violations') \
                      FROM billing_config WHERE key = 'last_reconciliation_result'";
        async move { told(&world, 1, result).await }
    };
    assert_eq!(told_of(&world).await, [Some("1|0".to_owned())]);
    world.say(&account, left(lot));
    assert_eq!(told_of(&world).await, [Some("0|1".to_owned())]);
    let directory = tempfile::tempdir().unwrap();
    let store = built(directory.path(), &Memory::whole(&world.records)).await;
    let drift = snapshot(store).await.drift().await.unwrap();
    assert_eq!((drift.in_transit, drift.drifted, drift.lots_broken), (1, 0, 0));
    assert!(!drift.is_none());
}

/// Ten of a hundred leave for an account that never has them.
fn left(lot: LotId) -> TransferredOut {
    let (source, pool) = (SourceKind::Deposit, Pool::general());
    let part = Part { lot, amount: units(10), left: units(90), cost: None, source, pool };
    let debit = Debit { part, expires_at: None, origin: source, by_payment: false };
    TransferredOut {
        transfer: name("tr_lost"),
        to: name("bob"),
        total: money("USD", 10),
        debits: vec![debit],
        order: Order::default(),
        reason: "forged".to_owned(),
    }
}

#[tokio::test]
async fn a_campaign_that_expired_does_not_tell_why_it_was_begun() {
    let (mut world, tenant) = opened();
    let campaign: CampaignId = name("welcome");
    let stream = Stream::new(Kind::Campaign, &tenant, &campaign);
    let budget = money("USD", 5);
    world.say(&stream, Created { terms: gifts(budget) });
    world.say(&stream, Activated { reason: "launch".to_owned() });
    world.say(&stream, Expired { budget, spent: units(0) });
    let reason = told(&world, 1, "SELECT reason FROM campaigns").await;
    assert_eq!(reason, [Some("its time was over".to_owned())]);
}

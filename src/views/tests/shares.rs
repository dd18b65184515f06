//! Which rule of shares the runbooks are shown, and what those who share are.

use std::time::SystemTime;

use piperoll_domain::{
    billing::{Approved, Cut, Proposed, Rejected, SYSTEM},
    id::{AccountId, Kind, Stream},
    time::Time,
};

use super::{
    reading::{all_entries, snapshot_of},
    *,
};
use crate::views::{
    read::{AsOf, Direction},
    samples::name,
};

fn cut(commons_bps: u32) -> Cut {
    Cut { commons_bps, community_bps: 0, foundation_bps: 10_000 - commons_bps }
}

/// The newest rule that has begun holds, also where an older one's wait was over later; what was
/// stopped before it held is none.
#[tokio::test]
async fn the_runbooks_see_the_rule_of_shares_that_holds() {
    let (mut world, tenant) = sql::opened();
    let stream = Stream::new(Kind::Billing, &tenant, &tenant);
    for (rule, commons, day) in [(1, 100, 3), (2, 200, 2), (3, 300, 1)] {
        let (cut, reason) = (cut(commons), "test".to_owned());
        world.say(&stream, Proposed { rule, cut, reason: reason.clone() });
        let from = Time::EPOCH.plus_seconds(day * 86_400);
        world.say(&stream, Approved { rule, cut, from, reason });
    }
    world.say(&stream, Rejected { rule: 3, reason: "test".to_owned() });
    assert_eq!(shown(&world).await, [Some("200".to_owned())]);
}

async fn shown(world: &World) -> Vec<Option<String>> {
    let sql = "SELECT value FROM billing_config WHERE key = 'commons_rate_bps'";
    sql::told(world, 1_000, sql).await
}

/// Not only once the second is over.
#[tokio::test]
async fn a_rule_of_shares_that_has_just_begun_is_shown_at_once() {
    let (mut world, tenant) = sql::opened();
    let stream = Stream::new(Kind::Billing, &tenant, &tenant);
    let (cut, reason) = (cut(900), "test".to_owned());
    world.say(&stream, Proposed { rule: 1, cut, reason: reason.clone() });
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let from = Time::from_micros(since.as_micros().try_into().unwrap());
    world.say(&stream, Approved { rule: 1, cut, from, reason });
    assert_eq!(shown(&world).await, [Some("900".to_owned())]);
}

#[tokio::test]
async fn those_who_share_have_entries_that_add_up_to_what_they_hold() {
    let (mut world, tenant) = sql::opened();
    let alice = Stream::new(Kind::Account, &tenant, &name::<AccountId>("alice"));
    world.mint(&alice, 10_000, None);
    for units in (0..36).filter(|units| units % 3 != 0) {
        world.reserve(&alice, units);
        world.end(0, 4 * units + 59);
    }
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    for account in SYSTEM {
        let up = all_entries(&mut snapshot, account, Direction::Up, 5).await;
        let down = all_entries(&mut snapshot, account, Direction::Down, 1_000).await;
        assert!(up.len() > 10 && down.iter().rev().eq(&up), "{account}: {}", up.len());
        assert!(up.iter().all(|entry| entry.account == account && entry.kind == "shared"));
        let now = snapshot.balances(&tenant, &name(account), AsOf::Now).await.unwrap();
        let sum: i64 = up.iter().map(|entry| entry.amount).sum();
        assert_eq!((now.len(), now[0].held.available), (1, sum.into()), "{account}");
    }
}

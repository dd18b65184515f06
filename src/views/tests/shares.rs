//! Which rule of shares the runbooks are shown.

use std::time::SystemTime;

use piperoll_domain::{
    billing::{Approved, Cut, Proposed, Rejected},
    id::{Kind, Stream},
    time::Time,
};

use super::*;

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

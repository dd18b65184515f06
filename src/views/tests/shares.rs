//! Which rule of shares the runbooks are shown.

use piperoll_domain::{
    billing::{Approved, Cut, Proposed, Rejected},
    id::{Kind, Stream, TenantId},
    time::Time,
};

use super::*;
use crate::views::samples::name;

fn cut(commons_bps: u32) -> Cut {
    Cut { commons_bps, community_bps: 0, foundation_bps: 10_000 - commons_bps }
}

/// The newest rule that has begun holds, also where an older one's wait was over later; what was
/// stopped before it held is none.
#[tokio::test]
async fn the_runbooks_see_the_rule_of_shares_that_holds() {
    let mut world = World::new();
    let tenant: TenantId = name("acme");
    let opened = piperoll_domain::testing::tenant_opened(1);
    world.say(&Stream::new(Kind::Tenant, &tenant, &tenant), opened);
    let stream = Stream::new(Kind::Billing, &tenant, &tenant);
    for (rule, commons, day) in [(1, 100, 3), (2, 200, 2), (3, 300, 1)] {
        let (cut, reason) = (cut(commons), "test".to_owned());
        world.say(&stream, Proposed { rule, cut, reason: reason.clone() });
        let from = Time::EPOCH.plus_seconds(day * 86_400);
        world.say(&stream, Approved { rule, cut, from, reason });
    }
    world.say(&stream, Rejected { rule: 3, reason: "test".to_owned() });
    let directory = tempfile::tempdir().unwrap();
    let store = built(directory.path(), &Memory::whole(&world.records)).await;
    let path = store.writer.path().to_owned();
    store.writer.close().await;
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut outside = options.connect().await.unwrap();
    let sql = "SELECT value FROM billing_config WHERE key = 'commons_rate_bps'";
    let shown: String = sqlx::query_scalar(sql).fetch_one(&mut outside).await.unwrap();
    assert_eq!(shown, "200");
}

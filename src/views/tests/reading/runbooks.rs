//! What the runbooks ask of the views.

use super::*;

#[tokio::test]
async fn the_views_that_the_runbooks_name_answer() {
    let world = payments(30);
    let directory = tempfile::tempdir().unwrap();
    let store = built(directory.path(), &Memory::whole(&world.records)).await;
    let path = store.writer.path().to_owned();
    store.writer.close().await;
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut outside = options.connect().await.unwrap();
    for (sql, expected) in [
        ("SELECT count(*) FROM payment_provider_events WHERE provider = 'default'", 16),
        ("SELECT count(*) FROM payment_provider_events_doubled", 0),
        ("SELECT count(*) FROM pending_over_15m", 5),
        ("SELECT count(*) FROM lot_invariant", 0),
        ("SELECT sum(amount) FROM journal", 0),
        ("SELECT sum(debit - credit) FROM trial_balance", 0),
        ("SELECT count(*) FROM journal WHERE account_name IS NULL", 0),
        // This history opened no tenant: the names that show one show none.
        ("SELECT count(*) FROM runbook_tenant", 0),
        ("SELECT count(*) FROM crypto_payments", 0),
        ("SELECT count(*) FROM ledger_drift", 0),
        (
            "SELECT count(*) FROM pragma_index_list('receipts') \
             WHERE name = 'payment_provider_events_provider_event_idx'",
            1,
        ),
    ] {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut outside).await.unwrap();
        assert_eq!(found, expected, "{sql}");
    }
    let at: String = sqlx::query_scalar("SELECT received_at FROM payment_provider_events LIMIT 1")
        .fetch_one(&mut outside)
        .await
        .unwrap();
    assert!(at.starts_with("1970-01-01T00:00:01.") && at.ends_with('Z'), "{at}");
    let refused = sqlx::query("DELETE FROM payment_provider_events").execute(&mut outside).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn the_runbooks_compare_what_a_campaign_gave_with_its_budget() {
    use piperoll_domain::{
        campaign::{Activated, BudgetSpent, Created, Paused, Purpose, Terms},
        grantee::{Given, GranteeId},
        id::{CampaignId, GrantId, Pool},
    };
    let mut world = World::new();
    let (tenant, campaign): (TenantId, CampaignId) = (name("acme"), name("welcome"));
    let opened = piperoll_domain::testing::tenant_opened(1);
    world.say(&Stream::new(Kind::Tenant, &tenant, &tenant), opened);
    let stream = Stream::new(Kind::Campaign, &tenant, &campaign);
    let terms = Terms {
        purpose: Purpose::Loyalty,
        budget: usd(100),
        account_cap: None,
        threshold_percent: 90,
        pool: Pool::general(),
        ends_at: None,
        lots_expire_after_seconds: None,
        lots_expire_at: None,
    };
    world.say(&stream, Created { terms });
    world.say(&stream, Activated { reason: "go".to_owned() });
    for (number, account) in [(1, "a"), (2, "b")] {
        let account: AccountId = name(account);
        let lot = world.mint(&Stream::new(Kind::Account, &tenant, &account), 30, None);
        let (grant, given, spent): (GrantId, _, _) =
            (name(lot.as_str()), usd(30), amount(30 * number));
        let said =
            BudgetSpent { grant: grant.clone(), account: account.clone(), amount: given, spent };
        world.say(&stream, said);
        let pair = Stream::new(Kind::Grantee, &tenant, &GranteeId::of(&campaign, &account));
        let (campaign, total, amount) = (campaign.clone(), given.amount, given);
        let (pool, expires_at) = (Pool::general(), None);
        world.say(&pair, Given { grant, campaign, account, lot, amount, total, pool, expires_at });
    }
    world.say(&stream, Paused { reason: "look".to_owned() });
    let directory = tempfile::tempdir().unwrap();
    let store = built(directory.path(), &Memory::whole(&world.records)).await;
    let path = store.writer.path().to_owned();
    store.writer.close().await;
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut outside = options.connect().await.unwrap();
    for (sql, expected) in [
        ("SELECT sum(amount_micro) FROM credit_grants WHERE campaign_id = 'welcome'", 60),
        ("SELECT budget_micro FROM credit_campaigns WHERE id = 'welcome'", 100),
        ("SELECT spent_micro FROM credit_campaigns WHERE status = 'paused'", 60),
        ("SELECT grants FROM credit_campaigns WHERE type = 'loyalty'", 2),
        ("SELECT count(*) FROM credit_grants WHERE status = 'granted' AND lot_id = id", 2),
    ] {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut outside).await.unwrap();
        assert_eq!(found, expected, "{sql}");
    }
    let refused = "UPDATE credit_campaigns SET status = 'active' WHERE id = 'welcome'";
    assert!(sqlx::query(refused).execute(&mut outside).await.is_err());
}

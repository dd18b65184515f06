//! What queries answer: pages, balances back then, counts, waiting.

mod runbooks;

use piperoll_domain::{
    bytes::Bytes,
    id::{AccountId, ConnectionId, Kind, PaymentId, Stream, TenantId},
    payment::Status,
    time::Time,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::views::{
    Cursor,
    read::{AsOf, Balance, Direction, Entry, Order, PageRequest, PaymentFilter, ReceiptFilter},
    samples::{amount, name, usd},
    store::Error,
};

/// What each account of two tenants holds, as of a moment, by reading.
async fn held(snapshot: &mut Snapshot, as_of: AsOf) -> Vec<(String, Balance)> {
    let mut all = vec![];
    for tenant in ["acme", "zeta"] {
        for account in ["a", "b", "c", "sys-commons", "sys-community-pool", "sys-foundation"] {
            let (of, id): (TenantId, AccountId) = (name(tenant), name(account));
            for balance in snapshot.balances(&of, &id, as_of).await.unwrap() {
                all.push((format!("{tenant}/{account}"), balance));
            }
        }
    }
    all
}

pub(super) async fn snapshot_of(world: &World, events: usize) -> (tempfile::TempDir, Snapshot) {
    let directory = tempfile::tempdir().unwrap();
    let source = Memory::whole(&world.records[..events]);
    let store = built(directory.path(), &source).await;
    (directory, snapshot(store).await)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn back_then_is_what_it_was_then(world in any_history(100), at in any::<prop::sample::Index>()) {
        let events = at.index(world.records.len()) + 1;
        let then = world.records[events - 1].envelope.clone();
        // Times can repeat where the clock was set back: the last event that bears it counts.
        let late = |time| world.records.iter().rposition(|r| r.envelope.recorded_at <= time);
        let by_time = late(then.recorded_at).unwrap() + 1;
        runtime().block_on(async {
            let (_all, mut now) = snapshot_of(&world, world.records.len()).await;
            let (_some, mut past) = snapshot_of(&world, events).await;
            let (_more, mut timed) = snapshot_of(&world, by_time).await;
            let expected = held(&mut past, AsOf::Now).await;
            assert_eq!(held(&mut now, AsOf::Position(then.position)).await, expected);
            let expected = held(&mut timed, AsOf::Now).await;
            assert_eq!(held(&mut now, AsOf::Time(then.recorded_at)).await, expected);

            let tail = now.moment(then.recorded_at).await.unwrap();
            let sought = u64::try_from(by_time).unwrap();
            assert!((tail.from..=tail.to).contains(&sought), "{tail:?} {sought}");

            let ledger = past.trial_balance(None, AsOf::Now).await.unwrap();
            let mut then = now.trial_balance(None, AsOf::Position(then.position)).await.unwrap();
            then.sort_by_key(|l| (l.tenant.clone(), l.account, l.holder.clone(), l.commodity.clone()));
            assert_eq!(then, ledger);
            assert_in_balance(&ledger);
        });
    }
}

fn assert_in_balance(ledger: &[crate::views::read::TrialLine]) {
    for tenant in ["acme", "zeta", "_"] {
        for commodity in ["MSAT", "USD"] {
            let lines = ledger.iter().filter(|l| l.tenant == tenant && l.commodity == commodity);
            let sum: i128 = lines.map(|line| line.debit - line.credit).sum();
            assert_eq!(sum, 0, "{tenant} {commodity}");
        }
    }
}

fn payments(count: usize) -> World {
    let mut world = World::new();
    for number in 0..count {
        let tenant: TenantId = name(if number % 3 == 0 { "zeta" } else { "acme" });
        world.take_payment(&tenant, number, u8::try_from(number % 7).unwrap());
    }
    world
}

#[tokio::test]
async fn pages_of_payments_hold_each_once_in_order_whatever_their_size() {
    let world = payments(60);
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    for tenant in [None, Some("acme")] {
        let filter = PaymentFilter { tenant: tenant.map(name), ..PaymentFilter::default() };
        for (order, limit) in [(Order::Latest, 7), (Order::Oldest, 1), (Order::Oldest, 1_000)] {
            let (mut seen, mut page) = (vec![], PageRequest::first(limit));
            loop {
                let found = snapshot.payments(&filter, order, &page).await.unwrap();
                seen.extend(found.items);
                let Some(next) = found.next else { break };
                page = PageRequest::after(Cursor::from_text(next.as_str()), limit);
            }
            assert_eq!(seen.len(), if tenant.is_some() { 40 } else { 60 });
            assert!(seen.iter().all(|p| tenant.is_none_or(|tenant| p.tenant == tenant)));
            let times = seen.iter().map(|payment| payment.requested_at.unwrap());
            let times: Vec<_> =
                if order == Order::Latest { times.rev().collect() } else { times.collect() };
            assert!(times.is_sorted_by(|a, b| a < b));
        }
    }
}

#[tokio::test]
async fn payments_are_found_by_what_is_known_of_them() {
    let world = payments(30);
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    let first = PageRequest::first(100);
    let pending = PaymentFilter { status: Some(Status::Pending), ..PaymentFilter::default() };
    let found = snapshot.payments(&pending, Order::Oldest, &first).await.unwrap().items;
    assert_eq!(found.len(), 5, "one in seven");
    assert!(found.iter().all(|payment| payment.status.as_deref() == Some("pending")));
    let second = Time::from_micros(found[1].requested_at.unwrap());
    let older = PaymentFilter { requested_before: Some(second), ..pending.clone() };
    let found = snapshot.payments(&older, Order::Oldest, &first).await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!(snapshot.counts(second).await.unwrap().pending_over, 1);
    let all = snapshot.counts(Time::MAX).await.unwrap();
    assert_eq!((all.pending_over, all.reviews_open, all.receipts_parked), (5, 4, 0));

    for filter in [
        PaymentFilter { account: Some(name("a")), ..PaymentFilter::default() },
        PaymentFilter { reference: Some("order-1".to_owned()), ..PaymentFilter::default() },
        PaymentFilter { connection: Some(name("default")), ..PaymentFilter::default() },
    ] {
        let found = snapshot.payments(&filter, Order::Latest, &first).await.unwrap().items;
        assert!(!found.is_empty(), "{filter:?}");
        let fits = |payment: &crate::views::read::Payment| {
            filter.account.as_ref().is_none_or(|a| payment.account.as_deref() == Some(a.as_str()))
                && filter.reference.as_ref().is_none_or(|r| payment.reference.as_ref() == Some(r))
        };
        assert!(found.iter().all(fits));
    }
    let nobody = PaymentFilter { connection: Some(name("other")), ..PaymentFilter::default() };
    assert_eq!(snapshot.payments(&nobody, Order::Latest, &first).await.unwrap().items, vec![]);

    let (tenant, id): (TenantId, PaymentId) = (name("acme"), name("pay-4"));
    let by_id = snapshot.payment(&tenant, &id).await.unwrap().unwrap();
    let hash = Bytes(Sha256::digest(4_usize.to_be_bytes()).into());
    assert_eq!(snapshot.payment_by_hash(hash).await.unwrap().unwrap(), by_id);
    let default = ConnectionId::default_one();
    let found = snapshot.payment_by_provider_id(&default, "provider-4").await.unwrap();
    assert_eq!(found.unwrap(), by_id);
    assert_eq!((by_id.reviews, by_id.reviews_open), (1, 0));
    assert_eq!(by_id.status.as_deref(), Some("consumed"));
    assert_eq!(snapshot.payment(&name("zeta"), &id).await.unwrap(), None, "another's");
}

#[tokio::test]
async fn reviews_receipts_entitlements_and_the_journal_can_be_read() {
    let world = payments(30);
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    let first = PageRequest::first(2);
    let open = snapshot.reviews_open(None, &first).await.unwrap();
    assert_eq!((open.items.len(), open.next.is_some()), (2, true));
    let rest = PageRequest::after(open.next.unwrap(), 10);
    let rest = snapshot.reviews_open(None, &rest).await.unwrap().items;
    assert_eq!(rest.len(), 2);
    assert!(rest.iter().all(|review| review.state == "open" && !open.items.contains(review)));
    let (tenant, id): (TenantId, PaymentId) = (name("acme"), name("pay-4"));
    let reviews = snapshot.reviews_of(&tenant, &id).await.unwrap();
    assert_eq!(reviews[0].action.as_deref(), Some("refund"));

    let filter = ReceiptFilter { payment: Some(id.clone()), ..ReceiptFilter::default() };
    let receipts = snapshot.receipts(&filter, &first).await.unwrap().items;
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].payment_tenant.as_deref(), Some("acme"));

    let given = snapshot.entitlements(&tenant, &PageRequest::first(50)).await.unwrap().items;
    let one = snapshot.entitlement(&tenant, &name("pay-5")).await.unwrap().unwrap();
    assert!(given.contains(&one));
    assert_eq!((one.used, one.earned, one.uses), (0, 0, Some(3)), "it was given back");

    let mut page = PageRequest::first(10);
    let mut entries = vec![];
    loop {
        let found = snapshot.journal(&tenant, 0, AsOf::Now, &page).await.unwrap();
        entries.extend(found.items);
        let Some(next) = found.next else { break };
        page = PageRequest::after(next, 10);
    }
    assert!(entries.is_sorted_by(|a, b| a.position < b.position));
    for entry in &entries {
        assert_eq!(entry.legs.iter().map(|leg| leg.amount).sum::<i64>(), 0, "{entry:?}");
        assert!(entry.legs.iter().all(|leg| !leg.name.is_empty()));
    }
    let settled = entries.iter().filter(|entry| entry.event == "payment.settled.v1").count();
    assert!(settled > 5);
    let (behind, rest) = (u64::try_from(entries[4].position).unwrap(), PageRequest::first(1_000));
    let rest = snapshot.journal(&tenant, behind, AsOf::Now, &rest);
    assert_eq!(rest.await.unwrap().items, entries[5..]);
}

#[tokio::test]
async fn sums_beyond_64_bits_are_exact_now_and_back_then() {
    let mut world = World::new();
    let account = Stream::new(Kind::Account, &name("acme"), &name::<AccountId>("a"));
    let most = amount(i64::MAX.unsigned_abs()).units();
    for _ in 0..3 {
        world.mint(&account, most, None);
    }
    world.spend(&account, 5);
    let source = Memory::of(&world.records, u64::try_from(world.records.len()).unwrap(), 1, 0);
    let directory = tempfile::tempdir().unwrap();
    let mut snapshot = snapshot(built(directory.path(), &source).await).await;
    let truth = Tables::of(&world.records);
    assert_eq!(differences(&mut snapshot, &truth, 10).await, vec![]);
    let all = 3 * i128::from(i64::MAX);
    for as_of in [AsOf::Now, AsOf::Position(1_000), AsOf::Time(Time::MAX)] {
        let held = held(&mut snapshot, as_of).await[0].1.held;
        assert_eq!((held.minted, held.consumed, held.available), (all, 5, all - 5));
    }
    let ledger = snapshot.trial_balance(None, AsOf::Now).await.unwrap();
    assert_in_balance(&ledger);
    assert!(ledger.iter().any(|line| line.debit == all || line.credit == all));
}

#[tokio::test]
async fn lots_and_entries_come_in_pages() {
    let mut world = World::new();
    let account = Stream::new(Kind::Account, &name("acme"), &name::<AccountId>("a"));
    for units in 1..=20 {
        world.mint(&account, units * 10 + 1, Some(units));
        world.spend(&account, 7);
    }
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    let (tenant, id): (TenantId, AccountId) = (name("acme"), name("a"));
    let lots = snapshot.lots(&tenant, &id, &PageRequest::first(1_000)).await.unwrap().items;
    assert_eq!(lots.len(), 20);
    let same = snapshot.lot(&tenant, &id, &name(&lots[3].lot)).await.unwrap().unwrap();
    assert_eq!(same, lots[3]);
    let mut both = vec![];
    for direction in [Direction::Up, Direction::Down] {
        let (mut seen, mut page) = (vec![], PageRequest::first(3));
        loop {
            let found = snapshot.entries(&tenant, &id, direction, &page).await.unwrap();
            seen.extend(found.items);
            let Some(next) = found.next else { break };
            page = PageRequest::after(next, 3);
        }
        both.push(seen);
    }
    let down = both.pop().unwrap();
    assert!(down.iter().rev().eq(&both[0]));
    let sum: i64 = down.iter().map(|entry| entry.amount).sum();
    let left: i64 = lots.iter().map(|lot| lot.available).sum();
    assert_eq!(sum, left);
    assert!(snapshot.account(&tenant, &id).await.unwrap().is_some());
    assert!(snapshot.account(&tenant, &name("ghost")).await.unwrap().is_none());
}

/// All pages of an account's entries.
pub(super) async fn all_entries(
    snapshot: &mut Snapshot,
    account: &str,
    direction: Direction,
    limit: u32,
) -> Vec<Entry> {
    let (tenant, id): (TenantId, AccountId) = (name("acme"), name(account));
    let (mut seen, mut page) = (vec![], PageRequest::first(limit));
    loop {
        let found = snapshot.entries(&tenant, &id, direction, &page).await.unwrap();
        seen.extend(found.items);
        let Some(next) = found.next else { return seen };
        page = PageRequest::after(next, limit);
    }
}

/// Two accounts of many events, one of few, and a clock that was set back.
fn busy() -> World {
    let mut world = World::new();
    let account = |id: &str| Stream::new(Kind::Account, &name("acme"), &name::<AccountId>(id));
    let streams = ["a", "b", "c"].map(account);
    world.say(&streams[0], piperoll_domain::account::Opened {});
    for stream in &streams {
        world.mint(stream, 100_001, Some(70_000));
        world.mint(stream, 11, None);
    }
    for number in 0..700_u64 {
        world.spend(&streams[usize::try_from(number % 2).unwrap()], number % 9 + 1);
        if number == 400 {
            world.correct_clock(150);
        }
    }
    world
}

#[tokio::test]
async fn entries_of_a_busy_account_come_in_order_both_ways_whatever_the_page() {
    let world = busy();
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    for (account, least) in [("a", 300), ("b", 300), ("c", 2)] {
        let mut whole = all_entries(&mut snapshot, account, Direction::Up, 1_000).await;
        assert!(whole.len() >= least && whole.iter().all(|entry| entry.account == account));
        assert!(whole.is_sorted_by_key(|entry| (entry.position, entry.leg)));
        let of_account = world.records.iter().filter(|r| r.envelope.stream.id.as_str() == account);
        let movements = of_account.filter(|r| !r.event.name().starts_with("account."));
        let positions: std::collections::BTreeSet<_> =
            movements.map(|r| i64::try_from(r.envelope.position).unwrap()).collect();
        let told: std::collections::BTreeSet<_> =
            whole.iter().map(|entry| entry.position).collect();
        assert_eq!(told, positions);
        for limit in [1, 31, 32, 33, 128, 300] {
            let pages = all_entries(&mut snapshot, account, Direction::Up, limit).await;
            assert_eq!(pages, whole, "{limit}");
        }
        whole.reverse();
        for limit in [7, 300, 1_000] {
            let pages = all_entries(&mut snapshot, account, Direction::Down, limit).await;
            assert_eq!(pages, whole, "{limit}");
        }
    }
}

#[tokio::test]
async fn a_busy_account_held_then_what_its_entries_add_up_to() {
    let world = busy();
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    let (tenant, id): (TenantId, AccountId) = (name("acme"), name("a"));
    let entries = all_entries(&mut snapshot, "a", Direction::Up, 1_000).await;
    for record in world.records.iter().step_by(29).chain(world.records.last()) {
        let (position, time) = (record.envelope.position, record.envelope.recorded_at);
        let by_time = world.records.iter().rposition(|r| r.envelope.recorded_at <= time).unwrap();
        let by_time = world.records[by_time].envelope.position;
        let moments = [(AsOf::Position(position), position), (AsOf::Time(time), by_time)];
        for (as_of, last) in moments {
            let then = |entry: &&Entry| u64::try_from(entry.position).unwrap() <= last;
            let sum: i128 = entries.iter().filter(then).map(|e| i128::from(e.amount)).sum();
            let held = snapshot.balances(&tenant, &id, as_of).await.unwrap();
            let available: i128 = held.iter().map(|balance| balance.held.available).sum();
            assert_eq!(available, sum, "{as_of:?}");
        }
    }
    let now = snapshot.balances(&tenant, &id, AsOf::Now).await.unwrap();
    let end = AsOf::Position(snapshot.mark().position);
    assert_eq!(snapshot.balances(&tenant, &id, end).await.unwrap(), now);
}

#[tokio::test]
async fn a_cursor_that_names_anothers_entry_shows_nothing_of_it() {
    let world = busy();
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    let (tenant, own, other): (TenantId, AccountId, AccountId) =
        (name("acme"), name("c"), name("a"));
    for direction in [Direction::Up, Direction::Down] {
        let first = PageRequest::first(2);
        let page = snapshot.entries(&tenant, &other, direction, &first).await.unwrap();
        let behind = PageRequest::after(page.next.unwrap(), 100);
        let found = snapshot.entries(&tenant, &own, direction, &behind).await.unwrap();
        assert!(found.items.iter().all(|entry| entry.account == "c"), "{found:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = payments(20);
    let (_directory, mut snapshot) = snapshot_of(&world, world.records.len()).await;
    let filter = PaymentFilter::default();
    let page = PageRequest::first(2);
    let cursor = snapshot.payments(&filter, Order::Latest, &page).await.unwrap().next.unwrap();
    for foreign in [cursor, Cursor::from_text("garbage!"), Cursor::from_text("")] {
        let page = PageRequest::after(foreign, 2);
        let refused = snapshot.payments(&filter, Order::Oldest, &page).await.unwrap_err();
        assert!(matches!(refused, Error::Cursor), "{refused:?}");
        let refused = snapshot.receipts(&ReceiptFilter::default(), &page).await.unwrap_err();
        assert!(matches!(refused, Error::Cursor), "{refused:?}");
    }
}

#[tokio::test]
async fn waiting_for_what_does_not_come_ends() {
    let (world, directory) = (payments(3), tempfile::tempdir().unwrap());
    let source = Memory::showing(&world.records, 4);
    let store = built(directory.path(), &source).await;
    let (views, stop, task) = started(directory.path(), store, &source);
    views.wait_for(4, Duration::ZERO).await.unwrap();
    let late = views.wait_for(5, Duration::from_millis(10)).await.unwrap_err();
    assert!(matches!(late, Error::Behind { wanted: 5, applied: 4 }), "{late:?}");
    source.show(5);
    let snapshot = views.snapshot_with(5, SOON).await.unwrap();
    assert_eq!(snapshot.mark().position, 5);
    stop.cancel();
    task.await.unwrap();
}

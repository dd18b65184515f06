//! Reservations, which are begun by one event and ended by another, be it in another batch.

use piperoll_domain::id::{AccountId, Kind, Stream, TenantId};

use super::*;
use crate::views::{
    read::{PageRequest, Reservation, ReservationFilter, ReservationStatus},
    samples::name,
};

/// Some that end in another order than they began in, and one that stays open.
fn worked() -> World {
    let mut world = World::new();
    let account = Stream::new(Kind::Account, &name("acme"), &name::<AccountId>("alice"));
    world.mint(&account, 10_000, Some(7));
    for round in 0..12 {
        // The second of three is in soft mode, the third in live.
        world.reserve(&account, 1 + round % 2);
        world.reserve(&account, 31 + round);
        world.end(usize::try_from(round).unwrap(), round);
    }
    world
}

async fn listed(
    snapshot: &mut Snapshot,
    filter: &ReservationFilter,
    limit: u32,
) -> Vec<Reservation> {
    let (mut found, mut after) = (vec![], None);
    let acme: TenantId = name("acme");
    loop {
        let request = PageRequest { after, limit: Some(limit) };
        let page = snapshot.reservations(&acme, filter, &request).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        found.extend(page.items);
        let Some(next) = page.next else { return found };
        after = Some(next);
    }
}

#[tokio::test]
async fn a_reservation_is_the_same_row_whether_it_ends_with_its_batch_or_later() {
    let world = worked();
    let (truth, head) = (Tables::of(&world.records), u64::try_from(world.records.len()).unwrap());
    for events_max in [1, 2, 3, 1_000] {
        let directory = tempfile::tempdir().unwrap();
        let source = Memory::of(&world.records, head, events_max, 0);
        let mut snapshot = snapshot(built(directory.path(), &source).await).await;
        assert_eq!(differences(&mut snapshot, &truth, 7).await, vec![]);
        assert_eq!(snapshot.storage_finding().await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_shadow_began_keeps_its_place_in_the_ledger() {
    let (mut world, tenant) = sql::opened();
    let account = Stream::new(Kind::Account, &tenant, &name::<AccountId>("alice"));
    world.mint(&account, 100, None);
    // Two in shadow, of which the first ends.
    world.reserve(&account, 3);
    let begun = world.records.len();
    world.reserve(&account, 6);
    world.end(0, 5);
    let ended = world.records.len();
    let places = "SELECT CAST(entry_seq AS TEXT) FROM credit_ledger \
                  WHERE entry_type LIKE 'shadow_%' ORDER BY entry_seq";
    let expected = [begun, begun + 1, ended].map(|position| Some(position.to_string()));
    for events_max in [1, 1_000] {
        assert_eq!(sql::told(&world, events_max, places).await, expected);
    }
}

#[tokio::test]
async fn those_that_have_ended_are_listed_as_they_ended_whatever_the_page() {
    let (world, directory) = (worked(), tempfile::tempdir().unwrap());
    let store = built(directory.path(), &Memory::whole(&world.records)).await;
    let mut snapshot = snapshot(store).await;
    for status in [ReservationStatus::Finalized, ReservationStatus::Released] {
        let filter = ReservationFilter { status: Some(status), account: None };
        let all = listed(&mut snapshot, &filter, 100).await;
        assert!(all.len() > 2, "{status:?}: {all:?}");
        assert!(all.is_sorted_by_key(|row| row.ended_at), "{all:?}");
        assert!(all.iter().all(|row| row.status.as_deref() == Some(status.as_str())));
        for limit in [1, 2] {
            assert_eq!(listed(&mut snapshot, &filter, limit).await, all);
        }
    }
}

#[tokio::test]
async fn lists_of_all_of_an_accounts_and_of_open_ones_keep_their_orders() {
    let (world, directory) = (worked(), tempfile::tempdir().unwrap());
    let store = built(directory.path(), &Memory::whole(&world.records)).await;
    let mut snapshot = snapshot(store).await;
    let all = listed(&mut snapshot, &ReservationFilter::default(), 3).await;
    assert_eq!(all.len(), 24);
    assert!(all.is_sorted_by(|a, b| a.reservation < b.reservation), "{all:?}");
    let alice = ReservationFilter { account: Some(name("alice")), ..ReservationFilter::default() };
    let made = listed(&mut snapshot, &alice, 3).await;
    assert_eq!(made.len(), 24);
    assert!(made.is_sorted_by(|a, b| a.reserved_at < b.reserved_at), "{made:?}");
    let open = ReservationStatus::Pending;
    let open = ReservationFilter { status: Some(open), ..ReservationFilter::default() };
    let open = listed(&mut snapshot, &open, 3).await;
    assert_eq!(open.len(), all.iter().filter(|row| row.ended_at.is_none()).count());
    assert!(open.is_sorted_by_key(|row| row.expires_at), "{open:?}");
}

//! How SQLite looks for a page: by an index, and no further than the page goes.

use piperoll_domain::id::{AccountId, TenantId};

use super::*;
use crate::views::{
    read::{ReservationFilter, ReservationStatus},
    samples::name,
};

#[tokio::test]
async fn a_page_of_reservations_is_found_without_looking_at_those_that_are_not_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = built(directory.path(), &Memory::whole(&[])).await;
    let mut snapshot = snapshot(store).await;
    let (acme, alice): (TenantId, AccountId) = (name("acme"), name("alice"));
    for (status, account, index) in [
        (None, None, "INDEX sqlite_autoindex_reservations_1 (tenant=? AND reservation>?)"),
        (Some(ReservationStatus::Pending), None, "INDEX reservations_pending (tenant=?"),
        (Some(ReservationStatus::Finalized), None, ENDED),
        (Some(ReservationStatus::Released), None, ENDED),
        (Some(ReservationStatus::Expired), None, ENDED),
        (None, Some(alice.clone()), "INDEX reservations_by_account (tenant=? AND account=?"),
    ] {
        let filter = ReservationFilter { status, account };
        let plan = snapshot.plan_of_reservations(&acme, &filter).await;
        let [plan] = &plan[..] else { panic!("{filter:?}: sorted, or of two tables: {plan:?}") };
        assert!(plan.contains(index), "{filter:?}: {plan}");
    }
}

/// Where those that have ended are found, as many as are wanted and no more.
const ENDED: &str = "INDEX reservations_ended (tenant=? AND status=? AND position>?)";

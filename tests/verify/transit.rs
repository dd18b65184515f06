//! Credit that left an account and arrived in none.

use piperoll_domain::{
    account::{Debit, Order, Part, SourceKind, TransferredOut},
    id::{Kind, Pool},
    testing::{grant, id, money, stream, transfer, units},
};

use super::{failed, forge, is_failed, next, sound};
use crate::house::{House, audit, audit_with};

/// What the forger lets leave, and nothing receives.
fn left(lot: &str) -> TransferredOut {
    let part = Part {
        lot: id(lot),
        amount: units(20),
        left: units(30),
        cost: None,
        source: SourceKind::Grant,
        pool: Pool::general(),
    };
    let debit = Debit { part, expires_at: None, origin: SourceKind::Grant, by_payment: false };
    TransferredOut {
        transfer: id("tr_lost"),
        to: id("carol"),
        total: money("USD", 20),
        debits: vec![debit],
        order: Order::default(),
        reason: "forged".to_owned(),
    }
}

#[tokio::test]
async fn credit_that_left_and_never_arrived_is_found() {
    let house = House::busy().await;
    house.put(grant("dave", "lot_d", money("USD", 50))).await;
    house.put(transfer("tr_1", "bob", "carol", money("USD", 10))).await;
    let directory = house.close().await;
    sound(&audit(directory.path()).await);
    let lost = next(directory.path(), &stream(Kind::Account, "dave"), left("lot_d")).await;
    let position = lost.envelope.position;
    forge(directory.path(), vec![lost], None).await;
    for events_held in [1 << 20, 3] {
        let report = audit_with(directory.path(), vec![], events_held).await;
        let first = failed(&report, "transit");
        assert_eq!((first.position, &*first.found), (Some(position), "20 USD under way"));
        let transit = report.checks.iter().find(|check| check.name == "transit").unwrap();
        assert_eq!(transit.checked, 2, "the other one arrived");
        assert_eq!(report.checks.iter().filter(|one| is_failed(one)).count(), 1, "{report:?}");
    }
}

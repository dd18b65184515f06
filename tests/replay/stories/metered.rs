//! Histories of metered credit: reservations, modes, debts, shares.

use piperoll_domain::{
    account::Order,
    billing::Mode,
    operation::{Finalize, Reserve},
    testing::*,
};

use super::begun;

fn usd(amount: u64) -> piperoll_domain::money::Money {
    money("USD", amount)
}

/// Live: several lots, less than was reserved, more, none; a release, a repeat, two ends by time.
pub(super) fn reservations() -> Story {
    let morning = begun()
        .and(billing(Mode::Live))
        .and(until(900, grant("alice", "lot_1", usd(100))))
        .and(deposit("alice", "lot_2", usd(1_000), msat(500)))
        .and(pooled("reports", deposit("alice", "lot_3", usd(50), msat(25))))
        .keyed("reserve-1")
        .and(hold("alice", "res_1", usd(300)))
        .keyed("finalize-1")
        .and(finalize("res_1", usd(250)))
        .when(finalize("res_1", usd(250)))
        .nothing()
        .when(finalize("res_1", usd(251)))
        .rejected_as("reservation_finalized");
    let noon = morning
        .and(Reserve { pool: id("reports"), ..hold("alice", "res_2", usd(120)) })
        .and(finalize("res_2", usd(150)))
        .and(hold("alice", "res_3", usd(10)))
        .and(give_back("res_3"))
        .when(finalize("res_3", usd(10)))
        .rejected_as("reservation_not_found")
        .and(hold("alice", "res_4", usd(10)))
        .and(finalize("res_4", usd(0)))
        .when(hold("alice", "res_5", usd(5_000)))
        .rejected_as("credit_insufficient");
    let ordered = ordered(Mode::Live, "general", Order::PoolAge);
    let evening = noon
        .and(Reserve { ttl_seconds: Some(60), ..hold("alice", "res_6", usd(700)) })
        .and(Reserve { ttl_seconds: Some(60), ..hold("alice", "res_7", usd(5)) })
        .later(61)
        .when(finalize("res_6", usd(1)))
        .rejected_as("reservation_expired")
        .and(time_out("alice", "res_7"))
        .and(ordered)
        .and(Reserve { is_estimate: true, ..hold("alice", "res_8", usd(700)) });
    // The lot's time is over while some of it is reserved: what comes back lapses.
    evening
        .and(until(200, grant("alice", "lot_4", usd(40))))
        .and(Reserve { ttl_seconds: Some(600), ..hold("alice", "res_9", usd(5)) })
        .and(finalize("res_8", usd(100)))
        .and(until(200, grant("bob", "lot_5", usd(40))))
        .and(Reserve { ttl_seconds: Some(600), ..hold("bob", "res_10", usd(30)) })
        .later(200)
        .and(expire_lot("bob", "lot_5"))
        .and(Finalize { account: Some(id("bob")), ..finalize("res_10", usd(20)) })
}

/// The same day in shadow, in soft mode and live, with reservations that a change of mode meets.
pub(super) fn billing_modes() -> Story {
    let shadow = begun()
        .and(deposit("alice", "lot_1", usd(100), msat(10)))
        .and(hold("alice", "res_1", usd(80)))
        .and(hold("alice", "res_2", usd(180)))
        .and(finalize("res_1", usd(90)))
        .and(hold("alice", "res_3", usd(10)))
        .and(give_back("res_3"));
    let soft = shadow
        .and(billing(Mode::Soft))
        .and(finalize("res_2", usd(200)))
        .and(hold("alice", "res_4", usd(70)))
        .and(hold("alice", "res_5", usd(50)))
        .and(finalize("res_5", usd(60)));
    soft.and(billing(Mode::Live))
        .and(finalize("res_4", usd(65)))
        .when(hold("alice", "res_6", usd(1)))
        .rejected_as("credit_insufficient")
        .and(deposit("alice", "lot_2", usd(200), msat(20)))
        .and(hold("alice", "res_7", usd(100)))
        .and(billing(Mode::Shadow))
        .and(finalize("res_7", usd(130)))
        .and(Reserve { ttl_seconds: Some(30), ..hold("alice", "res_8", usd(9)) })
        .later(40)
        .and(time_out("alice", "res_8"))
}

/// A payment that is refunded in two steps, a clawback that waits for a reservation, a lot that
/// should never have been, credit that moves, and debts that new credit repays.
pub(super) fn debts_and_corrections() -> Story {
    let refunded = begun()
        .and(billing(Mode::Live))
        .and(top_up("pay_1", "alice", 100_000))
        .and(invoice("pay_1", 100_000))
        .and(status("pay_1", paid()))
        .and(fulfil("pay_1"))
        .and(hold("alice", "res_1", msat(60_000)))
        .and(finalize("res_1", msat(60_000)))
        .and(hold("alice", "res_2", msat(20_000)))
        .and(refund("pay_1", "ref_1", msat(50_000)))
        .and(finalize("res_2", msat(5_000)))
        .and(refund("pay_1", "ref_2", msat(50_000)))
        .when(refund("pay_1", "ref_3", msat(1)))
        .rejected_as("refund_exceeds");
    let repaid = refunded
        .and(grant("alice", "gift", msat(10)))
        .and(deposit("alice", "lot_1", msat(50_000), usd(5)))
        .and(deposit("alice", "lot_2", msat(50_000), usd(5)))
        .and(deposit("alice", "lot_2-again", msat(50_000), usd(5)))
        .and(void("alice", "lot_2-again"));
    repaid
        .and(transfer("move_1", "alice", "bob", msat(15_000)))
        .and(billing(Mode::Soft))
        .and(open_account("carol"))
        .and(hold("carol", "res_3", msat(1)))
        .and(finalize("res_3", msat(7)))
        .and(transfer("move_2", "bob", "carol", msat(9)))
        .and(until(700, deposit("dora", "lot_3", msat(90), usd(9))))
        .and(hold("dora", "res_4", msat(30)))
        .and(finalize("res_4", msat(30)))
        .later(700)
        .and(expire_lot("dora", "lot_3"))
        .and(claw_back("dora", "lot_3", None))
        .and(claw_back("bob", "move_1.1", Some(3)))
}

/// Rules of shares: proposed, approved, rejected, hastened; and what use is worth under each.
pub(super) fn shares() -> Story {
    let first = begun()
        .and(billing(Mode::Live))
        .and(deposit("alice", "lot_1", usd(9_000_000), msat(900)))
        .and(grant("alice", "gift", usd(100)))
        .and(hold("alice", "res_1", usd(1_000_001)))
        .and(finalize("res_1", usd(1_000_001)))
        .and(hold("alice", "res_2", usd(1)))
        .and(finalize("res_2", usd(1)));
    let changed = first
        .and(propose(cut(1_000, 1_000)))
        .when(approve(1))
        .rejected_as("four_eyes")
        .by("key_2")
        .and(approve(1))
        .and(hold("alice", "res_3", usd(100)))
        .and(finalize("res_3", usd(100)))
        .and(hasten(1))
        .and(hold("alice", "res_4", usd(100)))
        .and(finalize("res_4", usd(100)));
    changed.and(propose(cut(0, 0))).and(reject(2)).and(claw_back("alice", "lot_1", None))
}

//! Samples of what happens to metered credit, and of how a tenant bills.

use std::collections::BTreeMap;

use super::reason;
use crate::{
    account::{
        Cause, ClawedBack, Debit, Debt, DebtRepaid, Finalized, Held, LotReceived, LotVoided, Order,
        Origin, Part, Past, Released, Repaid, Reserved, ShadowFinalized, ShadowReleased,
        ShadowReserved, SourceKind, TransferredOut, Why,
    },
    billing::{Approved, Billing, Changed, Hastened, Mode, Proposed, Rejected, Shares},
    event::Event,
    id::Pool,
    testing::{after, cut, id, money, msat, units},
};

fn part(amount: u64, left: u64, cost: u64) -> Part {
    Part {
        lot: id("lot_2"),
        amount: units(amount),
        left: units(left),
        cost: Some(msat(cost)),
        source: SourceKind::Deposit,
        pool: Pool::general(),
    }
}

fn held(amount: u64) -> Held {
    let pool = Pool::general();
    Held { lot: id("lot_2"), amount: units(amount), source: SourceKind::Deposit, pool }
}

fn shares(base: u64) -> Option<Shares> {
    Shares::of(units(base), (0, cut(500, 7_000)))
}

pub(super) fn credit() -> Vec<Event> {
    let [reserved, finalized, released] = live();
    let mut all = vec![reserved, finalized, released];
    all.extend(shadow());
    all.extend(corrections());
    all.extend(moves());
    all
}

fn live() -> [Event; 3] {
    let reserved = Reserved {
        reservation: id("res_1"),
        mode: Mode::Soft,
        estimate: Some(money("USD", 100)),
        wanted: money("USD", 110),
        total: money("USD", 60),
        held: [held(60)].into(),
        pool: Pool::general(),
        order: Order::PoolExpiryAge,
        expires_at: after(300),
        reference: Some("call-9".to_owned()),
    };
    let finalized = Finalized {
        reservation: id("res_1"),
        mode: Mode::Soft,
        reserved: money("USD", 60),
        held: [held(60)].into(),
        cost: money("USD", 75),
        charged: money("USD", 75),
        overrun: units(15),
        uncollected: units(0),
        parts: [part(60, 10, 6)].into(),
        returned: [held(1)].into(),
        clawed_back: vec![part(1, 9, 0)],
        debts: vec![Debt {
            pool: Pool::general(),
            amount: units(15),
            owed: units(15),
            cause: Cause::Overrun {},
        }],
        shares: shares(60),
        order: Order::PoolAge,
        reference: Some("call-9".to_owned()),
    };
    let released = Released {
        reservation: id("res_1"),
        mode: Mode::Live,
        why: Why::Expired,
        total: money("USD", 60),
        returned: [held(59)].into(),
        clawed_back: vec![part(1, 69, 0)],
    };
    [reserved.into(), finalized.into(), released.into()]
}

fn shadow() -> [Event; 3] {
    let reserved = ShadowReserved {
        reservation: id("res_2"),
        estimate: Some(money("USD", 100)),
        wanted: money("USD", 110),
        missing: units(50),
        pool: Pool::general(),
        expires_at: after(300),
        reference: Some("call-10".to_owned()),
    };
    let finalized = ShadowFinalized {
        reservation: id("res_2"),
        reserved: money("USD", 110),
        cost: money("USD", 120),
        overrun: units(10),
        missing: units(60),
        reference: Some("call-10".to_owned()),
    };
    let (reservation, total) = (id("res_2"), money("USD", 110));
    let released = ShadowReleased { reservation, why: Why::Released, total };
    [reserved.into(), finalized.into(), released.into()]
}

fn corrections() -> Vec<Event> {
    let repaid = Repaid { pool: Pool::general(), amount: units(15), owed: units(0) };
    let past = Past {
        position: 7,
        minted: units(100),
        expired: units(10),
        cost: Some(msat(10)),
        pool: Pool::general(),
        expires_at: Some(after(86_400)),
        source: SourceKind::TransferIn,
        origin: SourceKind::Purchase,
        by_payment: true,
    };
    let cause = Cause::Clawback { lot: id("lot_3") };
    vec![
        DebtRepaid {
            total: money("USD", 15),
            part: part(15, 85, 1),
            debts: vec![repaid],
            shares: shares(15),
        }
        .into(),
        ClawedBack {
            refund: Some(id("ref_1")),
            lot: id("lot_3"),
            total: money("USD", 30),
            part: Some(part(5, 0, 1)),
            awaited: units(5),
            debt: Some(Debt { pool: Pool::general(), amount: units(20), owed: units(20), cause }),
            reversed: shares(20),
            past: Some(past),
            reason: reason(),
        }
        .into(),
        LotVoided {
            amount: money("USD", 50),
            part: part(50, 0, 5),
            by_payment: false,
            reason: reason(),
        }
        .into(),
    ]
}

fn moves() -> Vec<Event> {
    let debit = Debit {
        part: part(20, 50, 2),
        expires_at: Some(after(86_400)),
        origin: SourceKind::Deposit,
        by_payment: true,
    };
    vec![
        TransferredOut {
            transfer: id("move_1"),
            to: id("bob"),
            total: money("USD", 20),
            debits: vec![debit],
            order: Order::PoolExpiryAge,
            reason: reason(),
        }
        .into(),
        LotReceived {
            lot: id("move_1.1"),
            amount: money("USD", 20),
            transfer: id("move_1"),
            origin: Origin {
                account: id("alice"),
                lot: id("lot_2"),
                source: SourceKind::Deposit,
                by_payment: true,
            },
            pool: Pool::general(),
            expires_at: Some(after(86_400)),
            cost: Some(msat(2)),
        }
        .into(),
    ]
}

pub(super) fn bills() -> Vec<Event> {
    let orders = BTreeMap::from([(id("reports"), Order::PoolAge)]);
    let billing = Billing { mode: Mode::Live, orders, ..Billing::default() };
    let (rule, cut) = (1, cut(1_000, 6_000));
    vec![
        Changed { version: 1, billing, reason: reason() }.into(),
        Proposed { rule, cut, reason: reason() }.into(),
        Approved { rule, cut, from: after(172_800), reason: reason() }.into(),
        Rejected { rule, reason: reason() }.into(),
        Hastened { rule, was: after(172_800), from: after(60), reason: reason() }.into(),
    ]
}

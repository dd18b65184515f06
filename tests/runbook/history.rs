//! A tenant's history in all three modes, with every correction that there is.

use piperoll_domain::{
    billing::Mode,
    operation::Operation,
    testing::{
        approve, billing, claw_back, cut, declare_connection, deposit, finalize, give_back, grant,
        hold, invoice, issue_key, money, msat, open_tenant, paid, plain, propose, refund,
        settled_webhook, time_out, transfer, void,
    },
};

use crate::house::House;

fn usd(micro: u64) -> piperoll_domain::money::Money {
    money("USD", micro)
}

fn shadow() -> Vec<Operation> {
    vec![
        deposit("alice", "lot_a", usd(1_000_000), msat(500)).into(),
        hold("alice", "res_s1", usd(300_000)).into(),
        finalize("res_s1", usd(310_000)).into(),
        hold("alice", "res_s2", usd(5_000_000)).into(),
        give_back("res_s2"),
    ]
}

fn soft() -> Vec<Operation> {
    vec![
        billing(Mode::Soft),
        hold("alice", "res_1", usd(400_000)).into(),
        finalize("res_1", usd(1_200_001)).into(),
    ]
}

fn live() -> Vec<Operation> {
    vec![
        billing(Mode::Live),
        deposit("bob", "lot_b", usd(800_000), msat(400)).into(),
        hold("bob", "res_2", usd(100_000)).into(),
        finalize("res_2", usd(120_000)).into(),
        hold("bob", "res_4", usd(60_000)).into(),
    ]
}

fn corrections() -> Vec<Operation> {
    vec![
        time_out("bob", "res_4"),
        claw_back("bob", "lot_b", Some(200_000)),
        grant("bob", "lot_g", usd(70_000)).into(),
        deposit("bob", "lot_c", usd(90_000), msat(45)).into(),
        void("bob", "lot_c"),
        transfer("tr_1", "bob", "carol", usd(10_000)).into(),
        hold("bob", "res_3", usd(50_000)).into(),
        plain("pay_1", 9_000),
        invoice("pay_1", 9_000),
        settled_webhook("rcp_1", "pay_1", "set_1", paid()),
        refund("pay_1", "rfd_1", msat(4_000)),
    ]
}

/// A house in which all of that happened. The tenant is not called `default`, and another one was
/// opened later.
pub(crate) async fn told() -> House {
    let house = House::new().await;
    for wish in [declare_connection("default"), open_tenant("acme"), issue_key("key_1", 3)] {
        house.put(wish).await;
    }
    house.pass(1);
    house.put(open_tenant("zeta")).await;
    for wish in shadow().into_iter().chain(soft()).chain(live()) {
        house.put(wish).await;
    }
    house.pass(301);
    for wish in corrections() {
        house.put(wish).await;
    }
    // It holds at the end, when its wait is over; a newer one waits.
    house.put(propose(cut(600, 7_000))).await;
    house.put_by("other", approve(1)).await;
    house.pass(2 * 86_400);
    house.put(propose(cut(9_000, 500))).await;
    house.build_views().await;
    house
}

//! What happened to metered credit, and what top-ups came to.

use piperoll_domain::{
    account::{Finalized, Order, Released, ShadowFinalized, ShadowReserved, Why},
    billing::Mode,
    id::{Kind, Pool},
    money::{Amount, Code, Money},
    payment::{Expired, Failed, Promise, Requested},
    time::Time,
};

use super::{counted, has, recorded};

fn usd(units: u64) -> Money {
    Money { commodity: Code::USD, amount: Amount::new(units).unwrap() }
}

fn finalized(mode: Mode, reserved: u64, cost: u64) -> Finalized {
    Finalized {
        reservation: "res".parse().unwrap(),
        mode,
        reserved: usd(reserved),
        held: vec![].into(),
        cost: usd(cost),
        charged: usd(cost),
        overrun: Amount::ZERO,
        uncollected: Amount::ZERO,
        parts: vec![].into(),
        returned: vec![].into(),
        clawed_back: vec![],
        debts: vec![],
        shares: None,
        order: Order::PoolExpiryAge,
        reference: None,
    }
}

fn released(why: Why) -> Released {
    Released {
        reservation: "res".parse().unwrap(),
        mode: Mode::Live,
        why,
        total: usd(5),
        returned: vec![].into(),
        clawed_back: vec![],
    }
}

fn shadow_reserved(missing: u64) -> ShadowReserved {
    ShadowReserved {
        reservation: "res".parse().unwrap(),
        estimate: None,
        wanted: usd(9),
        missing: Amount::new(missing).unwrap(),
        pool: Pool::general(),
        expires_at: Time::EPOCH,
        reference: None,
    }
}

#[test]
fn charges_are_counted_by_how_they_compare_with_what_was_set_aside() {
    let shadow = ShadowFinalized {
        reservation: "res".parse().unwrap(),
        reserved: usd(5),
        cost: usd(6),
        overrun: Amount::new(1).unwrap(),
        missing: Amount::ZERO,
        reference: None,
    };
    let text = counted(&[
        recorded(1, Kind::Account, 0, finalized(Mode::Soft, 5, 5)),
        recorded(2, Kind::Account, 0, finalized(Mode::Soft, 5, 4)),
        recorded(3, Kind::Account, 0, finalized(Mode::Live, 5, 6)),
        recorded(4, Kind::Account, 0, shadow),
    ]);
    for (mode, outcome) in
        [("soft", "exact"), ("soft", "under"), ("live", "over"), ("shadow", "over")]
    {
        has(&text, &format!(r#"billing_finalize_total{{mode="{mode}",outcome="{outcome}"}} 1"#));
    }
    has(&text, r#"reservations_total{mode="soft",outcome="finalized"} 2"#);
}

#[test]
fn reservations_that_end_otherwise_are_counted_by_why() {
    let text = counted(&[
        recorded(1, Kind::Account, 0, released(Why::Released)),
        recorded(2, Kind::Account, 0, released(Why::Expired)),
        recorded(3, Kind::Account, 0, released(Why::Expired)),
    ]);
    has(&text, r#"reservations_total{mode="live",outcome="released"} 1"#);
    has(&text, r#"reservations_total{mode="live",outcome="expired"} 2"#);
}

#[test]
fn shadow_tells_what_live_mode_would_have_refused() {
    let text = counted(&[
        recorded(1, Kind::Account, 0, shadow_reserved(0)),
        recorded(2, Kind::Account, 0, shadow_reserved(3)),
    ]);
    has(&text, "billing_shadow_reservations_total 2");
    has(&text, "billing_would_have_402_total 1");
}

fn requested(promise: Promise) -> Requested {
    Requested {
        promise,
        account: None,
        offer: None,
        price: usd(5),
        connection: "default".parse().unwrap(),
        reference: None,
        metadata: None,
        expiry_seconds: 60,
    }
}

#[test]
fn only_payments_for_credit_are_top_ups_and_each_ends_once() {
    let credit = Promise::Credit {
        account: "alice".parse().unwrap(),
        amount: usd(5),
        pool: Pool::general(),
        expires_after_seconds: None,
    };
    let failed = || Failed { reason: "refused".to_owned(), detail: String::new() };
    let text = counted(&[
        recorded(1, Kind::Payment, 0, requested(credit)),
        recorded(2, Kind::Payment, 0, failed()),
        recorded(3, Kind::Payment, 0, Expired { word: "late".to_owned() }),
    ]);
    has(&text, r#"topup_total{provider="lnbits",outcome="failed"} 1"#);
    has(&text, r#"topup_total{provider="lnbits",outcome="expired"} 0"#);
    let text = counted(&[
        recorded(1, Kind::Payment, 0, requested(Promise::Nothing {})),
        recorded(2, Kind::Payment, 0, failed()),
    ]);
    has(&text, r#"topup_total{provider="lnbits",outcome="failed"} 0"#);
}

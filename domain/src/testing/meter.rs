//! Wishes about metered credit, with short names.

use super::build::{id, tenant};
use crate::{
    account::Order,
    billing::{Billing, Cut, Mode},
    id::Pool,
    money::Money,
    operation::{
        ApproveShares, ChangeBilling, ClawBack, ExpireReservation, Finalize, HastenShares,
        Operation, ProposeShares, RefundPayment, RejectShares, Release, Reserve, TransferCredit,
        VoidLot,
    },
};

fn reason() -> String {
    "looked into it".to_owned()
}

/// The tenant bills in this mode; everything else as it is from the beginning.
pub fn billing(mode: Mode) -> Operation {
    bill(Billing { mode, ..Billing::default() })
}

/// The tenant bills like this.
pub fn bill(billing: Billing) -> Operation {
    ChangeBilling { tenant: tenant("acme"), billing, over: None, reason: reason() }.into()
}

/// The tenant bills in this mode, and uses lots of a pool in this order.
pub fn ordered(mode: Mode, pool: &str, order: Order) -> Operation {
    let orders = [(id(pool), order)].into();
    bill(Billing { mode, orders, ..Billing::default() })
}

/// Sets credit of the general pool aside.
pub fn hold(account: &str, reservation: &str, amount: Money) -> Reserve {
    Reserve {
        tenant: tenant("acme"),
        account: id(account),
        reservation: id(reservation),
        amount,
        is_estimate: false,
        pool: Pool::general(),
        ttl_seconds: None,
        reference: None,
        ceiling: None,
    }
}

/// Charges what work cost, without naming the account.
pub fn finalize(reservation: &str, cost: Money) -> Finalize {
    let reservation = id(reservation);
    Finalize { tenant: tenant("acme"), account: None, reservation, cost, ceiling: None }
}

/// Gives back what was set aside.
pub fn give_back(reservation: &str) -> Operation {
    Release { tenant: tenant("acme"), account: None, reservation: id(reservation) }.into()
}

/// Ends a reservation whose time is over.
pub fn time_out(account: &str, reservation: &str) -> Operation {
    let (account, reservation) = (id(account), id(reservation));
    ExpireReservation { tenant: tenant("acme"), account, reservation }.into()
}

/// Takes so much of a lot back; none for all that can be.
pub fn claw_back(account: &str, lot: &str, amount: Option<u64>) -> Operation {
    let amount = amount.map(super::build::units);
    let (account, lot) = (id(account), id(lot));
    let (commodity, refund) = (None, None);
    ClawBack { tenant: tenant("acme"), account, lot, amount, commodity, refund, reason: reason() }
        .into()
}

/// Takes what is left of a lot that should never have been.
pub fn void(account: &str, lot: &str) -> Operation {
    VoidLot { tenant: tenant("acme"), account: id(account), lot: id(lot), reason: reason() }.into()
}

/// Moves credit of the general pool.
pub fn transfer(name: &str, from: &str, to: &str, total: Money) -> TransferCredit {
    TransferCredit {
        tenant: tenant("acme"),
        transfer: id(name),
        from: id(from),
        to: id(to),
        total,
        pool: Pool::general(),
        reason: reason(),
    }
}

/// Gives money of a payment back.
pub fn refund(payment: &str, name: &str, amount: Money) -> Operation {
    RefundPayment {
        tenant: tenant("acme"),
        payment: id(payment),
        refund: id(name),
        amount,
        reference: None,
        reason: reason(),
    }
    .into()
}

/// So much to the commons and to the community; the rest to the foundation.
pub fn cut(commons_bps: u32, community_bps: u32) -> Cut {
    let foundation_bps = 10_000_u32.saturating_sub(commons_bps).saturating_sub(community_bps);
    Cut { commons_bps, community_bps, foundation_bps }
}

/// Wants other shares.
pub fn propose(cut: Cut) -> Operation {
    ProposeShares { tenant: tenant("acme"), cut, reason: reason() }.into()
}

/// Agrees to a rule of shares.
pub fn approve(rule: u32) -> Operation {
    ApproveShares { tenant: tenant("acme"), rule, reason: reason() }.into()
}

/// Does not agree to a rule of shares.
pub fn reject(rule: u32) -> Operation {
    RejectShares { tenant: tenant("acme"), rule, reason: reason() }.into()
}

/// Lets an approved rule of shares hold at once.
pub fn hasten(rule: u32) -> Operation {
    HastenShares { tenant: tenant("acme"), rule, reason: reason() }.into()
}

//! The double entry of credit: units in memo accounts, and the money that goes with them.

use super::{Legs, OUTSIDE};
use crate::{
    account::{
        self, Cause, ClawedBack, DebtRepaid, Finalized, LotExpired, LotMinted, LotReceived,
        LotVoided, Part, Released, Spent, TransferredOut,
    },
    billing::Shares,
    chart::Chart,
    money::Money,
};

pub(super) fn of_account(event: &account::Event, account: &str, legs: &mut Legs) {
    let credit = (Chart::Credit, account);
    let owed = (Chart::CreditOwed, account);
    match event {
        account::Event::LotMinted(minted) => of_mint(minted, account, legs),
        account::Event::Spent(Spent { total, parts, .. }) => {
            legs.transfer(*total, credit, (Chart::CreditUsed, ""));
            release_all(parts, Chart::Revenue, legs);
        }
        account::Event::LotExpired(LotExpired { amount, part }) => {
            legs.transfer(*amount, credit, (Chart::CreditLapsed, ""));
            release(part, Chart::Breakage, legs);
        }
        account::Event::Finalized(finalized) => of_finalized(finalized, account, legs),
        account::Event::Released(Released { total, clawed_back, .. }) => {
            of_clawed(clawed_back, *total, account, legs);
        }
        account::Event::DebtRepaid(DebtRepaid { total, part, shares, .. }) => {
            legs.transfer(*total, credit, owed);
            release(part, Chart::Revenue, legs);
            of_shares(shares.as_ref(), *total, legs, Legs::transfer);
        }
        account::Event::ClawedBack(clawed) => {
            let ClawedBack { total, part, debt, reversed, .. } = &**clawed;
            of_clawed(part.as_slice(), *total, account, legs);
            if let Some(debt) = debt {
                legs.transfer(total.with(debt.amount), owed, (Chart::CreditClawedBack, ""));
            }
            of_shares(reversed.as_ref(), *total, legs, |legs, money, used, share| {
                legs.transfer(money, share, used);
            });
        }
        account::Event::LotVoided(LotVoided { amount, part, by_payment, .. }) => {
            legs.transfer(*amount, credit, (Chart::CreditIssued, part.source.as_str()));
            let Some(cost) = part.cost else { return };
            let outside = (Chart::ProviderClearing, OUTSIDE);
            let to = if *by_payment { (Chart::Refunds, "") } else { outside };
            legs.transfer(cost, (Chart::DeferredRevenue, ""), to);
        }
        account::Event::TransferredOut(TransferredOut { total, .. }) => {
            legs.transfer(*total, credit, (Chart::CreditInTransit, ""));
        }
        account::Event::LotReceived(LotReceived { amount, .. }) => {
            legs.transfer(*amount, (Chart::CreditInTransit, ""), credit);
        }
        account::Event::Opened(_)
        | account::Event::Reserved(_)
        | account::Event::ShadowReserved(_)
        | account::Event::ShadowFinalized(_)
        | account::Event::ShadowReleased(_) => {}
    }
}

/// What was used, what nobody had, what was taken back on the way, and who shares.
fn of_finalized(finalized: &Finalized, account: &str, legs: &mut Legs) {
    let Finalized { charged, parts, clawed_back, debts, shares, .. } = finalized;
    let used = (Chart::CreditUsed, "");
    for part in parts {
        legs.transfer(charged.with(part.amount), (Chart::Credit, account), used);
    }
    for debt in debts {
        let sink = match debt.cause {
            Cause::Overrun {} => used,
            Cause::Clawback { .. } => (Chart::CreditClawedBack, ""),
        };
        legs.transfer(charged.with(debt.amount), (Chart::CreditOwed, account), sink);
    }
    release_all(parts, Chart::Revenue, legs);
    of_clawed(clawed_back, *charged, account, legs);
    of_shares(shares.as_ref(), *charged, legs, Legs::transfer);
}

fn of_clawed(parts: &[Part], of: Money, account: &str, legs: &mut Legs) {
    for part in parts {
        let money = of.with(part.amount);
        legs.transfer(money, (Chart::Credit, account), (Chart::CreditClawedBack, ""));
        release(part, Chart::Refunds, legs);
    }
}

type Side<'a> = (Chart, &'a str);

fn of_shares(
    shares: Option<&Shares>,
    of: Money,
    legs: &mut Legs,
    transfer: impl Fn(&mut Legs, Money, Side<'_>, Side<'_>),
) {
    for (account, amount) in shares.iter().flat_map(|shares| shares.each()) {
        transfer(legs, of.with(amount), (Chart::CreditUsed, ""), (Chart::CreditShared, account));
    }
}

fn of_mint(minted: &LotMinted, account: &str, legs: &mut Legs) {
    let issued = (Chart::CreditIssued, minted.source.kind.as_str());
    legs.transfer(minted.amount, issued, (Chart::Credit, account));
    let Some(cost) = minted.cost else { return };
    let from = if minted.payment.is_some() {
        (Chart::Unapplied, "")
    } else {
        (Chart::ProviderClearing, OUTSIDE)
    };
    legs.transfer(cost, from, (Chart::DeferredRevenue, ""));
}

fn release_all(parts: &[Part], to: Chart, legs: &mut Legs) {
    for part in parts {
        release(part, to, legs);
    }
}

fn release(part: &Part, to: Chart, legs: &mut Legs) {
    if let Some(cost) = part.cost {
        legs.transfer(cost, (Chart::DeferredRevenue, ""), (to, ""));
    }
}

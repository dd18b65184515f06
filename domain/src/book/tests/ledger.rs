//! The double entry of a history, against the states that the history adds up to.

use std::collections::BTreeMap;

use crate::{
    account::Account,
    book::{Book, State},
    chart::{Chart, Class},
    money::Money,
    payment::{ReviewAction, Status},
    postings::postings,
    testing::Story,
};

type Balances = BTreeMap<(Chart, String), i128>;

/// Every fact balances, and every balance is what the states say it should be.
pub(super) fn agrees(story: &Story) {
    let mut balances = Balances::new();
    for recorded in &story.history {
        let mut sums: BTreeMap<(bool, String), i128> = BTreeMap::new();
        for leg in postings(recorded) {
            let amount = i128::from(leg.amount);
            let memo = leg.account.class() == Class::Memo;
            *sums.entry((memo, leg.commodity.to_string())).or_default() += amount;
            *balances.entry((leg.account, leg.commodity.to_string())).or_default() += amount;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{recorded:?}");
    }
    for (chart, expected) in [
        (Chart::Suspense, suspended(&story.book)),
        (Chart::Unapplied, unapplied(&story.book)),
        (Chart::Credit, credit(&story.book)),
        (Chart::CreditOwed, owed(&story.book)),
        (Chart::CreditInTransit, BTreeMap::new()),
        (Chart::CreditShared, shared(&story.book)),
        (Chart::DeferredRevenue, deferred(&story.book)),
    ] {
        // What is owed is the other way round.
        let debit = chart == Chart::CreditOwed;
        let mut found: BTreeMap<String, i128> = balances
            .iter()
            .filter(|((account, _), _)| *account == chart)
            .map(|((_, commodity), sum)| (commodity.clone(), if debit { *sum } else { -sum }))
            .collect();
        found.retain(|_, sum| *sum != 0);
        assert_eq!(found, expected, "{}", chart.as_str());
    }
}

fn sum(money: impl IntoIterator<Item = Money>) -> BTreeMap<String, i128> {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for money in money {
        *sums.entry(money.commodity.to_string()).or_default() += i128::from(money.amount.units());
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// Money that lies in reviews nobody has decided.
fn suspended(book: &Book) -> BTreeMap<String, i128> {
    let reviews = book.streams.values().flat_map(|slot| match &slot.state {
        State::Payment(payment) => payment.reviews.clone(),
        _ => vec![],
    });
    let open = reviews.filter(|review| {
        !matches!(review.resolved, Some(ReviewAction::Apply | ReviewAction::Refund))
    });
    sum(open.filter_map(|review| review.opened.money))
}

/// The prices of what is paid and not yet given.
fn unapplied(book: &Book) -> BTreeMap<String, i128> {
    sum(book.streams.values().filter_map(|slot| match &slot.state {
        State::Payment(payment) if payment.status == Status::Paid => {
            payment.request.as_ref().map(|request| request.price)
        }
        _ => None,
    }))
}

/// Credit that can still be used.
fn credit(book: &Book) -> BTreeMap<String, i128> {
    sum(book.streams.values().flat_map(|slot| match &slot.state {
        State::Account(account) => account
            .lots()
            .map(|lot| Money { commodity: lot.place.commodity, amount: lot.left() })
            .collect(),
        _ => vec![],
    }))
}

/// Credit that was used and that nobody had yet.
fn owed(book: &Book) -> BTreeMap<String, i128> {
    sum(accounts(book).flat_map(|account| {
        account.debts().map(|((commodity, _), owed)| Money { commodity: *commodity, amount: *owed })
    }))
}

/// What use was worth to the three who share.
fn shared(book: &Book) -> BTreeMap<String, i128> {
    sum(accounts(book).flat_map(|account| {
        account.shared().map(|(commodity, sum)| Money { commodity: *commodity, amount: sum.base })
    }))
}

fn accounts(book: &Book) -> impl Iterator<Item = &Account> {
    book.streams.values().filter_map(|slot| match &slot.state {
        State::Account(account) => Some(&**account),
        _ => None,
    })
}

/// The cost of credit and uses that are not used.
fn deferred(book: &Book) -> BTreeMap<String, i128> {
    sum(book.streams.values().flat_map(|slot| match &slot.state {
        State::Account(account) => account
            .lots()
            .filter_map(|lot| {
                let cost = lot.cost?;
                Some(cost.with(cost.amount.checked_sub(lot.released).unwrap()))
            })
            .collect(),
        State::Entitlement(entitlement) => entitlement
            .granted
            .iter()
            .filter(|granted| granted.uses.is_some())
            .map(|granted| {
                let left = granted.price.amount.checked_sub(entitlement.earned);
                granted.price.with(left.unwrap())
            })
            .collect(),
        _ => vec![],
    }))
}

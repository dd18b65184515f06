//! What stands in the accounts: carried from leg to leg where it is money, taken from the rules' own
//! fold where it is credit.

use std::collections::BTreeMap;

use piperoll_domain::{
    account,
    book::{Book, State},
    id::TenantId,
};

use super::{
    Error,
    amounts::{Scales, cost_of},
    entry::{Balance, Entry, Leg},
    names::{Account, Sort, Unit},
};

type Sums = BTreeMap<(Account, Unit), i128>;

/// Sums of all legs so far.
#[derive(Debug, Default)]
pub(super) struct Carried(Sums);

impl Carried {
    pub(super) fn add(&mut self, entry: &Entry, position: u64) -> Result<(), Error> {
        for leg in entry.legs() {
            let sum = self.0.entry((leg.account().clone(), leg.unit())).or_default();
            *sum = sum.checked_add(leg.amount()).ok_or(Error::TooMuch { position })?;
        }
        Ok(())
    }
}

/// What every account must hold that any leg has named.
pub(super) fn expected(
    book: &Book,
    carried: &Carried,
    scales: &Scales,
) -> Result<Vec<Balance>, Error> {
    let sums = with_credit(book, &carried.0, scales)?;
    let balance = |((account, unit), amount)| Balance { account, unit, amount };
    Ok(sums.into_iter().map(balance).collect())
}

/// One transaction for each tenant, of all that its accounts hold; they hold only that from here on.
/// What was earned and spent before is no part of the period.
pub(super) fn opening(
    book: &Book,
    carried: &mut Carried,
    scales: &Scales,
) -> Result<Vec<(TenantId, Entry)>, Error> {
    let mut entries: BTreeMap<TenantId, Entry> = BTreeMap::new();
    let mut lots = lots(book, scales)?;
    for ((account, unit), amount) in with_credit(book, &carried.0, scales)? {
        let entry = entries.entry(account.tenant.clone()).or_default();
        if account.sort == Sort::Lots {
            lots.remove(&(account, unit)).unwrap_or_default().into_iter().for_each(|leg| {
                entry.push(leg);
            });
        } else if account.sort.is_of_period() {
            let earlier = Account { sort: Sort::Earlier, holder: String::new(), ..account };
            entry.add(earlier, unit, amount)?;
        } else {
            entry.add(account, unit, amount)?;
        }
    }
    *carried = Carried::default();
    entries.retain(|_, entry| entry.legs().any(|leg| leg.amount() != 0));
    for entry in entries.values() {
        carried.add(entry, 0)?;
    }
    Ok(entries.into_iter().collect())
}

/// The sums, in which those of credit are what the book says.
fn with_credit(book: &Book, sums: &Sums, scales: &Scales) -> Result<Sums, Error> {
    let of_book = |sort| matches!(sort, Sort::Lots | Sort::Owed | Sort::Rounding);
    let mut sums = sums.clone();
    sums.iter_mut().filter(|((account, _), _)| of_book(account.sort)).for_each(|(_, sum)| *sum = 0);
    let mut add = |account, unit, more: i128| {
        if let Some(sum) = sums.get_mut(&(account, unit)) {
            *sum = sum.checked_add(more).ok_or(Error::TooMuch { position: 0 })?;
        }
        Ok::<(), Error>(())
    };
    for (tenant, holder, account) in accounts(book) {
        let named = |sort, holder: &str| {
            let (tenant, holder) = (tenant.clone(), holder.to_owned());
            Account { tenant, sort, holder }
        };
        for ((code, _), owed) in account.debts() {
            let amount = owed.signed().into();
            add(named(Sort::Owed, holder), Unit::Credit(*code), amount)?;
        }
        for lot in account.lots() {
            let unit = Unit::Credit(lot.place.commodity);
            add(named(Sort::Lots, holder), unit, -i128::from(lot.left().signed()))?;
            let cost = cost_of(lot, scales, 0)?;
            let rest = lot.cost.map(|cost| cost.with(cost.amount.saturating_sub(lot.released)));
            let more = cost.excess(rest, lot.left()).ok_or(Error::TooMuch { position: 0 })?;
            add(named(Sort::Rounding, ""), Unit::Money(cost.money), -more)?;
        }
    }
    Ok(sums)
}

/// The legs of all lots with something left.
fn lots(book: &Book, scales: &Scales) -> Result<BTreeMap<(Account, Unit), Vec<Leg>>, Error> {
    let mut legs: BTreeMap<(Account, Unit), Vec<Leg>> = BTreeMap::new();
    for (tenant, holder, account) in accounts(book) {
        for lot in account.lots().filter(|lot| !lot.left().is_zero()) {
            let (code, amount) = (lot.place.commodity, -i128::from(lot.left().signed()));
            let cost = cost_of(lot, scales, 0)?;
            let (tenant, holder) = (tenant.clone(), holder.to_owned());
            let account = Account { tenant, sort: Sort::Lots, holder };
            let lot = lot.place.lot.clone();
            let leg = Leg::Lot { account: account.clone(), code, amount, lot, cost };
            legs.entry((account, Unit::Credit(code))).or_default().push(leg);
        }
    }
    Ok(legs)
}

fn accounts(book: &Book) -> impl Iterator<Item = (&TenantId, &str, &account::Account)> {
    book.streams.iter().filter_map(|(stream, slot)| match &slot.state {
        State::Account(account) => Some((&stream.tenant, stream.id.as_str(), &**account)),
        _ => None,
    })
}

//! What every movement must hold to, whatever it moves.

use crate::{
    account::Lot,
    book::Broken,
    few::Few,
    id::LotId,
    money::{Amount, Code, Money},
};

pub(super) fn unknown(lot: &LotId) -> Broken {
    Broken::new("a part's lot has something left", lot, "none")
}

pub(super) fn must_add_up(
    check: &str,
    total: Amount,
    amounts: impl Iterator<Item = Amount>,
) -> Result<(), Broken> {
    let sum = { amounts }.try_fold(Amount::ZERO, Amount::checked_add);
    if sum == Some(total) {
        return Ok(());
    }
    let found = sum.map_or_else(|| "too much".to_owned(), |sum| sum.to_string());
    Err(Broken::new(check, total, found))
}

pub(super) fn must_be_first<'a>(
    seen: &mut Few<&'a LotId, ()>,
    lot: &'a LotId,
) -> Result<(), Broken> {
    let first = seen.insert(lot, ()).is_none();
    Broken::unless(first, "a lot has one part in a movement", "one", lot)
}

pub(super) fn must_be_of(commodity: Code, lot: &Lot) -> Result<(), Broken> {
    let found = lot.place.commodity;
    Broken::unless(found == commodity, "a part is of the total's commodity", commodity, found)
}

pub(super) fn must_be_one_commodity(one: Money, other: Money) -> Result<(), Broken> {
    let (expected, found) = (one.commodity, other.commodity);
    Broken::unless(expected == found, "a charge is of its reservation's commodity", expected, found)
}

pub(super) fn must_be<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    found: &T,
) -> Result<(), Broken> {
    if expected == found {
        return Ok(());
    }
    let check = format!("{what} agrees with the lots");
    Err(Broken::new(&check, format!("{expected:?}"), format!("{found:?}")))
}

//! Comparing what should be with what is.

use std::collections::BTreeMap;

use super::{Holder, Lot, Model};
use crate::{
    account::{self, Account},
    book::{Book, State},
    id::Kind,
    money::Amount,
    testing::{stream, tenant},
};

impl Model {
    pub(super) fn agrees(&self, book: &Book) {
        for (name, holder) in &self.accounts {
            let stream = stream(Kind::Account, name);
            assert_eq!(stream.tenant, tenant("acme"));
            let slot = book.streams.get(&stream).unwrap_or_else(|| panic!("{name} is open"));
            let State::Account(account) = &slot.state else { panic!("{name} is an account") };
            holder.agrees(account);
        }
    }
}

fn units(amount: Amount) -> u128 {
    amount.units().into()
}

impl Holder {
    fn agrees(&self, account: &Account) {
        let kept = rmp_serde::to_vec(account).unwrap();
        let read: Account = rmp_serde::from_slice(&kept).unwrap();
        assert_eq!(read, *account, "what is written down is read again as it was");
        for lot in account.lots() {
            assert!(self.lots.iter().any(|known| known.name == lot.place.lot.as_str()), "{lot:?}");
        }
        for lot in &self.lots {
            match account.lot(&lot.name.parse().unwrap()) {
                Some(found) => agree(lot, found),
                None => assert!(lot.is_forgotten(), "{lot:?} is remembered"),
            }
        }
        let held: Vec<_> = account.reservations().map(|(name, _)| name.to_string()).collect();
        assert_eq!(held, self.holds.keys().cloned().collect::<Vec<_>>());
        for (name, found) in account.reservations() {
            let ours = &self.holds[name.as_str()];
            assert_eq!((found.mode, units(found.total.amount)), (ours.mode, ours.total), "{name}");
            let parts = ours.held.iter().map(|(lot, sum)| (self.lots[*lot].name.clone(), *sum));
            let held = found.held.iter().map(|held| (held.lot.to_string(), units(held.amount)));
            assert_eq!(held.collect::<Vec<_>>(), parts.collect::<Vec<_>>(), "{name}");
        }
        let debts = account
            .debts()
            .map(|((code, pool), owed)| ((code.to_string(), pool.to_string()), units(*owed)));
        let mut owed = self.debts.clone();
        owed.retain(|_, owed| *owed > 0);
        assert_eq!(debts.collect::<BTreeMap<_, _>>(), owed);
        let shared = account.shared().map(|(code, sum)| {
            (code.to_string(), [units(sum.base), units(sum.commons), units(sum.community)])
        });
        let mut shared: BTreeMap<_, _> = shared.collect();
        let mut expected = self.shared.clone();
        shared.retain(|_, sum| *sum != [0; 3]);
        expected.retain(|_, sum| *sum != [0; 3]);
        assert_eq!(shared, expected);
    }
}

fn agree(lot: &Lot, found: &account::Lot) {
    let expected = [
        lot.minted,
        lot.available,
        lot.reserved,
        lot.consumed,
        lot.expired,
        lot.clawed,
        lot.voided,
        lot.moved,
        lot.awaited,
        lot.indebted,
        lot.released(),
    ];
    let found_amounts = [
        found.minted,
        found.available,
        found.reserved,
        found.consumed,
        found.expired,
        found.clawed_back,
        found.voided,
        found.moved,
        found.awaited,
        found.indebted,
        found.released,
    ];
    assert_eq!(found_amounts.map(units), expected, "{lot:?}");
    assert_eq!((found.is_paid(), Some(found.source)), (lot.paid, lot.source), "{lot:?}");
}

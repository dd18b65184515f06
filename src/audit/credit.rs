//! Metered credit, proved: what was booked is what accounts hold, shares are whole, shadow is nothing.

use std::collections::BTreeMap;

use piperoll_domain::{
    account::{Account, Event as Fact},
    billing::Shares,
    book::{Slot, State},
    chart::Chart,
    event::{Event, Recorded},
    id::Stream,
    money::Code,
    postings::{Posting, postings},
};

use super::report::{Finding, Tally};

/// What the journal says of accounts, and what is checked of it.
pub(super) struct Credit {
    booked: BTreeMap<Stream, BTreeMap<Code, Sums>>,
}

/// What an account has of a commodity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    held: i128,
    owed: i128,
}

/// The checks.
pub(super) struct Tallies {
    /// Accounts: the sum of what was booked is what lots hold, and what is owed.
    pub(super) ledger: Tally,
    /// Transfers: what left an account arrived in another.
    pub(super) transit: Tally,
    /// Charges: the three who share get all of it.
    pub(super) shares: Tally,
    /// Events of shadow mode: they move nothing.
    pub(super) shadow: Tally,
}

impl Tallies {
    pub(super) fn new() -> Self {
        Self {
            ledger: Tally::new("ledger", "balances"),
            transit: Tally::new("transit", "transfers"),
            shares: Tally::new("shares", "charges"),
            shadow: Tally::new("shadow", "events"),
        }
    }
}

impl Credit {
    pub(super) const fn new() -> Self {
        Self { booked: BTreeMap::new() }
    }

    /// One more event of an account.
    pub(super) fn event(&mut self, recorded: &Recorded, tallies: &mut Tallies) {
        let Event::Account(fact) = &recorded.event else { return };
        let legs = postings(recorded);
        let position = recorded.envelope.position;
        if let Some(shares) = shares(fact) {
            tallies.shares.count();
            if let Some(finding) = split(shares, &legs) {
                tallies.shares.found(finding.at(position));
            }
        }
        if is_shadow(fact) {
            tallies.shadow.expect(legs.is_empty() && fact.lots().is_empty(), || {
                let what = "what happens in shadow moves nothing";
                Finding::new(what, "no posting", format!("{} of them", legs.len())).at(position)
            });
        }
        self.book(&recorded.envelope.stream, &legs);
    }

    fn book(&mut self, stream: &Stream, legs: &[Posting]) {
        for Posting { account, commodity, amount, .. } in legs {
            let (held, owed) = match account {
                Chart::Credit => (i128::from(*amount).saturating_neg(), 0),
                Chart::CreditOwed => (0, i128::from(*amount)),
                _ => continue,
            };
            if !self.booked.contains_key(stream) {
                self.booked.insert(stream.clone(), BTreeMap::new());
            }
            let Some(sums) = self.booked.get_mut(stream) else { return };
            sums.entry(*commodity).or_default().add(held, owed);
        }
    }

    /// Compares what was booked with what accounts hold. One whose history is broken stands as it
    /// stood, and what was booked does not.
    pub(super) fn compare<'a>(
        mut self,
        slots: impl Iterator<Item = (&'a Stream, &'a Slot)>,
        tally: &mut Tally,
    ) {
        for (stream, slot) in slots {
            let State::Account(account) = &slot.state else { continue };
            let booked = some(self.booked.remove(stream).unwrap_or_default());
            if slot.frozen.is_none() && slot.acknowledged.is_empty() {
                let held = held(account);
                tally.expect(booked == held, || unequal(stream, &booked, &held));
            }
        }
    }
}

impl Sums {
    const fn add(&mut self, held: i128, owed: i128) {
        self.held = self.held.saturating_add(held);
        self.owed = self.owed.saturating_add(owed);
    }
}

/// Without what adds up to nothing.
fn some(mut sums: BTreeMap<Code, Sums>) -> BTreeMap<Code, Sums> {
    sums.retain(|_, sums| *sums != Sums::default());
    sums
}

/// What an account's lots and debts add up to.
fn held(account: &Account) -> BTreeMap<Code, Sums> {
    let mut held: BTreeMap<Code, Sums> = BTreeMap::new();
    for lot in account.lots() {
        held.entry(lot.place.commodity).or_default().add(lot.left().units().into(), 0);
    }
    for ((commodity, _), amount) in account.debts() {
        held.entry(*commodity).or_default().add(0, amount.units().into());
    }
    some(held)
}

fn unequal(stream: &Stream, booked: &BTreeMap<Code, Sums>, held: &BTreeMap<Code, Sums>) -> Finding {
    let what = format!("{stream}: what was booked is what lots hold, and what is owed");
    let told = |sums: &BTreeMap<Code, Sums>| {
        let each = |(code, Sums { held, owed }): (&Code, &Sums)| {
            format!("{held} {code} held, {owed} owed")
        };
        sums.iter().map(each).collect::<Vec<_>>().join("; ")
    };
    Finding::new(&what, told(held), told(booked))
}

fn shares(fact: &Fact) -> Option<&Shares> {
    match fact {
        Fact::Finalized(finalized) => finalized.shares.as_ref(),
        Fact::DebtRepaid(repaid) => repaid.shares.as_ref(),
        Fact::ClawedBack(clawed) => clawed.reversed.as_ref(),
        _ => None,
    }
}

const fn is_shadow(fact: &Fact) -> bool {
    matches!(fact, Fact::ShadowReserved(_) | Fact::ShadowFinalized(_) | Fact::ShadowReleased(_))
}

/// What the three get, or give back, is all of it, and booked as such.
fn split(shares: &Shares, legs: &[Posting]) -> Option<Finding> {
    let base = i128::from(shares.base.units());
    let parts: i128 = shares.each().iter().map(|(_, amount)| i128::from(amount.units())).sum();
    let of_shared = legs.iter().filter(|leg| leg.account == Chart::CreditShared);
    let booked: i128 = of_shared.map(|leg| i128::from(leg.amount)).sum();
    let what = "the three who share get all that is shared";
    let unequal = parts != base || booked.abs() != base;
    unequal.then(|| Finding::new(what, base, format!("{parts}, of which {booked} is booked")))
}

#[cfg(test)]
mod tests {
    use piperoll_domain::{
        account::{ClawedBack, LotMinted, ShadowFinalized, Source, SourceKind},
        id::{Kind, Pool},
        money::Amount,
        testing::{envelope, id, money, stream, units},
    };

    use super::*;

    fn recorded(event: impl Into<Event>) -> Recorded {
        Recorded { envelope: envelope(&stream(Kind::Account, "alice"), 9), event: event.into() }
    }

    fn failed(tally: &Tally) -> bool {
        tally.has_failed()
    }

    #[test]
    fn shares_that_are_not_all_of_it_are_found() {
        let mut shares = Shares::of(units(100), (0, piperoll_domain::testing::cut(500, 7_000)));
        for lost in [0, 1] {
            let of = shares.as_mut().unwrap();
            of.foundation = of.foundation.saturating_sub(units(lost));
            let reversed = Some(*of);
            let clawed = ClawedBack {
                lot: id("lot"),
                refund: None,
                total: money("USD", 100),
                part: None,
                awaited: Amount::ZERO,
                debt: None,
                reversed,
                past: None,
                reason: "it was".to_owned(),
            };
            let (mut credit, mut tallies) = (Credit::new(), Tallies::new());
            credit.event(&recorded(clawed), &mut tallies);
            assert_eq!(failed(&tallies.shares), lost == 1);
        }
    }

    #[test]
    fn what_was_booked_and_is_not_there_is_found() {
        let minted = LotMinted {
            lot: id("lot"),
            amount: money("USD", 5),
            source: Source { kind: SourceKind::Grant, id: "gift".to_owned() },
            pool: Pool::general(),
            expires_at: None,
            cost: None,
            offer: None,
            payment: None,
            reason: None,
        };
        let (mut credit, mut tallies) = (Credit::new(), Tallies::new());
        credit.event(&recorded(minted), &mut tallies);
        let (stream, slot) = (stream(Kind::Account, "alice"), Slot::absent(Kind::Account));
        credit.compare([(&stream, &slot)].into_iter(), &mut tallies.ledger);
        assert!(failed(&tallies.ledger));
    }

    #[test]
    fn shadow_is_counted_and_moves_nothing() {
        let shadow = ShadowFinalized {
            reservation: id("res"),
            reserved: money("USD", 5),
            cost: money("USD", 7),
            overrun: units(2),
            missing: units(7),
            reference: None,
        };
        let (mut credit, mut tallies) = (Credit::new(), Tallies::new());
        credit.event(&recorded(shadow), &mut tallies);
        assert_eq!((tallies.shadow.checked, failed(&tallies.shadow)), (1, false));
    }
}

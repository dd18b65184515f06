//! Metered use, followed from what was set aside to what was charged and what is owed.

use std::collections::BTreeMap;

use piperoll_domain::{
    account::{Account, Cause, Debt, Event, Finalized, Part, Reserved},
    billing::{Mode, Shares},
    book::{Book, State},
    chart::Chart,
    event::{self, Recorded},
    id::{ReservationId, Stream, TenantId},
    money::Amount,
    postings::postings,
};

use super::{Broken, must};

/// What is known of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Open { mode: Mode, reserved: u64 },
    Ended,
}

/// Sums over everything so far, apart from what the accounts say themselves.
#[derive(Default)]
pub(super) struct Metering {
    reservations: BTreeMap<(TenantId, ReservationId), Known>,
    owed: BTreeMap<Stream, i128>,
    /// By account: units that can be used, and units that are owed, as the journal has them.
    credit: BTreeMap<Stream, (i128, i128)>,
}

impl Metering {
    pub(super) fn record(&mut self, recorded: &Recorded, book: &Book) -> Result<(), Broken> {
        let event::Event::Account(event) = &recorded.event else { return Ok(()) };
        let stream = &recorded.envelope.stream;
        self.post(recorded);
        self.reservation(recorded, event)?;
        if let Event::Finalized(finalized) = event {
            charged(finalized)?;
        }
        self.owe(stream, event);
        let Some(State::Account(account)) = book.streams.get(stream).map(|slot| &slot.state) else {
            return Ok(());
        };
        self.compare(stream, account)
    }

    fn post(&mut self, recorded: &Recorded) {
        let sums = self.credit.entry(recorded.envelope.stream.clone()).or_default();
        for leg in postings(recorded) {
            match leg.account {
                // What an account can use grows by credits, what it owes by debits.
                Chart::Credit => sums.0 -= i128::from(leg.amount),
                Chart::CreditOwed => sums.1 += i128::from(leg.amount),
                _ => {}
            }
        }
    }

    fn reservation(&mut self, recorded: &Recorded, event: &Event) -> Result<(), Broken> {
        let (tenant, place) = (&recorded.envelope.tenant, || format!("{event:?}"));
        let begun = match event {
            Event::Reserved(Reserved { reservation, mode, total, wanted, held, .. }) => {
                let sum: u64 = held.iter().map(|held| held.amount.units()).sum();
                must(sum == total.amount.units(), "what is held is what is reserved", place)?;
                let whole = *mode != Mode::Live || total == wanted;
                must(whole, "a live reservation is whole", place)?;
                Some((reservation, *mode, sum))
            }
            Event::ShadowReserved(said) => Some((&said.reservation, Mode::Shadow, 0)),
            _ => None,
        };
        if let Some((reservation, mode, reserved)) = begun {
            let name = (tenant.clone(), reservation.clone());
            let before = self.reservations.insert(name, Known::Open { mode, reserved });
            return must(before.is_none(), "a reservation's name is its own", place);
        }
        let ended = match event {
            Event::Finalized(said) => {
                Some((&said.reservation, said.mode, said.reserved.amount.units()))
            }
            Event::Released(said) => {
                Some((&said.reservation, said.mode, said.total.amount.units()))
            }
            Event::ShadowFinalized(said) => Some((&said.reservation, Mode::Shadow, 0)),
            Event::ShadowReleased(said) => Some((&said.reservation, Mode::Shadow, 0)),
            _ => None,
        };
        let Some((reservation, mode, reserved)) = ended else { return Ok(()) };
        let name = (tenant.clone(), reservation.clone());
        let before = self.reservations.insert(name, Known::Ended);
        let open = Some(Known::Open { mode, reserved });
        must(before == open, "a reservation ends once, as it began", || {
            format!("{event:?} after {before:?}")
        })
    }

    fn owe(&mut self, stream: &Stream, event: &Event) {
        let owed = self.owed.entry(stream.clone()).or_default();
        for debt in debts(event) {
            *owed += i128::from(debt.amount.units());
        }
        if let Event::DebtRepaid(repaid) = event {
            *owed -= i128::from(repaid.part.amount.units());
        }
    }

    /// What the account says is what its movements and the journal come to, each by itself.
    fn compare(&self, stream: &Stream, account: &Account) -> Result<(), Broken> {
        let left: i128 = account.lots().map(|lot| i128::from(lot.left().units())).sum();
        let owed: i128 = account.debts().map(|(_, owed)| i128::from(owed.units())).sum();
        let ours = self.owed.get(stream).copied().unwrap_or(0);
        must(owed == ours, "an account owes what its movements leave", || {
            format!("{stream}: {owed} and not {ours}")
        })?;
        let posted = self.credit.get(stream).copied().unwrap_or_default();
        must(posted == (left, owed), "the journal is lots less debts", || {
            format!("{stream}: {posted:?} and not {:?}", (left, owed))
        })?;
        let held: u64 = account.reservations().map(|(_, open)| open.total.amount.units()).sum();
        let reserved: u64 = account.lots().map(|lot| lot.reserved.units()).sum();
        let shadow = account.reservations().any(|(_, open)| open.mode == Mode::Shadow);
        must(shadow || held == reserved, "what is reserved is what lots hold", || {
            format!("{stream}: {held} and not {reserved}")
        })
    }
}

fn charged(finalized: &Finalized) -> Result<(), Broken> {
    let place = || format!("{finalized:?}");
    let sum = |parts: &[Part]| parts.iter().map(|part| part.amount.units()).sum::<u64>();
    // Credit that was to be taken back and was used instead is owed too, and no part of the charge.
    let missing = finalized.debts.iter().filter(|debt| debt.cause == Cause::Overrun {});
    let owed: u64 = missing.map(|debt| debt.amount.units()).sum();
    let used = sum(&finalized.parts);
    let (charged, cost) = (finalized.charged.amount.units(), finalized.cost.amount.units());
    must(used + owed == charged, "a charge is what was used and what is owed", place)?;
    let whole = charged + finalized.uncollected.units() == cost;
    must(whole, "a cost is charged or said to be uncollected", place)?;
    let capped = finalized.mode != Mode::Live || charged <= finalized.reserved.amount.units();
    must(capped, "a live charge is no more than was reserved", place)?;
    let returned: u64 = finalized.returned.iter().map(|held| held.amount.units()).sum();
    let back = returned + sum(&finalized.clawed_back);
    let within = back <= finalized.reserved.amount.units();
    must(within, "no more comes back than was reserved", place)?;
    let Some(Shares { base, commons, community, foundation, .. }) = finalized.shares else {
        return Ok(());
    };
    let shared = [commons, community, foundation].into_iter().map(Amount::units).sum::<u64>();
    must(shared == base.units() && shared <= used, "only what was collected is shared", place)
}

fn debts(event: &Event) -> Vec<&Debt> {
    match event {
        Event::Finalized(said) => said.debts.iter().collect(),
        Event::ClawedBack(said) => said.debt.iter().collect(),
        _ => vec![],
    }
}

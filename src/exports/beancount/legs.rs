//! From an event to its legs: lots at their cost, and money as the postings say.

use piperoll_domain::{
    account::{
        self, DebtRepaid, Finalized, Lot, LotExpired, LotMinted, LotReceived, LotVoided, Part,
        Released, Spent, TransferredOut,
    },
    chart::Chart,
    event::{Event, Recorded},
    id::{LotId, TenantId},
    money::{Code, Money},
    postings::{Posting, postings},
};

use super::{
    Error,
    amounts::{self, Scales},
    entry::{Cost, Entry, Leg},
    names::{Account, Sort, Unit},
};

/// What an event moves. `known` is its account before it.
pub(super) fn entry(
    recorded: &Recorded,
    known: Option<&account::Account>,
    scales: &Scales,
) -> Result<Entry, Error> {
    let at = &recorded.envelope;
    let (position, entry) = (at.position, Entry::at(at.position));
    let holder = at.stream.id.to_string();
    let mut legs = Legs { tenant: &at.tenant, holder, known, scales, position, entry };
    if let Event::Account(event) = &recorded.event {
        legs.of_credit(event)?;
    }
    for posting in postings(recorded) {
        legs.of_posting(&posting, matches!(recorded.event, Event::Account(_)))?;
    }
    Ok(legs.entry)
}

struct Legs<'a> {
    tenant: &'a TenantId,
    holder: String,
    known: Option<&'a account::Account>,
    scales: &'a Scales,
    position: u64,
    entry: Entry,
}

impl Legs<'_> {
    fn account(&self, sort: Sort, holder: &str) -> Account {
        Account { tenant: self.tenant.clone(), sort, holder: holder.to_owned() }
    }

    fn of_credit(&mut self, event: &account::Event) -> Result<(), Error> {
        match event {
            account::Event::LotMinted(LotMinted { lot, amount, cost, .. }) => {
                self.begins(lot, *amount, *cost)
            }
            account::Event::LotReceived(LotReceived { lot, amount, cost, .. }) => {
                self.in_transit(*cost, 1)?;
                self.begins(lot, *amount, *cost)
            }
            account::Event::Spent(Spent { total, parts, .. }) => self.go(total.commodity, parts),
            account::Event::LotExpired(LotExpired { amount, part })
            | account::Event::LotVoided(LotVoided { amount, part, .. }) => {
                self.goes(amount.commodity, part)
            }
            account::Event::TransferredOut(TransferredOut { total, debits, .. }) => {
                debits.iter().map(|debit| &debit.part).try_for_each(|part| {
                    self.in_transit(part.cost, -1)?;
                    self.goes(total.commodity, part)
                })
            }
            account::Event::Finalized(said) => {
                let Finalized { charged, parts, clawed_back, .. } = &**said;
                self.go(charged.commodity, parts)?;
                self.go(charged.commodity, clawed_back)
            }
            account::Event::Released(Released { total, clawed_back, .. }) => {
                self.go(total.commodity, clawed_back)
            }
            account::Event::DebtRepaid(DebtRepaid { total, part, .. }) => {
                self.goes(total.commodity, part)
            }
            account::Event::ClawedBack(clawed) => {
                self.go(clawed.total.commodity, clawed.part.as_slice())
            }
            account::Event::Opened(_)
            | account::Event::Reserved(_)
            | account::Event::ShadowReserved(_)
            | account::Event::ShadowFinalized(_)
            | account::Event::ShadowReleased(_) => Ok(()),
        }
    }

    fn begins(&mut self, lot: &LotId, amount: Money, cost: Option<Money>) -> Result<(), Error> {
        let Money { commodity: code, amount: units } = amount;
        let unit = amounts::cost(code, units, cost, self.scales, self.position)?;
        self.lot(lot, amount, unit, cost, -1)
    }

    fn go(&mut self, code: Code, parts: &[Part]) -> Result<(), Error> {
        parts.iter().try_for_each(|part| self.goes(code, part))
    }

    fn goes(&mut self, code: Code, part: &Part) -> Result<(), Error> {
        let Part { lot, amount, cost, .. } = part;
        let known: Option<&Lot> = self.known.and_then(|known| known.lot(lot));
        let unknown = || Error::Lot { position: self.position, lot: lot.clone() };
        let unit = amounts::cost_of(known.ok_or_else(unknown)?, self.scales, self.position)?;
        self.lot(lot, Money { commodity: code, amount: *amount }, unit, *cost, 1)
    }

    /// Units of a lot, and what their cost is more than their weight.
    fn lot(
        &mut self,
        lot: &LotId,
        units: Money,
        cost: Cost,
        paid: Option<Money>,
        sign: i128,
    ) -> Result<(), Error> {
        let account = self.account(Sort::Lots, &self.holder);
        let (code, amount) = (units.commodity, i128::from(units.amount.signed()) * sign);
        self.entry.push(Leg::Lot { account, code, amount, lot: lot.clone(), cost });
        let excess = cost.excess(paid, units.amount);
        let excess = excess.ok_or(Error::TooMuch { position: self.position })?;
        self.entry.add(self.account(Sort::Rounding, ""), Unit::Money(cost.money), excess * sign)
    }

    fn in_transit(&mut self, cost: Option<Money>, sign: i128) -> Result<(), Error> {
        let Some(cost) = cost else { return Ok(()) };
        let account = self.account(Sort::Transit, "");
        self.entry.add(
            account,
            Unit::Money(cost.commodity),
            i128::from(cost.amount.signed()) * sign,
        )
    }

    /// A posting, unless a lot stands for it.
    fn of_posting(&mut self, posting: &Posting, is_credit: bool) -> Result<(), Error> {
        let Posting { account, holder, commodity, amount } = posting;
        let amount = i128::from(*amount);
        match account {
            Chart::CreditOwed => self.both(Sort::Owed, Sort::Unpaid, posting),
            Chart::CreditShared => self.both(Sort::Shared, Sort::Sharing, posting),
            // The cost of credit, and units that are told by lots.
            Chart::DeferredRevenue if is_credit => Ok(()),
            Chart::CreditIssued
            | Chart::Credit
            | Chart::CreditUsed
            | Chart::CreditLapsed
            | Chart::CreditClawedBack
            | Chart::CreditInTransit => Ok(()),
            Chart::ProviderClearing
            | Chart::ProviderFees
            | Chart::Suspense
            | Chart::Unapplied
            | Chart::DeferredRevenue
            | Chart::Revenue
            | Chart::Breakage
            | Chart::Refunds => {
                let account = self.account(Sort::Chart(*account), holder);
                self.entry.add(account, Unit::Money(*commodity), amount)
            }
        }
    }

    /// Units of credit that are no lot's, and their other side.
    fn both(&mut self, one: Sort, other: Sort, posting: &Posting) -> Result<(), Error> {
        let Posting { holder, commodity, amount, .. } = posting;
        let (unit, amount) = (Unit::Credit(*commodity), i128::from(*amount));
        let account = self.account(one, holder);
        self.entry.add(account, unit, amount)?;
        let account = self.account(other, "");
        self.entry.add(account, unit, -amount)
    }
}

//! Money, followed from the wallet that paid to the credit that was given.

use std::collections::BTreeMap;

use piperoll_domain::{
    account::{self, LotMinted, SourceKind},
    book::{Book, State},
    bytes::Hash,
    chart::Chart,
    entitlement,
    event::{Event, Recorded},
    id::{Kind, LotId, PaymentId, Stream},
    money::Code,
    payment,
    postings::postings,
};

use super::{Broken, must};
use crate::simulation::wallet::Wallet;

/// Sums over everything so far.
#[derive(Default)]
pub(super) struct Moneys {
    totals: BTreeMap<Code, i128>,
    /// What came in through a provider, by payment.
    arrived: BTreeMap<Stream, i128>,
    settled: BTreeMap<Stream, u64>,
    given: BTreeMap<Stream, u64>,
    consumed: BTreeMap<Stream, u64>,
    /// What is left of each lot, counted from its movements alone.
    left: BTreeMap<(Stream, LotId), i128>,
    /// Uses less releases.
    used: BTreeMap<Stream, i64>,
}

impl Moneys {
    pub(super) fn record(
        &mut self,
        recorded: &Recorded,
        book: &Book,
        wallet: &Wallet,
    ) -> Result<(), Broken> {
        self.balance(recorded)?;
        match &recorded.event {
            Event::Payment(event) => self.payment(recorded, event, book, wallet),
            Event::Account(event) => self.account(recorded, event, book),
            Event::Entitlement(event) => self.entitlement(recorded, event, book),
            _ => Ok(()),
        }
    }

    fn balance(&mut self, recorded: &Recorded) -> Result<(), Broken> {
        let mut event: BTreeMap<Code, i128> = BTreeMap::new();
        for leg in postings(recorded) {
            *event.entry(leg.commodity).or_default() += i128::from(leg.amount);
            *self.totals.entry(leg.commodity).or_default() += i128::from(leg.amount);
            let stream = &recorded.envelope.stream;
            if stream.kind == Kind::Payment
                && leg.account == Chart::ProviderClearing
                && leg.amount > 0
            {
                *self.arrived.entry(stream.clone()).or_default() += i128::from(leg.amount);
            }
        }
        let zero = event.values().chain(self.totals.values()).all(|sum| *sum == 0);
        must(zero, "postings sum to zero", || format!("{:?}", recorded.envelope))
    }

    fn payment(
        &mut self,
        recorded: &Recorded,
        event: &payment::Event,
        book: &Book,
        wallet: &Wallet,
    ) -> Result<(), Broken> {
        let (stream, position) = (&recorded.envelope.stream, recorded.envelope.position);
        let place = || format!("{} at {position} in {stream}", event.name());
        let paid: u64 = hashes(book, stream).into_iter().map(|hash| wallet.paid(hash)).sum();
        let arrived = self.arrived.get(stream).copied().unwrap_or(0);
        must(arrived <= i128::from(paid), "money in the roll was really paid", || {
            format!("{}: {arrived} came in, {paid} was paid", place())
        })?;
        match event {
            payment::Event::Settled(settled) => {
                let again = self.settled.insert(stream.clone(), position);
                must(again.is_none(), "a payment is settled once", place)?;
                let enough = paid >= settled.requested.amount.units();
                must(enough, "what counts as paid was paid", place)
            }
            payment::Event::Consumed(_) => {
                let again = self.consumed.insert(stream.clone(), position);
                must(again.is_none(), "a promise is kept once", place)?;
                must(self.settled.contains_key(stream), "nothing is given before it is paid", place)
            }
            _ => Ok(()),
        }
    }

    fn account(
        &mut self,
        recorded: &Recorded,
        event: &account::Event,
        book: &Book,
    ) -> Result<(), Broken> {
        let stream = &recorded.envelope.stream;
        let arrived = match event {
            account::Event::LotMinted(minted) => {
                self.minted(recorded, minted, book)?;
                Some((&minted.lot, minted.amount))
            }
            account::Event::LotReceived(received) => Some((&received.lot, received.amount)),
            _ => None,
        };
        if let Some((lot, money)) = arrived {
            let amount = i128::from(money.amount.units());
            let again = self.left.insert((stream.clone(), lot.clone()), amount);
            must(again.is_none(), "a lot is minted once", || format!("{event:?}"))?;
        }
        for part in gone(event) {
            self.take(stream, &part.lot, part.amount.units())?;
        }
        self.compare(stream, book)
    }

    fn take(&mut self, stream: &Stream, lot: &LotId, units: u64) -> Result<(), Broken> {
        let left = self.left.entry((stream.clone(), lot.clone())).or_default();
        *left -= i128::from(units);
        let left = *left;
        must(left >= 0, "no lot gives more than was minted", || format!("{stream} {lot}: {left}"))
    }

    /// The fold's own sums are those that the movements alone come to.
    fn compare(&self, stream: &Stream, book: &Book) -> Result<(), Broken> {
        let Some(State::Account(account)) = book.streams.get(stream).map(|slot| &slot.state) else {
            return Ok(());
        };
        let known: i128 = account
            .lots()
            .map(|lot| i128::from(lot.available.units()) + i128::from(lot.reserved.units()))
            .sum();
        let ours: i128 =
            self.left.iter().filter(|((of, _), _)| of == stream).map(|(_, left)| left).sum();
        must(known == ours, "an account holds what its movements leave", || {
            format!("{stream}: {known} and not {ours}")
        })
    }

    fn minted(
        &mut self,
        recorded: &Recorded,
        minted: &LotMinted,
        book: &Book,
    ) -> Result<(), Broken> {
        let place = || format!("{:?} at {}", minted, recorded.envelope.position);
        if minted.source.kind == SourceKind::Review {
            return Ok(());
        }
        let Some(payment) = &minted.payment else {
            let by_hand = minted.source.kind != SourceKind::Purchase;
            return must(by_hand, "credit that is bought names its payment", place);
        };
        self.give(recorded, payment, book)
    }

    /// A payment gives something, once, and only after it was settled.
    fn give(
        &mut self,
        recorded: &Recorded,
        payment: &PaymentId,
        book: &Book,
    ) -> Result<(), Broken> {
        let (tenant, position) = (&recorded.envelope.tenant, recorded.envelope.position);
        let stream = Stream::new(Kind::Payment, tenant, payment);
        let place = || format!("{} at {position} for {stream}", recorded.event.name());
        let known = book.streams.contains_key(&stream);
        must(known && self.settled.contains_key(&stream), "no credit without settlement", place)?;
        let again = self.given.insert(stream.clone(), position);
        must(again.is_none(), "a settled payment is credited once", place)
    }

    fn entitlement(
        &mut self,
        recorded: &Recorded,
        event: &entitlement::Event,
        book: &Book,
    ) -> Result<(), Broken> {
        let stream = &recorded.envelope.stream;
        match event {
            entitlement::Event::Granted(granted) => {
                self.give(recorded, &granted.payment, book)?;
            }
            entitlement::Event::Used(_) => *self.used.entry(stream.clone()).or_default() += 1,
            entitlement::Event::Released(_) => *self.used.entry(stream.clone()).or_default() -= 1,
            _ => {}
        }
        let Some(State::Entitlement(state)) = book.streams.get(stream).map(|slot| &slot.state)
        else {
            return Ok(());
        };
        let most = state.granted.as_ref().and_then(|granted| granted.uses).map(i64::from);
        let used = self.used.get(stream).copied().unwrap_or(0);
        let within = (0..=most.unwrap_or(i64::MAX)).contains(&used);
        must(within, "no use is had twice", || format!("{stream}: {used} of {most:?}"))
    }
}

/// What leaves lots for good.
fn gone(event: &account::Event) -> Vec<&account::Part> {
    match event {
        account::Event::Spent(spent) => spent.parts.iter().collect(),
        account::Event::LotExpired(lapsed) => vec![&lapsed.part],
        account::Event::Finalized(said) => said.parts.iter().chain(&said.clawed_back).collect(),
        account::Event::Released(said) => said.clawed_back.iter().collect(),
        account::Event::DebtRepaid(repaid) => vec![&repaid.part],
        account::Event::ClawedBack(clawed) => clawed.part.iter().collect(),
        account::Event::LotVoided(voided) => vec![&voided.part],
        account::Event::TransferredOut(sent) => sent.debits.iter().map(|d| &d.part).collect(),
        account::Event::Opened(_)
        | account::Event::LotMinted(_)
        | account::Event::LotReceived(_)
        | account::Event::Reserved(_)
        | account::Event::ShadowReserved(_)
        | account::Event::ShadowFinalized(_)
        | account::Event::ShadowReleased(_) => vec![],
    }
}

/// The hashes of a payment's invoices.
fn hashes(book: &Book, stream: &Stream) -> Vec<Hash> {
    match book.streams.get(stream).map(|slot| &slot.state) {
        Some(State::Payment(payment)) => {
            payment.instruments.iter().filter_map(|(_, shown)| shown.payment_hash).collect()
        }
        _ => vec![],
    }
}

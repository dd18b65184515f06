//! From a fact to its balanced double entry. Frozen for each event version once released.

mod credit;

use serde::Serialize;

use crate::{
    chart::Chart,
    entitlement::{self, Granted, Released, Used},
    event::{Event, Recorded},
    money::{Code, Money},
    payment::{
        self, Consumed, Funding, Gave, Refunded, ReviewAction, ReviewOpened, ReviewResolved,
        Settled,
    },
};

/// One leg. Debits are positive, credits negative; the legs of a fact sum to zero per commodity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Posting {
    /// Which account of the chart.
    pub account: Chart,
    /// Whose part of it: a connection, an account, a service, a source.
    pub holder: String,
    /// In what.
    pub commodity: Code,
    /// How much.
    pub amount: i64,
}

/// The legs of a fact; none for a fact that moves no value.
pub fn postings(recorded: &Recorded) -> Vec<Posting> {
    let mut legs = Legs(vec![]);
    match &recorded.event {
        Event::Payment(event) => of_payment(event, &mut legs),
        Event::Account(event) => {
            credit::of_account(event, recorded.envelope.stream.id.as_str(), &mut legs);
        }
        Event::Entitlement(event) => {
            of_entitlement(event, &mut legs);
        }
        Event::Roll(_)
        | Event::Commodity(_)
        | Event::Settings(_)
        | Event::Tenant(_)
        | Event::Connection(_)
        | Event::Offer(_)
        | Event::Receipt(_)
        | Event::Billing(_)
        | Event::Letter(_)
        | Event::Campaign(_)
        | Event::Grantee(_) => {}
    }
    legs.0
}

/// Credit that was paid outside piperoll comes from here.
const OUTSIDE: &str = "outside";

/// Legs being written, always two at a time.
struct Legs(Vec<Posting>);

impl Legs {
    fn transfer(&mut self, money: Money, debit: (Chart, &str), credit: (Chart, &str)) {
        if money.amount.is_zero() {
            return;
        }
        let amount = money.amount.signed();
        for ((account, holder), amount) in [(debit, amount), (credit, amount.saturating_neg())] {
            let holder = holder.to_owned();
            self.0.push(Posting { account, holder, commodity: money.commodity, amount });
        }
    }
}

fn of_payment(event: &payment::Event, legs: &mut Legs) {
    match event {
        payment::Event::Settled(settled) => of_settlement(settled, legs),
        payment::Event::ReviewOpened(ReviewOpened { money: Some(money), connection, .. }) => {
            let connection = connection.as_str();
            legs.transfer(
                *money,
                (Chart::ProviderClearing, connection),
                (Chart::Suspense, connection),
            );
        }
        payment::Event::ReviewResolved(resolved) => of_review(resolved, legs),
        payment::Event::Consumed(Consumed { gave: Gave::Nothing {}, price }) => {
            legs.transfer(*price, (Chart::Unapplied, ""), (Chart::Revenue, ""));
        }
        // What the mint by hand took for paid outside came in here after all.
        payment::Event::Consumed(Consumed { gave: Gave::Recovered { .. }, price }) => {
            legs.transfer(*price, (Chart::Unapplied, ""), (Chart::ProviderClearing, OUTSIDE));
        }
        payment::Event::Refunded(Refunded { amount, connection, .. }) => {
            let clearing = (Chart::ProviderClearing, connection.as_str());
            legs.transfer(*amount, (Chart::Refunds, ""), clearing);
        }
        payment::Event::ReviewOpened(ReviewOpened { money: None, .. })
        | payment::Event::Consumed(_)
        | payment::Event::Requested(_)
        | payment::Event::InstrumentCreated(_)
        | payment::Event::Failed(_)
        | payment::Event::OutcomeUnknown(_)
        | payment::Event::Abandoned(_)
        | payment::Event::DetailNoted(_)
        | payment::Event::SettlementNamed(_)
        | payment::Event::Expired(_)
        | payment::Event::TransitionRefused(_) => {}
    }
}

fn of_settlement(settled: &Settled, legs: &mut Legs) {
    let connection = settled.connection.as_str();
    let clearing = (Chart::ProviderClearing, connection);
    let arrived = match settled.funding {
        Funding::Received {} => Some(settled.requested),
        Funding::Completed { arrived } => Some(arrived),
        Funding::Review { .. } => None,
    };
    if let Some(arrived) = arrived {
        legs.transfer(arrived, clearing, (Chart::Unapplied, ""));
    }
    if let Some(fee) = settled.fee {
        legs.transfer(fee, (Chart::ProviderFees, connection), clearing);
    }
}

fn of_review(resolved: &ReviewResolved, legs: &mut Legs) {
    let Some(money) = resolved.money else { return };
    let suspense = (Chart::Suspense, resolved.connection.as_str());
    match resolved.action {
        ReviewAction::Apply => legs.transfer(money, suspense, (Chart::Unapplied, "")),
        ReviewAction::Refund => {
            legs.transfer(money, suspense, (Chart::ProviderClearing, resolved.connection.as_str()));
        }
        ReviewAction::Dismiss => {}
    }
}

fn of_entitlement(event: &entitlement::Event, legs: &mut Legs) {
    let deferred = (Chart::DeferredRevenue, "");
    let revenue = (Chart::Revenue, "");
    match event {
        entitlement::Event::Granted(Granted { price, uses, .. }) => {
            let to = if uses.is_some() { deferred } else { revenue };
            legs.transfer(*price, (Chart::Unapplied, ""), to);
        }
        entitlement::Event::Used(Used { earned, .. }) => legs.transfer(*earned, deferred, revenue),
        entitlement::Event::Released(Released { earned, .. }) => {
            legs.transfer(*earned, revenue, deferred);
        }
        entitlement::Event::Repeated(_) | entitlement::Event::Revoked(_) => {}
    }
}

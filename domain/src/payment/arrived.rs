//! What arrived for a payment, by the provider's names for it, so that no money is booked twice.
//!
//! One settlement may be told of under its own name (by a webhook) and without one, as part of a
//! total (by a status). Money that was booked without a name keeps waiting for it: the first name
//! that is heard takes it, and that is a fact, so that the next name is known to be other money.

use crate::{
    money::{Amount, Code, Money},
    payment::{Funding, Payment, Review, ReviewAction, ReviewKind, ReviewResolved},
};

/// What a provider's word adds to what is booked.
pub(super) struct News {
    /// Nobody knew of it.
    pub(super) fresh: Amount,
    /// It was booked before it had this name.
    pub(super) named: Amount,
}

impl Payment {
    /// What `told` adds: the total under the name `settlement`, or of all without one.
    /// `own` is the name that money without one is booked under.
    pub(super) fn news(&self, settlement: Option<&str>, own: &str, told: Money) -> News {
        let code = told.commodity;
        let all_named = total(self.named(code).map(|(_, amount)| amount));
        let Some(name) = settlement else {
            let known = total(self.booked(code).map(|(_, amount)| amount));
            return News { fresh: told.amount.saturating_sub(known), named: Amount::ZERO };
        };
        let nameless = under(self.booked(code), own).saturating_sub(all_named);
        if name == own {
            return News { fresh: told.amount.saturating_sub(nameless), named: Amount::ZERO };
        }
        let known = total([under(self.booked(code), name), under(self.named(code), name)]);
        let unknown = told.amount.saturating_sub(known);
        let named = unknown.min(nameless);
        News { fresh: unknown.saturating_sub(named), named }
    }

    /// The parts of the price that wait in suspense for the rest.
    pub(super) fn parts(&self, price: Money) -> Vec<&Review> {
        let waits = |review: &&Review| {
            review.opened.kind == ReviewKind::Short
                && review.resolved.is_none()
                && review.opened.money.is_some_and(|money| money.commodity == price.commodity)
        };
        self.reviews.iter().filter(waits).collect()
    }

    /// All money that was ever booked, under the name it was booked under.
    fn booked(&self, code: Code) -> impl Iterator<Item = (&str, Amount)> {
        let settled = self.settled.iter().filter_map(|settled| {
            let money = match settled.funding {
                Funding::Received {} => settled.requested,
                Funding::Completed { arrived } => arrived,
                Funding::Review { .. } => return None,
            };
            Some((settled.provider_id.as_str(), money))
        });
        let suspended = self.reviews.iter().filter_map(|review| {
            review.opened.money.map(|money| (review.opened.provider_id.as_str(), money))
        });
        settled.chain(suspended).filter_map(move |(name, money)| {
            (money.commodity == code).then_some((name, money.amount))
        })
    }

    /// Money that got its name after it had been booked.
    fn named(&self, code: Code) -> impl Iterator<Item = (&str, Amount)> {
        self.named.iter().filter_map(move |named| {
            (named.money.commodity == code)
                .then_some((named.provider_id.as_str(), named.money.amount))
        })
    }
}

impl Review {
    /// What the arrival of the rest does to a part.
    pub(super) fn completed(&self) -> ReviewResolved {
        ReviewResolved {
            number: self.opened.number,
            opener: self.position,
            action: ReviewAction::Apply,
            money: self.opened.money,
            connection: self.opened.connection.clone(),
            reference: None,
            reason: "the rest of the price arrived".to_owned(),
        }
    }
}

fn total(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts
        .into_iter()
        .fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Amount::MAX))
}

fn under<'a>(booked: impl Iterator<Item = (&'a str, Amount)>, name: &str) -> Amount {
    total(booked.filter(|(known, _)| *known == name).map(|(_, amount)| amount))
}

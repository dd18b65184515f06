//! What an operator's decision about suspended money does.

use crate::{
    event::Event as Fact,
    id::AccountId,
    money::Money,
    payment::{Funding, Payment, Review, ReviewAction, ReviewKind, ReviewResolved, Settled, Truth},
    rejection::Rejection,
};

/// What resolving a review comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The payment's own facts.
    pub facts: Vec<Fact>,
    /// Credit to mint for the money, where it could not settle the payment.
    pub credit: Option<(AccountId, Money, Money)>,
}

impl Payment {
    /// What resolving review `number` causes.
    pub fn resolve(
        &self,
        number: u32,
        action: ReviewAction,
        reference: Option<String>,
        reason: &str,
    ) -> Result<Resolution, Rejection> {
        let review = self.open_review(number)?;
        let opened = &review.opened;
        let resolved = ReviewResolved {
            number,
            opener: review.position,
            action,
            money: opened.money,
            connection: opened.connection.clone(),
            reference,
            reason: reason.to_owned(),
        };
        let mut resolution = Resolution { facts: vec![resolved.into()], credit: None };
        match (action, opened.money) {
            (ReviewAction::Dismiss, None) | (ReviewAction::Refund, Some(_)) => {}
            (ReviewAction::Apply, Some(money)) => self.apply(review, money, &mut resolution)?,
            (ReviewAction::Dismiss, Some(_))
            | (ReviewAction::Refund | ReviewAction::Apply, None) => {
                return Err(Rejection::ReviewNotApplicable);
            }
        }
        Ok(resolution)
    }

    fn open_review(&self, number: u32) -> Result<&Review, Rejection> {
        let review = self.reviews.iter().find(|review| review.opened.number == number);
        let review = review.ok_or(Rejection::ReviewNotFound)?;
        if review.resolved.is_some() { Err(Rejection::ReviewClosed) } else { Ok(review) }
    }

    /// Late money settles the payment; any other becomes credit in proportion, or nothing can.
    fn apply(
        &self,
        review: &Review,
        money: Money,
        resolution: &mut Resolution,
    ) -> Result<(), Rejection> {
        let request = self.must_exist()?;
        if review.opened.kind == ReviewKind::Late && self.status.is_lost() {
            resolution.facts.push(self.settled_late(review, money).into());
            return Ok(());
        }
        let (account, amount) = request
            .promise
            .credit_share(money, request.price)
            .ok_or(Rejection::ReviewNotApplicable)?;
        resolution.credit = Some((account, amount, money));
        Ok(())
    }

    fn settled_late(&self, review: &Review, money: Money) -> Settled {
        let opened = &review.opened;
        Settled {
            instrument: opened.instrument,
            requested: money,
            received: money,
            fee: None,
            funding: Funding::Review { number: opened.number },
            truth: Truth::Operator,
            connection: opened.connection.clone(),
            provider_id: opened.provider_id.clone(),
            provider_time: opened.provider_time,
            receipt: opened.receipt.clone(),
            challenged_at: self.instruments.last().map_or(self.requested_at, |(at, _)| *at),
            rate: None,
        }
    }
}

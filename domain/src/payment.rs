//! A payment: a request to be paid, and what became of it.
//!
//! ```text
//! requested ─▶ pending ─▶ paid ─▶ consumed          create failed:  requested ─▶ failed
//!     │           ├─▶ expired  (after the provider was asked, after expiry and a grace time)
//!     │           └─▶ failed
//!     └─▶ unknown ─▶ pending | abandoned             the create call's outcome is not known
//! ```
//!
//! Money that comes late, twice, too much, too little or in the wrong asset never moves the
//! machine: it is booked to suspense and opens a review, which an operator applies or refunds.
//! Parts that come to the price while the payment is pending settle it.

mod arrived;
mod event;
mod hear;
mod review;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use event::*;
pub use hear::{Heard, LedTo, Says};
pub use review::Resolution;

use crate::{
    book::Broken,
    event::Envelope,
    id::{ConnectionId, RefundId},
    money::{Amount, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// Where a payment stands.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody asked for it.
    #[default]
    Absent,
    /// Asked for; the provider has not made an invoice yet.
    Requested,
    /// The provider's answer was lost.
    Unknown,
    /// An invoice can be paid.
    Pending,
    /// The price is paid.
    Paid,
    /// What was promised has been given.
    Consumed,
    /// Nobody paid in time.
    Expired,
    /// No invoice, or the provider gave up.
    Failed,
    /// Nobody will ever know.
    Abandoned,
}

impl Status {
    /// The word that the API and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Requested => "requested",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Consumed => "consumed",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the price has been paid.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Paid | Self::Consumed)
    }

    /// Whether the machine ended without money.
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::Expired | Self::Failed | Self::Abandoned)
    }
}

/// A review, open or decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// How it was opened.
    pub opened: ReviewOpened,
    /// Where that stands in the roll.
    pub position: u64,
    /// When.
    pub opened_at: Time,
    /// What was decided; none while open.
    pub resolved: Option<ReviewAction>,
}

/// A payment's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub status: Status,
    /// What was asked; none while absent.
    pub request: Option<Requested>,
    /// When.
    pub requested_at: Time,
    /// The invoices, oldest first, each with the time it was recorded.
    pub instruments: Vec<(Time, InstrumentCreated)>,
    /// The provider's own word for where it stands.
    pub detail: Option<String>,
    /// How it was settled.
    pub settled: Option<Settled>,
    /// When.
    pub settled_at: Option<Time>,
    /// What it gave.
    pub gave: Option<Gave>,
    /// What somebody has to look at, or had to.
    pub reviews: Vec<Review>,
    /// Money that got its name after it had been booked.
    pub named: Vec<SettlementNamed>,
    /// How much of the price has gone back.
    pub refunded: Amount,
}

impl Payment {
    /// What was asked, unless nobody asked.
    pub fn must_exist(&self) -> Result<&Requested, Rejection> {
        self.request.as_ref().ok_or(Rejection::PaymentNotFound)
    }

    /// What a new request causes.
    pub fn request(&self, requested: Requested) -> Result<Requested, Rejection> {
        if self.status == Status::Absent { Ok(requested) } else { Err(Rejection::PaymentExists) }
    }

    /// What an invoice causes. The same provider id again causes nothing.
    pub fn instrument(
        &self,
        created: InstrumentCreated,
    ) -> Result<Option<InstrumentCreated>, Rejection> {
        self.must_exist()?;
        let known = |(_, one): &(Time, InstrumentCreated)| one.provider_id == created.provider_id;
        if self.instruments.iter().any(known) {
            return Ok(None);
        }
        if !matches!(self.status, Status::Requested | Status::Unknown) {
            return Err(Rejection::PaymentTooLate { status: self.status });
        }
        let number = u32::try_from(self.instruments.len()).unwrap_or(u32::MAX).saturating_add(1);
        Ok(Some(InstrumentCreated { number, ..created }))
    }

    /// What a refused create call causes.
    pub fn create_failed(&self, failed: Failed) -> Result<Option<Failed>, Rejection> {
        self.must_exist()?;
        match self.status {
            Status::Requested | Status::Unknown => Ok(Some(failed)),
            Status::Failed => Ok(None),
            Status::Absent
            | Status::Pending
            | Status::Paid
            | Status::Consumed
            | Status::Expired
            | Status::Abandoned => Err(Rejection::PaymentTooLate { status: self.status }),
        }
    }

    /// What a create call without an answer causes.
    pub fn create_unknown(&self, class: &str) -> Result<Option<OutcomeUnknown>, Rejection> {
        self.must_exist()?;
        let lost = OutcomeUnknown { class: class.to_owned() };
        Ok((self.status == Status::Requested).then_some(lost))
    }

    /// What giving up on a lost create call causes, once it has been asked about long enough.
    pub fn abandon(
        &self,
        reason: &str,
        patience_seconds: u32,
        moment: Moment,
    ) -> Result<Option<Abandoned>, Rejection> {
        self.must_exist()?;
        match self.status {
            Status::Abandoned => Ok(None),
            Status::Requested | Status::Unknown => {
                let deadline = self.requested_at.plus_seconds(patience_seconds);
                let due = moment.is_past(deadline);
                let abandoned = Abandoned { reason: reason.to_owned() };
                if due { Ok(Some(abandoned)) } else { Err(Rejection::PaymentTooEarly) }
            }
            Status::Absent
            | Status::Pending
            | Status::Paid
            | Status::Consumed
            | Status::Expired
            | Status::Failed => Err(Rejection::PaymentTooLate { status: self.status }),
        }
    }

    /// What having given what was promised causes.
    pub fn consume(&self, gave: Gave) -> Result<Consumed, Rejection> {
        let request = self.must_exist()?;
        if self.status != Status::Paid {
            return Err(Rejection::PaymentNotPaid { status: self.status });
        }
        Ok(Consumed { gave, price: request.price })
    }

    /// What giving money back causes: at most what was paid, over all refunds.
    pub fn refund(
        &self,
        refund: RefundId,
        amount: Money,
        reference: Option<String>,
        reason: &str,
    ) -> Result<Refunded, Rejection> {
        let request = self.must_exist()?;
        let settled = self.settled.as_ref().filter(|_| self.status == Status::Consumed);
        let settled = settled.ok_or(Rejection::PaymentNotPaid { status: self.status })?;
        if amount.commodity != request.price.commodity {
            let (field, code) = ("amount.commodity", amount.commodity);
            return Err(Rejection::CommodityForeign { field, code });
        }
        if amount.amount.is_zero() {
            return Err(Rejection::AmountZero { field: "amount" });
        }
        let left = request.price.amount.saturating_sub(self.refunded);
        if amount.amount > left {
            return Err(Rejection::RefundExceeds { left: amount.with(left) });
        }
        let total = amount.checked_add(amount.with(self.refunded));
        Ok(Refunded {
            refund,
            amount,
            total: total.ok_or(Rejection::AmountOverflow { field: "amount" })?,
            paid: request.price,
            connection: settled.connection.clone(),
            reference,
            reason: reason.to_owned(),
        })
    }

    /// How much of `given` goes back with a refund: in proportion to what goes back of the price,
    /// rounded down over all refunds together.
    pub fn credit_of_refund(&self, refunded: &Refunded, given: Amount) -> Amount {
        let through = |money: Amount| given.share(money, refunded.paid.amount).unwrap_or_default();
        through(refunded.total.amount).saturating_sub(through(self.refunded))
    }

    /// Whether this provider account may speak about it.
    pub fn listens_to(&self, connection: &ConnectionId) -> bool {
        let asked = self.request.iter().map(|request| &request.connection);
        let shown = self.instruments.iter().map(|(_, instrument)| &instrument.connection);
        asked.chain(shown).any(|known| known == connection)
    }

    /// Whether an unproved word is worth asking the provider about.
    pub(crate) fn expects_news(&self) -> bool {
        !self.status.is_settled() && self.status != Status::Absent
    }

    /// Since when the provider's silence counts: the invoice, or the last review of it.
    pub fn silent_since(&self) -> Time {
        let shown = self.instruments.last().map_or(Time::MAX, |(at, _)| *at);
        let silent = |review: &&Review| review.opened.kind == ReviewKind::ProviderSilent;
        let reviewed = self.reviews.iter().filter(silent).map(|review| review.opened_at);
        reviewed.fold(shown, Time::max)
    }

    /// The invoice that is shown, if there is one.
    pub fn instrument_shown(&self) -> Option<&InstrumentCreated> {
        self.instruments.last().map(|(_, instrument)| instrument)
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, at: &Envelope) -> Result<(), Broken> {
        let status = self.next_status(event)?;
        match event {
            Event::Requested(requested) => {
                self.request = Some(requested.clone());
                self.requested_at = at.recorded_at;
            }
            Event::InstrumentCreated(created) => {
                self.instruments.push((at.recorded_at, created.clone()));
            }
            Event::DetailNoted(DetailNoted { word }) => self.detail = Some(word.clone()),
            Event::Settled(settled) => {
                self.settled = Some(settled.clone());
                self.settled_at = Some(at.recorded_at);
            }
            Event::Consumed(Consumed { gave, .. }) => self.gave = Some(gave.clone()),
            Event::ReviewOpened(opened) => {
                self.must_be_next_review(opened.number)?;
                self.reviews.push(Review {
                    opened: opened.clone(),
                    position: at.position,
                    opened_at: at.recorded_at,
                    resolved: None,
                });
            }
            Event::ReviewResolved(ReviewResolved { number, action, .. }) => {
                self.open_review_mut(*number)?.resolved = Some(*action);
            }
            Event::SettlementNamed(named) => self.named.push(named.clone()),
            Event::Refunded(refunded) => self.take_refund(refunded)?,
            Event::Failed(_)
            | Event::OutcomeUnknown(_)
            | Event::Abandoned(_)
            | Event::Expired(_)
            | Event::TransitionRefused(_) => {}
        }
        self.status = status;
        Ok(())
    }

    /// The one table of edges.
    fn next_status(&self, event: &Event) -> Result<Status, Broken> {
        use Status::{
            Abandoned, Absent, Consumed, Expired, Failed, Paid, Pending, Requested, Unknown,
        };
        let from_review = |settled: &Settled| matches!(settled.funding, Funding::Review { .. });
        Ok(match (self.status, event) {
            (Absent, Event::Requested(_)) => Requested,
            (Requested | Unknown, Event::InstrumentCreated(_)) => Pending,
            (Requested, Event::OutcomeUnknown(_)) => Unknown,
            (Requested | Unknown | Pending, Event::Failed(_)) => Failed,
            (Requested | Unknown, Event::Abandoned(_)) => Abandoned,
            (Pending, Event::Settled(settled)) if !from_review(settled) => Paid,
            (Expired | Failed | Abandoned, Event::Settled(settled)) if from_review(settled) => Paid,
            (Paid, Event::Consumed(_)) | (Consumed, Event::Refunded(_)) => Consumed,
            (Pending, Event::Expired(_)) => Expired,
            (
                status @ (Requested | Unknown | Pending | Paid | Consumed | Expired | Failed
                | Abandoned),
                Event::DetailNoted(_)
                | Event::SettlementNamed(_)
                | Event::ReviewOpened(_)
                | Event::ReviewResolved(_)
                | Event::TransitionRefused(_),
            ) => status,
            (
                status,
                Event::Requested(_)
                | Event::InstrumentCreated(_)
                | Event::OutcomeUnknown(_)
                | Event::Failed(_)
                | Event::Abandoned(_)
                | Event::Settled(_)
                | Event::Consumed(_)
                | Event::Expired(_)
                | Event::Refunded(_)
                | Event::DetailNoted(_)
                | Event::SettlementNamed(_)
                | Event::ReviewOpened(_)
                | Event::ReviewResolved(_)
                | Event::TransitionRefused(_),
            ) => return Err(Broken::order("payment", &status, event.name())),
        })
    }

    fn take_refund(&mut self, refunded: &Refunded) -> Result<(), Broken> {
        let Refunded { amount, total, .. } = refunded;
        let sum = self.refunded.checked_add(amount.amount).unwrap_or(Amount::MAX);
        Broken::unless(sum == total.amount, "refunds add up", sum, total.amount)?;
        let most = self.request.as_ref().map_or(Amount::ZERO, |request| request.price.amount);
        Broken::unless(sum <= most, "no more goes back than was paid", most, sum)?;
        self.refunded = sum;
        Ok(())
    }

    fn must_be_next_review(&self, number: u32) -> Result<(), Broken> {
        let next = u32::try_from(self.reviews.len()).unwrap_or(u32::MAX).saturating_add(1);
        Broken::unless(number == next, "reviews are numbered without gaps", next, number)
    }

    fn open_review_mut(&mut self, number: u32) -> Result<&mut Review, Broken> {
        let open =
            |review: &&mut Review| review.opened.number == number && review.resolved.is_none();
        let review = self.reviews.iter_mut().find(open);
        review.ok_or_else(|| Broken::new("a resolved review is open", number, "none"))
    }
}

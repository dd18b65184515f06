//! A campaign: credit that is given away, out of a budget.
//!
//! ```text
//! absent ──create──▶ draft ──activate──▶ active ⇄ paused ──complete──▶ completed
//!                      └─────────────────┴─────────┴── its time is over ──▶ expired
//! ```
//!
//! Its state is as large after a million grants as after one: what each account got stands in a
//! stream of its own ([`crate::grantee`]).

mod event;
mod terms;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use event::*;
pub use terms::{Purpose, THRESHOLD_PERCENT, Terms};

use crate::{
    book::Broken,
    id::{AccountId, GrantId},
    money::{Amount, Money},
    rejection::Rejection,
    time::{Moment, Time},
};

/// Where a campaign stands.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody planned it.
    #[default]
    Absent,
    /// Planned; it gives nothing yet.
    Draft,
    /// It gives.
    Active,
    /// It gives nothing for a while.
    Paused,
    /// An operator ended it.
    Completed,
    /// Its time is over.
    Expired,
}

impl Status {
    /// The word that answers and views use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Expired => "expired",
        }
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Active | Self::Paused)
    }
}

/// A campaign's state. Invariant: spent ≤ budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Where it stands.
    pub status: Status,
    /// What was planned; none while absent.
    pub terms: Option<Terms>,
    /// How much of the budget is given.
    pub spent: Amount,
    /// Whether the threshold was reached.
    pub warned: bool,
}

impl Campaign {
    /// Whether it may still give, now or later.
    pub const fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// When its time is over, if ever.
    pub fn ends_at(&self) -> Option<Time> {
        self.terms.as_ref().and_then(|terms| terms.ends_at)
    }

    /// What was planned, unless nobody did.
    pub fn must_exist(&self) -> Result<&Terms, Rejection> {
        self.terms.as_ref().ok_or(Rejection::CampaignNotFound)
    }

    /// What planning it causes.
    pub fn create(&self, terms: Terms, moment: Moment) -> Result<Created, Rejection> {
        if self.terms.is_some() {
            return Err(Rejection::CampaignExists);
        }
        terms.check(moment)?;
        Ok(Created { terms })
    }

    /// What letting it give causes; twice is once.
    pub fn activate(&self, reason: &str, moment: Moment) -> Result<Option<Activated>, Rejection> {
        self.must_have_time(moment)?;
        match self.status {
            Status::Draft | Status::Paused => Ok(Some(Activated { reason: reason.to_owned() })),
            Status::Active => Ok(None),
            status @ (Status::Absent | Status::Completed | Status::Expired) => {
                Err(Rejection::CampaignWrongStatus { status })
            }
        }
    }

    /// What letting it give nothing for a while causes; twice is once.
    pub fn pause(&self, reason: &str) -> Result<Option<Paused>, Rejection> {
        self.must_exist()?;
        match self.status {
            Status::Active => Ok(Some(Paused { reason: reason.to_owned() })),
            Status::Paused => Ok(None),
            status @ (Status::Absent | Status::Draft | Status::Completed | Status::Expired) => {
                Err(Rejection::CampaignWrongStatus { status })
            }
        }
    }

    /// What ending it causes; twice is once.
    pub fn complete(&self, reason: &str) -> Result<Option<Completed>, Rejection> {
        let budget = self.must_exist()?.budget;
        match self.status {
            Status::Active | Status::Paused => {
                let (spent, reason) = (self.spent, reason.to_owned());
                Ok(Some(Completed { budget, spent, reason }))
            }
            Status::Completed => Ok(None),
            status @ (Status::Absent | Status::Draft | Status::Expired) => {
                Err(Rejection::CampaignWrongStatus { status })
            }
        }
    }

    /// What the end of its time causes; nothing where it has ended.
    pub fn expire(&self, moment: Moment) -> Result<Option<Expired>, Rejection> {
        let terms = self.must_exist()?;
        if !self.is_open() {
            return Ok(None);
        }
        if !terms.ends_at.is_some_and(|end| moment.is_past(end)) {
            return Err(Rejection::CampaignNotOver);
        }
        Ok(Some(Expired { budget: terms.budget, spent: self.spent }))
    }

    /// Refuses while it gives nothing. Its time being over counts at once, before any fact says so.
    pub fn must_give(&self, moment: Moment) -> Result<&Terms, Rejection> {
        let terms = self.must_exist()?;
        self.must_have_time(moment)?;
        match self.status {
            Status::Active => Ok(terms),
            status @ (Status::Absent
            | Status::Draft
            | Status::Paused
            | Status::Completed
            | Status::Expired) => Err(Rejection::CampaignNotActive { status }),
        }
    }

    fn must_have_time(&self, moment: Moment) -> Result<(), Rejection> {
        let end = self.must_exist()?.ends_at;
        if self.is_open() && end.is_some_and(|end| moment.is_past(end)) {
            return Err(Rejection::CampaignNotActive { status: Status::Expired });
        }
        Ok(())
    }

    /// What giving `amount` causes here: the budget is spent before there is any credit.
    pub fn spend(
        &self,
        grant: &GrantId,
        account: &AccountId,
        amount: Money,
        moment: Moment,
    ) -> Result<Vec<crate::event::Event>, Rejection> {
        let terms = self.must_give(moment)?;
        terms.must_be_of_it(amount)?;
        let sum = self.spent.checked_add(amount.amount);
        let Some(spent) = sum.filter(|spent| *spent <= terms.budget.amount) else {
            let left = terms.budget.amount.saturating_sub(self.spent);
            return Err(Rejection::BudgetExceeded { left: amount.with(left) });
        };
        let said = BudgetSpent { grant: grant.clone(), account: account.clone(), amount, spent };
        let mut facts = vec![said.into()];
        if !self.warned && terms.is_reached(spent) {
            let (budget, threshold_percent) = (terms.budget, terms.threshold_percent);
            facts.push(ThresholdReached { budget, spent, threshold_percent }.into());
        }
        Ok(facts)
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event) -> Result<(), Broken> {
        match (event, self.status) {
            (Event::Created(Created { terms }), Status::Absent) => {
                self.terms = Some(terms.clone());
                self.status = Status::Draft;
            }
            (Event::Activated(_), Status::Draft | Status::Paused) => self.status = Status::Active,
            (Event::Paused(_), Status::Active) => self.status = Status::Paused,
            (Event::Completed(_), Status::Active | Status::Paused) => {
                self.status = Status::Completed;
            }
            (Event::Expired(_), status) if status.is_open() => self.status = Status::Expired,
            (Event::BudgetSpent(said), Status::Active) => self.take_spending(said)?,
            (Event::ThresholdReached(said), Status::Active) => self.take_warning(said)?,
            (
                Event::Created(_)
                | Event::Activated(_)
                | Event::Paused(_)
                | Event::Completed(_)
                | Event::Expired(_)
                | Event::BudgetSpent(_)
                | Event::ThresholdReached(_),
                status,
            ) => return Err(Broken::order("campaign", &status, event.name())),
        }
        Ok(())
    }

    fn take_spending(&mut self, said: &BudgetSpent) -> Result<(), Broken> {
        let budget = self.terms.as_ref().map(|terms| terms.budget);
        let budget = budget.unwrap_or(said.amount.with(Amount::ZERO));
        let (expected, found) = (budget.commodity, said.amount.commodity);
        Broken::unless(expected == found, "a budget is of one commodity", expected, found)?;
        let sum = self.spent.checked_add(said.amount.amount);
        let sum =
            sum.ok_or_else(|| Broken::new("what is spent adds up", said.spent, "too much"))?;
        Broken::unless(sum == said.spent, "what is spent adds up", sum, said.spent)?;
        let within = sum <= budget.amount;
        Broken::unless(within, "no more is given than there is", budget.amount, sum)?;
        self.spent = sum;
        Ok(())
    }

    fn take_warning(&mut self, said: &ThresholdReached) -> Result<(), Broken> {
        Broken::unless(!self.warned, "a threshold is reached once", "once", "again")?;
        let spent = self.spent;
        Broken::unless(spent == said.spent, "a threshold tells what is spent", spent, said.spent)?;
        self.warned = true;
        Ok(())
    }
}

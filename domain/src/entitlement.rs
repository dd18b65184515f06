//! An entitlement: what a paid offer gave, and how much of it is used.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    book::Broken,
    bytes::Hash,
    event::{Envelope, Event as Fact},
    id::{PaymentId, Service},
    money::{Amount, Money},
    offer::OfferRef,
    rejection::Rejection,
    settings::Settings,
    time::{Moment, Time},
    wire::events,
};

/// A paid offer gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// By which payment.
    pub payment: PaymentId,
    /// Under which offer.
    pub offer: Option<OfferRef>,
    /// To which service.
    pub service: Service,
    /// The L402 token id that stands for it.
    pub token: Option<Hash>,
    /// By which methods; empty for every one.
    pub methods: Vec<String>,
    /// Where: exact, or a prefix that ends in `/*`.
    pub path: String,
    /// How often; none for as often as one likes.
    pub uses: Option<u32>,
    /// Until when; none without an end.
    pub until: Option<Time>,
    /// What was paid for it.
    pub price: Money,
}

/// It was used once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// 1, 2, 3 …; never given twice, also not after a release.
    pub number: u32,
    /// A digest of credential, method, path with query, request id and body: what makes it the same.
    pub same: Hash,
    /// How many uses are left.
    pub left: u32,
    /// The share of the price that is earned by this use.
    pub earned: Money,
}

/// The same use again within its window; it costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// Which use.
    pub number: u32,
    /// How often it has been repeated.
    pub times: u32,
}

/// A use was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Which use.
    pub number: u32,
    /// Position of the fact that it was used by.
    pub reverses: u64,
    /// What had been earned by it.
    pub earned: Money,
    /// How many uses are left.
    pub left: u32,
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

/// It opens nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Why. Plain text, no place for personal data.
    pub reason: String,
}

events!(Entitlement {
    /// A paid offer gave it.
    Granted = "entitlement.granted.v1",
    /// Used once.
    Used = "entitlement.used.v1",
    /// The same use again.
    Repeated = "entitlement.repeated.v1",
    /// A use was given back.
    Released = "entitlement.released.v1",
    /// It opens nothing any more.
    Revoked = "entitlement.revoked.v1",
});

/// A use that may still be repeated or given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    number: u32,
    position: u64,
    same: Hash,
    first_at: Time,
    times: u32,
    earned: Money,
}

/// How many recent uses are remembered.
const RECENT_MAX: usize = 64;

/// An entitlement's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// How it was given; none while absent.
    pub granted: Option<Granted>,
    /// The last use's number.
    pub last: u32,
    /// Uses that count.
    pub used: u32,
    /// Earned so far.
    pub earned: Amount,
    /// Whether it opens nothing any more.
    pub revoked: bool,
    recent: VecDeque<Recent>,
    /// The last use that is too old to be repeated or given back; 0 for none.
    forgotten: u32,
}

/// What a use comes to.
#[expect(clippy::large_enum_variant, reason = "it lives for one decision")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Nothing to record: a pass for a time.
    Pass,
    /// A fact.
    Counts(Fact),
}

impl Entitlement {
    /// How it was given, unless it was not.
    pub fn must_exist(&self) -> Result<&Granted, Rejection> {
        self.granted.as_ref().ok_or(Rejection::EntitlementNotFound)
    }

    /// How many uses are left; none for as many as one likes.
    pub fn left(&self) -> Option<u32> {
        let uses = self.granted.as_ref().and_then(|granted| granted.uses)?;
        Some(uses.saturating_sub(self.used))
    }

    /// What using it causes. `same` tells whether it is the same use again.
    pub fn use_once(
        &self,
        same: Hash,
        moment: Moment,
        settings: &Settings,
    ) -> Result<Use, Rejection> {
        let granted = self.must_exist()?;
        if self.revoked {
            return Err(Rejection::EntitlementRevoked);
        }
        if granted.until.is_some_and(|until| moment.is_past(until)) {
            return Err(Rejection::EntitlementEnded);
        }
        let Some(uses) = granted.uses else { return Ok(Use::Pass) };
        if let Some(recent) = self.repeatable(same, moment, settings) {
            let times = recent.times.saturating_add(1);
            return Ok(Use::Counts(Repeated { number: recent.number, times }.into()));
        }
        let left = uses.checked_sub(self.used).and_then(|left| left.checked_sub(1));
        let left = left.ok_or(Rejection::EntitlementUsedUp)?;
        let number = self.last.saturating_add(1);
        let earned = self.earned_by_next(granted, uses);
        Ok(Use::Counts(Used { number, same, left, earned }.into()))
    }

    /// floor(price × uses so far and this one / uses) − earned before.
    fn earned_by_next(&self, granted: &Granted, uses: u32) -> Money {
        let count = |n: u32| Amount::new(n.into()).unwrap_or_default();
        let through = granted.price.amount.share(count(self.used.saturating_add(1)), count(uses));
        granted.price.with(through.unwrap_or_default().saturating_sub(self.earned))
    }

    fn repeatable(&self, same: Hash, moment: Moment, settings: &Settings) -> Option<&Recent> {
        let window = i64::from(settings.same_use_seconds).saturating_mul(1_000_000);
        self.recent.iter().rev().find(|recent| {
            recent.same == same
                && recent.times < settings.same_use_max
                && moment.now.micros_since(recent.first_at) <= window
        })
    }

    /// What giving a use back causes; twice is once.
    pub fn release(&self, number: u32, reason: &str) -> Result<Option<Released>, Rejection> {
        let uses = self.must_exist()?.uses.ok_or(Rejection::UseNotFound)?;
        if number <= self.forgotten || number > self.last {
            return Err(Rejection::UseNotFound);
        }
        let recent = self.recent.iter().find(|recent| recent.number == number);
        let left = uses.saturating_sub(self.used).saturating_add(1);
        Ok(recent.map(|recent| Released {
            number,
            reverses: recent.position,
            earned: recent.earned,
            left,
            reason: reason.to_owned(),
        }))
    }

    /// What revoking causes; twice is once.
    pub fn revoke(&self, reason: &str) -> Result<Option<Revoked>, Rejection> {
        self.must_exist()?;
        Ok((!self.revoked).then(|| Revoked { reason: reason.to_owned() }))
    }

    /// The only applier.
    pub(crate) fn evolve(&mut self, event: &Event, at: &Envelope) -> Result<(), Broken> {
        match event {
            Event::Granted(granted) => {
                Broken::unless(self.granted.is_none(), "it is granted once", "absent", "granted")?;
                self.granted = Some(granted.clone());
            }
            Event::Used(used) => self.evolve_used(used, at)?,
            Event::Repeated(Repeated { number, times }) => {
                let recent = self.recent.iter_mut().find(|recent| recent.number == *number);
                recent
                    .ok_or_else(|| Broken::new("a repeated use is recent", number, "none"))?
                    .times = *times;
            }
            Event::Released(released) => self.evolve_released(released)?,
            Event::Revoked(_) => {
                self.must_exist().map_err(|_| Broken::new("what is revoked exists", "", "none"))?;
                self.revoked = true;
            }
        }
        Ok(())
    }

    fn evolve_used(&mut self, used: &Used, at: &Envelope) -> Result<(), Broken> {
        let most = self.granted.as_ref().and_then(|granted| granted.uses).unwrap_or(0);
        Broken::unless(self.used < most, "uses are not exceeded", most, used.number)?;
        Broken::unless(!self.revoked, "what is revoked is not used", "in force", "revoked")?;
        let next = self.last.saturating_add(1);
        Broken::unless(used.number == next, "uses are numbered", next, used.number)?;
        self.last = used.number;
        self.used = self.used.saturating_add(1);
        self.earned = self.earned.checked_add(used.earned.amount).unwrap_or(Amount::MAX);
        self.recent.push_back(Recent {
            number: used.number,
            position: at.position,
            same: used.same,
            first_at: at.recorded_at,
            times: 0,
            earned: used.earned,
        });
        if self.recent.len() > RECENT_MAX {
            let oldest = self.recent.pop_front();
            self.forgotten = oldest.map_or(self.forgotten, |oldest| oldest.number);
        }
        Ok(())
    }

    fn evolve_released(&mut self, released: &Released) -> Result<(), Broken> {
        let Released { number, earned, .. } = released;
        let recent = self.recent.iter().find(|recent| recent.number == *number);
        let due = recent.map(|recent| recent.earned);
        let due = due.ok_or_else(|| Broken::new("a released use is recent", number, "none"))?;
        let same = due == *earned;
        Broken::unless(same, "a release takes back what was earned", due, earned)?;
        self.recent.retain(|recent| recent.number != *number);
        self.used = self.used.saturating_sub(1);
        self.earned = self.earned.saturating_sub(earned.amount);
        Ok(())
    }
}

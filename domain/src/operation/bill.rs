//! Wishes about how a tenant bills: the mode and its bounds, and who shares.

use crate::{
    billing::{Billing, Cut},
    draft::{Draft, Stop},
    event::Event,
    id::{Kind, Stream, TenantId},
    operation::must_be_reason,
    rejection::Rejection,
};

/// Change how a tenant bills; holds at once, for reservations made from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBilling {
    /// Whose.
    pub tenant: TenantId,
    /// What shall hold.
    pub billing: Billing,
    /// The version that it was made out of; none where whatever holds is replaced.
    pub over: Option<u32>,
    /// Why.
    pub reason: String,
}

impl ChangeBilling {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        draft.tenant(&self.tenant)?.must_be_open()?;
        let billing = draft.billing(&self.tenant)?;
        if self.over.is_some_and(|over| over != billing.version) {
            return Err(Rejection::BillingChanged { version: billing.version }.into());
        }
        let changed = billing.change(self.billing.clone(), &self.reason)?;
        for code in self.billing.ceilings.keys() {
            draft.must_be_known("billing.ceilings", *code)?;
        }
        changed.map_or(Ok(()), |changed| say(draft, &self.tenant, changed))
    }
}

/// Want other shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposeShares {
    /// Whose.
    pub tenant: TenantId,
    /// What the rule would say.
    pub cut: Cut,
    /// Why.
    pub reason: String,
}

impl ProposeShares {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        draft.tenant(&self.tenant)?.must_be_open()?;
        let proposed = draft.billing(&self.tenant)?.propose(self.cut, &self.reason)?;
        say(draft, &self.tenant, proposed)
    }
}

/// Agree to what somebody else proposed; it holds after a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveShares {
    /// Whose.
    pub tenant: TenantId,
    /// Which rule.
    pub rule: u32,
    /// Why.
    pub reason: String,
}

impl ApproveShares {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let (moment, by) = (draft.moment(), draft.meta().actor.clone());
        let billing = draft.billing(&self.tenant)?;
        let approved = billing.approve(self.rule, &by, &self.reason, moment)?;
        say(draft, &self.tenant, approved)
    }
}

/// Do not agree, take a proposal back, or stop what was approved before it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectShares {
    /// Whose.
    pub tenant: TenantId,
    /// Which rule.
    pub rule: u32,
    /// Why.
    pub reason: String,
}

impl RejectShares {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let moment = draft.moment();
        let rejected = draft.billing(&self.tenant)?.reject(self.rule, &self.reason, moment)?;
        say(draft, &self.tenant, rejected)
    }
}

/// Cut the wait of an approved rule short: an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HastenShares {
    /// Whose.
    pub tenant: TenantId,
    /// Which rule.
    pub rule: u32,
    /// Why.
    pub reason: String,
}

impl HastenShares {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let moment = draft.moment();
        let hastened = draft.billing(&self.tenant)?.hasten(self.rule, &self.reason, moment)?;
        hastened.map_or(Ok(()), |hastened| say(draft, &self.tenant, hastened))
    }
}

fn say(draft: &mut Draft<'_>, tenant: &TenantId, event: impl Into<Event>) -> Result<(), Stop> {
    draft.say(&Stream::new(Kind::Billing, tenant, tenant), event)
}

//! Which part of a roll is wanted.

use chrono::NaiveDate;
use piperoll_domain::{
    event::Envelope,
    id::{AccountId, Kind, TenantId},
};

/// A part of a roll: of a tenant, of an account, of some days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
    /// Of accounts of this name only, and nothing but what happened to them.
    pub account: Option<AccountId>,
    /// From the beginning of this day on; what was before is one opening balance.
    pub from: Option<NaiveDate>,
    /// Up to the beginning of this day.
    pub to: Option<NaiveDate>,
}

impl Scope {
    /// Whether an event is of the tenant and of the account, whenever it happened.
    pub fn is_of(&self, at: &Envelope) -> bool {
        let stream = &at.stream;
        let of_account = |wanted: &AccountId| {
            stream.kind == Kind::Account && stream.id.as_str() == wanted.as_str()
        };
        self.tenant.as_ref().is_none_or(|wanted| *wanted == at.tenant)
            && self.account.as_ref().is_none_or(of_account)
    }

    pub(super) fn has_begun(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= date)
    }

    pub(super) fn is_over(&self, date: NaiveDate) -> bool {
        self.to.is_some_and(|to| to <= date)
    }
}

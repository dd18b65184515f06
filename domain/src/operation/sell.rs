//! Wishes about entitlements: use one, give a use back, end one.

use crate::{
    bytes::Hash,
    draft::{Draft, Stop},
    entitlement::Use,
    id::{EntitlementId, Kind, Stream, TenantId},
    operation::must_be_reason,
};

/// Use an entitlement once. A pass for a time says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseEntitlement {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub entitlement: EntitlementId,
    /// Digest of credential, method, path with query, request id and body.
    pub same: Hash,
}

impl UseEntitlement {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (rules, moment) = (draft.rules()?, draft.moment());
        let entitlement = draft.entitlement(&self.tenant, &self.entitlement)?;
        match entitlement.use_once(self.same, moment, &rules)? {
            Use::Pass => Ok(()),
            Use::Counts(fact) => {
                draft.say(&Stream::new(Kind::Entitlement, &self.tenant, &self.entitlement), fact)
            }
        }
    }
}

/// Give a use back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseUse {
    /// Whose.
    pub tenant: TenantId,
    /// Of which entitlement.
    pub entitlement: EntitlementId,
    /// Which use.
    pub number: u32,
    /// Why.
    pub reason: String,
}

impl ReleaseUse {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let entitlement = draft.entitlement(&self.tenant, &self.entitlement)?;
        let released = entitlement.release(self.number, &self.reason)?;
        let stream = Stream::new(Kind::Entitlement, &self.tenant, &self.entitlement);
        released.map_or(Ok(()), |released| draft.say(&stream, released))
    }
}

/// End an entitlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeEntitlement {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub entitlement: EntitlementId,
    /// Why.
    pub reason: String,
}

impl RevokeEntitlement {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let revoked = draft.entitlement(&self.tenant, &self.entitlement)?.revoke(&self.reason)?;
        let stream = Stream::new(Kind::Entitlement, &self.tenant, &self.entitlement);
        revoked.map_or(Ok(()), |revoked| draft.say(&stream, revoked))
    }
}

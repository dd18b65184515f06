//! Wishes about the roll itself, its tenants, connections and offers.

use std::collections::BTreeSet;

use crate::{
    billing::Billing,
    bytes::{Bytes, Hash},
    commodity::Declared,
    connection::Account,
    draft::{Draft, Stop},
    duty,
    id::{ConnectionId, KeyId, Kind, OfferId, Stream, TenantId},
    money::Code,
    offer::Terms,
    operation::{ChangeBilling, letter::must_be_no_letters, must_be_reason},
    rejection::Rejection,
    roll::{
        ClockCorrected, DutyWaived, Environment, FeatureEnabled, Opened, ReconciliationFinished,
        WriterStarted,
    },
    settings::Settings,
    tenant::{self, KeyIssued, Role},
    time::Time,
};

/// Open the roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRoll {
    /// What stands at position 1.
    pub opened: Opened,
}

impl OpenRoll {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        match draft.roll()?.opened {
            Some(_) => Ok(()),
            None => draft.say(&Stream::roll(), self.opened.clone()),
        }
    }
}

/// Begin to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartWriter {
    /// The release that writes from here on.
    pub release: String,
    /// A fingerprint of the machine.
    pub host: Bytes<8>,
    /// A digest of the configuration, secrets left out.
    pub config: Bytes<32>,
}

impl StartWriter {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Self { release, host, config } = self.clone();
        draft.say(&Stream::roll(), WriterStarted { release, host, config })
    }
}

/// Say what the time is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectClock {
    /// The last recorded time.
    pub was: Time,
    /// The time to go on from.
    pub now: Time,
    /// Why.
    pub reason: String,
}

impl CorrectClock {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let Self { was, now, reason } = self.clone();
        draft.say(&Stream::roll(), ClockCorrected { was, now, reason })
    }
}

/// Let a new kind of duty or claim hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnableFeature {
    /// Its name.
    pub feature: String,
}

impl EnableFeature {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if draft.roll()?.features.contains(&self.feature) {
            return Ok(());
        }
        draft.say(&Stream::roll(), FeatureEnabled { feature: self.feature.clone() })
    }
}

/// Close a duty by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiveDuty {
    /// Which.
    pub name: duty::Name,
    /// Why.
    pub reason: String,
}

impl WaiveDuty {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        must_be_no_letters(&self.name)?;
        let duty = draft.duty(&self.name).ok_or(Rejection::DutyNotOpen)?;
        let waived = DutyWaived {
            duty: duty.name.kind.as_str().to_owned(),
            item: duty.name.item.map(|item| item.to_string()),
            opener: duty.opener,
            reason: self.reason.clone(),
        };
        draft.say(&self.name.stream, waived)
    }
}

/// Remember a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishReconciliation {
    /// What it came to.
    pub run: ReconciliationFinished,
}

impl FinishReconciliation {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        draft.say(&Stream::of_roll(Kind::Roll, "reconciliation"), self.run)
    }
}

/// Declare a commodity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclareCommodity {
    /// Its code.
    pub code: Code,
    /// Its decimal places.
    pub scale: u8,
}

impl DeclareCommodity {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Self { code, scale } = *self;
        let declared: Option<Declared> = draft.commodity(code)?.declare(code, scale)?;
        let stream = Stream::of_roll(Kind::Commodity, code.as_str());
        declared.map_or(Ok(()), |declared| draft.say(&stream, declared))
    }
}

/// Change the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeSettings {
    /// What shall hold.
    pub settings: Settings,
}

impl ChangeSettings {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let changed = draft.settings()?.change(self.settings)?;
        let stream = Stream::of_roll(Kind::Settings, "roll");
        changed.map_or(Ok(()), |changed| draft.say(&stream, changed))
    }
}

/// Open a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTenant {
    /// Its name.
    pub tenant: TenantId,
    /// What it begins with.
    pub opened: tenant::Opened,
}

impl OpenTenant {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if self.tenant.is_roll() {
            return Err(Rejection::TenantExists.into());
        }
        draft.must_be_declared("functional_currency", self.opened.functional_currency)?;
        let opened = draft.tenant(&self.tenant)?.open(self.opened.clone())?;
        draft.say(&Stream::new(Kind::Tenant, &self.tenant, &self.tenant), opened)
    }
}

/// Open a tenant that bills in some way from its first fact on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSeededTenant {
    /// The tenant.
    pub open: OpenTenant,
    /// How it bills.
    pub billing: Billing,
    /// Why.
    pub reason: String,
}

impl OpenSeededTenant {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        self.open.decide(draft)?;
        let change = ChangeBilling {
            tenant: self.open.tenant.clone(),
            billing: self.billing.clone(),
            over: Some(0),
            reason: self.reason.clone(),
        };
        change.decide(draft)
    }
}

/// Hand out a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueKey {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub key: KeyId,
    /// SHA-256 of the key itself.
    pub digest: Hash,
    /// What it may do.
    pub roles: BTreeSet<Role>,
}

impl IssueKey {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Self { tenant, key, digest, roles } = self.clone();
        let issued = draft.tenant(&tenant)?.issue(KeyIssued { key, digest, roles })?;
        draft.say(&Stream::new(Kind::Tenant, &tenant, &tenant), issued)
    }
}

/// Stop a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeKey {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub key: KeyId,
    /// Why.
    pub reason: String,
}

impl RevokeKey {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let revoked = draft.tenant(&self.tenant)?.revoke(&self.key, &self.reason)?;
        let stream = Stream::new(Kind::Tenant, &self.tenant, &self.tenant);
        revoked.map_or(Ok(()), |revoked| draft.say(&stream, revoked))
    }
}

/// Name a provider account, or describe it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclareConnection {
    /// Its name.
    pub connection: ConnectionId,
    /// What it is.
    pub account: Account,
}

/// Provider kinds that hand out money which is not real.
const PLAY_MONEY: [&str; 1] = ["sandbox"];

impl DeclareConnection {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let opened = draft.roll()?.opened.as_ref();
        let environment = opened.map(|opened| opened.environment).unwrap_or_default();
        let play = PLAY_MONEY.contains(&self.account.kind.as_str());
        if play && environment == Environment::Production {
            let kind = self.account.kind.clone();
            return Err(Rejection::ConnectionForbidden { kind }.into());
        }
        let declared = draft.connection(&self.connection)?.declare(self.account.clone());
        let stream = Stream::new(Kind::Connection, &TenantId::roll(), &self.connection);
        declared.map_or(Ok(()), |declared| draft.say(&stream, declared))
    }
}

/// Stop using a provider account for new payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetireConnection {
    /// Which.
    pub connection: ConnectionId,
    /// Why.
    pub reason: String,
}

impl RetireConnection {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let retired = draft.connection(&self.connection)?.retire(self.reason.clone())?;
        let stream = Stream::new(Kind::Connection, &TenantId::roll(), &self.connection);
        retired.map_or(Ok(()), |retired| draft.say(&stream, retired))
    }
}

/// Put an offer up for sale, or a new version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishOffer {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub offer: OfferId,
    /// What it says.
    pub terms: Terms,
}

impl PublishOffer {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        draft.tenant(&self.tenant)?.must_be_open()?;
        if let crate::offer::Gives::Credit { amount, .. } = &self.terms.gives {
            draft.must_be_declared("gives.credit.amount.commodity", amount.commodity)?;
        }
        if let Some(connection) = &self.terms.connection {
            draft.connection(connection)?.must_be_open()?;
        }
        let published = draft.offer(&self.tenant, &self.offer)?.publish(self.terms.clone())?;
        let stream = Stream::new(Kind::Offer, &self.tenant, &self.offer);
        published.map_or(Ok(()), |published| draft.say(&stream, published))
    }
}

/// Sell an offer no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawOffer {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub offer: OfferId,
    /// Why.
    pub reason: String,
}

impl WithdrawOffer {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let offer = draft.offer(&self.tenant, &self.offer)?;
        let withdrawn = offer.withdraw(self.reason.clone())?;
        let stream = Stream::new(Kind::Offer, &self.tenant, &self.offer);
        withdrawn.map_or(Ok(()), |withdrawn| draft.say(&stream, withdrawn))
    }
}

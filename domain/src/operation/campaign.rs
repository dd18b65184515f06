//! Wishes about campaigns: plan, begin, pause, end; and give.

use crate::{
    account::{LotMinted, Source, SourceKind},
    campaign::Terms,
    claim::Claim,
    draft::{Draft, Stop},
    event::Event,
    grantee::{Given, GranteeId},
    id::{AccountId, CampaignId, GrantId, Id, Kind, LotId, Stream, TenantId},
    money::Money,
    operation::{
        PAYMENTS, batch::all_or_missing, credit::must_not_be_system, fulfil::mint, must_be_reason,
    },
    rejection::Rejection,
};

/// Plan to give credit away. Nothing is given before it is activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCampaign {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub campaign: CampaignId,
    /// What is planned.
    pub terms: Terms,
}

impl CreateCampaign {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        draft.tenant(&self.tenant)?.must_be_open()?;
        draft.must_be_declared("budget.commodity", self.terms.budget.commodity)?;
        let moment = draft.moment();
        let campaign = draft.campaign(&self.tenant, &self.campaign)?;
        let created = campaign.create(self.terms.clone(), moment)?;
        draft.say(&Stream::new(Kind::Campaign, &self.tenant, &self.campaign), created)
    }
}

macro_rules! moves {
    ($($(#[$doc:meta])* $name:ident = |$campaign:ident, $reason:ident, $moment:ident| $moved:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Whose.
            pub tenant: TenantId,
            /// Which campaign.
            pub campaign: CampaignId,
            /// Why.
            pub reason: String,
        }

        impl $name {
            pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
                must_be_reason(&self.reason)?;
                let ($reason, $moment) = (self.reason.as_str(), draft.moment());
                let $campaign = draft.campaign(&self.tenant, &self.campaign)?;
                let moved = $moved?;
                say(draft, &self.tenant, &self.campaign, moved)
            }
        }
    )+};
}

moves! {
    /// Let a campaign give, for the first time or again.
    ActivateCampaign = |campaign, reason, moment| campaign.activate(reason, moment);
    /// Let a campaign give nothing for a while.
    PauseCampaign = |campaign, reason, _moment| campaign.pause(reason);
    /// End a campaign.
    CompleteCampaign = |campaign, reason, _moment| campaign.complete(reason);
}

/// End a campaign whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireCampaign {
    /// Whose.
    pub tenant: TenantId,
    /// Which campaign.
    pub campaign: CampaignId,
}

impl ExpireCampaign {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let moment = draft.moment();
        let expired = draft.campaign(&self.tenant, &self.campaign)?.expire(moment)?;
        say(draft, &self.tenant, &self.campaign, expired)
    }
}

fn say(
    draft: &mut Draft<'_>,
    tenant: &TenantId,
    campaign: &CampaignId,
    event: Option<impl Into<Event>>,
) -> Result<(), Stop> {
    let stream = Stream::new(Kind::Campaign, tenant, campaign);
    event.map_or(Ok(()), |event| draft.say(&stream, event))
}

/// Give credit out of a campaign's budget: the budget, what the account got of it, and the lot, in
/// one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantCredit {
    /// Whose.
    pub tenant: TenantId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// The grant's name, and its lot's.
    pub grant: GrantId,
    /// For which account.
    pub account: AccountId,
    /// How much.
    pub amount: Money,
}

impl GrantCredit {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_not_be_system(&self.account)?;
        self.must_not_be_a_payments()?;
        draft.tenant(&self.tenant)?.must_be_open()?;
        self.ask(draft)?;
        if draft.claim(&self.source())?.is_some() {
            return Err(Rejection::GrantExists.into());
        }
        draft.must_be_declared("amount.commodity", self.amount.commodity)?;
        let moment = draft.moment();
        let campaign = draft.campaign(&self.tenant, &self.campaign)?;
        let spent = campaign.spend(&self.grant, &self.account, self.amount, moment)?;
        let terms = campaign.must_exist()?.clone();
        let grantee = GranteeId::of(&self.campaign, &self.account);
        let before = draft.grantee(&self.tenant, &grantee)?;
        let total = before.with(self.amount, terms.account_cap)?;
        let given = Given {
            grant: self.grant.clone(),
            campaign: self.campaign.clone(),
            account: self.account.clone(),
            lot: self.lot(),
            amount: self.amount,
            total,
            pool: terms.pool.clone(),
            expires_at: terms.lot_expires_at(moment),
        };
        let minted = self.minted(&given);
        draft.say_all(&Stream::new(Kind::Campaign, &self.tenant, &self.campaign), spent)?;
        draft.say(&Stream::new(Kind::Grantee, &self.tenant, &grantee), given)?;
        mint(draft, &self.tenant, &self.account, minted)
    }

    /// Or whoever pays for it would find the name of his lot taken.
    fn must_not_be_a_payments(&self) -> Result<(), Rejection> {
        if !self.grant.as_str().starts_with(PAYMENTS) {
            return Ok(());
        }
        Err(Rejection::MintInvalid { field: "grant", what: "`pay_` is how payments' names begin" })
    }

    fn minted(&self, given: &Given) -> LotMinted {
        LotMinted {
            lot: given.lot.clone(),
            amount: self.amount,
            source: Source { kind: SourceKind::Grant, id: self.grant.to_string() },
            pool: given.pool.clone(),
            expires_at: given.expires_at,
            cost: None,
            offer: None,
            payment: None,
            reason: Some(format!("campaign {}", self.campaign)),
        }
    }

    fn lot(&self) -> LotId {
        LotId::from(&Id::from(&self.grant))
    }

    fn source(&self) -> Claim {
        let (tenant, id) = (self.tenant.clone(), self.grant.to_string());
        Claim::Source { tenant, kind: SourceKind::Grant, id }
    }

    /// Asks for everything at once, so that it can be read at once.
    fn ask(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let lot = Claim::Lot { tenant: self.tenant.clone(), lot: self.lot() };
        let grantee = GranteeId::of(&self.campaign, &self.account);
        let mut missing = vec![];
        for asked in [
            draft.claim(&self.source()).map(drop),
            draft.claim(&lot).map(drop),
            draft.campaign(&self.tenant, &self.campaign).map(drop),
            draft.grantee(&self.tenant, &grantee).map(drop),
            draft.account(&self.tenant, &self.account).map(drop),
        ] {
            match asked {
                Err(Stop::Missing(needs)) => missing.extend(needs),
                Ok(()) | Err(Stop::Rejected(_) | Stop::Repeats(_)) => {}
            }
        }
        all_or_missing(missing)
    }
}

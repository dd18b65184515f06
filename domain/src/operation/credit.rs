//! Wishes about credit: open, give, use, let lapse.

use crate::{
    account::{LotMinted, Source, SourceKind},
    claim::Claim,
    draft::{Draft, Stop},
    id::{AccountId, Kind, LotId, PaymentId, Pool, Stream, TenantId},
    money::Money,
    operation::{
        fulfil::{BY_PROVIDER, PAYMENTS, mint, sold_as},
        must_be_reason,
    },
    payment::Promise,
    rejection::Rejection,
    time::Time,
};

/// Open an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub account: AccountId,
}

impl OpenAccount {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_not_be_system(&self.account)?;
        draft.tenant(&self.tenant)?.must_be_open()?;
        let opened = draft.account(&self.tenant, &self.account)?.open();
        let stream = Stream::new(Kind::Account, &self.tenant, &self.account);
        opened.map_or(Ok(()), |opened| draft.say(&stream, opened))
    }
}

/// Every tenant has its system accounts from the beginning, and nobody opens others or gives to them.
pub(super) fn must_not_be_system(account: &AccountId) -> Result<(), Rejection> {
    if account.is_system() { Err(Rejection::AccountReserved { field: "account" }) } else { Ok(()) }
}

/// Give credit by hand, with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// Whose.
    pub tenant: TenantId,
    /// For which account.
    pub account: AccountId,
    /// The lot's name.
    pub lot: LotId,
    /// How much.
    pub amount: Money,
    /// Where it comes from; can be claimed once.
    pub source: Source,
    /// Where it lies.
    pub pool: Pool,
    /// Until when it can be spent.
    pub expires_at: Option<Time>,
    /// What was paid for it, outside.
    pub cost: Option<Money>,
    /// Why.
    pub reason: String,
    /// The ceiling that the environment sets.
    pub ceiling: Option<Money>,
}

impl Mint {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        self.give(draft, &self.source, &self.reason)
    }

    fn give(&self, draft: &mut Draft<'_>, source: &Source, reason: &str) -> Result<(), Stop> {
        must_not_be_system(&self.account)?;
        draft.tenant(&self.tenant)?.must_be_open()?;
        draft.must_be_declared("amount.commodity", self.amount.commodity)?;
        if let Some(cost) = self.cost {
            draft.must_be_declared("cost.commodity", cost.commodity)?;
        }
        let given = matches!(self.source.kind, SourceKind::Grant | SourceKind::CommonsDividend);
        if given && self.cost.is_some() {
            return Err(Rejection::CostOfGift.into());
        }
        if self.expires_at.is_some_and(|at| draft.moment().is_past(at)) {
            let (field, what) = ("expires_at", "expires_at must lie ahead");
            return Err(Rejection::MintInvalid { field, what }.into());
        }
        self.must_be_new(draft)?;
        let minted = LotMinted {
            lot: self.lot.clone(),
            amount: self.amount,
            source: source.clone(),
            pool: self.pool.clone(),
            expires_at: self.expires_at,
            cost: self.cost,
            offer: None,
            payment: None,
            reason: Some(reason.to_owned()),
        };
        mint(draft, &self.tenant, &self.account, minted)?;
        self.must_be_below_ceiling(draft)
    }

    /// Money comes in once, whether it is called a deposit or a purchase.
    fn must_be_new(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Source { kind, id } = self.source.clone();
        if !matches!(kind, SourceKind::Deposit | SourceKind::Purchase) {
            return self.must_not_be_paid_for(draft, &id);
        }
        let Some(taker) = sold_as(draft, &self.tenant, &id)? else {
            return self.must_be_as_promised(draft, &id);
        };
        let claim = Claim::Source { tenant: self.tenant.clone(), kind, id };
        Err(Rejection::ClaimTaken { claim, position: taker.position }.into())
    }

    /// A gift under the name of a payment would stand beside the credit that the payment gives.
    fn must_not_be_paid_for(&self, draft: &mut Draft<'_>, source: &str) -> Result<(), Stop> {
        let ours = source.starts_with(PAYMENTS).then(|| source.parse::<PaymentId>().ok()).flatten();
        let is_paid_for = match ours {
            Some(payment) => draft.payment(&self.tenant, &payment)?.must_exist().is_ok(),
            None => source.starts_with(BY_PROVIDER),
        };
        if !is_paid_for {
            return Ok(());
        }
        let what = "its source names a payment; what that gives is a `deposit` or a `purchase`";
        Err(Rejection::MintInvalid { field: "source", what }.into())
    }

    /// Credit that was given before a ceiling sank is told as given.
    fn must_be_below_ceiling(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let billing = draft.billing(&self.tenant)?;
        let Err(above) = billing.must_be_below_ceiling("amount", self.amount, self.ceiling) else {
            return Ok(());
        };
        let Source { kind, id } = self.source.clone();
        let claim = Claim::Source { tenant: self.tenant.clone(), kind, id };
        let taken = draft.claim(&claim)?.map(|taker| taker.position);
        Err(taken.map_or(above, |position| Rejection::ClaimTaken { claim, position }).into())
    }

    /// Credit under the name of a payment ends it, so it is what its buyer was promised. An operator may
    /// give it in another commodity.
    fn must_be_as_promised(&self, draft: &mut Draft<'_>, source: &str) -> Result<(), Stop> {
        let Ok(payment) = source.parse::<PaymentId>() else { return Ok(()) };
        let payment = draft.payment(&self.tenant, &payment)?;
        let Ok(request) = payment.must_exist() else { return Ok(()) };
        let refuse = |field, what| Err(Rejection::MintInvalid { field, what }.into());
        match &request.promise {
            Promise::Credit { account, .. } if *account != self.account => {
                refuse("source_id", "the payment that its source names is for another account")
            }
            Promise::Credit { amount, .. }
                if amount.commodity == self.amount.commodity && *amount != self.amount =>
            {
                refuse("amount", "the payment that its source names gives another amount")
            }
            Promise::Credit { .. } | Promise::Access { .. } | Promise::Nothing {} => Ok(()),
        }
    }
}

/// Give credit by hand without saying where it comes from. As much of the same kind, given like this
/// to the same account less than a day ago, is taken for the same request sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintUnnamed {
    /// What is given. The name of its source only tells it from others.
    pub mint: Mint,
    /// Why it is not the same request again.
    pub again: Option<String>,
}

impl MintUnnamed {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Mint { tenant, account, amount, source, reason, .. } = &self.mint;
        must_be_reason(reason)?;
        let moment = draft.moment();
        let reason = if let Some(again) = &self.again {
            must_be_reason(again)?;
            format!("{reason}; once more: {again}")
        } else {
            let account = draft.account(tenant, account)?;
            account.must_not_repeat(source.kind, *amount, moment)?;
            reason.clone()
        };
        self.mint.give(draft, &Source::unnamed(source.kind, &source.id), &reason)
    }
}

/// Use credit: a plain charge, outside of metering. It demands what is there, whatever the tenant's
/// mode, and nobody shares in it; what bounds a charge bounds it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account.
    pub account: AccountId,
    /// How much.
    pub total: Money,
    /// From which pool first.
    pub pool: Pool,
    /// The caller's own name for it.
    pub reference: Option<String>,
    /// The ceiling that the environment sets.
    pub ceiling: Option<Money>,
}

impl Spend {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let moment = draft.moment();
        let billing = draft.billing(&self.tenant)?;
        billing.must_be_on()?;
        billing.must_be_below_ceiling("amount", self.total, self.ceiling)?;
        let order = billing.terms(&self.pool, moment).order;
        let account = draft.account(&self.tenant, &self.account)?;
        let facts = account.spend(self.total, &self.pool, self.reference.clone(), order, moment)?;
        draft.say_all(&Stream::new(Kind::Account, &self.tenant, &self.account), facts)
    }
}

/// Let a lot lapse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireLot {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account.
    pub account: AccountId,
    /// Which lot.
    pub lot: LotId,
}

impl ExpireLot {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let moment = draft.moment();
        let account = draft.account(&self.tenant, &self.account)?;
        let expired = account.expire(&self.lot, moment)?;
        let stream = Stream::new(Kind::Account, &self.tenant, &self.account);
        expired.map_or(Ok(()), |expired| draft.say(&stream, expired))
    }
}

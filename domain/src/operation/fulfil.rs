//! Wishes to keep what was promised, and to decide about suspended money.

use crate::{
    account::{self, LotMinted, Source, SourceKind},
    claim::{Claim, Taker},
    draft::{Draft, Stop},
    entitlement::Granted,
    event::Event,
    id::{AccountId, EntitlementId, Id, Kind, LotId, PaymentId, Pool, Stream, TenantId},
    money::Money,
    operation::{correct::terms, must_be_reason},
    payment::{Gave, Payment, Promise, Requested, ReviewAction, Status},
    rejection::Rejection,
};

/// Give what a paid payment promised: the lot or the entitlement, and the payment's end, in one
/// append. Asked again, nothing is left to do. Credit that an operator gave by hand under the
/// payment's name, because news of it were late, is not given twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfil {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
}

/// What a source's name begins with that is a payment as its provider names it, where whoever gave
/// the credit did not know it by our name.
pub const BY_PROVIDER: &str = "nowpay-";

/// What a payment's name begins with. What it gives has its name, so that no other lot may be named
/// like this.
pub const PAYMENTS: &str = "pay_";

impl Fulfil {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payment = draft.payment(&self.tenant, &self.payment)?.clone();
        if payment.status == Status::Consumed {
            return Ok(());
        }
        let request = payment.must_exist()?;
        let gave = match self.recovered(draft, &payment, &request.promise)? {
            Some(gave) => gave,
            None => self.gave(&request.promise),
        };
        let consumed = payment.consume(gave.clone())?;
        self.give(draft, &payment, request, &gave)?;
        draft.say(&Stream::new(Kind::Payment, &self.tenant, &self.payment), consumed)
    }

    /// The lot that was minted by hand for this payment, if there is one.
    fn recovered(
        &self,
        draft: &mut Draft<'_>,
        payment: &Payment,
        promise: &Promise,
    ) -> Result<Option<Gave>, Stop> {
        if !matches!(promise, Promise::Credit { .. }) {
            return Ok(None);
        }
        let made = payment.instruments.iter().map(|(_, made)| &made.provider_id);
        let theirs = made.map(|id| format!("{BY_PROVIDER}{id}"));
        let names = std::iter::once(self.payment.to_string()).chain(theirs);
        let mut taker = None;
        for name in names {
            taker = taker.or(sold_as(draft, &self.tenant, &name)?);
        }
        let Some(Taker { position, stream }) = taker else { return Ok(None) };
        let account = AccountId::from(&stream.id);
        let lot = minted_at(draft, position)?.cloned();
        Ok(Some(Gave::Recovered { account, lot, minted: position }))
    }

    fn gave(&self, promise: &Promise) -> Gave {
        let id = Id::from(&self.payment);
        match promise {
            Promise::Nothing {} => Gave::Nothing {},
            Promise::Credit { account, .. } => {
                Gave::Lot { account: account.clone(), lot: LotId::from(&id) }
            }
            Promise::Access { .. } => Gave::Entitlement { id: EntitlementId::from(&id) },
        }
    }

    fn give(
        &self,
        draft: &mut Draft<'_>,
        payment: &Payment,
        request: &Requested,
        gave: &Gave,
    ) -> Result<(), Stop> {
        match (&request.promise, gave) {
            (
                Promise::Credit { amount, pool, expires_after_seconds, .. },
                Gave::Lot { account, lot },
            ) => {
                let settled_at = payment.settled_at.unwrap_or(draft.moment().now);
                let minted = LotMinted {
                    lot: lot.clone(),
                    amount: *amount,
                    source: Source { kind: source(request), id: self.payment.to_string() },
                    pool: pool.clone(),
                    expires_at: expires_after_seconds.map(|after| settled_at.plus_seconds(after)),
                    cost: Some(request.price),
                    offer: request.offer.clone(),
                    payment: Some(self.payment.clone()),
                    reason: None,
                };
                mint(draft, &self.tenant, account, minted)
            }
            (
                Promise::Access { service, methods, path, uses, seconds },
                Gave::Entitlement { id },
            ) => {
                let settled_at = payment.settled_at.unwrap_or(draft.moment().now);
                let granted = Granted {
                    payment: self.payment.clone(),
                    offer: request.offer.clone(),
                    service: service.clone(),
                    token: payment.instrument_shown().and_then(|instrument| instrument.token),
                    methods: methods.clone(),
                    path: path.clone(),
                    uses: *uses,
                    until: seconds.map(|seconds| settled_at.plus_seconds(seconds)),
                    price: request.price,
                };
                draft.say(&Stream::new(Kind::Entitlement, &self.tenant, id), granted)
            }
            _ => Ok(()),
        }
    }
}

/// Who took a source under any of the names that money comes in by: an operator need not know
/// which of them a payment will take.
pub(super) fn sold_as(
    draft: &Draft<'_>,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Taker>, Stop> {
    for kind in [SourceKind::Deposit, SourceKind::Purchase] {
        let claim = Claim::Source { tenant: tenant.clone(), kind, id: id.to_owned() };
        if let Some(taker) = draft.claim(&claim)? {
            return Ok(Some(taker));
        }
    }
    Ok(None)
}

/// The lot that a fact minted.
pub(super) fn minted_at<'a>(draft: &Draft<'a>, position: u64) -> Result<Option<&'a LotId>, Stop> {
    let Event::Account(account::Event::LotMinted(minted)) = &draft.fact(position)?.event else {
        return Ok(None);
    };
    Ok(Some(&minted.lot))
}

/// An offer that was bought is a purchase, a plain top-up a deposit.
const fn source(request: &Requested) -> SourceKind {
    if request.offer.is_some() { SourceKind::Purchase } else { SourceKind::Deposit }
}

/// Says a mint in an account, whether or not it was open, and what of it goes to debts.
pub(super) fn mint(
    draft: &mut Draft<'_>,
    tenant: &TenantId,
    account: &AccountId,
    minted: LotMinted,
) -> Result<(), Stop> {
    let (moment, position) = (draft.moment(), draft.position());
    let terms = terms(draft, tenant, &minted.pool)?;
    let facts = draft.account(tenant, account)?.mint(minted, &terms, moment, position)?;
    draft.say_all(&Stream::new(Kind::Account, tenant, account), facts)
}

/// Decide about suspended money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveReview {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// Which review.
    pub review: u32,
    /// What is decided.
    pub action: ReviewAction,
    /// Where the refund can be found, if it was one.
    pub reference: Option<String>,
    /// Why.
    pub reason: String,
}

impl ResolveReview {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let payment = draft.payment(&self.tenant, &self.payment)?;
        payment.must_exist()?;
        let reference = self.reference.clone();
        let resolution = payment.resolve(self.review, self.action, reference, &self.reason)?;
        let stream = Stream::new(Kind::Payment, &self.tenant, &self.payment);
        draft.say_all(&stream, resolution.facts)?;
        let Some((account, amount, cost)) = resolution.credit else { return Ok(()) };
        let minted = self.credit(amount, cost)?;
        mint(draft, &self.tenant, &account, minted)
    }

    fn credit(&self, amount: Money, cost: Money) -> Result<LotMinted, Rejection> {
        let name = format!("{}.{}", self.payment, self.review);
        Ok(LotMinted {
            lot: name.parse().map_err(|_| Rejection::ReviewNotApplicable)?,
            amount,
            source: Source { kind: SourceKind::Review, id: name },
            pool: Pool::general(),
            expires_at: None,
            cost: Some(cost),
            offer: None,
            payment: Some(self.payment.clone()),
            reason: Some(self.reason.clone()),
        })
    }
}

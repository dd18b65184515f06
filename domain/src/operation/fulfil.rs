//! Wishes to keep what was promised, and to decide about suspended money.

use crate::{
    account::{LotMinted, Source, SourceKind},
    draft::{Draft, Stop},
    entitlement::Granted,
    id::{AccountId, EntitlementId, Id, Kind, LotId, PaymentId, Pool, Stream, TenantId},
    money::Money,
    operation::must_be_reason,
    payment::{Gave, Payment, Promise, Requested, ReviewAction, Status},
    rejection::Rejection,
};

/// Give what a paid payment promised: the lot or the entitlement, and the payment's end, in one
/// append. Asked again, nothing is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfil {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
}

impl Fulfil {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payment = draft.payment(&self.tenant, &self.payment)?.clone();
        if payment.status == Status::Consumed {
            return Ok(());
        }
        let request = payment.must_exist()?;
        let gave = self.gave(&request.promise);
        let consumed = payment.consume(gave.clone())?;
        self.give(draft, &payment, request, &gave)?;
        draft.say(&Stream::new(Kind::Payment, &self.tenant, &self.payment), consumed)
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

/// An offer that was bought is a purchase, a plain top-up a deposit.
const fn source(request: &Requested) -> SourceKind {
    if request.offer.is_some() { SourceKind::Purchase } else { SourceKind::Deposit }
}

/// Says a mint in an account, whether or not it was open.
pub(super) fn mint(
    draft: &mut Draft<'_>,
    tenant: &TenantId,
    account: &AccountId,
    minted: LotMinted,
) -> Result<(), Stop> {
    let minted = draft.account(tenant, account)?.mint(minted)?;
    draft.say(&Stream::new(Kind::Account, tenant, account), minted)
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

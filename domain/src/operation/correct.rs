//! Wishes that set something right: give money back, take credit back, move it. Each has a reason.

use crate::{
    account::{self, Account, Bygone, LotReceived, Origin, TransferredOut},
    billing::Terms,
    claim::Claim,
    draft::{Draft, Stop},
    event::Event,
    id::{AccountId, Kind, LotId, PaymentId, Pool, RefundId, Stream, TenantId, TransferId},
    money::{Amount, Code, Money},
    operation::{Fulfil, fulfil::minted_at, must_be_reason},
    payment::{Gave, Refunded, Status},
    rejection::Rejection,
};

/// Give money of a payment back, and take the credit that it had bought back in proportion: two
/// facts, joined by the refund's name. What was promised is given first, if it was not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPayment {
    /// Whose.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// The refund's name.
    pub refund: RefundId,
    /// How much.
    pub amount: Money,
    /// Where the refund can be found.
    pub reference: Option<String>,
    /// Why.
    pub reason: String,
}

impl RefundPayment {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let Self { tenant, payment, .. } = self;
        if draft.payment(tenant, payment)?.status == Status::Paid {
            Fulfil { tenant: tenant.clone(), payment: payment.clone() }.decide(draft)?;
        }
        let known = draft.payment(tenant, payment)?.clone();
        let (refund, reference) = (self.refund.clone(), self.reference.clone());
        let refunded = known.refund(refund, self.amount, reference, &self.reason)?;
        draft.say(&Stream::new(Kind::Payment, tenant, payment), refunded.clone())?;
        let lot = match &known.gave {
            Some(Gave::Lot { account, lot } | Gave::Recovered { account, lot: Some(lot), .. }) => {
                Some((account, lot))
            }
            // As it was written of lots that were used up.
            Some(Gave::Recovered { account, lot: None, minted }) => {
                minted_at(draft, *minted)?.map(|lot| (account, lot))
            }
            Some(Gave::Nothing {} | Gave::Entitlement { .. }) | None => None,
        };
        match lot {
            Some((account, lot)) => self.claw_back(draft, &known, &refunded, (account, lot)),
            None => Ok(()),
        }
    }

    /// What lapsed or was taken back before is not taken again.
    fn claw_back(
        &self,
        draft: &mut Draft<'_>,
        payment: &crate::payment::Payment,
        refunded: &Refunded,
        (account, lot): (&AccountId, &LotId),
    ) -> Result<(), Stop> {
        let bygone = bygone(draft, &self.tenant, account, lot)?;
        let known = draft.account(&self.tenant, account)?;
        let given = known.lot(lot).map(|lot| lot.minted);
        let given = given.or_else(|| bygone.as_ref().map(|bygone| bygone.past.minted));
        let amount = payment.credit_of_refund(refunded, given.unwrap_or_default());
        let most = known.clawable(lot, bygone.as_ref()).map_or(Amount::ZERO, |most| most.amount);
        let amount = amount.min(most);
        if amount.is_zero() {
            return Ok(());
        }
        let claw = ClawBack {
            tenant: self.tenant.clone(),
            account: account.clone(),
            lot: lot.clone(),
            amount: Some(amount),
            commodity: None,
            refund: Some(self.refund.clone()),
            reason: self.reason.clone(),
        };
        claw.decide_over(draft, bygone.as_ref())
    }
}

/// Take credit of a lot back: what is there at once, what is reserved once it is free, and what is
/// used as a debt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClawBack {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account.
    pub account: AccountId,
    /// Of which lot.
    pub lot: LotId,
    /// How much; none for all that can be.
    pub amount: Option<Amount>,
    /// What the caller counts in; a lot of something else is refused.
    pub commodity: Option<Code>,
    /// The refund that it belongs to, if there is one.
    pub refund: Option<RefundId>,
    /// Why.
    pub reason: String,
}

impl ClawBack {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let bygone = bygone(draft, &self.tenant, &self.account, &self.lot)?;
        self.decide_over(draft, bygone.as_ref())
    }

    fn decide_over(&self, draft: &mut Draft<'_>, bygone: Option<&Bygone>) -> Result<(), Stop> {
        let Self { tenant, account, lot, .. } = self;
        let known = draft.account(tenant, account)?;
        let most = known.clawable(lot, bygone).ok_or(Rejection::LotNotFound)?;
        if let Some(code) = self.commodity.filter(|code| *code != most.commodity) {
            let field = "amount.commodity";
            return Err(Rejection::CommodityForeign { field, code }.into());
        }
        if self.amount.is_none() && most.amount.is_zero() {
            return Err(Rejection::LotEmpty.into());
        }
        let amount = self.amount.unwrap_or(most.amount);
        let terms = terms(draft, tenant, &Pool::general())?;
        let known = draft.account(tenant, account)?;
        let why = (self.refund.as_ref(), self.reason.as_str());
        let clawed = known.claw_back(lot, amount, bygone, &terms, why)?;
        draft.say(&Stream::new(Kind::Account, tenant, account), clawed)
    }
}

/// A lot that its account has forgotten: its mint and its lapse, found by their claims. None while
/// the account still knows it, and where there never was one.
fn bygone(
    draft: &mut Draft<'_>,
    tenant: &TenantId,
    account: &AccountId,
    lot: &LotId,
) -> Result<Option<Bygone>, Stop> {
    if draft.account(tenant, account)?.lot(lot).is_some() {
        return Ok(None);
    }
    let mint = draft.claim(&Claim::Lot { tenant: tenant.clone(), lot: lot.clone() })?;
    let Some(mint) = mint.filter(|mint| mint.stream == Stream::new(Kind::Account, tenant, account))
    else {
        return Ok(None);
    };
    let lapse = draft.claim(&Claim::Lapse { tenant: tenant.clone(), lot: lot.clone() })?;
    let lapse = lapse.map(|lapse| draft.fact(lapse.position)).transpose()?;
    let expired = match lapse.map(|fact| &fact.event) {
        Some(Event::Account(account::Event::LotExpired(lapsed))) => lapsed.part.amount,
        Some(_) | None => Amount::ZERO,
    };
    Ok(Bygone::of(&draft.fact(mint.position)?.event, mint.position, expired))
}

pub(super) fn terms(draft: &mut Draft<'_>, tenant: &TenantId, pool: &Pool) -> Result<Terms, Stop> {
    let moment = draft.moment();
    Ok(draft.billing(tenant)?.terms(pool, moment))
}

/// Take what is left of a lot that should never have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidLot {
    /// Whose.
    pub tenant: TenantId,
    /// Of which account.
    pub account: AccountId,
    /// Which lot.
    pub lot: LotId,
    /// Why.
    pub reason: String,
}

impl VoidLot {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let Self { tenant, account, lot, reason } = self;
        let known = draft.account(tenant, account)?;
        if known.lot(lot).is_none() {
            let minted = draft.claim(&Claim::Lot { tenant: tenant.clone(), lot: lot.clone() })?;
            let stream = Stream::new(Kind::Account, tenant, account);
            let here = minted.is_some_and(|minted| minted.stream == stream);
            return Err(if here { Rejection::LotEmpty } else { Rejection::LotNotFound }.into());
        }
        let voided = draft.account(tenant, account)?.void(lot, reason)?;
        draft.say(&Stream::new(Kind::Account, tenant, account), voided)
    }
}

/// Move credit from one account to another, with its source, its cost and its expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferCredit {
    /// Whose.
    pub tenant: TenantId,
    /// The transfer's name; the lots that arrive are named after it.
    pub transfer: TransferId,
    /// From whom.
    pub from: AccountId,
    /// To whom.
    pub to: AccountId,
    /// How much.
    pub total: Money,
    /// From which pool first; it arrives in the pools that it leaves.
    pub pool: Pool,
    /// Why.
    pub reason: String,
}

impl TransferCredit {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        must_be_reason(&self.reason)?;
        let Self { tenant, transfer, from, to, total, pool, reason } = self;
        if let Some((field, _)) = [("from", from), ("to", to)].iter().find(|it| it.1.is_system()) {
            return Err(Rejection::AccountReserved { field }.into());
        }
        if from == to {
            return Err(Rejection::AccountSame.into());
        }
        let moment = draft.moment();
        let order = terms(draft, tenant, pool)?.order;
        let giver: &Account = draft.account(tenant, from)?;
        let facts = giver.transfer(transfer, (to, *total, pool), order, reason, moment)?;
        let received = self.received(&facts)?;
        draft.say_all(&Stream::new(Kind::Account, tenant, from), facts)?;
        let billing = draft.billing(tenant)?.clone();
        let position = draft.position();
        let taker = draft.account(tenant, to)?;
        let facts =
            taker.receive(received, |pool| billing.terms(pool, moment), moment, position)?;
        draft.say_all(&Stream::new(Kind::Account, tenant, to), facts)
    }

    /// A lot for each part that left. All of it arrives, or nothing leaves.
    fn received(&self, facts: &[Event]) -> Result<Vec<LotReceived>, Rejection> {
        let debits = facts.iter().flat_map(debits);
        let received = |(number, debit): (u32, &account::Debit)| {
            let account::Debit { part, expires_at, origin, by_payment } = debit;
            Ok(LotReceived {
                lot: self.lot(number)?,
                amount: self.total.with(part.amount),
                transfer: self.transfer.clone(),
                origin: Origin {
                    account: self.from.clone(),
                    lot: part.lot.clone(),
                    source: *origin,
                    by_payment: *by_payment,
                },
                pool: part.pool.clone(),
                expires_at: *expires_at,
                cost: part.cost,
            })
        };
        (1..).zip(debits).map(received).collect()
    }

    fn lot(&self, number: u32) -> Result<LotId, Rejection> {
        let what = "the lots that arrive are named after it, and it is too long for that";
        let too_long = |_| Rejection::MintInvalid { field: "transfer", what };
        format!("{}.{number}", self.transfer).parse().map_err(too_long)
    }
}

/// What left with a fact.
fn debits(fact: &Event) -> &[account::Debit] {
    let Event::Account(account::Event::TransferredOut(TransferredOut { debits, .. })) = fact else {
        return &[];
    };
    debits
}

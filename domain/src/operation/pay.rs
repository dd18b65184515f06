//! Wishes about being paid: the request, its invoice, and what becomes of a lost create call.

use crate::{
    draft::{Draft, Stop},
    id::{AccountId, ConnectionId, Kind, OfferId, PaymentId, Pool, Stream, TenantId},
    money::{Amount, Code, Money},
    offer::{EXPIRY_SECONDS_MAX, Gives, OfferRef, Terms},
    operation::credit::must_not_be_system,
    payment::{Failed, InstrumentCreated, Promise, Requested},
    rejection::Rejection,
    sealed::Sealed,
};

/// What the money is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The application delivers by itself.
    Plain {
        /// What it costs.
        price: Money,
        /// Whose account it concerns, if any.
        account: Option<AccountId>,
    },
    /// Credit of the same commodity, one for one.
    TopUp {
        /// Whose.
        account: AccountId,
        /// How much.
        price: Money,
        /// Where it lies.
        pool: Pool,
        /// How long after settlement it lasts; none for ever.
        expires_after_seconds: Option<u32>,
    },
    /// What an offer gives.
    Offer {
        /// Which.
        offer: OfferId,
        /// How often its price is paid.
        quantity: u32,
        /// For whose account.
        account: Option<AccountId>,
    },
}

const QUANTITY: &str = "quantity";

impl Purpose {
    /// The part of a wish that says how much it shall be.
    const fn field(&self) -> &'static str {
        match self {
            Self::Plain { .. } | Self::TopUp { .. } => "amount",
            Self::Offer { .. } => QUANTITY,
        }
    }
}

/// Ask to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPayment {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub payment: PaymentId,
    /// What the money is for.
    pub purpose: Purpose,
    /// Through which provider account; none for the offer's, or the default one.
    pub connection: Option<ConnectionId>,
    /// How long an invoice shall be payable; none for the offer's, or an hour.
    pub expiry_seconds: Option<u32>,
    /// The caller's own name for it.
    pub reference: Option<String>,
    /// The caller's metadata.
    pub metadata: Option<Sealed>,
}

/// How long an invoice is payable where nobody says otherwise.
const EXPIRY_SECONDS: u32 = 3600;

fn must_last(field: &'static str, seconds: u32, most: u32) -> Result<(), Rejection> {
    let out = Rejection::DurationOutOfRange { field, most };
    if (1..=most).contains(&seconds) { Ok(()) } else { Err(out) }
}

impl RequestPayment {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        draft.tenant(&self.tenant)?.must_be_open()?;
        let asked = self.asked(draft)?;
        asked.account.as_ref().map_or(Ok(()), must_not_be_system)?;
        must_be_in_range(self.purpose.field(), asked.price, draft)?;
        let connection = self.connection.clone().or(asked.connection).unwrap_or_else(default);
        draft.connection(&connection)?.must_be_open()?;
        let expiry_seconds = self.expiry_seconds.or(asked.expiry).unwrap_or(EXPIRY_SECONDS);
        must_last("expiry_seconds", expiry_seconds, EXPIRY_SECONDS_MAX)?;
        let requested = Requested {
            account: asked.account,
            promise: asked.promise,
            offer: asked.offer,
            price: asked.price,
            connection,
            reference: self.reference.clone(),
            metadata: self.metadata.clone(),
            expiry_seconds,
        };
        let requested = draft.payment(&self.tenant, &self.payment)?.request(requested)?;
        draft.say(&Stream::new(Kind::Payment, &self.tenant, &self.payment), requested)
    }

    fn asked(&self, draft: &mut Draft<'_>) -> Result<Asked, Stop> {
        match &self.purpose {
            Purpose::Plain { price, account } => {
                let promise = Promise::Nothing {};
                Ok(Asked::directly(promise, *price, account.clone()))
            }
            Purpose::TopUp { account, price, pool, expires_after_seconds } => {
                let after = *expires_after_seconds;
                let last = |seconds| must_last("expires_after_seconds", seconds, u32::MAX);
                after.map_or(Ok(()), last)?;
                let promise = Promise::Credit {
                    account: account.clone(),
                    amount: *price,
                    pool: pool.clone(),
                    expires_after_seconds: *expires_after_seconds,
                };
                Ok(Asked::directly(promise, *price, Some(account.clone())))
            }
            Purpose::Offer { offer, quantity, account } => {
                let known = draft.offer(&self.tenant, offer)?;
                let terms = known.on_sale()?;
                let offer = OfferRef { id: offer.clone(), version: known.version };
                Ok(Asked::by_offer(offer, terms, *quantity, account.clone())?)
            }
        }
    }
}

fn must_be_in_range(field: &'static str, price: Money, draft: &mut Draft<'_>) -> Result<(), Stop> {
    if price.commodity != Code::MSAT {
        let (field, code) = ("amount.commodity", price.commodity);
        return Err(Rejection::CommodityForeign { field, code }.into());
    }
    if price.amount.is_zero() {
        return Err(Rejection::AmountZero { field }.into());
    }
    let rules = draft.rules()?;
    let (least, most) = (rules.invoice_min_msat, rules.invoice_max_msat);
    if price.amount < least || price.amount > most {
        let (least, most) = (Money::msat(least), Money::msat(most));
        return Err(Rejection::AmountOutOfRange { field, least, most }.into());
    }
    Ok(())
}

fn default() -> ConnectionId {
    ConnectionId::default_one()
}

/// A request, as its purpose comes out.
struct Asked {
    promise: Promise,
    price: Money,
    account: Option<AccountId>,
    offer: Option<OfferRef>,
    connection: Option<ConnectionId>,
    expiry: Option<u32>,
}

impl Asked {
    fn directly(promise: Promise, price: Money, account: Option<AccountId>) -> Self {
        Self { promise, price, account, offer: None, connection: None, expiry: None }
    }

    fn by_offer(
        offer: OfferRef,
        terms: &Terms,
        quantity: u32,
        account: Option<AccountId>,
    ) -> Result<Self, Rejection> {
        let times = |money: Money| {
            let units = money.amount.units().checked_mul(quantity.into());
            units.and_then(Amount::new).map(|amount| money.with(amount))
        };
        let price = times(terms.price).ok_or(Rejection::AmountOverflow { field: QUANTITY })?;
        let outside = |limit: Option<Amount>, out: fn(Amount, Amount) -> bool| {
            limit.is_some_and(|limit| out(price.amount, limit))
        };
        if outside(terms.least, |price, least| price < least)
            || outside(terms.most, |price, most| price > most)
        {
            let least = price.with(terms.least.unwrap_or_default());
            let most = price.with(terms.most.unwrap_or(Amount::MAX));
            return Err(Rejection::AmountOutOfRange { field: QUANTITY, least, most });
        }
        let promise = promise(terms, quantity, account.clone(), times)?;
        Ok(Self {
            promise,
            price,
            account,
            offer: Some(offer),
            connection: terms.connection.clone(),
            expiry: Some(terms.expiry_seconds),
        })
    }
}

fn promise(
    terms: &Terms,
    quantity: u32,
    account: Option<AccountId>,
    times: impl Fn(Money) -> Option<Money>,
) -> Result<Promise, Rejection> {
    let access = |uses, seconds| Promise::Access {
        service: terms.service.clone(),
        methods: terms.methods.clone(),
        path: terms.path.clone(),
        uses,
        seconds,
    };
    let many =
        |one: u32| one.checked_mul(quantity).ok_or(Rejection::AmountOverflow { field: QUANTITY });
    if quantity == 0 {
        return Err(Rejection::AmountZero { field: QUANTITY });
    }
    match &terms.gives {
        Gives::Uses { count } => Ok(access(Some(many(*count)?), None)),
        Gives::Time { seconds } => Ok(access(None, Some(many(*seconds)?))),
        Gives::Credit { amount, pool, expires_after_seconds } => Ok(Promise::Credit {
            account: account.ok_or(Rejection::AccountRequired)?,
            amount: times(*amount).ok_or(Rejection::AmountOverflow { field: QUANTITY })?,
            pool: pool.clone(),
            expires_after_seconds: *expires_after_seconds,
        }),
    }
}

/// Remember an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordInstrument {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// The invoice; its number is given by the payment.
    pub created: InstrumentCreated,
}

impl RecordInstrument {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payment = draft.payment(&self.tenant, &self.payment)?;
        let created = payment.instrument(self.created.clone())?;
        let stream = Stream::new(Kind::Payment, &self.tenant, &self.payment);
        created.map_or(Ok(()), |created| draft.say(&stream, created))
    }
}

/// Remember that there will be no invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCreateFailed {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// Why.
    pub failed: Failed,
}

impl RecordCreateFailed {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let payment = draft.payment(&self.tenant, &self.payment)?;
        let failed = payment.create_failed(self.failed.clone())?;
        let stream = Stream::new(Kind::Payment, &self.tenant, &self.payment);
        failed.map_or(Ok(()), |failed| draft.say(&stream, failed))
    }
}

/// Remember that the answer to a create call was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCreateUnknown {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// How it was lost.
    pub class: String,
}

impl RecordCreateUnknown {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let lost = draft.payment(&self.tenant, &self.payment)?.create_unknown(&self.class)?;
        let stream = Stream::new(Kind::Payment, &self.tenant, &self.payment);
        lost.map_or(Ok(()), |lost| draft.say(&stream, lost))
    }
}

/// Give up on a lost create call, once it has been asked about long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbandonPayment {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// Why.
    pub reason: String,
}

impl AbandonPayment {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let patience = draft.rules()?.create_patience_seconds;
        let moment = draft.moment();
        let payment = draft.payment(&self.tenant, &self.payment)?;
        let abandoned = payment.abandon(&self.reason, patience, moment)?;
        let stream = Stream::new(Kind::Payment, &self.tenant, &self.payment);
        abandoned.map_or(Ok(()), |abandoned| draft.say(&stream, abandoned))
    }
}

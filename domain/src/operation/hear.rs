//! Wishes to take in what a provider says: a webhook, an answer, its silence.

use crate::{
    claim::Claim,
    draft::{Draft, Stop},
    id::{ConnectionId, Id, Kind, PaymentId, ReceiptId, Stream, TenantId},
    payment::{Heard, LedTo, PaymentRef, Truth},
    receipt::{Lookup, Matched, Recorded, Refused},
    rejection::Rejection,
    time::Time,
};

/// Take in a webhook whose sender is proved: the receipt and what it leads to are one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveWebhook {
    /// Its name.
    pub receipt: ReceiptId,
    /// What was told; what it led to, and which payment is meant, is decided here.
    pub told: Recorded,
    /// The payment whose URL token was used, if one was.
    pub by_token: Option<PaymentRef>,
}

impl ReceiveWebhook {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        if let Some(event_id) = self.told.event_id.clone() {
            let connection = self.told.connection.clone();
            if draft.claim(&Claim::Webhook { connection, event_id })?.is_some() {
                return Err(Rejection::EventReceived.into());
            }
        }
        let payment = match &self.by_token {
            Some(payment) => Some(payment.clone()),
            None => find(draft, &self.told)?,
        };
        let (facts, led_to) = apply(draft, &self.told, &self.receipt, payment.as_ref())?;
        let tenant = payment.as_ref().map_or_else(TenantId::roll, |payment| payment.tenant.clone());
        if draft.receipt(&tenant, &self.receipt)?.recorded.is_some() {
            return Err(Rejection::EventReceived.into());
        }
        let stream = Stream::new(Kind::Receipt, &tenant, &self.receipt);
        draft.say(&stream, Recorded { payment: payment.clone(), led_to, ..self.told.clone() })?;
        say_of(draft, payment.as_ref(), facts)
    }
}

/// Find a parked receipt's payment; past `give_up_after`, give it up.
///
/// A hint about a known payment is not for this: [`AnswerReceipt`] brings the provider's answer. Here
/// it only ends, once the payment is settled or the time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchReceipt {
    /// The receipt's stream.
    pub stream: Stream,
    /// When to stop looking.
    pub give_up_after: Time,
}

impl MatchReceipt {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (receipt, told, known) = open_receipt(draft, &self.stream)?;
        let asked = draft.receipt(&self.stream.tenant, &receipt)?.asks;
        let payment = match known {
            Some(payment) => Some(payment),
            None => find(draft, &told)?,
        };
        let (facts, led_to) = apply(draft, &told, &receipt, payment.as_ref())?;
        let waits = led_to == LedTo::Parked || (led_to == LedTo::Asks && asked);
        if waits {
            if draft.moment().is_past(self.give_up_after) {
                return draft.say(&self.stream, Matched { payment, led_to: LedTo::GivenUp });
            }
            return Ok(());
        }
        draft.say(&self.stream, Matched { payment: payment.clone(), led_to })?;
        say_of(draft, payment.as_ref(), facts)
    }
}

/// Take in what the provider answered when it was asked about a hint; the hint is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerReceipt {
    /// The hint's stream.
    pub stream: Stream,
    /// The answer.
    pub heard: Heard,
}

impl AnswerReceipt {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (_, _, payment) = open_receipt(draft, &self.stream)?;
        let payment = payment.ok_or(Rejection::ReceiptNotParked)?;
        let (rules, moment) = (draft.rules()?, draft.moment());
        let state = draft.payment(&payment.tenant, &payment.id)?;
        let (facts, led_to) = state.hear(&self.heard, moment, &rules);
        if led_to == LedTo::Parked {
            return Err(Rejection::PaymentTooEarly.into());
        }
        draft.say(&self.stream, Matched { payment: Some(payment.clone()), led_to })?;
        say_of(draft, Some(&payment), facts)
    }
}

/// A receipt that still waits, what it told, and its payment as far as that is known.
fn open_receipt(
    draft: &mut Draft<'_>,
    stream: &Stream,
) -> Result<(ReceiptId, Recorded, Option<PaymentRef>), Stop> {
    let receipt = ReceiptId::from(&stream.id);
    let state = draft.receipt(&stream.tenant, &receipt)?;
    let told = state.recorded.clone().filter(|_| state.parked || state.asks);
    let payment = state.payment.clone();
    Ok((receipt, told.ok_or(Rejection::ReceiptNotParked)?, payment))
}

/// The payment that a provider speaks of, by the provider's own names.
fn find(draft: &Draft<'_>, told: &Recorded) -> Result<Option<PaymentRef>, Stop> {
    let Lookup { provider_id, payment_hash } = told.lookup.clone();
    let connection = told.connection.clone();
    let by_id = provider_id.map(|id| Claim::ProviderPayment { connection, id });
    let network = told.network.clone();
    let by_hash = payment_hash.map(|hash| Claim::PaymentHash { network, hash });
    for claim in by_id.into_iter().chain(by_hash) {
        if let Some(taker) = draft.claim(&claim)? {
            let Stream { tenant, id, .. } = taker.stream;
            return Ok(Some(PaymentRef { tenant, id: PaymentId::from(&id) }));
        }
    }
    Ok(None)
}

fn apply(
    draft: &mut Draft<'_>,
    told: &Recorded,
    receipt: &ReceiptId,
    payment: Option<&PaymentRef>,
) -> Result<(Vec<crate::event::Event>, LedTo), Stop> {
    let Some(PaymentRef { tenant, id }) = payment else { return Ok((vec![], LedTo::Parked)) };
    let heard = Heard {
        says: told.says.clone(),
        truth: Truth::Webhook,
        settlement: told.settlement.clone(),
        fee: told.fee,
        provider_time: told.occurred_at,
        receipt: Some(receipt.clone()),
    };
    let (rules, moment) = (draft.rules()?, draft.moment());
    let payment = draft.payment(tenant, id)?;
    if !payment.listens_to(&told.connection) {
        return Ok((vec![], LedTo::NoEffect));
    }
    if told.needs_confirmation {
        let asks = if payment.expects_news() { LedTo::Asks } else { LedTo::NoEffect };
        return Ok((vec![], asks));
    }
    Ok(payment.hear(&heard, moment, &rules))
}

fn say_of(
    draft: &mut Draft<'_>,
    payment: Option<&PaymentRef>,
    facts: Vec<crate::event::Event>,
) -> Result<(), Stop> {
    let Some(PaymentRef { tenant, id }) = payment else { return Ok(()) };
    draft.say_all(&Stream::new(Kind::Payment, tenant, id), facts)
}

/// Take in what a provider answered when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HearStatus {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
    /// The answer.
    pub heard: Heard,
}

impl HearStatus {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (rules, moment) = (draft.rules()?, draft.moment());
        let payment = draft.payment(&self.tenant, &self.payment)?;
        payment.must_exist()?;
        let (facts, _) = payment.hear(&self.heard, moment, &rules);
        draft.say_all(&Stream::new(Kind::Payment, &self.tenant, &self.payment), facts)
    }
}

/// Remember that a provider has been silent about a pending payment for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSilence {
    /// Whose payment.
    pub tenant: TenantId,
    /// Which payment.
    pub payment: PaymentId,
}

impl NoteSilence {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let (rules, moment) = (draft.rules()?, draft.moment());
        let payment = draft.payment(&self.tenant, &self.payment)?;
        let since = payment.silent_since();
        if !moment.is_past(since.plus_seconds(rules.provider_silence_seconds)) {
            return Err(Rejection::PaymentTooEarly.into());
        }
        let review = payment.note_silence(Truth::Status);
        let stream = Stream::new(Kind::Payment, &self.tenant, &self.payment);
        review.map_or(Ok(()), |review| draft.say(&stream, review))
    }
}

/// Remember attempts that proved nothing, in bounded form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefuseReceipts {
    /// What was refused, and how often.
    pub refused: Refused,
}

impl RefuseReceipts {
    pub(super) fn decide(&self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        draft.say(&refusals(&self.refused.connection), self.refused.clone())
    }
}

/// Where a connection's refused receipts stand.
fn refusals(connection: &ConnectionId) -> Stream {
    let id = format!("refused:{connection}").parse::<Id>();
    let id = id.unwrap_or_else(|_| Id::from(connection));
    Stream { kind: Kind::Receipt, tenant: TenantId::roll(), id }
}

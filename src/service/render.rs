//! A payment shown: from the roll, with what is sealed opened and its token made again.

use piperoll_domain::{
    book::{Slot, State},
    id::{Kind, PaymentId, Stream, TenantId},
    payment::{InstrumentCreated, Payment, PaymentRef, Requested},
    rejection::Rejection,
    time::Time,
};

use crate::{
    l402::{challenge::Challenge, identifier::Identifier, token::Token},
    service::{Checkout, Error, PaymentView, Service, seal::Field},
};

/// Where a payment's facts stand.
pub(super) fn stream(payment: &PaymentRef) -> Stream {
    Stream::new(Kind::Payment, &payment.tenant, &payment.id)
}

/// An invoice, opened, and what it is sold with.
pub(super) struct Shown {
    pub(super) invoice: Option<String>,
    pub(super) token: Option<String>,
    pub(super) challenge: Option<Challenge>,
}

/// A payment's state, which the roll says it has.
pub(super) struct Known {
    pub(super) at: PaymentRef,
    pub(super) state: Payment,
    pub(super) requested: Requested,
    frozen_at: Option<u64>,
    last: u64,
}

impl Service {
    /// A payment as the roll has it.
    pub(super) async fn known(&self, payment: &PaymentRef) -> Result<Known, Error> {
        let slot = self.engine().look(&stream(payment)).await?;
        let Some(Slot { state: State::Payment(state), frozen, last, .. }) = slot else {
            return Err(Rejection::PaymentNotFound.into());
        };
        let requested = state.must_exist()?.clone();
        let frozen_at = frozen.map(|frozen| frozen.position);
        Ok(Known { at: payment.clone(), state: *state, requested, frozen_at, last })
    }

    pub(super) async fn view(
        &self,
        tenant: &TenantId,
        id: &PaymentId,
    ) -> Result<PaymentView, Error> {
        let at = PaymentRef { tenant: tenant.clone(), id: id.clone() };
        let Known { state, requested, frozen_at, last, .. } = self.known(&at).await?;
        let shown = match state.instrument_shown() {
            Some(instrument) => self.shown(tenant, instrument).await?,
            None => Shown { invoice: None, token: None, challenge: None },
        };
        let metadata = requested.metadata.as_ref();
        let metadata = self.unseal(Some(tenant), Field::Metadata, metadata).await?;
        let Shown { invoice, token, challenge } = shown;
        let (tenant, id) = (tenant.clone(), id.clone());
        let payment = state;
        Ok(PaymentView {
            tenant,
            id,
            payment,
            invoice,
            metadata,
            token,
            challenge,
            frozen_at,
            last,
        })
    }

    /// An invoice as an answer.
    pub(super) async fn as_checkout(
        &self,
        at: &PaymentRef,
        requested: &Requested,
        requested_at: Time,
        instrument: &InstrumentCreated,
    ) -> Result<Checkout, Error> {
        let Shown { invoice, token, challenge } = self.shown(&at.tenant, instrument).await?;
        Ok(Checkout {
            tenant: at.tenant.clone(),
            payment: at.id.clone(),
            requested: requested.clone(),
            requested_at,
            instrument: instrument.clone(),
            invoice,
            token,
            challenge,
            head: self.engine().head(),
            replayed: false,
            reused: false,
        })
    }

    async fn shown(&self, tenant: &TenantId, created: &InstrumentCreated) -> Result<Shown, Error> {
        let text = self.unseal(Some(tenant), Field::Invoice, created.invoice.as_ref()).await?;
        let invoice = text.and_then(|text| String::from_utf8(text).ok());
        let token = self.token_again(created)?;
        let pair = token.as_ref().zip(invoice.as_ref());
        let challenge =
            pair.map(|(token, invoice)| Challenge::try_new(token, invoice)).transpose()?;
        Ok(Shown { invoice, token: token.map(|token| token.to_base64()), challenge })
    }

    /// The token that was minted with an instrument, byte for byte; none where there was none, or
    /// once the secret that it was sold under is gone.
    fn token_again(&self, created: &InstrumentCreated) -> Result<Option<Token>, Error> {
        let Some((token_id, payment_hash)) = created.token.zip(created.payment_hash) else {
            return Ok(None);
        };
        let identifier = Identifier { payment_hash, token_id };
        Ok(Token::again(&self.0.tokens, identifier, &created.caveats)?)
    }
}

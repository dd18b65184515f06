//! Asking a provider what became of a payment, and taking in what it says: one flight per payment.

use piperoll_domain::{
    bytes::Hash,
    event::{Event, Recorded},
    id::{PaymentId, ReceiptId, Stream, TenantId},
    money::{Amount, Money},
    operation::{AnswerReceipt, HearStatus},
    payment::{Event as PaymentEvent, Heard, Payment, PaymentRef, Says, Status as Stands, Truth},
    rejection::Rejection,
    time::Time,
};

use crate::{
    providers::{Lookup, Status, StatusError},
    service::{Error, Principal, Service, connections::Line, history::Cause, render::stream},
};

/// What an answer of a provider led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each may be so by itself")]
pub(crate) struct Told {
    /// Somebody was asked, and answered.
    pub(crate) answered: bool,
    /// The provider knows no such payment.
    pub(crate) not_found: bool,
    /// The price is paid, since this answer.
    pub(crate) paid: bool,
    /// It expired, by this answer.
    pub(crate) expired: bool,
    /// It failed, by this answer.
    pub(crate) failed: bool,
}

impl Service {
    pub(super) async fn ask_and_show(
        &self,
        tenant: &TenantId,
        payment: &PaymentId,
    ) -> Result<Payment, Error> {
        let at = PaymentRef { tenant: tenant.clone(), id: payment.clone() };
        let known = self.known(&at).await?;
        match known.state.status {
            Stands::Requested | Stands::Unknown => drop(self.look_for_invoice(&at).await?),
            _ => drop(self.ask_provider(&at, Principal::Reactor("sync")).await?),
        }
        Ok(self.known(&at).await?.state)
    }

    /// Asks the provider and takes in its answer; whoever asks meanwhile shares it.
    pub(crate) async fn ask_provider(
        &self,
        at: &PaymentRef,
        who: Principal,
    ) -> Result<Told, Error> {
        let (service, payment) = (self.clone(), at.clone());
        let name = (at.tenant.clone(), at.id.clone());
        let told = self.0.asking.join(name, || async move { service.ask(&payment, &who).await });
        told.await.unwrap_or(Err(Error::Interrupted))
    }

    async fn ask(self, at: &PaymentRef, who: &Principal) -> Result<Told, Error> {
        let Some(heard) = self.hear(at, None).await? else { return Ok(Told::default()) };
        let not_found = heard.says == Says::NotFound {};
        let provider_time = heard.provider_time;
        let PaymentRef { tenant, id } = at.clone();
        let wish = HearStatus { tenant, payment: id, heard };
        let cause = self.cause_of(&stream(at)).await?;
        let done = self.happened(who, wish, cause, provider_time).await?;
        Ok(Told { answered: true, not_found, ..told(&done.events) })
    }

    /// What the provider says about a payment; none while there is no invoice to ask about.
    pub(super) async fn hear(
        &self,
        at: &PaymentRef,
        receipt: Option<ReceiptId>,
    ) -> Result<Option<Heard>, Error> {
        let state = self.known(at).await?.state;
        let Some(shown) = state.instrument_shown() else { return Ok(None) };
        let line = self.line(&shown.connection)?;
        let payment_hash = shown.payment_hash.unwrap_or(Hash::ZERO);
        let lookup = Lookup { provider_id: shown.provider_id.clone(), payment_hash };
        let report = line.status(&lookup).await;
        let report = report.map_err(|error| unavailable(&line, &error))?;
        self.0.answered.note(&line.connection, line.now());
        let (says, fee, provider_time) = read(report.status);
        let truth = Truth::Status;
        Ok(Some(Heard { says, truth, settlement: None, fee, provider_time, receipt }))
    }

    /// Asks the provider about a hint that stands in the roll, and takes in its answer with it.
    pub(crate) async fn answer_hint(
        &self,
        hint: &Stream,
        at: &PaymentRef,
        cause: Cause,
    ) -> Result<bool, Error> {
        let heard = self.hear(at, Some(ReceiptId::from(&hint.id))).await?;
        let Some(heard) = heard else { return Ok(false) };
        let provider_time = heard.provider_time;
        let wish = AnswerReceipt { stream: hint.clone(), heard };
        let who = Principal::Reactor("match");
        match self.happened(&who, wish, Some(cause), provider_time).await {
            Ok(_) => Ok(true),
            // The invoice came to be meanwhile.
            Err(error) if error.rejection() == Some(&Rejection::PaymentTooEarly) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn unavailable(line: &Line, error: &StatusError) -> Error {
    Error::ProviderUnavailable { connection: line.connection.clone(), class: error.class() }
}

/// What facts say became of a payment.
fn told(facts: &[Recorded]) -> Told {
    let any = |is: fn(&PaymentEvent) -> bool| {
        facts.iter().any(|fact| matches!(&fact.event, Event::Payment(event) if is(event)))
    };
    Told {
        paid: any(|event| matches!(event, PaymentEvent::Settled(_))),
        expired: any(|event| matches!(event, PaymentEvent::Expired(_))),
        failed: any(|event| matches!(event, PaymentEvent::Failed(_))),
        ..Told::default()
    }
}

pub(super) fn msat(units: u64) -> Option<Money> {
    Amount::new(units).map(Money::msat)
}

/// A provider's answer in the rules' words.
fn read(status: Status) -> (Says, Option<Money>, Option<Time>) {
    let says = match status {
        Status::Paid { received_msat, provider_time, fee_msat } => {
            // An amount that cannot be is not believed; that it is paid, is.
            let received = msat(received_msat);
            return (Says::Paid { received }, fee_msat.and_then(msat), provider_time);
        }
        Status::Expired => Says::Expired { word: "expired".to_owned() },
        Status::Failed { detail } => Says::Failed { word: detail },
        Status::Pending { detail } => {
            Says::Pending { word: Some(detail).filter(|word| word != "pending") }
        }
        Status::NotFound => Says::NotFound {},
    };
    (says, None, None)
}

//! Asking to be paid: the wish is in the roll before a provider is called, and its invoice before
//! anybody is shown it.
//!
//! ```text
//! RequestPayment ─▶ provider.create ─┬─▶ RecordInstrument ─▶ shown
//!                                    ├─▶ RecordCreateFailed
//!                                    └─▶ RecordCreateUnknown ─▶ the `create` reactor finds out
//! ```

use std::time::Duration;

use piperoll_domain::{
    bytes::Bytes,
    event::{Event, Idempotency},
    id::{PaymentId, TenantId},
    operation::{PAYMENTS, Purpose, RecordCreateFailed, RecordCreateUnknown, RequestPayment},
    payment::{Event as PaymentEvent, Failed, PaymentRef, Requested, Status},
};
use tokio::time::Instant;

use crate::{
    engine::Done,
    providers::{Class, CreateError, CreateInvoice, Push},
    service::{
        Ask, Checkout, Error, For, Principal, Service, callback,
        connections::Line,
        history::{Cause, Ended},
        render::stream,
        reuse::Wish,
    },
};

/// When whoever asked too early shall ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often a repeat looks whether the first is back, at least.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A challenge that is shown again can be paid for at least so long.
const PAYABLE_SECONDS: u32 = 60;

/// A payment that was asked for, and by whom.
#[derive(Clone)]
pub(super) struct Begun {
    pub(super) at: PaymentRef,
    pub(super) requested: Requested,
    pub(super) cause: Cause,
    pub(super) who: Principal,
}

impl Service {
    pub(super) async fn ask_to_be_paid(
        &self,
        who: &Principal,
        ask: Ask,
        key: Option<Idempotency>,
    ) -> Result<Checkout, Error> {
        let tenant = who.tenant().ok_or(Error::NoTenant)?.clone();
        let wish = self.wish(&tenant, &ask);
        if let Some(shown) = self.shown_before(wish.as_ref()).await? {
            return Ok(shown);
        }
        match ask.buyer {
            For::Application => {}
            For::Buyer(_) => self.0.limits.take(&tenant, None)?,
            For::Anybody(address) => self.0.limits.take(&tenant, address)?,
        }
        let description = ask.description.clone();
        let (begun, replayed) = self.begin(who, &tenant, ask, key).await?;
        if replayed {
            return self.repeat(&begun.at).await;
        }
        let at = begun.at.clone();
        let name = (at.tenant.clone(), at.id.clone());
        let (service, at_provider) = (self.clone(), begun);
        let created = self
            .0
            .creating
            .join(name, || async move { service.create(&at_provider, description).await });
        created.await.unwrap_or(Err(Error::Interrupted))?;
        let shown = self.first_shown(&at).await?;
        if let Some(wish) = wish {
            self.0.reuse.remember(wish, at.id);
        }
        Ok(shown)
    }

    /// Puts the wish to the roll; also says whether it is there since an earlier request.
    async fn begin(
        &self,
        who: &Principal,
        tenant: &TenantId,
        ask: Ask,
        key: Option<Idempotency>,
    ) -> Result<(Begun, bool), Error> {
        let Ask { purpose, connection, expiry_seconds, reference, metadata, .. } = ask;
        let metadata = match metadata {
            Some(text) => {
                let field = super::seal::Field::Metadata;
                Some(self.seal(Some(tenant), field, &text).await?)
            }
            None => None,
        };
        let request = RequestPayment {
            tenant: tenant.clone(),
            payment: self.new_payment()?,
            purpose,
            connection,
            expiry_seconds,
            reference,
            metadata,
        };
        let done = self.command(who, request, None, key).await?;
        begun(who, tenant, &done).ok_or(Error::Interrupted)
    }

    /// A new payment's name; those of a later millisecond sort behind earlier ones.
    fn new_payment(&self) -> Result<PaymentId, Error> {
        let millis = self.engine().clock().now().micros() / 1_000;
        let millis = u64::try_from(millis).unwrap_or(0);
        let Bytes(random) = self.random()?;
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        Ok(format!("{PAYMENTS}{}", uuid.simple()).parse()?)
    }

    /// The answer of the first request with the same key, from its own facts, once there is one.
    async fn repeat(&self, at: &PaymentRef) -> Result<Checkout, Error> {
        let deadline = Instant::now() + self.settings().create_wait;
        let mut tail = self.engine().tail();
        let mut looked = false;
        loop {
            tail.borrow_and_update();
            if let Some(end) = self.first_end(&stream(at)).await? {
                return self.answer(at, end, true).await;
            }
            // Where the process of the first request has died, nobody is under way any more: the
            // provider knows whether it got that far. Whether it can be asked changes nothing here.
            if !std::mem::replace(&mut looked, true) {
                drop(self.look_for_invoice(at).await);
                continue;
            }
            let now = Instant::now();
            if now >= deadline {
                let payment = at.id.clone();
                return Err(Error::InProgress { payment, retry_after: RETRY_AFTER });
            }
            // Other appends wake it too, and some may be missed: either way it looks again soon.
            let pause = deadline.min(now + LOOK_EVERY);
            let _ = tokio::time::timeout_at(pause, tail.changed()).await;
        }
    }

    /// The invoice that was recorded first, which need not be the one that a caller brought.
    async fn first_shown(&self, at: &PaymentRef) -> Result<Checkout, Error> {
        let end = self.first_end(&stream(at)).await?;
        let unknown = || Error::OutcomeUnknown { payment: at.id.clone() };
        self.answer(at, end.ok_or_else(unknown)?, false).await
    }

    async fn answer(&self, at: &PaymentRef, end: Ended, replayed: bool) -> Result<Checkout, Error> {
        let known = self.known(at).await?;
        match end {
            Ended::Shown(instrument) => {
                let (requested, asked_at) = (&known.requested, known.state.requested_at);
                let shown = self.as_checkout(at, requested, asked_at, &instrument).await?;
                Ok(Checkout { replayed, ..shown })
            }
            Ended::Failed(failed) => Err(why_failed(at, &known.requested, failed)),
            Ended::Abandoned => Err(Error::Abandoned { payment: at.id.clone() }),
        }
    }

    /// Calls the provider once, and writes down what came of it. Runs to its end in any case.
    async fn create(self, begun: &Begun, description: Option<String>) -> Result<(), Error> {
        let line = match self.line(&begun.requested.connection) {
            Ok(line) => line,
            Err(error) => {
                self.fail(begun, "unavailable", Class::Unsupported.as_str()).await?;
                return Err(error);
            }
        };
        // What cannot be sold is refused while nothing has been made.
        if let Err(error) =
            self.scope(begun, line.now().plus_seconds(begun.requested.expiry_seconds))
        {
            self.fail(begun, "refused", "scope").await?;
            return Err(error);
        }
        let asked = CreateInvoice { description, ..self.asked(&line, &begun.at, &begun.requested) };
        let (subject, made) = tokio::join!(self.subject(&begun.requested), line.create(&asked));
        match made {
            // Without a key for its text it stays where it is: the `create` reactor finds it.
            Ok(invoice) => self.record(begun, &line, invoice, subject?).await,
            Err(error) => self.not_created(begun, &error).await,
        }
    }

    async fn not_created(&self, begun: &Begun, error: &CreateError) -> Result<(), Error> {
        let class = error.class();
        let payment = begun.at.id.clone();
        match error {
            CreateError::Refused { .. } => {
                self.fail(begun, "refused", class.as_str()).await?;
                Err(Error::ProviderRefused { payment, class: class.as_str().to_owned() })
            }
            CreateError::Unavailable { .. } => {
                self.fail(begun, "unavailable", class.as_str()).await?;
                let connection = begun.requested.connection.clone();
                Err(Error::ProviderUnavailable { connection, class })
            }
            CreateError::Unknown { .. } => {
                let PaymentRef { tenant, id } = begun.at.clone();
                let class = class.as_str().to_owned();
                let lost = RecordCreateUnknown { tenant, payment: id, class };
                self.insist(&begun.who, lost, Some(begun.cause)).await?;
                Err(Error::OutcomeUnknown { payment })
            }
        }
    }

    async fn fail(&self, begun: &Begun, reason: &str, detail: &str) -> Result<Done, Error> {
        let PaymentRef { tenant, id } = begun.at.clone();
        let failed = Failed { reason: reason.to_owned(), detail: detail.to_owned() };
        let failed = RecordCreateFailed { tenant, payment: id, failed };
        self.insist(&begun.who, failed, Some(begun.cause)).await
    }

    /// What the provider is asked for; the same each time, as far as it decides anything.
    pub(super) fn asked(
        &self,
        line: &Line,
        at: &PaymentRef,
        requested: &Requested,
    ) -> CreateInvoice {
        CreateInvoice {
            // One provider account serves all tenants, so the payment's name alone must be unique.
            reference: format!("{}.1", at.id),
            amount_msat: requested.price.amount.units(),
            description: None,
            expiry_seconds: requested.expiry_seconds,
            webhook_url: self.webhook_url(line, at),
        }
    }

    fn webhook_url(&self, line: &Line, at: &PaymentRef) -> Option<String> {
        let base = self.settings().public_url.as_deref()?.trim_end_matches('/');
        let connection = &line.connection;
        match line.provider().capabilities().push {
            Push::None | Push::Stream => None,
            Push::Hmac | Push::Svix => Some(format!("{base}/webhooks/{connection}")),
            Push::Unsigned => {
                let token = callback::token(&self.settings().callbacks, at);
                Some(format!("{base}/webhooks/{connection}/{token}"))
            }
        }
    }

    fn wish(&self, tenant: &TenantId, ask: &Ask) -> Option<Wish> {
        let (For::Buyer(buyer), Purpose::Offer { offer, quantity, account }, Some((method, path))) =
            (&ask.buyer, &ask.purpose, &ask.at)
        else {
            return None;
        };
        let version = self.engine().directory().offer(tenant, offer)?.version;
        Some(Wish {
            tenant: tenant.clone(),
            buyer: buyer.clone(),
            offer: offer.to_string(),
            version,
            quantity: *quantity,
            method: method.clone(),
            path: path.clone(),
            account: account.clone(),
        })
    }

    /// A challenge that the same buyer was shown for the same, if it can still be paid.
    async fn shown_before(&self, wish: Option<&Wish>) -> Result<Option<Checkout>, Error> {
        let Some(wish) = wish else { return Ok(None) };
        let Some(id) = self.0.reuse.get(wish) else { return Ok(None) };
        let at = PaymentRef { tenant: wish.tenant.clone(), id };
        let known = self.known(&at).await?;
        let Some(instrument) = known.state.instrument_shown() else { return Ok(None) };
        let soon = self.engine().clock().now().plus_seconds(PAYABLE_SECONDS);
        let payable = known.state.status == Status::Pending && instrument.expires_at > soon;
        let same = known.requested.offer.as_ref().is_some_and(|offer| wish.is_for(offer));
        if !payable || !same {
            return Ok(None);
        }
        let asked_at = known.state.requested_at;
        let shown = self.as_checkout(&at, &known.requested, asked_at, instrument).await?;
        Ok(Some(Checkout { reused: true, ..shown }))
    }
}

fn begun(who: &Principal, tenant: &TenantId, done: &Done) -> Option<(Begun, bool)> {
    let first = done.events.first()?;
    let Event::Payment(PaymentEvent::Requested(requested)) = &first.event else { return None };
    let id = PaymentId::from(&first.envelope.stream.id);
    let at = PaymentRef { tenant: tenant.clone(), id };
    let (requested, cause) = (requested.clone(), Cause::of(first));
    Some((Begun { at, requested, cause, who: who.clone() }, done.replayed))
}

fn why_failed(at: &PaymentRef, requested: &Requested, failed: Failed) -> Error {
    let class = Class::ALL.into_iter().find(|class| class.as_str() == failed.detail);
    match class.filter(|_| failed.reason == "unavailable") {
        Some(class) => {
            Error::ProviderUnavailable { connection: requested.connection.clone(), class }
        }
        None => Error::ProviderRefused { payment: at.id.clone(), class: failed.detail },
    }
}

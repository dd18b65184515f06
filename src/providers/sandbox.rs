//! A Lightning node inside this process: real invoices on regtest, real preimages, no money.
//!
//! Everything it makes follows from its seed and the caller's references, so that two runs agree.
//! What was made and paid stands in a file, so that a killed process still knows it. It goes wrong
//! on request, in the ways that real providers go wrong on their own.

mod book;
mod delivery;
mod faults;
mod journal;
mod keys;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use piperoll_domain::time::Time;
use reqwest::header::HeaderMap;

pub use delivery::{Delivery, deliver};
pub use faults::{CreateFault, Faults, PayOptions, WebhookFaults};
pub use journal::OpenError;
pub use keys::Preimage;

use crate::providers::{
    Capabilities, Class, CreateError, CreateInvoice, Heard, Invoice, Lookup, Push, Report, Secrets,
    Status, StatusError, bolt11, generic,
    open::Environment,
    sandbox::{
        book::{Book, Entry, Made, Settled},
        delivery::Telling,
        journal::Journal,
        keys::Keys,
    },
};

/// The node. Clones are the same node.
#[derive(Clone)]
pub struct Sandbox {
    node: Arc<Node>,
}

struct Node {
    keys: Keys,
    secrets: Secrets,
    journal: Journal,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    book: Book,
    faults: Faults,
    held_back: Vec<Delivery>,
}

/// A payment that went through.
#[derive(Debug)]
pub struct Payment {
    /// What the payer gets for the money.
    pub preimage: Preimage,
    /// The webhooks that tell of it; the caller sends them.
    pub deliveries: Vec<Delivery>,
}

/// Why a payment did not go through.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The text is no invoice.
    #[error("this is no invoice")]
    Unreadable,
    /// Another node made it.
    #[error("this node did not make the invoice")]
    Foreign,
    /// Its time is over.
    #[error("the invoice has expired")]
    Expired,
    /// It was paid before.
    #[error("the invoice is already paid")]
    AlreadyPaid,
    /// Nothing is no payment.
    #[error("the amount is zero")]
    NoAmount,
    /// The node could not write it down.
    #[error("failed to write the payment down")]
    Storage(#[from] std::io::Error),
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Opens a node that remembers in `file`, or one that forgets when the process ends.
    pub fn open(seed: &[u8; 32], secrets: Secrets, file: Option<&Path>) -> Result<Self, OpenError> {
        let (journal, book) = Journal::open(file)?;
        let keys = Keys::derive(seed).ok_or(OpenError::Seed)?;
        let state = Mutex::new(State { book, ..State::default() });
        Ok(Self { node: Arc::new(Node { keys, secrets, journal, state }) })
    }

    /// What it can do.
    pub const fn capabilities(&self) -> Capabilities {
        Capabilities {
            push: Push::Hmac,
            event_ids: true,
            caller_preimage: false,
            msat: true,
            cancel: false,
            finds_by_reference: true,
        }
    }

    /// What goes wrong from now on, unless a payment says otherwise.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What goes wrong at present.
    pub fn faults(&self) -> Faults {
        self.state().faults
    }

    /// A question on its way to the node, or an answer on its way back.
    pub(crate) async fn travel(&self) {
        if let Some(slow) = self.faults().slow {
            tokio::time::sleep(slow).await;
        }
    }

    /// Makes an invoice; the same wish again gives the same invoice.
    pub(crate) async fn create(
        &self,
        asked: &CreateInvoice,
        now: Time,
    ) -> Result<Invoice, CreateError> {
        let faults = self.faults();
        match faults.create {
            CreateFault::Unreachable => {
                return Err(CreateError::Unavailable { class: Class::Connect, source: None });
            }
            CreateFault::Refused => return Err(CreateError::refused(Class::HttpStatus)),
            CreateFault::None | CreateFault::AnswerLost => {}
        }
        let callback = asked.webhook_url.as_deref();
        if callback.is_some_and(|url| Environment::Development.check_url(url).is_err()) {
            return Err(CreateError::refused(Class::CallbackRefused));
        }
        let invoice = self.make(asked, now)?;
        self.sync().await.map_err(stored)?;
        match faults.create {
            CreateFault::AnswerLost => {
                Err(CreateError::Unknown { class: Class::Timeout, source: None })
            }
            _ => Ok(invoice),
        }
    }

    fn make(&self, asked: &CreateInvoice, now: Time) -> Result<Invoice, CreateError> {
        let mut state = self.state();
        if let Some(made) = state.book.by_reference(&asked.reference) {
            return if made.is_for(asked) {
                Ok(made.invoice())
            } else {
                Err(CreateError::refused(Class::ReferenceTaken))
            };
        }
        let refused = CreateError::refused(Class::InvalidRequest);
        let payment_request = self.node.keys.invoice(asked, now).ok_or(refused)?;
        let terms = bolt11::read(&payment_request)?;
        let made = Made {
            reference: asked.reference.clone(),
            payment_request,
            payment_hash: terms.payment_hash,
            amount_msat: asked.amount_msat,
            expiry_seconds: asked.expiry_seconds,
            expires_at: terms.expires_at,
            webhook_url: asked.webhook_url.clone(),
        };
        let invoice = made.invoice();
        self.write(&mut state, Entry::Created(made)).map_err(stored)?;
        Ok(invoice)
    }

    /// What became of an invoice, or what a lying node says became of it.
    pub(crate) fn status(&self, lookup: &Lookup, now: Time) -> Result<Report, StatusError> {
        let state = self.state();
        reachable(state.faults)?;
        let status = match state.book.by_hash(lookup.payment_hash) {
            None => Status::NotFound,
            Some(made) => state.book.status(made, now),
        };
        // Its clock is ours, so it is no second witness.
        Ok(Report { status, date: None })
    }

    /// What became of a create whose answer was lost.
    pub(crate) fn find(&self, asked: &CreateInvoice) -> Result<Option<Invoice>, StatusError> {
        let state = self.state();
        reachable(state.faults)?;
        match state.book.by_reference(&asked.reference) {
            Some(made) if !made.is_for(asked) => Err(StatusError::unknown(Class::ReferenceTaken)),
            made => Ok(made.map(Made::invoice)),
        }
    }

    pub(crate) fn probe(&self) -> Result<Option<Time>, StatusError> {
        reachable(self.faults()).map(|()| None)
    }

    pub(crate) fn receive(&self, headers: &HeaderMap, body: &[u8], now: Time) -> Heard {
        generic::receive(&self.node.secrets, headers, body, now)
    }

    /// Pays an invoice of this node, as a wallet would.
    pub async fn pay(
        &self,
        payment_request: &str,
        options: PayOptions,
        now: Time,
    ) -> Result<Payment, PayError> {
        let payment = self.settle(payment_request, options, now)?;
        self.sync().await?;
        Ok(payment)
    }

    /// Webhooks that were held back for another to overtake them.
    pub fn take_held_back(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.state().held_back)
    }

    fn settle(
        &self,
        payment_request: &str,
        options: PayOptions,
        now: Time,
    ) -> Result<Payment, PayError> {
        let terms = bolt11::read(payment_request.trim()).map_err(|_| PayError::Unreadable)?;
        let mut state = self.state();
        let faults = options.faults.unwrap_or(state.faults);
        let made = state.book.by_hash(terms.payment_hash).ok_or(PayError::Foreign)?.clone();
        let earlier = state.book.settlements(made.payment_hash).len();
        if earlier > 0 && !faults.accepts_double {
            return Err(PayError::AlreadyPaid);
        }
        if now >= made.expires_at && !faults.accepts_late {
            return Err(PayError::Expired);
        }
        let received_msat = options.amount_msat.unwrap_or(made.amount_msat);
        if received_msat == 0 {
            return Err(PayError::NoAmount);
        }
        let settled = Settled {
            payment_hash: made.payment_hash,
            event_id: self.node.keys.event_id(made.payment_hash, earlier),
            received_msat,
            at: now,
            hidden_until: now.plus_micros(faults.status_lies_for_micros()),
        };
        self.write(&mut state, Entry::Paid(settled.clone()))?;
        let telling = Telling { settled: &settled, secrets: &self.node.secrets };
        let mut deliveries = telling.deliveries(made.webhook_url.as_deref(), faults.webhook);
        if faults.webhook.reordered {
            state.held_back.append(&mut deliveries);
        } else {
            deliveries.append(&mut state.held_back);
        }
        Ok(Payment { preimage: self.node.keys.preimage(&made.reference), deliveries })
    }

    fn write(&self, state: &mut State, entry: Entry) -> Result<(), std::io::Error> {
        self.node.journal.append(&entry)?;
        // It was made from what the book says, so the book takes it.
        let _ = state.book.apply(entry);
        Ok(())
    }

    async fn sync(&self) -> Result<(), std::io::Error> {
        if self.node.journal.is_in_memory() {
            return Ok(());
        }
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || node.journal.sync()).await?
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, the book is still whole.
        self.node.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reachable(faults: Faults) -> Result<(), StatusError> {
    if faults.status_unreachable {
        return Err(StatusError::Unavailable { class: Class::Connect, source: None });
    }
    Ok(())
}

fn stored(error: std::io::Error) -> CreateError {
    CreateError::Unknown { class: Class::Storage, source: Some(error.into()) }
}

#[cfg(test)]
mod tests;

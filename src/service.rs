//! What every handler may use: money is asked for, taken in, redeemed and checked here.
//!
//! # Shape
//! Handlers parse, call one function of [`Service`], and render. The service puts commands to the
//! engine, talks to providers, and knows tokens; it knows no HTTP and no view.
//!
//! # Correctness
//! Nothing that is owed lives in memory only: what the service remembers (challenges to be shown
//! again, limits, flights, attempts to be counted) may be lost at any instruction, and costs an
//! invoice or a count, never money.

mod ask;
// mod authorize;
// mod callback;
// mod checkout;
pub mod connections;
mod error;
// mod flight;
// mod history;
// mod limits;
mod principal;
// mod receive;
// mod redeem;
// mod refusals;
// mod render;
// mod reuse;
mod settings;
// mod settle;
// mod sweep;
// #[cfg(test)]
// mod tests;

use std::sync::Arc;

pub use self::{
    ask::{
        Ask, Authorized, Checkout, For, Forwarded, Opens, PaymentView, Redeemed, Refusal, TOPUPS,
        TOPUPS_PATH, UseRequest, WebhookAnswer,
    },
    error::Error,
    principal::Principal,
    settings::{Rate, Settings, Vars},
};
use piperoll_domain::{
    bytes::{Bytes, Hash},
    duty::Duty,
    event::Idempotency,
    id::{ConnectionId, PaymentId, TenantId},
    operation::Operation,
    payment::Payment,
    roll::ReconciliationFinished,
};
use reqwest::header::HeaderMap;

use self::connections::Line;
use crate::{
    engine::{Done, Engine},
    keyring::Keyring,
    l402::{self, credential::Credential, preimage::Preimage},
    providers::sandbox::PayOptions,
    secret,
};

/// Everything the service is made of.
pub struct Parts {
    /// The roll's one writer.
    pub engine: Engine,
    /// The keys of sealed text.
    pub keyring: Keyring,
    /// What L402 tokens are sold under.
    pub tokens: l402::secret::Secrets,
    /// Operators' tokens; none where nobody operates over HTTP.
    pub admin: Option<secret::Secrets>,
    /// How it runs.
    pub settings: Settings,
}

/// The service. Clones are the same one.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    parts: Parts,
}

impl Service {
    /// Puts it together; nobody is called yet.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { parts }))
    }
    /// The roll's one writer.
    pub fn engine(&self) -> &Engine {
        &self.0.parts.engine
    }
    /// The keys of sealed text.
    pub fn keyring(&self) -> &Keyring {
        &self.0.parts.keyring
    }
    /// How it runs.
    pub fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }
    /// Who presents this API key or operator's token; none if nobody may. Compared in constant time.
    pub fn authenticate(&self, presented: &str) -> Option<Principal> {
        let _ = presented;
        todo!()
    }
    /// Puts a wish to the roll in somebody's name. A tenant's caller reaches its own tenant only.
    pub async fn execute(
        &self,
        who: &Principal,
        operation: Operation,
        key: Option<Idempotency>,
    ) -> Result<Done, Error> {
        let _ = (who, operation, key);
        todo!()
    }
    /// Asks to be paid: RequestPayment, the provider, the token, RecordInstrument.
    pub async fn checkout(
        &self,
        who: &Principal,
        ask: Ask,
        key: Option<Idempotency>,
    ) -> Result<Checkout, Error> {
        let _ = (who, ask, key);
        todo!()
    }
    /// Lets a paid credential in, once.
    pub async fn redeem(
        &self,
        credential: Credential,
        request: UseRequest,
    ) -> Result<Redeemed, Refusal> {
        let _ = (credential, request);
        todo!()
    }
    /// Decides about a request that a reverse proxy asks about.
    pub async fn authorize(
        &self,
        who: &Principal,
        request: Forwarded,
    ) -> Result<Authorized, Refusal> {
        let _ = (who, request);
        todo!()
    }
    /// Takes in a webhook, byte for byte as it came.
    pub async fn receive(
        &self,
        connection: &ConnectionId,
        url_token: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<WebhookAnswer, Error> {
        let _ = (connection, url_token, headers, body);
        todo!()
    }
    /// Asks the provider about a payment now, and says how it stands then.
    pub async fn sync(&self, tenant: &TenantId, payment: &PaymentId) -> Result<Payment, Error> {
        let _ = (tenant, payment);
        todo!()
    }
    /// Sweeps stale payments now; whoever asks meanwhile gets the same run.
    pub async fn reconcile(&self) -> Result<ReconciliationFinished, Error> {
        todo!()
    }
    /// A payment as it stands in the roll, with what is sealed in it opened.
    pub async fn render(
        &self,
        tenant: &TenantId,
        payment: &PaymentId,
    ) -> Result<PaymentView, Error> {
        let _ = (tenant, payment);
        todo!()
    }
    /// A provider account that can be talked to: `line.probe()`, `line.sandbox()`.
    pub fn line(&self, connection: &ConnectionId) -> Result<Line, Error> {
        let _ = connection;
        todo!()
    }
    /// Pays an invoice of a sandbox of this roll, and sends the webhooks that tell of it.
    pub async fn pay_sandbox(&self, invoice: &str, options: PayOptions) -> Result<Preimage, Error> {
        let _ = (invoice, options);
        todo!()
    }
    /// Waits until everything that was begun is finished; for the end of the process.
    pub async fn finish(&self) {
        todo!()
    }
}
fn _unused(_: Duty, _: Bytes<1>, _: Hash) {}

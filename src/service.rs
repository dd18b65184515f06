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
mod authorize;
mod batch;
mod bearers;
mod billing;
mod bought;
mod bounds;
mod breaker;
mod callback;
mod checkout;
mod command;
pub mod connections;
mod error;
mod flight;
mod hints;
mod history;
mod instrument;
mod letters;
mod limits;
mod lookup;
pub(crate) mod metering;
mod principal;
mod quota;
mod receive;
mod redeem;
mod refusals;
mod render;
mod reuse;
mod sandbox;
mod seal;
mod settings;
mod settle;
mod shortfall;
mod silence;
mod sold;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use piperoll_domain::{
    bytes::Bytes,
    duty::Kind,
    event::Idempotency,
    id::{ConnectionId, PaymentId, TenantId},
    operation::Operation,
    payment::Payment,
    roll::ReconciliationFinished,
    worker::Worker,
};
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;

pub use self::{
    ask::{
        Ask, Authorized, Checkout, For, Forwarded, Opens, PaymentView, Redeemed, Refusal, TOPUPS,
        TOPUPS_PATH, UseRequest, WebhookAnswer,
    },
    bearers::Bearers,
    breaker::Patience,
    error::Error,
    metering::{Metered, Metering},
    principal::Principal,
    settings::{Rate, Settings, Vars, default_connection},
    shortfall::Shortfall,
    sold::Sold,
};
use self::{
    bought::Bought,
    connections::{Connections, Line},
    flight::Flights,
    hints::Hints,
    limits::Limits,
    quota::Quota,
    refusals::Refusals,
    reuse::Reuse,
    settle::Told,
    silence::Answered,
    sweep::Turns,
};
pub(crate) use self::{history::Cause, lookup::Found, sweep::payment_of};
use crate::{
    engine::{Done, Engine},
    keyring::Keyring,
    l402::{self, credential::Credential},
    secret,
};

/// The payment that the token in a callback's address names.
#[cfg(feature = "fuzzing")]
pub(crate) fn named_by_callback(token: &str) -> Option<piperoll_domain::payment::PaymentRef> {
    callback::names(token)
}

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

type PaymentName = (TenantId, PaymentId);

struct Inner {
    engine: Engine,
    keyring: Keyring,
    tokens: l402::secret::Secrets,
    admin: Option<secret::Secrets>,
    settings: Arc<Settings>,
    connections: Connections,
    limits: Limits,
    finalizes: Quota,
    wrong: Limits,
    reuse: Reuse,
    bought: Bought,
    refusals: Refusals,
    answered: Answered,
    hints: Hints,
    turns: Turns,
    creating: Arc<Flights<PaymentName, Result<(), Error>>>,
    asking: Arc<Flights<PaymentName, Result<Told, Error>>>,
    /// Nobody waits for these, not even the end of the process.
    following: Arc<Flights<PaymentName, ()>>,
    sweeping: Arc<Flights<(), Result<ReconciliationFinished, Error>>>,
    /// One first tenant at most.
    opening: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
}

impl Service {
    /// Puts it together; nobody is called yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { engine, keyring, tokens, admin, settings } = parts;
        let (settings, tasks) = (Arc::new(settings), TaskTracker::new());
        Self(Arc::new(Inner {
            connections: Connections::new(engine.clone(), Arc::clone(&settings)),
            limits: Limits::new(settings.mint_per_address, settings.mint_per_tenant),
            finalizes: Quota::new(settings.finalizes_per_minute),
            wrong: Limits::new(settings.wrong_per_address, Rate::UNBOUNDED),
            reuse: Reuse::new(settings.challenges_remembered),
            bought: Bought::default(),
            refusals: Refusals::default(),
            answered: Answered::default(),
            hints: Hints::default(),
            turns: Turns::default(),
            creating: Flights::new(tasks.clone()),
            asking: Flights::new(tasks.clone()),
            following: Flights::new(TaskTracker::new()),
            sweeping: Flights::new(tasks.clone()),
            opening: tokio::sync::Mutex::default(),
            engine,
            keyring,
            tokens,
            admin,
            settings,
            tasks,
        }))
    }

    /// The roll's one writer.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The keys of sealed text.
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// How it runs.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Whether an operator paused the worker that does duties of a kind.
    pub(crate) fn rests(&self, kind: Kind) -> bool {
        let resting = |worker| self.engine().directory().resting(worker).is_some();
        Worker::of(kind).is_some_and(resting)
    }

    /// Who presents this API key or operator's token; none if nobody may.
    ///
    /// Operators' tokens are compared in constant time; of an API key only the digest is looked up,
    /// which tells nothing about the key.
    pub fn authenticate(&self, presented: &str) -> Option<Principal> {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        let fingerprint = digest.first_chunk().map_or(Bytes::ZERO, |first| Bytes(*first));
        let operates = self.0.admin.as_ref().and_then(|admin| admin.used(presented.as_bytes()));
        if operates.is_some() {
            return Some(Principal::Admin { fingerprint });
        }
        let directory = self.engine().directory();
        let caller = directory.caller(Bytes(digest))?.clone();
        let (tenant, key, roles) = (caller.tenant, caller.key, caller.roles);
        Some(Principal::Key { tenant, key, roles, fingerprint })
    }

    /// Puts a wish to the roll in somebody's name. A tenant's caller reaches its own tenant only.
    pub async fn execute(
        &self,
        who: &Principal,
        operation: impl Into<Operation>,
        key: Option<Idempotency>,
    ) -> Result<Done, Error> {
        self.put(who, operation.into(), key).await
    }

    /// Asks to be paid: the wish, the provider's invoice, the token, and only then the answer.
    ///
    /// A repeat with the same key gets the answer of the first, also where that is an error.
    pub async fn checkout(
        &self,
        who: &Principal,
        ask: Ask,
        key: Option<Idempotency>,
    ) -> Result<Checkout, Error> {
        self.ask_to_be_paid(who, ask, key).await
    }

    /// Lets a paid credential in, and counts the use.
    pub async fn redeem(
        &self,
        credential: Credential,
        request: UseRequest,
    ) -> Result<Redeemed, Refusal> {
        self.let_in(&credential, &request).await
    }

    /// Decides about a request that a reverse proxy asks about.
    pub async fn authorize(
        &self,
        who: &Principal,
        request: Forwarded,
    ) -> Result<Authorized, Refusal> {
        self.decide_for_proxy(who, request).await
    }

    /// Takes in a webhook, byte for byte as it came. An unknown connection is `ConnectionNotFound`.
    pub async fn receive(
        &self,
        connection: &ConnectionId,
        url_token: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<WebhookAnswer, Error> {
        self.take_in(connection, url_token, headers, body).await
    }

    /// Asks the provider about a payment now, and says how it stands then.
    pub async fn sync(&self, tenant: &TenantId, payment: &PaymentId) -> Result<Payment, Error> {
        self.ask_and_show(tenant, payment).await
    }

    /// Sweeps stale payments now; whoever asks meanwhile gets the same run.
    pub async fn reconcile(&self) -> Result<ReconciliationFinished, Error> {
        self.sweep().await
    }

    /// A payment as it stands in the roll, with what is sealed in it opened.
    pub async fn render(
        &self,
        tenant: &TenantId,
        payment: &PaymentId,
    ) -> Result<PaymentView, Error> {
        self.view(tenant, payment).await
    }

    /// A provider account that can be talked to: to probe it, or to reach a sandbox.
    pub fn line(&self, connection: &ConnectionId) -> Result<Line, Error> {
        self.0.connections.line(connection)
    }

    /// Waits until everything that was begun is finished; for the end of the process.
    pub async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

//! The provider accounts that the roll names, opened with the secrets that the environment holds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use piperoll_domain::{
    connection::Account, id::ConnectionId, rejection::Rejection, roll::Environment, time::Time,
};

use crate::{
    engine::Engine,
    providers::{
        self, Class, CreateError, CreateInvoice, Invoice, Lookup, Network, Provider, Report,
        Secret, Secrets, StatusError,
        open::{self, ConnectionSettings, Kind},
        sandbox::Sandbox,
    },
    service::{Error, Settings, breaker::Breaker},
};

/// Why a provider account cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// No adapter speaks to it.
    #[error("there is no provider of the kind `{0}`")]
    Kind(String),
    /// The network has a name that nobody knows.
    #[error("there is no network `{0}`")]
    Network(String),
    /// Its secret is not there.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// Its secret is none.
    #[error("the environment variable `{name}` holds no secret")]
    NoSecret {
        /// Where it was looked for.
        name: String,
        /// What is wrong with it.
        source: providers::InvalidSecret,
    },
    /// It says nothing that is needed.
    #[error("the connection does not say its `{0}`")]
    Missing(&'static str),
    /// There is no place where the sandbox could remember.
    #[error("failed to make the sandbox's directory")]
    Directory(#[from] std::io::Error),
    /// The adapter refuses.
    #[error("failed to open the provider")]
    Open(#[from] open::OpenError),
}

/// A provider account that can be talked to, and its name.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name in the roll.
    pub connection: ConnectionId,
    provider: Provider,
    breaker: Arc<Breaker>,
    engine: Engine,
}

/// The lines that were opened so far, each with what it was opened with.
pub(super) struct Connections {
    engine: Engine,
    settings: Arc<Settings>,
    open: Mutex<BTreeMap<ConnectionId, Opened>>,
}

struct Opened {
    with: Account,
    outcome: Result<(Provider, Arc<Breaker>), Arc<CannotOpen>>,
}

impl Connections {
    pub(super) fn new(engine: Engine, settings: Arc<Settings>) -> Self {
        Self { engine, settings, open: Mutex::default() }
    }

    /// The line of a connection, retired ones too: what was sold through them can still be paid.
    pub(super) fn line(&self, connection: &ConnectionId) -> Result<Line, Error> {
        let directory = self.engine.directory();
        let known = directory.connection(connection).and_then(|known| known.account.clone());
        let account = known.ok_or(Rejection::ConnectionNotFound)?;
        let outcome = self.opened(connection, account, directory.environment());
        let cannot = |source| Error::Connection { connection: connection.clone(), source };
        let (provider, breaker) = outcome.map_err(cannot)?;
        let (connection, engine) = (connection.clone(), self.engine.clone());
        Ok(Line { connection, provider, breaker, engine })
    }

    /// Opened once for each description; a failure is tried again, the environment may be mended.
    fn opened(
        &self,
        connection: &ConnectionId,
        account: Account,
        environment: Environment,
    ) -> Result<(Provider, Arc<Breaker>), Arc<CannotOpen>> {
        let mut open = self.lock();
        let known = open.get(connection).filter(|known| is_same_line(&known.with, &account));
        if let Some(Opened { outcome: Ok(line), .. }) = known {
            return Ok(line.clone());
        }
        // A sandbox's file is let go before it is opened again.
        open.remove(connection);
        let breaker = || Arc::new(Breaker::new(connection.clone(), self.settings.breaker));
        let outcome = self.open(connection, &account, environment).map_err(Arc::new);
        let outcome = outcome.map(|provider| (provider, breaker()));
        open.insert(connection.clone(), Opened { with: account, outcome: outcome.clone() });
        outcome
    }

    fn open(
        &self,
        connection: &ConnectionId,
        account: &Account,
        environment: Environment,
    ) -> Result<Provider, CannotOpen> {
        let network: Result<Network, _> = account.network.parse();
        let network = network.map_err(|_| CannotOpen::Network(account.network.clone()))?;
        let settings = ConnectionSettings {
            kind: self.kind(connection, account)?,
            network,
            webhook_secrets: self.webhook_secrets(account)?,
            timeout: self.settings.provider_timeout,
            real_money_in_development: self.settings.real_money_in_development,
        };
        let environment = match environment {
            Environment::Development => open::Environment::Development,
            Environment::Production => open::Environment::Production,
        };
        Ok(open::open(settings, environment)?)
    }

    fn kind(&self, connection: &ConnectionId, account: &Account) -> Result<Kind, CannotOpen> {
        match account.kind.as_str() {
            "sandbox" => {
                if let Some(node) = &self.settings.sandbox {
                    return Ok(Kind::Node(node.clone()));
                }
                let directory = self.settings.sandbox_directory.as_ref();
                directory.map_or(Ok(()), std::fs::create_dir_all)?;
                // A name may hold characters that mean something to a file system.
                let name = format!("{}.jsonl", hex::encode(connection.as_str()));
                let file = directory.map(|directory| directory.join(name));
                Ok(Kind::Sandbox { seed: self.settings.sandbox_seed, file })
            }
            "lnbits" => {
                let base_url = account.base_url.clone().ok_or(CannotOpen::Missing("base_url"))?;
                let name = account.key_from.as_deref().ok_or(CannotOpen::Missing("key_from"))?;
                let unset = || CannotOpen::Unset(name.to_owned());
                let key = self.secret(name)?.ok_or_else(unset)?;
                Ok(Kind::Lnbits { base_url, key })
            }
            other => Err(CannotOpen::Kind(other.to_owned())),
        }
    }

    fn webhook_secrets(&self, account: &Account) -> Result<Secrets, CannotOpen> {
        let Some(name) = &account.webhook_secret_from else { return Ok(Secrets::default()) };
        let current = self.secret(name)?.ok_or_else(|| CannotOpen::Unset(name.clone()))?;
        let previous = format!("{name}_PREV");
        let listed = (self.settings.vars)(&previous).unwrap_or_default();
        let words = listed.split(',').map(str::trim).filter(|word| !word.is_empty());
        let no_secret = |source| CannotOpen::NoSecret { name: previous.clone(), source };
        let previous = words.map(|word| Secret::try_new(word).map_err(no_secret));
        Ok(Secrets { current: Some(current), previous: previous.collect::<Result<_, _>>()? })
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, CannotOpen> {
        let no_secret = |source| CannotOpen::NoSecret { name: name.to_owned(), source };
        (self.settings.vars)(name).map(|text| Secret::try_new(text).map_err(no_secret)).transpose()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Opened>> {
        // Nothing panics while it is held; a line that is missing is opened again.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether both descriptions lead to the same place with the same secrets.
fn is_same_line(one: &Account, other: &Account) -> bool {
    let line = |account: &Account| {
        let Account { kind, network, base_url, key_from, webhook_secret_from, .. } = account;
        [
            Some(kind),
            Some(network),
            base_url.as_ref(),
            key_from.as_ref(),
            webhook_secret_from.as_ref(),
        ]
        .map(Option::<&String>::cloned)
    };
    line(one) == line(other)
}

impl Line {
    /// What it speaks with.
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The sandbox, if it is one.
    pub const fn sandbox(&self) -> Option<&Sandbox> {
        match &self.provider {
            Provider::Sandbox(sandbox) => Some(sandbox),
            Provider::Lnbits(_) => None,
        }
    }

    /// Asks for an invoice, once; not at all while it failed too often.
    pub async fn create(&self, asked: &CreateInvoice) -> Result<Invoice, CreateError> {
        if !self.breaker.admits(self.now()) {
            return Err(CreateError::Unavailable { class: Class::CircuitOpen, source: None });
        }
        let made = self.provider.create(asked, self.now()).await;
        match &made {
            Ok(_) => self.breaker.note(false, self.now()),
            Err(CreateError::Unknown { .. } | CreateError::Unavailable { .. }) => {
                self.breaker.note(true, self.now());
            }
            // It is there; it only does not want this one.
            Err(CreateError::Refused { .. }) => {}
        }
        self.count("create", made.as_ref().err().map(CreateError::class));
        made
    }

    /// Asks what became of an invoice.
    pub async fn status(&self, lookup: &Lookup) -> Result<Report, StatusError> {
        let report = self.provider.status(lookup, self.now()).await;
        self.count("status", report.as_ref().err().map(StatusError::class));
        if let Some(date) = report.as_ref().ok().and_then(|report| report.date) {
            self.engine.clock().witness(date);
        }
        report
    }

    /// Asks whether a create whose answer was lost made its invoice.
    pub async fn find(&self, asked: &CreateInvoice) -> Result<Option<Invoice>, StatusError> {
        let found = self.provider.find(asked).await;
        self.count("find", found.as_ref().err().map(StatusError::class));
        found
    }

    /// Asks whether it knows us.
    pub async fn probe(&self) -> Result<Option<Time>, StatusError> {
        let answer = self.provider.probe().await;
        self.count("probe", answer.as_ref().err().map(StatusError::class));
        if let Ok(Some(date)) = answer {
            self.engine.clock().witness(date);
        }
        answer
    }

    pub(super) fn now(&self) -> Time {
        self.engine.clock().now()
    }

    fn count(&self, op: &'static str, failure: Option<Class>) {
        let outcome = failure.map_or("ok", Class::as_str);
        let provider = self.provider.name();
        let labels = [("provider", provider), ("op", op), ("outcome", outcome)];
        metrics::counter!("provider_requests_total", &labels).increment(1);
    }
}

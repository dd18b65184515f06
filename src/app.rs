//! Everything started together and stopped together: the one place that knows every part.
//!
//! # Shape
//! Lock, roll, engine, keyring, views, service, what the configuration declares, reactors, listeners:
//! each needs those before it, and they stop in reverse. What fails to start stops what stands.

mod bare;
mod bootstrap;
mod listener;
mod open;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusHandle;
use piperoll_domain::billing::Mode;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    bare::Bare, bootstrap::Keys, listener::Error as ListenError, open::Error as OpenError,
};
use self::{
    listener::{Limits, Listening},
    open::Opened,
};
pub use crate::service::Vars;
use crate::{
    api::{self, Api},
    config::Config,
    engine::Engine,
    keyring::Keyring,
    l402, reactors,
    roll::DirectoryLock,
    secret::Refused,
    service::{self, Parts, Service},
    telemetry::{self, Facts},
    views::Views,
};

/// How long requests in flight, and then what they began, may take to finish.
const GRACE: Duration = Duration::from_secs(20);
/// How often histograms are folded up.
const UPKEEP: Duration = Duration::from_secs(5);
/// Connections for each request that may be in flight.
const CONNECTIONS_PER_REQUEST: usize = 4;

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nothing can be counted.
    #[error("failed to set up the metrics")]
    Telemetry(#[from] telemetry::Error),
    /// A secret that cannot be used.
    #[error("failed to use the configured secrets")]
    Secret(#[from] Refused),
    /// The secret that tokens are sold under cannot be used.
    #[error("failed to use the secret that tokens are sold under")]
    Tokens(#[from] l402::secret::BadSecret),
    /// What the configuration declares did not come into the roll.
    #[error("failed to declare what the configuration describes")]
    Declare(#[from] service::Error),
    /// The environment would begin in a mode that nothing is ready for.
    #[error(
        "billing.mode (BILLING_MODE) is {}, and what never billed is not ready for it; say why it need \
         not be in billing.mode_override (PIPEROLL_BILLING__MODE_OVERRIDE), or start without \
         BILLING_MODE and use `piperoll billing mode set {} --override WHY --reason WHY`",
        mode.as_str(),
        mode.as_str()
    )]
    Unready {
        /// Which.
        mode: Mode,
    },
    /// Nobody could reach us.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system has no random bytes.
    #[error("failed to get random bytes")]
    Random(#[from] getrandom::Error),
}

/// The program, running.
pub struct App {
    /// Where it is reached.
    pub address: SocketAddr,
    /// Where its metrics are, if they have a listener of their own.
    pub metrics_address: Option<SocketAddr>,
    /// The development keys; none in production.
    pub keys: Option<Keys>,
    /// What handlers use, for those who run in the same process.
    pub service: Service,
    /// The read side.
    pub views: Views,
    api: Api,
    listeners: Vec<Listening>,
    behind: Behind,
}

impl App {
    /// Starts everything. Secrets of connections that the configuration does not describe are looked
    /// for in `others`, the environment.
    pub async fn start(config: &Config, others: Vars) -> Result<Self, Error> {
        crate::providers::http::install_tls();
        let metrics = telemetry::install()?;
        let facts = Arc::new(Facts::default());
        let Opened { lock, engine, writer, keyring, views, follower, stop } =
            open::open(config, &facts).await?;
        let behind = Behind::new(lock, engine, writer, stop);
        behind.readers.spawn(follower.run(behind.stop_views.clone()));
        behind.readers.spawn(keep_up(metrics.clone(), behind.stop_readers.clone()));
        match serve(config, others, keyring, &facts, views, metrics, &behind).await {
            Ok(Served { service, keys, views, api, listeners }) => {
                let address = |at: usize| listeners.get(at).map(|listening| listening.address);
                let metrics_address = address(1);
                let address = address(0).unwrap_or(config.server.listen);
                Ok(Self { address, metrics_address, keys, service, views, api, listeners, behind })
            }
            Err(error) => {
                behind.stop().await;
                Err(error)
            }
        }
    }

    /// Every route, for those who ask within the same process.
    pub fn router(&self) -> axum::Router {
        self.api.clone().router()
    }

    /// The edge, for tests of what is behind its routes.
    #[cfg(test)]
    pub(crate) const fn api(&self) -> &Api {
        &self.api
    }

    /// Lets the views and the reactors stand still while requests are answered: what they cost.
    pub fn rest_views(&self) {
        self.behind.stop_reactors.cancel();
        self.behind.stop_views.cancel();
    }

    /// Stops everything in reverse order, and returns when all of it is on disk.
    pub async fn stop(self) {
        for listener in self.listeners {
            listener.stop(GRACE).await;
        }
        self.behind.stop_reactors.cancel();
        if timeout(GRACE, self.service.finish()).await.is_err() {
            tracing::warn!("something that a request began did not finish in time");
        }
        self.behind.stop().await;
    }
}

/// What stands before everything else.
struct Served {
    service: Service,
    keys: Option<Keys>,
    views: Views,
    api: Api,
    listeners: Vec<Listening>,
}

async fn serve(
    config: &Config,
    others: Vars,
    keyring: Keyring,
    facts: &Facts,
    views: Views,
    metrics: PrometheusHandle,
    behind: &Behind,
) -> Result<Served, Error> {
    let service = service_of(config, others, keyring, &behind.engine)?;
    bootstrap::mode_must_be_reasoned(&service, config)?;
    bootstrap::connection(&service, config).await?;
    for (id, connection) in behind.engine.directory().connections() {
        if let Some(account) = &connection.account {
            facts.connection(&id, &account.kind);
        }
    }
    let keys = bootstrap::keys(&service, config).await?;
    bootstrap::tokens_should_have_a_tenant(&service);
    let api = Api::new(service.clone(), views.clone(), api::Settings::of(config), metrics);
    let listeners = listen(config, &api).await?;
    reactors::start(&service, &behind.reactors, &behind.stop_reactors);
    Ok(Served { service, keys, views, api, listeners })
}

fn service_of(
    config: &Config,
    others: Vars,
    keyring: Keyring,
    engine: &Engine,
) -> Result<Service, Error> {
    let secrets = config.l402.secrets();
    let previous = secrets.previous.iter().map(|secret| secret.expose().as_bytes());
    let tokens = l402::secret::Secrets::try_new(secrets.current.expose().as_bytes(), previous)?;
    Ok(Service::new(Parts {
        engine: engine.clone(),
        keyring,
        tokens,
        admin: Some(config.admin.tokens()),
        settings: service::Settings::of(config, others)?,
    }))
}

/// The server's listener, then the one of the metrics.
async fn listen(config: &Config, api: &Api) -> Result<Vec<Listening>, ListenError> {
    let size = |number: std::num::NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
    let limits = Limits {
        header_bytes_max: size(config.limits.header_bytes_max),
        connections_max: size(config.limits.concurrency_max)
            .saturating_mul(CONNECTIONS_PER_REQUEST),
    };
    let router = api.clone().router();
    let server = listener::listen(config.server.listen, router, config.tls.as_ref(), limits);
    let mut listeners = vec![server.await?];
    if let Some(address) = config.metrics.listen {
        let router = api.clone().metrics_router();
        match listener::listen(address, router, None, limits).await {
            Ok(metrics) => listeners.push(metrics),
            Err(error) => {
                for listener in listeners {
                    listener.stop(Duration::ZERO).await;
                }
                return Err(error);
            }
        }
    }
    Ok(listeners)
}

/// Folds up histograms that nobody scrapes, so that they do not grow.
async fn keep_up(metrics: PrometheusHandle, stop: CancellationToken) {
    while timeout(UPKEEP, stop.cancelled()).await.is_err() {
        metrics.run_upkeep();
    }
}

/// What stands behind the listeners.
struct Behind {
    engine: Engine,
    writer: JoinHandle<()>,
    reactors: TaskTracker,
    readers: TaskTracker,
    stop_reactors: CancellationToken,
    stop_readers: CancellationToken,
    stop_views: CancellationToken,
    stop_engine: CancellationToken,
    lock: DirectoryLock,
}

impl Behind {
    fn new(
        lock: DirectoryLock,
        engine: Engine,
        writer: JoinHandle<()>,
        stop_engine: CancellationToken,
    ) -> Self {
        let stop_readers = CancellationToken::new();
        Self {
            engine,
            writer,
            reactors: TaskTracker::new(),
            readers: TaskTracker::new(),
            stop_reactors: CancellationToken::new(),
            stop_views: stop_readers.child_token(),
            stop_readers,
            stop_engine,
            lock,
        }
    }

    async fn stop(self) {
        self.stop_reactors.cancel();
        self.reactors.close();
        if timeout(GRACE, self.reactors.wait()).await.is_err() {
            tracing::warn!("a reactor did not end in time");
        }
        self.stop_readers.cancel();
        self.readers.close();
        if timeout(GRACE, self.readers.wait()).await.is_err() {
            tracing::warn!("the views did not end in time");
        }
        let roll = self.engine.roll().clone();
        self.stop_engine.cancel();
        if let Err(error) = self.writer.await {
            tracing::error!(%error, "the writer did not end");
        }
        roll.close().await;
        drop(self.lock);
    }
}

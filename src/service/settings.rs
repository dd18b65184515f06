//! What the service is told by the configuration.

mod of_config;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use piperoll_domain::money::Money;

pub use self::of_config::default_connection;
use crate::{
    config::Seed,
    entropy::Entropy,
    providers::sandbox::Sandbox,
    secret::Secret,
    service::{Bearers, Patience},
};

/// Finds a secret by the name of its environment variable.
pub type Vars = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How the service runs.
#[derive(Clone)]
pub struct Settings {
    /// Where providers reach us; without it they are given no address to call.
    pub public_url: Option<String>,
    /// How long a paid credential waits for its settlement to be known.
    pub settle_wait: Duration,
    /// How long a repeated request waits for the first one to come back from the provider.
    pub create_wait: Duration,
    /// A sweep asks about payments that have been pending for so long.
    pub stale_after: Duration,
    /// How much time lies between sweeps.
    pub sweep_interval: Duration,
    /// How many payments a sweep asks about at most.
    pub sweep_batch: usize,
    /// How many provider calls a reactor makes at once.
    pub concurrency: usize,
    /// For how long a receipt looks for its payment.
    pub match_patience: Duration,
    /// How many invoices one client address gets.
    pub mint_per_address: Rate,
    /// How many invoices the anonymous clients of one tenant get.
    pub mint_per_tenant: Rate,
    /// How many credentials that open nothing one address may show.
    pub wrong_per_address: Rate,
    /// How many challenges are remembered, to be shown to the same buyer again.
    pub challenges_remembered: usize,
    /// Every call of a provider ends within this.
    pub provider_timeout: Duration,
    /// When a provider that fails is asked for no more invoices.
    pub breaker: Patience,
    /// Whether credit is reserved and charged at all.
    pub billing: bool,
    /// The most that one reservation, charge or credit by hand may come to; none where nothing bounds it.
    pub ceiling: Option<Money>,
    /// How the first tenant of an empty roll bills, where not as any other.
    pub seed: Option<Seed>,
    /// The other services that finalize reservations.
    pub peers: Bearers,
    /// Those who administrate billing with a token of their own, and whose the runbooks' paths are.
    pub administrators: Bearers,
    /// How many reservations one of those services may finalize a minute.
    pub finalizes_per_minute: usize,
    /// Somebody insists on real money in development.
    pub real_money_in_development: bool,
    /// Where sandboxes remember; without it they forget.
    pub sandbox_directory: Option<PathBuf>,
    /// What everything that a sandbox makes follows from.
    pub sandbox_seed: [u8; 32],
    /// A node that is there already, for every sandbox; it outlives the house.
    pub sandbox: Option<Sandbox>,
    /// Where names and tokens come from.
    pub entropy: Entropy,
    /// Makes the secret tokens in the URLs that providers are told to call.
    pub callbacks: Secret,
    /// Where the secrets of connections are found.
    pub vars: Vars,
}

/// So many at once, and so many a minute after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// A minute; 0 for none at all.
    pub per_minute: u32,
}

impl Rate {
    /// More than anybody could ask for.
    pub const UNBOUNDED: Self = Self { burst: u32::MAX, per_minute: u32::MAX };
}

impl Settings {
    /// The values that nobody has to think about.
    pub fn plain(callbacks: Secret, vars: Vars) -> Self {
        Self {
            public_url: None,
            settle_wait: Duration::from_secs(3),
            create_wait: Duration::from_secs(10),
            stale_after: Duration::from_mins(5),
            sweep_interval: Duration::from_mins(15),
            sweep_batch: 200,
            concurrency: 8,
            match_patience: Duration::from_hours(24),
            mint_per_address: Rate { burst: 20, per_minute: 60 },
            mint_per_tenant: Rate { burst: 500, per_minute: 6_000 },
            wrong_per_address: Rate { burst: 30, per_minute: 120 },
            challenges_remembered: 10_000,
            provider_timeout: Duration::from_secs(20),
            breaker: Patience { failures: 5, cool_down: Duration::from_secs(30) },
            billing: true,
            ceiling: None,
            seed: None,
            peers: Bearers::nobody(),
            administrators: Bearers::nobody(),
            finalizes_per_minute: 200,
            real_money_in_development: false,
            sandbox_directory: None,
            sandbox_seed: [0; 32],
            sandbox: None,
            entropy: Entropy::system(),
            callbacks,
            vars,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("public_url", &self.public_url)
            .field("settle_wait", &self.settle_wait)
            .field("create_wait", &self.create_wait)
            .field("stale_after", &self.stale_after)
            .field("sweep_interval", &self.sweep_interval)
            .field("sweep_batch", &self.sweep_batch)
            .finish_non_exhaustive()
    }
}

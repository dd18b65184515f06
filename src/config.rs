//! What is in force: defaults, then a file, then the environment; all of it checked before anything
//! starts. Nothing else reads the environment.

mod check;
mod cidr;
mod development;
mod environment;
mod error;
mod host;
mod layers;
mod list;
mod names;
mod period;
mod render;
mod section;
mod switch;
mod unread;
mod web_url;

pub use cidr::Cidr;
pub use development::{Development, Persist};
pub use environment::of_process;
pub use error::{Error, Problem, Problems};
pub use host::fingerprint as host_fingerprint;
pub use period::Period;
pub use section::{
    Account, Admin, Billing, Compat, Connection, Engine, Jwt, Keyring, L402, Limits, Log,
    LogFormat, Metrics, ProviderKind, Providers, Reconciliation, Seed, Server, Tls, Views,
};
pub use unread::{Unread, unread};
pub use web_url::WebUrl;

use std::{ffi::OsString, path::Path, path::PathBuf};

use piperoll_domain::roll::Environment;
use serde::{Deserialize, Serialize};

use layers::Leaves;

/// Every setting, with its default; the reference.
pub const DEFAULT: &str = include_str!("config.default.toml");

/// Everything that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether money is real here.
    pub env: Environment,
    /// Where everything is kept.
    pub data: PathBuf,
    /// Where we listen.
    pub server: Server,
    /// Our own certificate.
    pub tls: Option<Tls>,
    /// What operators show.
    pub admin: Admin,
    /// The other services that finalize reservations.
    pub internal_jwt: Jwt,
    /// Those who administrate billing with a token of their own.
    pub admin_jwt: Jwt,
    /// What wraps the keys of sealed text.
    pub keyring: Keyring,
    /// How tokens are sold and honoured.
    pub l402: L402,
    /// What holds for all providers.
    pub providers: Providers,
    /// The connection `default`.
    pub connection: Connection,
    /// Whether use is billed, and up to how much at once.
    pub billing: Billing,
    /// How pending payments are asked about.
    pub reconciliation: Reconciliation,
    /// How much we bear.
    pub limits: Limits,
    /// Who may read the metrics.
    #[serde(default)]
    pub metrics: Metrics,
    /// How the writer works.
    pub engine: Engine,
    /// How the views follow.
    pub views: Views,
    /// How the log is written.
    pub log: Log,
}

/// A configuration, and what was made up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    /// The secrets that nobody gave, in development.
    pub development: Option<Development>,
}

/// A start beside another one that also makes development secrets tries again this often.
const ATTEMPTS: u32 = 3;

impl Config {
    /// Reads all layers and checks what they add up to; tells of every problem at once.
    pub fn load<K, V>(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (K, V)>,
        persist: Persist,
    ) -> Result<Loaded, Error>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let defaults = layers::defaults()?;
        let mut problems = Problems::default();
        let mut given = file.map(layers::of_file).transpose()?.unwrap_or_default();
        given.extend(environment::read(environment, &mut problems));
        for _ in 0..ATTEMPTS {
            if let Some(loaded) = attempt(&defaults, &given, &problems, persist)? {
                return Ok(loaded);
            }
        }
        Err(Error::DevelopmentRace)
    }
}

/// `None` when another process made the development secrets meanwhile.
fn attempt(
    defaults: &Leaves,
    given: &Leaves,
    before: &Problems,
    persist: Persist,
) -> Result<Option<Loaded>, Error> {
    let mut problems = before.clone();
    let filled = development::fill(defaults, given, &mut problems)?;
    let extracted = layers::extract(defaults, &filled.leaves, given.clone(), &mut problems);
    let Some(config) = extracted else {
        return Err(Error::Problems(problems));
    };
    // What else must hold depends on the environment.
    if !problems.tells_of("env") {
        problems.add_unless_known(check::check(&config, given.contains_key("env")));
    }
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let Some(development) = filled.finish(persist)? else {
        return Ok(None);
    };
    Ok(Some(Loaded { config, development }))
}

#[cfg(test)]
mod tests;

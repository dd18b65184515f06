//! The service's settings out of the configuration, and the connection that it describes.

use std::sync::Arc;

use piperoll_domain::{connection::Account, roll::Environment};
use sha2::{Digest, Sha256};

use super::{Rate, Settings, Vars};
use crate::{
    config::{self, Config, ProviderKind},
    providers::signature::hmac_sha256,
    secret::{Refused, Secret, Secrets},
    service::{Bearers, Patience},
};

const CALLBACKS: &[u8] = b"piperoll.callbacks.v1";
const SEED: &[u8] = b"piperoll.sandbox.seed.v1";
/// Where the connection `default` finds its secrets: the variables that the runbooks name.
const KEY: &str = "LNBITS_ADMIN_KEY";
const WEBHOOK_SECRET: &str = "PAYMENT_WEBHOOK_SECRET";
/// What the environment holds the previous secrets under.
const PREVIOUS: &str = "_PREV";

impl Settings {
    /// What the configuration says. Secrets of connections that it does not describe are looked for
    /// in `others`, the environment.
    pub fn of(config: &Config, others: Vars) -> Result<Self, Refused> {
        // It follows from a secret of ours, so that nobody has to keep one more. After a rotation
        // the digests in the roll prove the tokens that are out.
        let l402 = config.l402.secrets().current;
        let callbacks = hex::encode(hmac_sha256(l402.expose().as_bytes(), &[CALLBACKS]));
        let seed = match config.connection.account() {
            Some(config::Account::Sandbox { seed }) => {
                Sha256::new_with_prefix(SEED).chain_update(seed.expose()).finalize().into()
            }
            _ => [0; 32],
        };
        let per_minute = |rate: std::num::NonZeroU32| Rate {
            burst: (rate.get() / 4).max(1),
            per_minute: rate.get(),
        };
        Ok(Self {
            public_url: public_url(config),
            settle_wait: std::time::Duration::from_millis(config.l402.settle_wait_ms.into()),
            stale_after: config.reconciliation.stale_after.duration(),
            sweep_interval: config.reconciliation.interval.duration(),
            sweep_batch: usize::try_from(config.reconciliation.batch.get()).unwrap_or(usize::MAX),
            mint_per_address: per_minute(config.limits.challenges_per_address_per_minute),
            mint_per_tenant: per_minute(config.limits.challenges_per_tenant_per_minute),
            wrong_per_address: per_minute(config.limits.wrong_credentials_per_address_per_minute),
            provider_timeout: config.providers.timeout.duration(),
            breaker: Patience {
                failures: config.providers.breaker_failures.get(),
                cool_down: config.providers.breaker_cool_down.duration(),
            },
            billing: config.billing.enabled,
            ceiling: Some(config.billing.ceiling()),
            seed: config.billing.seed(),
            peers: Bearers::of(&config.internal_jwt),
            administrators: Bearers::of(&config.admin_jwt),
            finalizes_per_minute: usize::try_from(
                config.limits.finalizes_per_issuer_per_minute.get(),
            )
            .unwrap_or(usize::MAX),
            real_money_in_development: config.connection.real_money_in_development,
            sandbox_directory: Some(config.data.join("sandbox")),
            sandbox_seed: seed,
            ..Self::plain(Secret::parse(&callbacks)?, vars(config, others))
        })
    }
}

/// The connection `default` as the roll shall know it; none where the configuration has none.
pub fn default_connection(config: &Config) -> Option<Account> {
    let connection = &config.connection;
    let kind = match connection.provider {
        ProviderKind::Sandbox => "sandbox",
        ProviderKind::Lnbits => "lnbits",
        ProviderKind::None => return None,
    };
    let lnbits = connection.provider == ProviderKind::Lnbits;
    let base_url = connection.base_url.as_ref().filter(|_| lnbits);
    Some(Account {
        kind: kind.to_owned(),
        network: connection.network().as_str().to_owned(),
        base_url: base_url.map(|url| url.as_str().to_owned()),
        key_from: lnbits.then(|| KEY.to_owned()),
        webhook_secret_from: Some(WEBHOOK_SECRET.to_owned()),
        capabilities: vec![],
    })
}

/// The configuration's own secrets under the names that the roll has them, all others outside.
fn vars(config: &Config, others: Vars) -> Vars {
    let key = match config.connection.account() {
        Some(config::Account::Lnbits { key, .. }) => Some(key.clone()),
        _ => None,
    };
    let Secrets { current, previous } = config.connection.webhook_secrets();
    Arc::new(move |name| {
        if name == KEY {
            return key.as_ref().map(|key| key.expose().to_owned());
        }
        match name.strip_prefix(WEBHOOK_SECRET) {
            Some("") => Some(current.expose().to_owned()),
            Some(PREVIOUS) => {
                let words: Vec<&str> = previous.iter().map(Secret::expose).collect();
                Some(words.join(","))
            }
            _ => others(name),
        }
    })
}

/// Where providers reach us; in development this machine, unless told.
fn public_url(config: &Config) -> Option<String> {
    let told = config.server.public_url.as_ref().map(|url| url.as_str().to_owned());
    let development = config.env == Environment::Development && config.server.listen.port() != 0;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    told.or_else(|| development.then(|| format!("{scheme}://{}", config.server.listen)))
}

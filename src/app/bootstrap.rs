//! What stands in the roll before anybody calls: the configured connection and, in development, a
//! tenant to begin with.

use std::{collections::BTreeSet, fmt};

use piperoll_domain::{
    bytes::Bytes,
    id::{ConnectionId, TenantId},
    money::Code,
    operation::{DeclareConnection, IssueKey, OpenTenant},
    roll::Environment,
    tenant::{Opened, Role},
};
use sha2::{Digest, Sha256};

use super::Error;
use crate::{
    config::Config,
    providers::signature::hmac_sha256,
    service::{Principal, Service, default_connection},
};

/// The tenant, and its key, to begin with.
const NAME: &str = "dev";
const LABEL: &[u8] = b"piperoll.development.key.v1";

/// Who we are while nobody has called yet.
const WHO: Principal = Principal::Reactor("start");

/// What a developer begins with. It is shown, so it is good for nothing but play money.
#[derive(Clone)]
pub struct Keys {
    /// The tenant.
    pub tenant: TenantId,
    /// A key of it that may do everything.
    pub key: String,
    /// The operators' token.
    pub admin_token: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Declares the connection that the configuration describes; again changes nothing.
pub(super) async fn connection(service: &Service, config: &Config) -> Result<(), Error> {
    let Some(account) = default_connection(config) else { return Ok(()) };
    let connection = ConnectionId::default_one();
    // What is there already is not asked for: a clock that is behind refuses every wish.
    let directory = service.engine().directory();
    let known = directory.connection(&connection);
    if known.is_some_and(|known| known.declare(account.clone()).is_none()) {
        return Ok(());
    }
    service.execute(&WHO, DeclareConnection { connection, account }, None).await?;
    Ok(())
}

/// An empty roll cannot be given a stricter mode than shadow without a reason; one that has a tenant
/// says itself how that bills.
pub(super) fn mode_must_be_reasoned(service: &Service, config: &Config) -> Result<(), Error> {
    let is_empty = service.engine().directory().tenants().next().is_none();
    match (config.billing.unreasoned(), config.billing.mode) {
        (Some(mode), _) if is_empty => Err(Error::Unready { mode }),
        (_, Some(mode)) if !is_empty => {
            let mode = mode.as_str();
            tracing::info!(mode, "BILLING_MODE is not read: the roll says how its tenants bill");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Tokens of others are believed, and whose accounts they act on is not there: each is refused later
/// with a tenant that does not exist.
pub(super) fn tokens_should_have_a_tenant(service: &Service) {
    let settings = service.settings();
    for (section, bearers) in
        [("admin_jwt", &settings.administrators), ("internal_jwt", &settings.peers)]
    {
        let tenant = &bearers.tenant;
        if bearers.rules.is_some() && service.engine().directory().tenant(tenant).is_none() {
            let tenant = tenant.as_str();
            tracing::warn!(section, tenant, "tokens act for a tenant that does not exist");
        }
    }
}

/// In development, opens a first tenant with a key, and tells the key: the same one at every start,
/// since it follows from the operators' token.
pub(super) async fn keys(service: &Service, config: &Config) -> Result<Option<Keys>, Error> {
    if config.env != Environment::Development {
        return Ok(None);
    }
    let Ok(tenant) = NAME.parse::<TenantId>() else { return Ok(None) };
    let admin_token = config.admin.tokens().current.expose().to_owned();
    let roll = service.engine().roll().identity().id;
    let mac = hmac_sha256(admin_token.as_bytes(), &[LABEL, &roll.0]);
    let key = format!("prk_{}", hex::encode(mac));
    let digest = Bytes(Sha256::digest(key.as_bytes()).into());
    if service.engine().directory().tenants().next().is_none() {
        open(service, &tenant).await?;
    }
    // Also where a crash came between the two.
    if service.engine().directory().tenant(&tenant).is_some_and(|known| known.keys.is_empty()) {
        issue(service, &tenant, digest).await?;
    }
    let known = service.engine().directory().caller(digest).is_some();
    Ok(known.then_some(Keys { tenant, key, admin_token }))
}

async fn open(service: &Service, tenant: &TenantId) -> Result<(), Error> {
    let mut uid = [0; 16];
    getrandom::fill(&mut uid)?;
    let opened = Opened {
        uid: Bytes(uid),
        time_zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        functional_currency: Code::USD,
    };
    service.open_tenant(&WHO, OpenTenant { tenant: tenant.clone(), opened }, None).await?;
    Ok(())
}

async fn issue(service: &Service, tenant: &TenantId, digest: Bytes<32>) -> Result<(), Error> {
    let Ok(key) = NAME.parse() else { return Ok(()) };
    let roles = BTreeSet::from([Role::Read, Role::Sell, Role::Credit, Role::Operate, Role::Admin]);
    service.execute(&WHO, IssueKey { tenant: tenant.clone(), key, digest, roles }, None).await?;
    Ok(())
}

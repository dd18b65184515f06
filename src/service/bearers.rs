//! Bearers of short-lived tokens that others sign: who they are, and for which tenant they act.

use std::{net::IpAddr, time::Duration};

use metrics::counter;
use piperoll_domain::{bytes::Bytes, id::TenantId};
use sha2::{Digest, Sha256};

use crate::{
    config,
    jwt::{Claims, Refused, Rules},
    service::{Error, Principal, Service},
};

/// Why a token is not believed, for our log; nothing where none are.
pub(crate) type Why = Option<&'static str>;

/// Whose tokens are believed, and for which tenant they act. The tenant is ours to say: no token can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearers {
    /// Which tokens are believed; none: nobody's.
    pub rules: Option<Rules>,
    /// Whose accounts they act on.
    pub tenant: TenantId,
}

impl Bearers {
    /// Nobody is believed.
    pub fn nobody() -> Self {
        Self { rules: None, tenant: TenantId::roll() }
    }

    /// Whom the configuration believes.
    pub fn of(config: &config::Jwt) -> Self {
        Self { rules: config.rules(), tenant: config.tenant.clone() }
    }

    /// Judges a token; counts what it was signed with, or why it was refused.
    fn judge(&self, audience: &'static str, token: &str, now: i64) -> Result<Claims, Why> {
        let rules = self.rules.as_ref().ok_or(None)?;
        let claims = rules.judge(token, now).map_err(|why: Refused| {
            let why = why.as_str();
            counter!("jwt_refused_total", "audience" => audience, "reason" => why).increment(1);
            Some(why)
        })?;
        let key = claims.used.as_str();
        counter!("jwt_secret_used_total", "audience" => audience, "key" => key).increment(1);
        Ok(claims)
    }
}

impl Service {
    /// The service that this token was signed by; otherwise why it is believed nothing, if any such
    /// are believed at all.
    pub fn peer(&self, token: &str) -> Result<Principal, Why> {
        let bearers = &self.settings().peers;
        let Claims { issuer, .. } = bearers.judge("internal", token, self.seconds())?;
        let tenant = bearers.tenant.clone();
        Ok(Principal::Peer { tenant, issuer, fingerprint: fingerprint(token) })
    }

    /// Counts what a service asks for, whomever it asks for; or says after how long it may ask again.
    pub fn count_peer(&self, issuer: &str) -> Result<(), Duration> {
        self.0.finalizes.take(issuer)
    }

    /// The administrator of billing whose token this is; otherwise why it is believed nothing, if any
    /// such are believed at all.
    pub fn administrator(&self, token: &str) -> Result<Principal, Why> {
        let bearers = &self.settings().administrators;
        let Claims { subject, .. } = bearers.judge("admin", token, self.seconds())?;
        let tenant = bearers.tenant.clone();
        // Whoever acts on money has a name.
        let subject = subject.ok_or(None)?;
        Ok(Principal::Administrator { tenant, subject, fingerprint: fingerprint(token) })
    }

    /// Counts a credential that opened nothing; or says after how long another may be tried. One that
    /// opens something is never counted, so that nobody locks others out.
    pub fn count_wrong(&self, address: IpAddr) -> Result<(), Duration> {
        match self.0.wrong.take(&TenantId::roll(), Some(address)) {
            Err(Error::RateLimited { retry_after }) => Err(retry_after),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn seconds(&self) -> i64 {
        self.engine().clock().now().seconds()
    }
}

fn fingerprint(token: &str) -> Bytes<8> {
    let digest: [u8; 32] = Sha256::digest(token).into();
    digest.first_chunk().map_or(Bytes::ZERO, |first| Bytes(*first))
}

//! Bearers of short-lived tokens that others sign: who they are, and for which tenant they act.

use metrics::counter;
use piperoll_domain::{bytes::Bytes, id::TenantId};
use sha2::{Digest, Sha256};

use crate::{
    config,
    jwt::{Claims, Refused, Rules},
    service::{Principal, Service},
};

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
    fn judge(&self, audience: &'static str, token: &str, now: i64) -> Option<Claims> {
        let refused = |why: Refused| {
            counter!("jwt_refused_total", "audience" => audience, "reason" => why.as_str())
                .increment(1);
            // The counter tells how many: a line for each would let strangers fill the log.
            tracing::debug!(audience, why = why.as_str(), "a token was refused");
        };
        let claims = self.rules.as_ref()?.judge(token, now).map_err(refused).ok()?;
        let key = claims.used.as_str();
        counter!("jwt_secret_used_total", "audience" => audience, "key" => key).increment(1);
        Some(claims)
    }
}

impl Service {
    /// The service that this token was signed by; none if it is believed nothing.
    pub fn peer(&self, token: &str) -> Option<Principal> {
        let bearers = &self.settings().peers;
        let Claims { issuer, .. } = bearers.judge("internal", token, self.seconds())?;
        let tenant = bearers.tenant.clone();
        Some(Principal::Peer { tenant, issuer, fingerprint: fingerprint(token) })
    }

    /// Counts what a service asks for, whomever it asks for; or says after how long it may ask again.
    pub fn count_peer(&self, issuer: &str) -> Result<(), std::time::Duration> {
        self.0.finalizes.take(issuer)
    }

    /// The administrator of billing whose token this is; none if it is believed nothing.
    pub fn administrator(&self, token: &str) -> Option<Principal> {
        let bearers = &self.settings().administrators;
        let Claims { subject, .. } = bearers.judge("admin", token, self.seconds())?;
        let tenant = bearers.tenant.clone();
        // Whoever acts on money has a name.
        Some(Principal::Administrator {
            tenant,
            subject: subject?,
            fingerprint: fingerprint(token),
        })
    }

    fn seconds(&self) -> i64 {
        self.engine().clock().now().seconds()
    }
}

fn fingerprint(token: &str) -> Bytes<8> {
    let digest: [u8; 32] = Sha256::digest(token).into();
    digest.first_chunk().map_or(Bytes::ZERO, |first| Bytes(*first))
}
